"""The active triggers and views of a database, compiled for its one change stream."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from queryleaf_cdc.events import ACTIONS, Event, MissingImage, Trigger
from queryleaf_cdc.lowering.mongo_json import pipeline_json
from queryleaf_cdc.lowering.shared_stream import share
from queryleaf_cdc.plans.program import TriggerStatement
from queryleaf_cdc.plans.sink import Destination
from queryleaf_cdc.plans.stream import ChangeScan
from queryleaf_cdc.plans.view import ViewPlan, ViewSource
from queryleaf_cdc.runtime.execution import Functions
from queryleaf_cdc.runtime.feeds import ViewFeed
from queryleaf_cdc.runtime.flows import CompiledFlow
from queryleaf_cdc.runtime.predicate_index import PredicateIndex
from queryleaf_cdc.runtime.triggers import CompiledTrigger
from queryleaf_cdc.runtime.views import CompiledView
from queryleaf_cdc.syntax.expressions import Expr


class Crowd:
    """The triggers of one collection and operation whose conditions the worker itself evaluates."""

    def __init__(self, operation: str, guarded: list[tuple[Expr, CompiledTrigger]]) -> None:
        self._index = PredicateIndex(guarded)
        self._triggers = tuple(trigger for _, trigger in guarded)
        self._images: list[str] = []
        """that some of the triggers cannot do without"""
        if operation == "UPDATE" and any(each.new_on_update for each in self._triggers):
            self._images.append("fullDocument")
        if operation != "INSERT" and any(each.old for each in self._triggers):
            self._images.append("fullDocumentBeforeChange")

    def concerned(self, event: Event) -> Sequence[CompiledTrigger]:
        """Raises MissingImage: a condition on an image that is not there would be false for no reason."""
        for image in self._images:
            if event.get(image) is None:
                _refuse_lacking(self._triggers, event)
        return self._index.matching(event)


def _refuse_lacking(triggers: Sequence[CompiledTrigger], event: Event) -> None:
    lacking = [each.name for each in triggers if each.lacks_image(event)]
    if lacking:
        raise MissingImage(tuple(lacking), "pre- or post-image")


class CompiledProgram:
    """Implements ``events.Program``. ``views`` are builds of views by their ids; their scans of what other views
    maintain (``maintained``) are not fed by the stream. ``sinks`` are those of the triggers that are sinks, by name."""

    def __init__(
        self,
        triggers: Sequence[TriggerStatement],
        functions: Functions,
        views: Mapping[str, ViewPlan] | None = None,
        maintained: Collection[str] = (),
        sinks: Mapping[str, Destination] | None = None,
    ) -> None:
        ordered = sorted((each for each in triggers if each.flow is None), key=lambda each: each.plan.name)
        flows = [(each, each.flow) for each in triggers if each.flow is not None]
        sources: list[tuple[str, ViewSource | ChangeScan]] = [
            (uid, source)
            for uid, view in (views or {}).items()
            for source in view.feeds
            if source.scan.changes or source.scan.collection not in maintained
        ]
        sources += [(each.plan.name, source) for each, flow in flows for source in flow.sources]
        statements = [*ordered, *(TriggerStatement(source.plan, source.node, ()) for _, source in sources)]
        self.targets = {each.plan.name: each.plan.targets for each in triggers}
        self.targets |= {uid: frozenset({view.options.target}) for uid, view in (views or {}).items()}
        self.watched = frozenset(each.plan.collection for each in statements)
        self.uses_depth = any(each.plan.reads_depth for each in triggers) or _feeds_itself(
            self.targets, [(each.plan.name, each.plan.collection) for each in ordered], sources
        )
        stream = share(
            statements, _kept_fields(self.uses_depth, bool(views), any(each.scan.changes for _, each in sources))
        )
        self.pipeline = pipeline_json(stream.pipeline)
        self.images = (stream.full_document or "default", stream.before_change or "off")
        members = stream.members[: len(ordered)]
        sinks = sinks or {}
        self._compiled = tuple(CompiledTrigger(member, functions, sinks.get(member.plan.name)) for member in members)
        self._members = members
        feeds = {
            (uid, source.scan.number): ViewFeed(uid, source, member, functions)
            for (uid, source), member in zip(sources, stream.members[len(ordered) :], strict=True)
        }
        self.views: Mapping[str, CompiledView] = {
            uid: CompiledView(uid, view, functions, feeds) for uid, view in (views or {}).items()
        }
        self.flows: Mapping[str, CompiledFlow] = {
            each.plan.name: CompiledFlow(each, functions, feeds, sinks.get(each.plan.name)) for each, _ in flows
        }
        self.fires = bool(members)
        self._in_server = self._by_place()
        self._crowds = self._by_condition()
        alone = len(statements) == 1 and bool(members) and members[0].prefix == ("_ql",)
        self._only = self._compiled if alone else None
        """a trigger by itself: every event of the stream is for it"""
        self._needs_images = any(each.new_on_update or each.old for each in self._compiled)

    def triggers_for(self, event: Event) -> Sequence[Trigger]:
        """The triggers to fire, in order of their names. Raises MissingImage."""
        if self._only is not None:
            found: Sequence[CompiledTrigger] = self._only
        else:
            place = (event["ns"]["coll"], ACTIONS.get(event["operationType"], ""))
            crowd = self._crowds.get(place)
            if crowd is not None:
                return crowd.concerned(event)
            found = self._in_server.get(place) or ()
        if self._needs_images:
            _refuse_lacking(found, event)
        return found

    def _by_place(self) -> dict[tuple[str, str], tuple[CompiledTrigger, ...]]:
        """(collection, operation) → triggers; the server has told which of them take an action."""
        places: dict[tuple[str, str], list[CompiledTrigger]] = {}
        for trigger, member in zip(self._compiled, self._members, strict=True):
            if member.prefix:
                for operation in member.plan.operations:
                    places.setdefault((member.plan.collection, operation), []).append(trigger)
        return {place: tuple(triggers) for place, triggers in places.items()}

    def _by_condition(self) -> dict[tuple[str, str], Crowd]:
        found: dict[tuple[str, str], list[tuple[Expr, CompiledTrigger]]] = {}
        for trigger, member in zip(self._compiled, self._members, strict=True):
            if member.prefix:
                continue
            for operation, guard in member.lowered.guards:
                found.setdefault((member.plan.collection, operation), []).append((guard, trigger))
        return {place: Crowd(place[1], guarded) for place, guarded in found.items()}


def _kept_fields(uses_depth: bool, has_views: bool, reads_streams: bool) -> tuple[str, ...]:
    """Of events, for the runtime: whose transaction it was; of a rename, to what; when it was."""
    depth = ("lsid", "txnNumber") if uses_depth else ()
    return (*depth, *(("to",) if has_views else ()), *(("wallTime",) if reads_streams else ()))


def _feeds_itself(
    writes: Mapping[str, frozenset[str]],
    fired: Sequence[tuple[str, str]],
    fed: Sequence[tuple[str, ViewSource | ChangeScan]],
) -> bool:
    """Whether a chain of triggers, with views and streams between them, can be endless: the writes of one lead back to
    it. ``fired`` and ``fed`` tell who listens to what."""
    listens = [*fired, *((name, source.scan.collection) for name, source in fed)]
    reach = {name: {n for n, coll in listens if coll in targets} for name, targets in writes.items()}
    for middle in reach:
        for start in reach:
            if middle in reach[start]:
                reach[start] |= reach[middle]
    return any(name in reached for name, reached in reach.items())
