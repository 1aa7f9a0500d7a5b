"""One trigger on its way from where it was held to the main position, beside the main work.

A step works on one batch and never passes the main position of that moment, so when both positions meet, the trigger
joins the main program without a gap and without a double."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from queryleaf_cdc.events import ACTIONS, Event, ProgramBuilder
from queryleaf_cdc.mongo import names
from queryleaf_cdc.mongo.active import ActiveEntry
from queryleaf_cdc.mongo.change_source import ChangeSource, StreamFault
from queryleaf_cdc.mongo.decoding import POISON
from queryleaf_cdc.mongo.faults import Todo
from queryleaf_cdc.mongo.handles import Db
from queryleaf_cdc.mongo.positions import Position, token_key
from queryleaf_cdc.mongo.state import failed, store_active
from queryleaf_cdc.runtime.dead_letters import poison_letter
from queryleaf_cdc.runtime.engine import Engine, TriggerStopped
from queryleaf_cdc.runtime.flows import RunningFlow, state_of
from queryleaf_cdc.runtime.lanes import CatchUpLane, MainLane
from queryleaf_cdc.runtime.limits import Limits
from queryleaf_cdc.runtime.views import Views

_AWAIT_MS = 20
_LOST = "QL509: the position is lost: the oplog no longer reaches back to where it was held"


@dataclass(slots=True)
class CatchUp:
    name: str
    trigger: ActiveEntry
    """held at what has been reached: whatever interrupts the catch-up, the next one goes on from there"""
    engine: Engine
    lane: CatchUpLane
    source: ChangeSource
    forget: Callable[[ActiveEntry], None]
    """what its stream remembers"""

    @classmethod
    def of(
        cls,
        database: Db,
        engine: Engine,
        trigger: ActiveEntry,
        build_program: ProgramBuilder,
        main: MainLane,
        limits: Limits,
        forget: Callable[[ActiveEntry], None],
    ) -> CatchUp:
        program = build_program([(trigger.name, trigger.entry.sql)], ())
        position = Position.of(trigger.held_at or {})
        state = state_of(trigger.entry)
        flows = engine.patiently(lambda: [RunningFlow(each, database, state) for each in program.flows.values()])
        source = ChangeSource(
            database,
            program.pipeline,
            program.images,
            position,
            batch_size=limits.max_batch_events,
            await_ms=_AWAIT_MS,
        )
        sql = {trigger.name: trigger.entry.sql}
        lane = CatchUpLane(trigger.name, program, position, sql, main, Views.of((), flows))
        return cls(trigger.name, trigger, engine, lane, source, forget)

    def step(self) -> bool:
        """One batch. True when the trigger is part of the main program now, or has failed."""
        goal = self.lane.main.position
        if goal.token is None:
            return False
        try:
            batch = self.source.next_batch()
        except StreamFault as fault:
            return self._stream_failed(fault)
        limit = token_key(goal.token)
        count = bisect_right(batch.events, limit, key=lambda event: token_key(event["_id"]))
        self._pass_over([event for event in batch.events[:count] if event["operationType"] == POISON])
        events = [event for event in batch.events[:count] if not _is_internal(event)]
        reached = batch.position.token is not None and token_key(batch.position.token) >= limit
        try:
            self.engine.work(self.lane, events, goal if reached else batch.position)
        except TriggerStopped as stopped:
            return self._end(failed(self.trigger, stopped.reason, self.lane.position))
        if reached:
            return self._end(replace(self.trigger, state="running", held_at=None, reason=None))
        self.trigger = replace(self.trigger, held_at=self.lane.position.document())
        return False

    def _pass_over(self, poisoned: list[Event]) -> None:
        """A letter for each, before the position moves behind them. The main stream's letter is the same document."""
        now = self.engine.clock.now()
        found = [poison_letter(event, now) for event in poisoned]
        if found:
            self.engine.apply(self.lane, lambda buffer: buffer.dead_letters(found), self.lane.position)

    def close(self) -> None:
        self.source.close()

    def _end(self, trigger: ActiveEntry) -> bool:
        self.trigger = trigger
        main = self.lane.main
        self.engine.apply(main, lambda buffer: store_active(buffer, trigger), main.position)
        return True

    def _stream_failed(self, fault: StreamFault) -> bool:
        if fault.todo is Todo.RESUME:
            self.engine.pause(0.2)
            return False
        if fault.todo is Todo.POSITION_LOST:
            self.engine.patiently(partial(self.forget, self.trigger))
            return self._end(failed(self.trigger, _LOST, None))
        return self._end(failed(self.trigger, f"QL513: its stream fails: {fault}", self.lane.position))


def _is_internal(event: Event) -> bool:
    return event["operationType"] not in ACTIONS or event["ns"]["coll"].startswith(names.PREFIX)
