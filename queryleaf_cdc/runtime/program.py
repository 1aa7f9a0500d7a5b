"""The active triggers of a database, compiled for its one change stream."""

from __future__ import annotations

from collections.abc import Sequence

from queryleaf_cdc.events import ACTIONS, Effects, Event, MissingImage, Trigger
from queryleaf_cdc.lowering.mongo_json import pipeline_json
from queryleaf_cdc.lowering.shared_stream import Member, SharedStream, share
from queryleaf_cdc.plans.program import TriggerStatement
from queryleaf_cdc.runtime.execution import FiringCompiler, Frame, Functions
from queryleaf_cdc.runtime.predicate_index import PredicateIndex
from queryleaf_cdc.values import Document


class CompiledTrigger:
    """One trigger of a program; implements ``events.Trigger``."""

    def __init__(self, member: Member, functions: Functions) -> None:
        plan = member.plan
        self.plan = plan
        self.name = plan.name
        self.on_error = plan.options.on_error
        self.max_retries = plan.options.max_retries
        self.path = member.prefix
        self._functions = functions
        self._run = FiringCompiler(plan.name, bool(member.prefix)).body(member.lowered.actions)
        self._new_on_update = member.lowered.images.new_on_update
        self._old = member.lowered.images.old

    def computed(self, event: Event) -> Document:
        """What the server computed for this trigger."""
        value: Document = event
        for part in self.path:
            value = value.get(part) or {}
        return value

    def fire(self, event: Event, effects: Effects) -> None:
        self._run(Frame(event, effects, self.computed(event) if self.path else {}, self._functions))

    def lacks_image(self, event: Event) -> bool:
        """Whether an image that the trigger needs is not there."""
        if self.path:
            return bool(self.computed(event).get("missing"))
        kind = event["operationType"]
        if self._new_on_update and kind == "update" and event.get("fullDocument") is None:
            return True
        return self._old and kind != "insert" and event.get("fullDocumentBeforeChange") is None


class CompiledProgram:
    """Implements ``events.Program``."""

    def __init__(self, triggers: Sequence[TriggerStatement], functions: Functions) -> None:
        ordered = sorted(triggers, key=lambda each: each.plan.name)
        self.uses_depth = any(each.plan.reads_depth for each in ordered)
        self.targets = {each.plan.name: each.plan.targets for each in ordered}
        self.watched = frozenset(each.plan.collection for each in ordered)
        self.uses_depth = self.uses_depth or self._feeds_itself(ordered)
        keep = ("lsid", "txnNumber") if self.uses_depth else ()
        stream = share(ordered, keep)
        self.pipeline = pipeline_json(stream.pipeline)
        self.images = (stream.full_document or "default", stream.before_change or "off")
        self._compiled = tuple(CompiledTrigger(member, functions) for member in stream.members)
        self._in_server = self._by_place(stream)
        self._in_worker = self._indexed(stream)
        self._only = self._compiled[0] if len(self._compiled) == 1 and self._compiled[0].path == ("_ql",) else None

    def triggers_for(self, event: Event) -> Sequence[Trigger]:
        """The triggers to fire, in order of their names. Raises MissingImage."""
        if self._only is not None:
            found: Sequence[CompiledTrigger] = (self._only,)
        else:
            place = (event["ns"]["coll"], ACTIONS.get(event["operationType"], ""))
            found = self._in_server.get(place) or ()
            index = self._in_worker.get(place)
            if index is not None:
                found = index.matching(event)
        lacking = [each for each in found if each.lacks_image(event)]
        if lacking:
            raise MissingImage(tuple(each.name for each in lacking), "pre- or post-image")
        return found

    def _feeds_itself(self, triggers: list[TriggerStatement]) -> bool:
        """Whether a chain of triggers can be endless: the writes of one lead back to it."""
        writes = {each.plan.name: each.plan.targets for each in triggers}
        listens = {each.plan.name: each.plan.collection for each in triggers}
        reach = {name: {n for n, coll in listens.items() if coll in targets} for name, targets in writes.items()}
        for middle in reach:
            for start in reach:
                if middle in reach[start]:
                    reach[start] |= reach[middle]
        return any(name in reached for name, reached in reach.items())

    def _by_place(self, stream: SharedStream) -> dict[tuple[str, str], tuple[CompiledTrigger, ...]]:
        """(collection, operation) → triggers; the server has told which of them take an action."""
        places: dict[tuple[str, str], list[CompiledTrigger]] = {}
        for trigger, member in zip(self._compiled, stream.members, strict=True):
            if member.prefix:
                for operation in member.plan.operations:
                    places.setdefault((member.plan.collection, operation), []).append(trigger)
        return {place: tuple(triggers) for place, triggers in places.items()}

    def _indexed(self, stream: SharedStream) -> dict[tuple[str, str], PredicateIndex[CompiledTrigger]]:
        found: dict[tuple[str, str], PredicateIndex[CompiledTrigger]] = {}
        for trigger, member in zip(self._compiled, stream.members, strict=True):
            if member.prefix:
                continue
            for operation, guard in member.lowered.guards:
                place = (member.plan.collection, operation)
                found.setdefault(place, PredicateIndex()).add(guard, trigger)
        return found
