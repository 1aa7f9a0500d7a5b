"""What the holder of the lease does: read, fire, commit; and follow the catalog, in one order with the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from bson.timestamp import Timestamp

from queryleaf_cdc.errors import ServerError
from queryleaf_cdc.events import ACTIONS, Event, Program, ProgramBuilder
from queryleaf_cdc.mongo import names
from queryleaf_cdc.mongo.active import ActiveEntry
from queryleaf_cdc.mongo.catalog import CatalogEntry
from queryleaf_cdc.mongo.change_source import ChangeBatch, ChangeSource, StreamFault
from queryleaf_cdc.mongo.checkpoint import Checkpoint
from queryleaf_cdc.mongo.decoding import POISON
from queryleaf_cdc.mongo.deployment import cluster_now, first_registration, oldest_time, stand_alone
from queryleaf_cdc.mongo.faults import Todo, Unreachable
from queryleaf_cdc.mongo.handles import Db
from queryleaf_cdc.mongo.large_events import TOO_LARGE_CODE
from queryleaf_cdc.mongo.positions import Position, token_time
from queryleaf_cdc.mongo.state import (
    after_change,
    catalog_entries,
    entry_of,
    failed,
    load_active,
    remove_active,
    remove_all_active,
    store_active,
)
from queryleaf_cdc.runtime.catch_up import CatchUp
from queryleaf_cdc.runtime.dead_letters import poison_letter
from queryleaf_cdc.runtime.engine import Engine, TriggerStopped
from queryleaf_cdc.runtime.flows import state_of
from queryleaf_cdc.runtime.lanes import MainLane, NoProgram
from queryleaf_cdc.runtime.limits import Limits
from queryleaf_cdc.runtime.provenance import Provenance
from queryleaf_cdc.runtime.reader import Reader
from queryleaf_cdc.runtime.view_states import after_change as after_view_change
from queryleaf_cdc.runtime.view_work import ViewWork

_LOST = "QL509: the position is lost: the oplog no longer reaches back to it; resume to go on with new changes"

_LOST_TO_VIEW = "QL509: the position was lost: the oplog no longer reached back to it"

_GIVEN_UP = "QL509: the position was given up: there is no checkpoint"

_CATALOG_DOCUMENT = {"$cond": [{"$eq": ["$ns.coll", names.CATALOG]}, "$fullDocument", "$$REMOVE"]}
_BARE: list[dict[str, Any]] = [
    {"$project": {"operationType": 1, "ns": 1, "documentKey": 1, "fullDocument": _CATALOG_DOCUMENT}}
]
"""every change of the database, only the catalog's with their documents"""


