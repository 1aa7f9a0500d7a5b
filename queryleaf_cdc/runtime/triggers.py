"""One compiled trigger, ready to fire."""

from __future__ import annotations

from queryleaf_cdc.events import Effects, Event
from queryleaf_cdc.lowering.shared_stream import Member
from queryleaf_cdc.plans.sink import Destination
from queryleaf_cdc.runtime.execution import FiringCompiler, Frame, Functions
from queryleaf_cdc.runtime.outbound import Outbound
from queryleaf_cdc.values import Document


class CompiledTrigger:
    """One trigger of a program; implements ``events.Trigger``."""

    def __init__(self, member: Member, functions: Functions, destination: Destination | None = None) -> None:
        plan = member.plan
        outside = destination is not None and destination.is_outside
        self._to = destination.document() if destination is not None and outside else None
        self.plan = plan
        self.name = plan.name
        self.on_error = plan.options.on_error
        self.max_retries = plan.options.max_retries
        self.path = member.prefix
        self._functions = functions
        self._run = FiringCompiler(plan.name, bool(member.prefix)).body(member.lowered.actions)
        self.new_on_update = member.lowered.images.new_on_update
        self.old = member.lowered.images.old

    def computed(self, event: Event) -> Document:
        """What the server computed for this trigger."""
        value: Document = event
        for part in self.path:
            value = value.get(part) or {}
        return value

    def fire(self, event: Event, effects: Effects) -> None:
        if self._to is not None:
            effects = Outbound(effects, self._to, self.max_retries, event)
        self._run(Frame(event, effects, self.computed(event) if self.path else {}, self._functions))

    def lacks_image(self, event: Event) -> bool:
        """Whether an image that the trigger needs is not there."""
        if self.path:
            return bool(self.computed(event).get("missing"))
        kind = event["operationType"]
        if self.new_on_update and kind == "update" and event.get("fullDocument") is None:
            return True
        return self.old and kind != "insert" and event.get("fullDocumentBeforeChange") is None
