"""Triggers at work on a store: one event after another, and then the events of their own writes.

Triggers over streams fire behind the others, for each row that the event makes."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from queryleaf_cdc.compiler import Program
from queryleaf_cdc.errors import InputError, QueryLeafError, RunError
from queryleaf_cdc.events import Event
from queryleaf_cdc.offline.changes import Oplog, is_change
from queryleaf_cdc.offline.effects import Call, DeadLetter, Effect, Row, Write
from queryleaf_cdc.offline.expressions import SCAN
from queryleaf_cdc.offline.firing import Firing, OfflineTrigger, missing_image, unsupported, watches
from queryleaf_cdc.offline.flows import OfflineFlow
from queryleaf_cdc.offline.named_streams import OfflineStreams
from queryleaf_cdc.offline.query import compile_query
from queryleaf_cdc.offline.statements import OfflineStatements
from queryleaf_cdc.offline.store import Store, Written, stored
from queryleaf_cdc.plans.actions import Actions
from queryleaf_cdc.plans.program import (
    CompiledStatement,
    DropStatement,
    FlowStatement,
    NamedStreamStatement,
    QueryStatement,
    StreamStatement,
    TableStatement,
    TriggerStatement,
    WriteStatement,
)
from queryleaf_cdc.runtime.dead_letters import error_code, error_text
from queryleaf_cdc.runtime.execution import FiringCompiler, Frame, Functions
from queryleaf_cdc.runtime.limits import Limits
from queryleaf_cdc.runtime.times import passed_by
from queryleaf_cdc.sinks.procedure import Procedure, change_of, invoke
from queryleaf_cdc.syntax.statements import DropStream, DropTrigger
from queryleaf_cdc.values import Document

MAX_DEPTH = Limits().max_depth
"""The same bound as the worker's."""

_RAISED = "QL601"


class Clock(Protocol):
    def now(self) -> datetime: ...


@dataclass(frozen=True)
class Pending:
    """An event whose triggers have not fired yet. ``number`` is that of the change behind it all, ``chain`` the
    triggers between the two; ``label`` names a recorded event in messages. ``moment``: no later change is before it.

    Without an event, only time has passed."""

    event: Event | None
    number: int
    moment: datetime
    chain: tuple[str, ...] = ()
    label: str = ""


