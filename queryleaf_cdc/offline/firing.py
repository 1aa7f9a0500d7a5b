"""One trigger, compiled to run without a server, and where one firing of it leaves its effects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from queryleaf_cdc.errors import InputError
from queryleaf_cdc.events import ACTIONS, Event, Origin
from queryleaf_cdc.logical.bind_stream import ROW
from queryleaf_cdc.mongo.outbox import outbox_row
from queryleaf_cdc.offline.expressions import compile_expr
from queryleaf_cdc.offline.query import compile_query
from queryleaf_cdc.offline.statements import OfflineStatements
from queryleaf_cdc.offline.store import Store, stored
from queryleaf_cdc.plans.trigger import TriggerPlan
from queryleaf_cdc.runtime.execution import FiringCompiler, Frame, Functions
from queryleaf_cdc.source import Span
from queryleaf_cdc.values import Document, Value


@dataclass
class Firing:
    """The effects of one firing; implements ``events.Effects``. Updates, deletes and reads have a way of their own
    (``OfflineStatements``), so those methods are never called."""

    store: Store
    now: datetime
    rows: list[Document] = field(default_factory=list)
    calls: list[Document] = field(default_factory=list)
    """as outbox rows"""

    def insert(self, collection: str, document: Document, origin: Origin) -> None:
        if collection == ROW:
            self.rows.append(stored(document))
        else:
            self.store.insert(collection, document, self.now, origin)

    def call(self, procedure: str, args: Sequence[Value], event: Event, origin: Origin) -> None:
        values = stored({"args": list(args)})["args"]
        self.calls.append(outbox_row(procedure, values, event, origin, len(self.calls)))

    def deliver(self, destination: Document, retries: int, row: Document, event: Event, origin: Origin) -> None:
        raise AssertionError("sinks are refused before")

    def update(
        self,
        collection: str,
        filter: Document,
        update: list[Document] | Document,
        origin: Origin,
        *,
        upsert: bool = False,
        many: bool = True,
    ) -> None:
        raise AssertionError("updates go through OfflineStatements")

    def delete(self, collection: str, filter: Document, origin: Origin, *, many: bool = True) -> None:
        raise AssertionError("deletes go through OfflineStatements")

    def aggregate(self, collection: str, pipeline: list[Document], origin: Origin) -> list[Document]:
        raise AssertionError("queries go through OfflineStatements")


class OfflineTrigger:
    """A trigger whose conditions, values and statements are all evaluated here."""

    def __init__(self, plan: TriggerPlan, store: Store, functions: Functions, now: Callable[[], datetime]) -> None:
        self.plan = plan
        self.name = plan.name
        self.stopped = False
        self._functions = functions
        statements = OfflineStatements(store, now)
        self._run = FiringCompiler(plan.name, False, statements).body(plan.actions)
        self._guards = {operation: compile_expr(guard, compile_query) for operation, guard in plan.guards}

    def fires(self, event: Event, firing: Firing) -> bool:
        """Whether the event meets the condition under which the trigger does anything."""
        guard = self._guards[ACTIONS[event["operationType"]]]
        return guard(Frame(event, firing, {}, self._functions).env) is True

    def fire(self, event: Event, firing: Firing) -> None:
        self._run(Frame(event, firing, {}, self._functions))

    def place(self, span: Span | None) -> str:
        """``file:line:column`` in the trigger's SQL, or nothing."""
        if span is None or span.end <= span.start:
            return ""
        line, column = self.plan.source.position(span.start)
        return f"{self.plan.source.name}:{line}:{column}"


def watches(plan: TriggerPlan, event: Event) -> bool:
    operation = ACTIONS.get(event["operationType"])
    return event["ns"]["coll"] == plan.collection and operation in plan.operations


def missing_image(plan: TriggerPlan, event: Event) -> str | None:
    """The event's field that is needed and not there."""
    kind, stream = event["operationType"], plan.stream
    if stream.full_document is not None and kind == "update" and event.get("fullDocument") is None:
        return "fullDocument"
    if stream.before_change is not None and kind != "insert" and event.get("fullDocumentBeforeChange") is None:
        return "fullDocumentBeforeChange"
    return None


def unsupported(kind: str, hint: str = "keep it in a file of its own") -> InputError:
    return InputError("QL424", f"a {kind.replace('_', ' ')} needs a server", hint=hint)