@dataclass(slots=True)
class Tenure:
    """One worker's time as the holder of the lease. ``run`` returns only by an exception: Fenced, Interrupted,
    or a ServerError that the user must see."""

    database: Db
    engine: Engine
    build_program: ProgramBuilder
    limits: Limits
    advanced: Callable[[Position, bool], None]
    """called with each new position, and whether no trigger is catching up"""
    reader: Reader | None = None
    lane: MainLane = field(init=False)
    views: ViewWork = field(init=False)
    active: dict[str, ActiveEntry] = field(init=False)
    _saved_at: float = 0.0
    _last_event: Any = None
    _server_time: Timestamp | None = None

    def run(self, checkpoint: Checkpoint) -> None:
        position = self.engine.patiently(lambda: self._start(checkpoint))
        self.lane = MainLane(NoProgram(), position, {}, self._vitals)
        self.views = ViewWork(self.database, self.engine, self.limits, self.lane, self.active, self.save_now)
        self.engine.patiently(self.views.start)
        if checkpoint.position is None:
            self.views.lose_position(_GIVEN_UP)
        catch_up: CatchUp | None = None
        while True:
            try:
                self._follow_registrations()
                self._build()
            except TriggerStopped as stopped:
                self._stop_triggers(stopped)
                continue
            self._report(self.lane.position)
            reader = self.reader = Reader(self._source(), self.limits)
            reader.start()
            try:
                while self._step(reader, catch_up := self._catching_up(catch_up)):
                    pass
            except TriggerStopped as stopped:
                self._stop_triggers(stopped)
            finally:
                reader.abandon()
                if catch_up is not None:
                    catch_up.close()
                    catch_up = None

    # -- where to begin ----------------------------------------------------------------------------------------

    def _start(self, checkpoint: Checkpoint) -> Position:
        self.active = load_active(self.database)
        self.engine.view_time = checkpoint.view_time or datetime.min
        self.engine.provenance = Provenance.restored(checkpoint.provenance, cluster_now(self.database))
        if checkpoint.position is not None:
            self.engine.checkpoint.refuse_future(checkpoint.position)
            return checkpoint.position
        first = Position(at=first_registration(self.database) or cluster_now(self.database))
        self.engine.checkpoint.refuse_future(first)
        return first

    def _follow_registrations(self) -> None:
        """Registrations come in bursts. Those that stand next, with no other change between them, are taken together:
        one program is built for a hundred triggers, not one for each. What does not succeed is left to the reader."""
        source = ChangeSource(self.database, _BARE, ("default", "off"), self.lane.position, await_ms=1)
        known = {name: each.entry.revision for name, each in self.active.items()}
        try:
            if known == {entry.name: entry.revision for entry in catalog_entries(self.database)}:
                return
            while events := source.next_batch().events:
                for event in events:
                    if event["operationType"] not in ACTIONS or not event["ns"]["coll"].startswith(names.PREFIX):
                        return
                    if _is_catalog(event):
                        self._control(event, Position(event["_id"]))
        except (StreamFault, Unreachable):
            return
        finally:
            source.close()

    def _build(self) -> None:
        """The program of all running triggers. One that does not compile here fails; the others go on."""
        running = {name: each.entry.sql for name, each in self._triggers().items() if each.state == "running"}
        running |= dict(self.views.wanted())
        maintained = self.views.maintained()
        try:
            program: Program = self.build_program(list(running.items()), maintained) if running else NoProgram()
        except Exception as error:
            faulty = self._faulty(running)
            if not faulty:
                raise ServerError("QL512", f"the triggers cannot work together: {error}") from error
            for name, reason in faulty.items():
                self._reject(name, reason)
            return self._build()
        self.lane.program, self.lane.sql = program, running
        self.engine.patiently(lambda: self.views.attach(program))
        return None

    def _triggers(self) -> dict[str, ActiveEntry]:
        return {name: each for name, each in self.active.items() if not each.is_view and each.entry.needs_worker}

    def _faulty(self, running: dict[str, str]) -> dict[str, str]:
        found = {}
        for name, sql in running.items():
            try:
                self.build_program([(name, sql)], self.views.maintained())
            except Exception as error:
                found[name] = str(error)
        return found

    def _source(self) -> ChangeSource:
        program = self.lane.program
        return ChangeSource(
            self.database,
            program.pipeline,
            program.images,
            self.lane.position,
            batch_size=self.limits.max_batch_events,
            moves=bool(program.views),
        )

    # -- one round -----------------------------------------------------------------------------------------------

    def _step(self, reader: Reader, catch_up: CatchUp | None) -> bool:
        """Works on what has been read. False when the program has changed."""
        self.engine.pause(0)
        try:
            batches = reader.take(0 if catch_up else self.views.patience(), self.engine.wanted(self.lane))
        except StreamFault as fault:
            return self._stream_failed(fault)
        self.engine.trouble = reader.trouble if not batches else None
        if batches and not self._work(batches):
            return False
        self._heartbeat()
        if self.views.step():
            return False
        if catch_up is not None:
            caught_up = catch_up.step()
            self.active[catch_up.name] = catch_up.trigger
            return not caught_up
        return True

    def _work(self, batches: list[ChangeBatch]) -> bool:
        events = batches[0].events if len(batches) == 1 else [e for batch in batches for e in batch.events]
        end = batches[-1].position
        self._server_time = batches[-1].server_time or self._server_time
        done = 0
        for at in [index for index, event in enumerate(events) if _is_control(event)]:
            if at > done:
                self._fire(events[done:at], Position(events[at - 1]["_id"]))
            if self._control(events[at], Position(events[at]["_id"])):
                return False  # what follows was read with the old pipeline
            done = at + 1
        self._fire(events[done:], end)
        return True

    def _fire(self, events: list[Event], position: Position) -> None:
        if events:
            self._last_event = _moment_of(events[-1])
            before = self.engine.metrics.transactions
            self.engine.work(self.lane, events, position)
            if self.engine.metrics.transactions != before:
                self._saved_at = self.engine.clock.monotonic()
        self.lane.position = position
        self.engine.provenance.prune(position.time)
        self.engine.metrics.lag_seconds = self._lag()
        self._report(position)

    def _report(self, position: Position) -> None:
        catching_up = any(each.state == "backfilling" for each in self._triggers().values())
        self.advanced(position, not catching_up and self.views.settled())

    def _control(self, event: Event, here: Position) -> bool:
        """An event that is not a change of the users' data. True when the program has changed."""
        if _is_catalog(event):
            self._follow_catalog(event, here)
            self.advanced(here, False)
            return True
        if event["operationType"] in ("drop", "rename") and self.views.moved(event):
            self.lane.position = here
            return True
        if event["operationType"] == POISON:
            if event["poison"]["code"] == TOO_LARGE_CODE:
                here = self.lane.position.skipping(event["_id"])
            letter = poison_letter(event, self.engine.clock.now())
            self.engine.apply(self.lane, lambda buffer: buffer.dead_letter(letter), here)
            self.engine.metrics.count(None, "dead_letters")
            self.lane.position = here
            return self.views.poisoned(event)
        self.lane.position = here
        if event["operationType"] == "drop" and event["ns"]["coll"] == names.CATALOG:
            return self._forget_all()
        return False

    def _forget_all(self) -> bool:
        """The catalog was dropped, or the whole database: then saving finds no checkpoint, and raises Fenced."""
        self.save_now()
        for entry in self.views.entries():
            self.engine.patiently(partial(self.views.removed, entry))
        self.active.clear()
        self.engine.apply(self.lane, remove_all_active, self.lane.position)
        return True

    def _heartbeat(self) -> None:
        now = self.engine.clock.monotonic()
        if now - self._saved_at >= self.limits.heartbeat_seconds:
            self.save_now()
            self._saved_at = now

    def save_now(self) -> None:
        """Saves the position as it is in memory."""
        self.engine.save_position(self.lane)

    # -- the catalog ---------------------------------------------------------------------------------------------

    def _follow_catalog(self, event: Event, here: Position) -> None:
        """Takes one change of the catalog into the active copy, in one transaction with the position behind it."""
        name, deleted = event["documentKey"]["_id"], event["operationType"] == "delete"
        entry = None if deleted else self.engine.patiently(lambda: entry_of(self.database, event))
        self._take(name, entry, here)

    def _take(self, name: str, entry: CatalogEntry | None, here: Position) -> None:
        known = self.active.get(name)
        if known is not None and known.is_view and (entry is None or entry.view is None):
            self.engine.patiently(partial(self.views.removed, known))
        elif known is not None and (entry is None or state_of(entry) != state_of(known.entry)):
            self.engine.patiently(partial(self.views.flows.forget, known))
        if entry is None:
            self.active.pop(name, None)
            self.engine.apply(self.lane, lambda buffer: remove_active(buffer, name), here)
            return
        if entry.view is not None:
            self._store(after_view_change(known, entry), here)
            return
        oldest = None
        if name not in self.active and entry.start == "beginning":
            oldest = Position(at=oldest_time(self.database.client))
        self._store(after_change(None if known is None or known.is_view else known, entry, here, oldest), here)

    def _store(self, trigger: ActiveEntry, position: Position) -> None:
        self.active[trigger.name] = trigger
        self.engine.apply(self.lane, lambda buffer: store_active(buffer, trigger), position)

    def _fail(self, name: str, reason: str, at: Position | None) -> None:
        self._store(failed(self.active[name], reason, at), self.lane.position)

    def _stop_triggers(self, stopped: TriggerStopped) -> None:
        for name in stopped.triggers:
            if self.views.stop(name, stopped.reason):
                continue
            if name in self.active and self.active[name].state == "running":
                self._fail(name, stopped.reason, self.lane.position)

    def _catching_up(self, current: CatchUp | None) -> CatchUp | None:
        """The catch-up that is under way, or the next one that is due. One at a time."""
        if current is not None and self.active[current.name].state == "backfilling":
            return current
        for trigger in [each for each in self._triggers().values() if each.state == "backfilling"]:
            try:
                return CatchUp.of(
                    self.database,
                    self.engine,
                    trigger,
                    self.build_program,
                    self.lane,
                    self.limits,
                    self.views.flows.forget,
                )
            except Exception as error:
                self._store(failed(trigger, str(error), Position.of(trigger.held_at or {})), self.lane.position)
        return None

    # -- faults of the stream ------------------------------------------------------------------------------------

    def _stream_failed(self, fault: StreamFault) -> bool:
        if fault.todo is Todo.POSITION_LOST:
            self._give_up_position()
            return False
        if fault.todo is Todo.REJECTED and self._drop_rejected():
            return False
        raise stream_error(fault)

    def _give_up_position(self) -> None:
        """Never goes on silently: every running trigger fails, and the stream starts anew for whoever is resumed. What
        was registered, changed and dropped in what is lost, the catalog tells."""
        here = Position(at=self.engine.patiently(lambda: cluster_now(self.database)))
        entries = self.engine.patiently(lambda: catalog_entries(self.database))
        for name in self.active.keys() - {each.name for each in entries}:
            self._take(name, None, self.lane.position)
        for entry in entries:
            known = self.active.get(entry.name)
            if entry.view is None and (known is None or known.is_view or known.state == "running"):
                self._take(entry.name, entry, self.lane.position)
                self.engine.patiently(partial(self.views.flows.forget, self.active[entry.name]))
                self._fail(entry.name, _LOST, None)
            elif known is None or known.entry != entry:
                self._take(entry.name, entry, self.lane.position)
        self.views.lose_position(_LOST_TO_VIEW)
        self.engine.apply(self.lane, lambda buffer: None, here)

    def _drop_rejected(self) -> bool:
        """Fails the triggers whose own pipeline the server does not accept. False when it is none of them."""
        found = False
        for name, sql in list(self.lane.sql.items()):
            program = self.build_program([(name, sql)], self.views.maintained())
            source = ChangeSource(self.database, program.pipeline, program.images, self.lane.position, await_ms=1)
            try:
                source.next_batch()
            except StreamFault as fault:
                if fault.todo is Todo.REJECTED:
                    self._reject(name, f"QL513: the server rejects its pipeline: {fault}")
                    found = True
            finally:
                source.close()
        return found

    def _reject(self, name: str, reason: str) -> None:
        if name in self.active:
            self._fail(name, reason, self.lane.position)
        else:
            self.views.fail(name, reason)

    # -- vitals --------------------------------------------------------------------------------------------------

    def _vitals(self) -> dict[str, Any]:
        return {
            "counters": self.engine.metrics.document(),
            "lag_seconds": self.engine.metrics.lag_seconds,
            "last_event": self._last_event,
            "saved_at": self.engine.clock.now(),
            "view_time": self.engine.view_time,
        }

    def _lag(self) -> float:
        time = self.lane.position.time
        if time is None or self._server_time is None:
            return 0.0
        return float(max(0, self._server_time.time - time.time))