class OfflineWorker:
    """The triggers of one database. Single-threaded; ``effects`` grows with every event."""

    def __init__(
        self, store: Store, clock: Clock, database: str, functions: Functions, procedures: Mapping[str, Procedure]
    ) -> None:
        self.store = store
        self._clock = clock
        self.oplog = Oplog(database)
        self.effects: list[Effect] = []
        self.changes = 0
        """made by others than triggers"""
        self._functions = functions
        self._procedures = procedures
        self._triggers: dict[str, OfflineTrigger] = {}
        self._flows: dict[str, OfflineFlow] = {}
        """those of the triggers that are over streams"""
        self._streams: list[OfflineTrigger] = []
        self.named = OfflineStreams()
        self._queue: deque[Pending] = deque()
        self._busy = False

    def now(self) -> datetime:
        """The clock's time as documents keep it: UTC, in milliseconds."""
        return stored({"now": self._clock.now()})["now"]  # type: ignore[no-any-return]

    # -- statements --------------------------------------------------------------------------------------------

    def execute(self, program: Program) -> list[Document]:
        """Every statement in order; the rows of the last SELECT."""
        rows: list[Document] = []
        for statement in program.statements:
            found = self._statement(program, statement)
            rows = rows if found is None else found
        return rows

    def _statement(self, program: Program, statement: CompiledStatement) -> list[Document] | None:
        match statement:
            case TriggerStatement():
                self._create(statement)
            case NamedStreamStatement():
                self.named.create(program, statement)
            case StreamStatement():
                self._streams.append(self._compiled(statement))
            case DropStatement(DropTrigger() as node):
                if self._triggers.pop(node.name, None) is None and not node.if_exists:
                    raise InputError("QL411", f"there is no trigger {node.name}")
                self._flows.pop(node.name, None)
                self.named.forget(node.name)
            case DropStatement(DropStream() as node):
                self.named.drop(node)
            case TableStatement():
                pass
            case QueryStatement(query):
                env = self._one_shot().env
                return compile_query(query.query)({**env, SCAN: self.store.documents})
            case WriteStatement(actions, requires):
                self._check_functions(requires.functions)
                self._write(actions)
            case FlowStatement():
                raise unsupported("SELECT over several changes", "give it a name, and test a trigger on it")
            case _:
                raise unsupported(getattr(statement, "kind", type(statement).__name__))
        return None

    def _create(self, statement: TriggerStatement) -> None:
        node = statement.node
        if node.name in self._triggers and node.if_not_exists:
            return
        if node.name in self._triggers and not node.or_replace:
            raise InputError("QL410", f"trigger {node.name} exists", hint="say CREATE OR REPLACE")
        trigger = self._compiled(statement)
        self._flows.pop(node.name, None)
        if statement.flow is not None:
            flow = OfflineFlow(statement.flow, trigger, self.store, self._functions, self.oplog.database)
            self._flows[node.name] = flow
        self._triggers[node.name] = trigger
        self.named.read(node.name, statement.streams)

    def _compiled(self, statement: TriggerStatement | StreamStatement) -> OfflineTrigger:
        self._check_functions(statement.plan.requires.functions)
        return OfflineTrigger(statement.plan, self.store, self._functions, self.now)

    def _check_functions(self, names: tuple[str, ...]) -> None:
        for name in names:
            if name not in self._functions:
                raise InputError(
                    "QL428", f"the function {name} is not registered", hint="pass it among the functions (--procedures)"
                )

    def _one_shot(self) -> Frame:
        now = self.now()
        event = {"_id": {"_data": ""}, "operationType": "", "ns": {"coll": ""}, "now": now, "wallTime": now}
        return Frame(event, Firing(self.store, now), {}, self._functions)

    def _write(self, actions: Actions) -> None:
        """INSERT, UPDATE, DELETE or CALL by itself. Raises RunError, and then has done nothing."""
        frame = self._one_shot()
        statements = OfflineStatements(self.store, self.now)
        try:
            FiringCompiler("", False, statements).body(actions)(frame)
        except Exception:
            self.store.roll_back()
            raise
        self.changed()
        assert isinstance(frame.effects, Firing)
        for row in frame.effects.calls:
            self._call(row, Pending(frame.event, self.changes, self.now()))

    # -- changes -----------------------------------------------------------------------------------------------

    def changed(self, *, whole: bool = False) -> None:
        """Others have written what the store's journal holds. ``whole``: with a replacement, which always counts."""
        now = self.now()
        self._let_pass(now)
        for written in self.store.take():
            written = replace(written, origin=None)
            if whole or is_change(written):
                event = self.oplog.event(written, now, whole=whole)
                self.changes += 1
                self._queue.append(Pending(event, self.changes, now))
        self.work()

    def recorded(self, event: Event, label: str) -> None:
        """A change that a server has recorded, and that the store has already."""
        self.store.take()
        moment = passed_by([event])
        self._let_pass(moment)
        self.changes += 1
        self._queue.append(Pending(event, self.changes, moment, (), label))
        self.work()

    def passed(self) -> None:
        """Nothing is under way: what comes of streams with the time alone has come by now."""
        self._let_pass(self.now())
        self.work()

    def _let_pass(self, moment: datetime) -> None:
        """What comes with the time alone comes before the change that tells the time."""
        self._queue.append(Pending(None, self.changes, moment))

    def work(self) -> None:
        """Until all events are dealt with. A procedure that writes meanwhile adds to them."""
        if self._busy:
            return
        self._busy = True
        try:
            while self._queue:
                self._deal_with(self._queue.popleft())
        finally:
            self._busy = False
            self._queue.clear()

    def _deal_with(self, pending: Pending) -> None:
        calls: list[Document] = []
        event = pending.event
        if event is not None:
            event |= {"_depth": len(pending.chain), "_chain": pending.chain}
            for trigger in self._concerned(event, pending.label):
                if not trigger.stopped:
                    calls += self._fire(trigger, event, pending)
        for name in sorted(self._flows):
            calls += self._flow(self._flows[name], pending)
        for row in calls:
            self._call(row, pending)

    def _concerned(self, event: Event, label: str) -> list[OfflineTrigger]:
        """In the order of their names; streaming SELECTs first, those over streams apart. Raises InputError QL422 for a
        missing image."""
        plain = [self._triggers[name] for name in sorted(self._triggers) if name not in self._flows]
        found = [trigger for trigger in (*self._streams, *plain) if watches(trigger.plan, event)]
        read = [(trigger.name, trigger.plan) for trigger in found]
        read += [(name, plan) for name, flow in self._flows.items() for plan in flow.plans if watches(plan, event)]
        for name, plan in read:
            image = missing_image(plan, event)
            if image is not None:
                raise InputError(
                    "QL422",
                    f"{label or 'an event'}: {name} needs {image}, and this"
                    f" {event['operationType']} of {plan.collection} comes without it",
                    hint=_IMAGE_HINTS[image],
                )
        return found

    def _flow(self, flow: OfflineFlow, pending: Pending) -> list[Document]:
        """The calls to make. A row that cannot be made stops the trigger: later ones are made of it."""
        calls: list[Document] = []
        if flow.trigger.stopped:
            return calls
        try:
            rows = flow.rows(pending.event, pending.moment)
        except Exception as error:
            self._give_up(flow.trigger, pending, error, stops=True)
            return calls
        for row in rows:
            if not flow.trigger.stopped:
                calls += self._fire(flow.trigger, row, replace(pending, chain=row["_chain"]))
        return calls

    def _fire(self, trigger: OfflineTrigger, event: Event, pending: Pending) -> list[Document]:
        """The calls to make. A firing that fails leaves a dead letter and nothing else."""
        firing = Firing(self.store, self.now())
        self.oplog.transactions += 1
        try:
            if not trigger.fires(event, firing):
                return []
            if len(pending.chain) > MAX_DEPTH:
                way = " → ".join(pending.chain)
                raise RunError("QL608", f"triggers caused each other more than {MAX_DEPTH} times: {way}")
            trigger.fire(event, firing)
        except InputError:
            self.store.roll_back()
            raise
        except Exception as error:
            self.store.roll_back()
            self._give_up(trigger, pending, error)
            return []
        self._keep(trigger, pending, firing)
        return firing.calls

    def _keep(self, trigger: OfflineTrigger, pending: Pending, firing: Firing) -> None:
        depth, chain = len(pending.chain), (*pending.chain, trigger.name)
        self.effects += [Row(pending.number, trigger.name, depth, row) for row in firing.rows]
        for written in self.store.take():
            if is_change(written):
                self.effects.append(_effect(written, pending, trigger.name))
                event = self.oplog.event(written, self.now())
                self._queue.append(Pending(event, pending.number, pending.moment, chain))

    def _give_up(self, trigger: OfflineTrigger, pending: Pending, error: Exception, *, stops: bool = False) -> None:
        code = error_code(error)
        trigger.stopped = stops or (trigger.plan.options.on_error == "stop" and code != _RAISED)
        span = error.span if isinstance(error, QueryLeafError) else None
        self.effects.append(
            DeadLetter(
                event=pending.number,
                trigger=trigger.name,
                depth=len(pending.chain),
                code=code,
                message=error_text(error),
                place=trigger.place(span),
                chain=(*pending.chain, trigger.name),
                stopped=trigger.stopped,
            )
        )

    def _call(self, row: Document, pending: Pending) -> None:
        """Records the call, and makes it if somebody registered the procedure."""
        name, depth = row["procedure"], len(pending.chain)
        change = change_of(row)
        self.effects.append(Call(pending.number, row["trigger"], depth, name, tuple(row["args"]), change))
        if name not in self._procedures and name.upper() not in self._procedures:
            return
        try:
            invoke(self._procedures, row)
        except Exception as error:
            chain = (*pending.chain, row["trigger"])
            letter = DeadLetter(
                pending.number, row["trigger"], depth, error_code(error), error_text(error), "", chain, name
            )
            self.effects.append(letter)
        finally:
            self.store.forget()


_IMAGE_HINTS = {
    "fullDocument": "record with full_document='whenAvailable', on a collection with pre- and post-images",
    "fullDocumentBeforeChange": (
        "record with full_document_before_change='whenAvailable', on a collection with pre- and post-images"
    ),
}


def _effect(written: Written, pending: Pending, trigger: str) -> Write:
    document = written.after if written.after is not None else written.before
    assert document is not None
    op = "insert" if written.before is None else "delete" if written.after is None else "update"
    before = written.before if op == "update" else None
    return Write(pending.number, trigger, len(pending.chain), op, written.collection, document, before)
