"""From a run of events to one committed transaction, whatever happens in between.

A run that fails is cut until the event that is to blame stands alone; only then its trigger's on_error decides."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from bson.timestamp import Timestamp

from queryleaf_cdc.collector import without_collections
from queryleaf_cdc.errors import RunError
from queryleaf_cdc.events import Event, Trigger
from queryleaf_cdc.mongo import names
from queryleaf_cdc.mongo.checkpoint import CheckpointStore
from queryleaf_cdc.mongo.faults import (
    BatchRefused,
    BatchTooLarge,
    Conflict,
    Unreachable,
    WorkerFault,
    WriteFailed,
    batch_faults,
)
from queryleaf_cdc.mongo.handles import Db
from queryleaf_cdc.mongo.positions import Position
from queryleaf_cdc.mongo.transaction import BatchTransaction
from queryleaf_cdc.mongo.view_state import PARALLEL_ARRAYS, drop_indexes_of_several_fields
from queryleaf_cdc.mongo.write_buffer import NO_SUCH_KEY, OTHER_COLLECTION, WriteBuffer
from queryleaf_cdc.runtime.batch_size import BatchSize
from queryleaf_cdc.runtime.chains import chains_of, depth_error
from queryleaf_cdc.runtime.dead_letters import dead_letter, error_text
from queryleaf_cdc.runtime.firing import (
    ROW,
    Firing,
    FiringFailed,
    Firings,
    ImageMissing,
    Refuse,
    Restart,
    Verdicts,
    fire_all,
)
from queryleaf_cdc.runtime.limits import Clock, Limits, backoff
from queryleaf_cdc.runtime.metrics import Metrics
from queryleaf_cdc.runtime.provenance import Provenance, Written
from queryleaf_cdc.runtime.runs import Extra, Lane, Run, factor, tracks_depth
from queryleaf_cdc.runtime.views import ViewFailed, Views

Found = TypeVar("Found")

_RAISED = "QL601"
_DUPLICATE_KEY = 11000
_NO_VIEWS = Views()


class TriggerStopped(Exception):
    """These triggers, or builds of views (by their ids), cannot go on at the event after the committed position."""

    def __init__(self, triggers: tuple[str, ...], reason: str) -> None:
        super().__init__(reason)
        self.triggers = triggers
        self.reason = reason


class Interrupted(Exception):
    """The worker was asked to stop."""


@dataclass(slots=True)
class _Failure:
    attempts: int
    first_at: datetime


@dataclass(slots=True)
class Engine:
    """Commits runs. ``pause`` sleeps, and raises Interrupted when the worker shall stop."""

    database: Db
    transaction: BatchTransaction
    checkpoint: CheckpointStore
    limits: Limits
    clock: Clock
    metrics: Metrics
    pause: Callable[[float], None]
    provenance: Provenance = field(default_factory=Provenance)
    on_calls: Callable[[], None] = lambda: None
    keep_lease: Callable[[Callable[[], bool]], AbstractContextManager[None]] = lambda is_sending: nullcontext()
    """while something is computed, until the server knows of the transaction"""
    trouble: str | None = None
    """why nothing moves, while the same run is tried again"""
    view_time: datetime = datetime.min
    """CURRENT_TIMESTAMP in views: it never goes back, not even for another worker after this one"""
    _verdicts: Verdicts = field(default_factory=dict)
    _failures: dict[tuple[str, str], _Failure] = field(default_factory=dict)
    _size: BatchSize = field(init=False)

    def __post_init__(self) -> None:
        self._size = BatchSize(self.limits.first_batch_events, self.limits.max_batch_events)

    def work(self, lane: Lane, events: list[Event], position: Position) -> None:
        """Commits the effects of all events and moves the lane to ``position``.

        Raises TriggerStopped, Fenced or Interrupted; what is committed by then stays, with its position."""
        self._work(lane, Run(events, position))

    def compute(self, lane: Lane, extra: Extra) -> None:
        """Commits what views make of rows that do not come from the stream, or of the time alone.

        Raises BatchTooLarge and BatchRefused, and what ``work`` raises."""
        self._work(lane, Run([], lane.position, extra))

    def _work(self, lane: Lane, run: Run) -> None:
        runs = [run]
        passing = 0
        while runs:
            self.pause(0)
            run = runs.pop()
            cut = self._cut(lane, run)
            if cut is None:
                try:
                    with without_collections():
                        self._commit(lane, run)
                except (Conflict, Unreachable) as fault:
                    passing += 1
                    self._wait_out(fault, passing)
                    runs.append(run)
                    continue
                except Restart:
                    cut = 0
                except ViewFailed as failed:
                    raise TriggerStopped((failed.id,), failed.reason) from failed
                except (FiringFailed, ImageMissing, BatchTooLarge, BatchRefused) as fault:
                    cut = self._blame(lane, run, fault)
                else:
                    passing = 0
                    continue
                finally:
                    self.transaction.abort()
                    lane.views.rollback()
            runs += reversed(run.cut(cut)) if cut else [run]

    def wanted(self, lane: Lane) -> int:
        """How many events a transaction of the lane would best have, if there are so many. 0: as they come."""
        return 0 if lane.program.fires or not lane.views else self._bound(lane)

    def apply(self, lane: Lane, change: Callable[[WriteBuffer], None], position: Position) -> None:
        """Commits the worker's own writes (catalog changes, held positions) together with a position."""
        attempt = 0
        while True:
            self.transaction.begin()
            buffer = WriteBuffer(self.database, self.transaction.session)
            try:
                fields = lane.checkpoint_fields(position, buffer)
                change(buffer)
                self._write(buffer, Firings(), fields, position, None, _NO_VIEWS)
                lane.position = position
                return
            except (Conflict, Unreachable) as fault:
                attempt += 1
                self._wait_out(fault, attempt)
            finally:
                self.transaction.abort()

    def save_position(self, lane: Lane) -> None:
        """Saves the lane's position by itself: no effects belong to it. Also renews the lease."""
        fields = lane.checkpoint_fields(lane.position, WriteBuffer(self.database, self.transaction.session))
        attempt = 0
        while True:
            try:
                self.checkpoint.save(fields)
                self.checkpoint.saved()
                return
            except (Conflict, Unreachable) as fault:
                attempt += 1
                self._wait_out(fault, attempt)

    def patiently(self, act: Callable[[], Found]) -> Found:
        """Does what may be done again, as often as the server does not answer."""
        attempt = 0
        while True:
            try:
                with batch_faults():
                    return act()
            except (Conflict, Unreachable) as fault:
                attempt += 1
                self._wait_out(fault, attempt)

    # -- one transaction ---------------------------------------------------------------------------------------

    def _commit(self, lane: Lane, run: Run) -> None:
        began = locked = self.clock.monotonic()
        tracked = tracks_depth(lane)
        self.transaction.begin()
        ordered = lane.watched
        buffer = WriteBuffer(self.database, self.transaction.session, ordered)
        depth = self.provenance.mark(run.events) if tracked else 0
        if depth > self.limits.max_depth:
            self._refuse_depth(lane, run)
        views = lane.views
        views.clear()
        fired = run.events if lane.program.fires else []
        with self.keep_lease(lambda: buffer.begun):
            decide = self._decide(lane, run)
            firings = fire_all(lane.program, fired, buffer, self._verdicts, decide)
            if views:
                views.collect(run.events)
                run.extra.feed()
                firing = Firing(firings, buffer, self._verdicts, decide, self._too_deep(lane))
                views.fire(firing)
                depth = max(depth, firing.deepest)
                views.step(buffer, self.tick(), run.extra.first)
        run.extra.change(buffer)
        if not fired:
            locked = self.clock.monotonic()  # views are computed before the server hears of the transaction
        if buffer.ops:
            fields = lane.checkpoint_fields(run.position, buffer)
            written = self._written(run, buffer, firings, lane, depth) if tracked else None
            self._write(buffer, firings, fields, run.position, written, views)
        views.commit()
        self._committed(lane, run, firings, buffer)
        done = self.clock.monotonic()
        share = max(
            (done - locked) / self.limits.target_batch_seconds, (done - began) / self.limits.max_computing_seconds
        )
        self._size.took(-(-len(run.events) // factor(lane)), share)

    def tick(self) -> datetime:
        """The time for views, in milliseconds."""
        now = self.clock.now()
        self.view_time = max(self.view_time, now.replace(microsecond=now.microsecond // 1000 * 1000))
        return self.view_time

    def _write(
        self,
        buffer: WriteBuffer,
        firings: Firings,
        fields: dict[str, Any],
        position: Position,
        written: Written | None,
        views: Views,
    ) -> None:
        """Sends and commits. A conflict repeats only the writes, as long as no body has read anything."""
        attempt = 0
        while True:
            try:
                buffer.flush()
                if written is not None:
                    written.number = self.transaction.number
                    self.provenance.prune(position.time)
                    fields["provenance"] = [*self.provenance.document(), written.document()]
                self.checkpoint.save(fields, self.transaction.session)
                self.transaction.commit()
                break
            except WriteFailed as fault:
                build = views.blamed(fault.index) if buffer.ops[fault.index][3] is None else None
                if build is None:
                    raise firings.refused(fault, buffer) from fault
                if fault.code == PARALLEL_ARRAYS:
                    self.transaction.abort()
                    drop_indexes_of_several_fields(self.database, views.rows_of(build))
                    raise Conflict(fault.message) from fault
                raise ViewFailed(build, _refused(fault, buffer.ops[fault.index][1])) from fault
            except Conflict as fault:
                attempt += 1
                if buffer.has_read:
                    raise
                self.transaction.abort()
                self._wait_out(fault, attempt)
                buffer.rewind()
                self.transaction.begin()
        self.checkpoint.saved()
        if written is not None:
            written.committed_at = self._now()
            self.provenance.add(written)

    def _committed(self, lane: Lane, run: Run, firings: Firings, buffer: WriteBuffer) -> None:
        lane.position = run.position
        self.trouble = None
        self.metrics.events += len(run.events)
        firings.count(self.metrics)
        lane.views.count(self.metrics)
        if buffer.ops:
            self.metrics.transactions += 1
        if self._verdicts:
            done = {event["_id"]["_data"] for event in (*run.events, *firings.rows)}
            for token, name in self._verdicts:
                if token in done:
                    self.metrics.count(name, "dead_letters")
            self._verdicts.clear()
        self._failures.clear()
        if buffer.calls:
            self.on_calls()

    # -- what went wrong ---------------------------------------------------------------------------------------

    def _decide(self, lane: Lane, run: Run) -> Callable[[int, Event, Trigger, Exception], dict[str, Any]]:
        """Gives a firing up at once where its on_error says so; all else is first isolated."""

        def decide(index: int, event: Event, trigger: Trigger, error: Exception) -> dict[str, Any]:
            raised = isinstance(error, RunError) and error.code == _RAISED
            if raised or trigger.on_error == "dead_letter":
                self.metrics.count(trigger.name, "errors")
                return self._letter(lane, event, trigger, error)
            raise FiringFailed(index, trigger, error, event if index == ROW else None)

        return decide

    def _blame(self, lane: Lane, run: Run, fault: FiringFailed | ImageMissing | BatchTooLarge | BatchRefused) -> int:
        """Where to cut the run, or 0 to try it again as it is."""
        if isinstance(fault, BatchTooLarge | BatchRefused):
            return self._halve(lane, run, fault)
        if isinstance(fault, FiringFailed) and fault.row is not None:
            self._failed_alone(lane, fault.row, fault.trigger, fault.error)
            return 0
        if len(run.events) > 1:
            return max(1, fault.index)
        if isinstance(fault, ImageMissing):
            which = fault.missing.which
            raise TriggerStopped(
                fault.missing.triggers, f"QL607: the {which} of a change is missing (images off, or expired)"
            )
        self._failed_alone(lane, run.events[0], fault.trigger, fault.error)
        return 0

    def _halve(self, lane: Lane, run: Run, fault: WorkerFault) -> int:
        if not run.events:
            raise fault
        if len(run.events) > 1:
            half = len(run.events) // 2
            if isinstance(fault, BatchTooLarge):
                self._size.too_large(len(run.events) // factor(lane))
            return half
        self.stop_due(lane, fault)
        self._pass_time(lane)
        event = run.events[0]
        error = RunError("QL606", f"the effects of this change do not fit into a transaction: {fault}")
        if isinstance(fault, BatchRefused):
            error = RunError("QL602", f"the server refused the effects of this change: {fault}")
        concerned = lane.program.triggers_for(event)
        for trigger in concerned:
            if trigger.on_error == "stop":
                raise TriggerStopped((trigger.name,), f"{error.code}: {error.message}")
        builds = lane.views.concerned(event)
        if builds:
            raise TriggerStopped(builds, f"{error.code}: {error.message}")
        for trigger in concerned:
            self._verdicts[event["_id"]["_data"], trigger.name] = self._letter(lane, event, trigger, error)
        return 0

    def stop_due(self, lane: Lane, fault: WorkerFault) -> None:
        """Raises TriggerStopped if the time alone may be what does not fit. A build from scratch needs no such step."""
        lane.views.rollback()  # what is due was taken already
        builds = self.patiently(lambda: lane.views.due(self.view_time))
        if builds:
            raise TriggerStopped(builds, f"QL606: what comes and goes with the time is too much at once: {fault}")

    def _pass_time(self, lane: Lane) -> None:
        """What comes of streams with the time alone, before an event that may not be to blame for it."""
        self.transaction.abort()
        due = self.patiently(lane.views.closing_before)
        if due:
            self.let_come(lane, due)

    def let_come(self, lane: Lane, due: tuple[str, ...]) -> None:
        """Commits what has come of these streams with the time alone. Raises TriggerStopped."""
        try:
            self.compute(lane, Extra())
        except BatchTooLarge as fault:
            raise TriggerStopped(due, f"QL606: what comes with the time is too much at once: {fault}") from fault
        except BatchRefused as fault:
            reason = f"QL602: the server refused the effects of what comes with the time: {fault}"
            raise TriggerStopped(due, reason) from fault

    def _failed_alone(self, lane: Lane, event: Event, trigger: Trigger, error: Exception) -> None:
        """on_error for a firing whose event is a run by itself: wait and try again, give up, or stop."""
        self.metrics.count(trigger.name, "errors")
        key = (event["_id"]["_data"], trigger.name)
        known = self._failures.setdefault(key, _Failure(0, self.clock.now()))
        known.attempts += 1
        raised = isinstance(error, RunError) and error.code == _RAISED
        if trigger.on_error == "stop" and not raised:
            raise TriggerStopped((trigger.name,), error_text(error))
        if raised or trigger.on_error == "dead_letter" or known.attempts > trigger.max_retries:
            self._verdicts[key] = self._letter(lane, event, trigger, error)
            return
        self.trouble = f"{trigger.name} failed ({known.attempts}): {error_text(error)}"
        self.pause(backoff(known.attempts, self.limits.retry_seconds, self.limits.max_retry_seconds))

    def _letter(self, lane: Lane, event: Event, trigger: Trigger, error: Exception) -> dict[str, Any]:
        now = self.clock.now()
        known = self._failures.get((event["_id"]["_data"], trigger.name))
        return dead_letter(
            event,
            trigger.name,
            error,
            sql=lane.sql.get(trigger.name),
            attempts=known.attempts if known else 1,
            first_at=known.first_at if known else now,
            now=now,
            keep_payload=self.limits.keep_payload,
        )

    def _wait_out(self, fault: WorkerFault, attempt: int) -> None:
        if isinstance(fault, Conflict):
            self.metrics.conflicts += 1
            with contextlib.suppress(Conflict, Unreachable):
                # Whoever took over has ended our transaction: begun again, it would only be in the way.
                self.checkpoint.refuse_fenced()
            self.pause(backoff(attempt, 0.005, 1.0))
        else:
            self.trouble = str(fault)
            self.pause(backoff(attempt, self.limits.reconnect_seconds, self.limits.max_reconnect_seconds))

    # -- how deep --------------------------------------------------------------------------------------------

    def _cut(self, lane: Lane, run: Run) -> int | None:
        """Where a run must be cut before it is tried: at the size bound, and where the depth changes."""
        most = self._bound(lane)
        cut = most if len(run.events) > most else None
        deeper = None
        if len(self.provenance) and tracks_depth(lane):
            deeper = self.provenance.other_depth(run.events[:cut])
        return cut if deeper is None else deeper

    def _bound(self, lane: Lane) -> int:
        return self._size.most * factor(lane)

    def _refuse_depth(self, lane: Lane, run: Run) -> None:
        for event in run.events:
            error = depth_error(event, self.limits.max_depth)
            for trigger in lane.program.triggers_for(event):
                key = (event["_id"]["_data"], trigger.name)
                self._verdicts.setdefault(key, self._letter(lane, event, trigger, error))

    def _too_deep(self, lane: Lane) -> Refuse:
        """What becomes of rows of streams."""

        def refuse(row: Event, trigger: Trigger) -> dict[str, Any] | None:
            if row["_depth"] <= self.limits.max_depth:
                return None
            return self._letter(lane, row, trigger, depth_error(row, self.limits.max_depth))

        return refuse

    def _written(self, run: Run, buffer: WriteBuffer, firings: Firings, lane: Lane, depth: int) -> Written | None:
        """What to remember of this transaction; None when it wrote nothing that a trigger watches."""
        chains = chains_of(lane, run, buffer, firings)
        return Written(bytes(self.transaction.session_id), 0, depth, chains) if chains else None

    def _now(self) -> Timestamp | None:
        """The cluster's time right after the commit: not earlier than the commit's own."""
        clock = self.transaction.session.cluster_time
        return clock["clusterTime"] if clock else None


def _refused(fault: WriteFailed, collection: str) -> str:
    """A write of a view, or of what a stream remembers."""
    if fault.code in (NO_SUCH_KEY, OTHER_COLLECTION, _DUPLICATE_KEY):
        return f"QL609: its rows are not as they were written: {fault}"
    what = "what it remembers of one key" if collection.startswith(names.STATE) else "one of its rows"
    return f"QL602: the server refused {what}: {fault}"