def stream_error(fault: StreamFault) -> ServerError:
    """What the user reads when the stream cannot go on."""
    match fault.todo:
        case Todo.STAND_ALONE:
            return stand_alone()
        case Todo.UNAUTHORIZED:
            need = 'the actions find and changeStream on {db: <database>, collection: ""}'
            return ServerError("QL505", f"not authorized to watch the database: {fault}", hint=f"grant {need}")
        case Todo.BAD_POSITION:
            return ServerError("QL508", f"the server does not know the checkpoint's position: {fault}")
        case Todo.REJECTED:
            return ServerError("QL513", f"the server rejects the stream: {fault}")
        case _:
            return ServerError("QL506", f"the change stream failed: {fault}")


def _moment_of(event: Event) -> datetime | None:
    """When the change was committed; to the second where the stream leaves more out."""
    if "wallTime" in event:
        moment: datetime = event["wallTime"]
        return moment
    time = token_time(event["_id"])
    return time.as_datetime().replace(tzinfo=None) if time is not None else None


def _is_control(event: Event) -> bool:
    return event["operationType"] not in ACTIONS or event["ns"]["coll"].startswith(names.PREFIX)


def _is_catalog(event: Event) -> bool:
    return event["operationType"] in ACTIONS and event["ns"]["coll"] == names.CATALOG
