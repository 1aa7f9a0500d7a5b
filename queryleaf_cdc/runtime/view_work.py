"""The views of a tenure: which builds of them are at work, how new ones are built and take their place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from bson.timestamp import Timestamp

from queryleaf_cdc.errors import QueryLeafError
from queryleaf_cdc.events import Event, Program
from queryleaf_cdc.mongo.active import ActiveEntry, Copied, blocked, owner_of
from queryleaf_cdc.mongo.deployment import cluster_now, signal
from queryleaf_cdc.mongo.faults import (
    BatchRefused,
    BatchTooLarge,
    Conflict,
    Unreachable,
    WorkerFault,
    batch_faults,
)
from queryleaf_cdc.mongo.handles import Db
from queryleaf_cdc.mongo.images import enable_images
from queryleaf_cdc.mongo.snapshot import SnapshotGone
from queryleaf_cdc.mongo.state import store_active
from queryleaf_cdc.mongo.view_rules import drop_target, refuse_taken, refuse_unfollowable, uuid_of
from queryleaf_cdc.mongo.view_state import (
    collections_of_builds,
    create_collections,
    drop_collections,
    rows_name,
    show_under_name,
    state_name,
    swap,
)
from queryleaf_cdc.mongo.write_buffer import WriteBuffer
from queryleaf_cdc.runtime.dead_letters import error_text
from queryleaf_cdc.runtime.engine import Engine, TriggerStopped
from queryleaf_cdc.runtime.feeds import Watermarks, event_time
from queryleaf_cdc.runtime.flow_work import FlowWork
from queryleaf_cdc.runtime.lanes import MainLane
from queryleaf_cdc.runtime.limits import Limits
from queryleaf_cdc.runtime.runs import Extra
from queryleaf_cdc.runtime.view_copy import Copying
from queryleaf_cdc.runtime.view_states import (
    after_source,
    entry_of_build,
    failed,
    readers,
    swapped,
    troubled,
)
from queryleaf_cdc.runtime.views import CompiledView, RunningView, Views

_UNREACHABLE = "QL503"
_PAUSE = 0.05


@dataclass(slots=True)
class ViewWork:
    """``active`` is the tenure's; what changes in it is stored in one transaction with the position."""

    database: Db
    engine: Engine
    limits: Limits
    lane: MainLane
    active: dict[str, ActiveEntry]
    save_now: Callable[[], None]
    """raises Fenced when another worker has taken over"""
    flows: FlowWork = field(init=False)
    _running: dict[str, RunningView] = field(default_factory=dict)
    _copying: Copying | None = None
    _mark: Timestamp | None = None
    """of the build whose copy is complete: what the position must pass"""
    _ticked_at: float = 0.0
    _littered: bool = False
    """a build was given up since the last cleaning"""

    def __post_init__(self) -> None:
        self.flows = FlowWork(self.database, self.engine, self.limits, self.lane, self.active, self.save_now)

    # -- what is at work -----------------------------------------------------------------------------------------

    def entries(self) -> list[ActiveEntry]:
        return [each for each in self.active.values() if each.is_view]

    def wanted(self) -> list[tuple[str, str]]:
        """(id, SQL) of the builds that the program feeds."""
        found = []
        for each in self.entries():
            if each.live is not None and each.followed:
                found.append((each.live.uid, each.live.sql))
            if each.build is not None:
                found.append((each.build.version.uid, each.build.version.sql))
        return found

    def maintained(self) -> set[str]:
        """Collections whose changes views get from other views, and not from the stream."""
        found = set()
        for each in self.entries():
            assert each.entry.view is not None
            found |= {each.name, each.entry.view.target}
        return found

    def settled(self) -> bool:
        """Whether nothing is being built, but what waits for a view that waits for the user."""
        return all(each.build is None or blocked(self.active, each) for each in self.entries())

    def attach(self, program: Program) -> None:
        """Feeds the lane's views from a new program. Builds that are no longer wanted are forgotten."""
        self._copying = None
        running: dict[str, RunningView] = {}
        for uid, compiled in program.views.items():
            view = self._running.get(uid)
            try:
                running[uid] = self._attached(uid, compiled, view)
            except (BatchTooLarge, BatchRefused) as error:
                raise _refused(uid, error) from error
            except WorkerFault:
                raise
            except Exception as error:
                raise TriggerStopped((uid,), error_text(error)) from error
        self._running = running
        for view in running.values():
            view.reads = self._read_by(view)
        self.flows.attach(program)
        self.lane.views = Views.of(running.values(), self.flows.running.values())
        if self._littered:
            self._littered = False
            self.clean_up()

    def _attached(self, uid: str, compiled: CompiledView, view: RunningView | None) -> RunningView:
        entry = entry_of_build(self.active, uid)
        assert entry is not None
        is_live = entry.live is not None and entry.live.uid == uid
        rows = compiled.plan.options.target if is_live else rows_name(uid)
        if view is None:
            is_new = entry.build is not None and not is_live and not entry.build.copied and not compiled.plan.changes
            view = RunningView(compiled, self.database, rows, is_new)
        view.attach(compiled)
        view.rows = rows
        view.collection = entry.live.collection if is_live and entry.live is not None else None
        if not is_live:
            assert entry.build is not None
            create_collections(self.database, uid, compiled.plan.options.indexes)
            self._copying_of(view).accept(entry.build)
        return view

    def _read_by(self, view: RunningView) -> dict[int, str]:
        """Scan → the build of another view that feeds it."""
        found = {}
        for source in view.compiled.plan.sources:
            owner = owner_of(self.active, source.scan.collection)
            if owner is not None and owner.live is not None:
                found[source.scan.number] = owner.live.uid
        return found

    def _copying_of(self, view: RunningView) -> Copying:
        return Copying(self.database, self.engine, self.lane, self.limits, view, self._place_of)

    def _place_of(self, collection: str) -> str:
        """Where the documents of a collection are: another view's may have a target of another name."""
        owner = owner_of(self.active, collection)
        return owner.live.target if owner is not None and owner.live is not None else collection

    # -- what happens to them ------------------------------------------------------------------------------------

    def stop(self, uid: str, reason: str) -> bool:
        """A build is wrong, or cannot go on. True when it is one of ours."""
        entry = entry_of_build(self.active, uid)
        if entry is None:
            return False
        self._littered = True
        self._store(troubled(entry, uid, reason, self.engine.clock.now(), self.limits))
        return True

    def fail(self, uid: str, reason: str) -> None:
        """A build whose SQL does not compile here."""
        entry = entry_of_build(self.active, uid)
        if entry is not None:
            self._littered = True
            self._store(failed(entry, uid, reason))

    def lose_position(self, reason: str) -> None:
        """The history between the position and now is gone: nothing is known any more."""
        for entry in self.entries():
            if entry.followed or entry.build is not None:
                for version in entry.versions():
                    self.stop(version.uid, reason)

    def moved(self, event: Event) -> bool:
        """A collection was dropped or renamed. True when that concerns a view."""
        gone = {event["ns"].get("coll"), (event.get("to") or {}).get("coll")}
        what = "dropped" if event["operationType"] == "drop" else "renamed"
        stopped = False
        for uid, view in list(self._running.items()):
            entry = entry_of_build(self.active, uid)
            if entry is None:
                continue
            hit = self._hit(entry, view, gone, event_time(event))
            if hit is not None:
                stopped = self.stop(uid, f"QL611: the collection {hit} was {what}") or stopped
        return stopped

    def _hit(self, entry: ActiveEntry, view: RunningView, gone: set[str], time: Timestamp) -> str | None:
        """The collection of this build that is gone, unless what is copied was copied since."""
        build = entry.build if entry.build is not None and entry.build.version.uid == view.uid else None
        for number, feed in view.compiled.feeds.items():
            if feed.scan.changes or feed.scan.collection not in gone:
                continue
            if build is None or Watermarks(build.copied.get(number, Copied())).concerns(time):
                return feed.scan.collection
        if build is None and view.rows in gone and entry.live is not None:
            since = entry.live.since
            return view.rows if since is None or time > since else None
        return None

    def poisoned(self, event: Event) -> bool:
        """A change that cannot be read. True when a view needed it."""
        collection = event.get("ns", {}).get("coll")
        poison = event["poison"]
        stopped = False
        for uid, view in list(self._running.items()):
            for feed in view.compiled.feeds.values():
                if feed.scan.collection == collection and (feed.accept is None or feed.accept(event)):
                    stopped = self.stop(uid, f"{poison['code']}: {poison['message']}") or stopped
                    break
        return stopped

    def removed(self, entry: ActiveEntry) -> None:
        """A view was dropped. May happen again after a crash: it comes before the position moves behind it."""
        self.save_now()
        for version in entry.versions():
            drop_collections(self.database, [state_name(version.uid), rows_name(version.uid)])
        if entry.live is not None:
            drop_target(self.database, entry.name, entry.live.target, entry.live.collection)

    # -- building ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """After a worker before this one: finishes what it had begun, removes what it left."""
        for entry in self.entries():
            if entry.build is not None and entry.build.swapping:
                uid = entry.build.version.uid
                try:
                    self._finish_swap(entry)
                except BatchRefused as error:
                    self.stop(uid, _refused(uid, error).reason)
        self.clean_up()

    def patience(self) -> float:
        """Seconds until something is to be done, be there changes or not."""
        now = self.engine.clock.now()
        waits = [self.limits.heartbeat_seconds]
        if self._next_build(now) is not None:
            waits.append(0.0 if self._mark is None else _PAUSE)
        waits += [
            _seconds(each.build.not_before, now) for each in self.entries() if each.build and each.build.not_before
        ]
        views = self.lane.views
        dues = self.engine.patiently(lambda: (views.next_due, views.closes_at))
        waits += [max(self.limits.tick_seconds, _seconds(due, now)) for due in dues if due is not None]
        return min(waits)

    def step(self) -> bool:
        """Does a part of what is to be done. True when the program has changed."""
        self._tick()
        self.flows.pass_time()
        entry = self._next_build(self.engine.clock.now())
        if entry is None:
            return False
        assert entry.build is not None
        uid = entry.build.version.uid
        try:
            with batch_faults():
                return self._build_on(entry, self._running[uid])
        except SnapshotGone:
            self.engine.pause(_PAUSE)
            return False
        except (Unreachable, Conflict) as fault:
            self.engine.trouble = str(fault)
            self.engine.pause(self.limits.reconnect_seconds)
            return False
        except BatchTooLarge as error:
            raise TriggerStopped((uid,), f"QL606: it does not fit into a transaction: {error}") from error
        except BatchRefused as error:
            raise _refused(uid, error) from error
        except QueryLeafError as error:
            if error.code == _UNREACHABLE:
                self.engine.pause(self.limits.reconnect_seconds)
                return False
            raise TriggerStopped((uid,), f"{error.code}: {error.message}") from error

    def _tick(self) -> None:
        """Rows come and go with the time alone."""
        due, now = self.engine.patiently(lambda: self.lane.views.next_due), self.engine.clock.monotonic()
        if due is None or due > self.engine.clock.now() or now - self._ticked_at < self.limits.tick_seconds:
            return
        self._ticked_at = now
        try:
            self.engine.compute(self.lane, Extra())
        except (BatchTooLarge, BatchRefused) as fault:
            self.engine.stop_due(self.lane, fault)
            raise

    def _next_build(self, now: datetime) -> ActiveEntry | None:
        """The build that is under way, or due. One at a time; a view that reads others comes after them."""
        due = [
            each
            for each in self.entries()
            if each.build is not None
            and each.build.version.uid in self._running
            and (each.build.not_before is None or each.build.not_before <= now)
            and not self._waits(each)
        ]
        return min(due, key=lambda each: (not (each.build and each.build.copied), each.name), default=None)

    def _waits(self, entry: ActiveEntry) -> bool:
        """Whether a view that this one reads is not there yet, or will be there anew."""
        assert entry.entry.view is not None
        owners = [owner_of(self.active, each) for each in entry.entry.view.reads]
        return any(owner is not None and (owner.live is None or owner.build is not None) for owner in owners)

    def _build_on(self, entry: ActiveEntry, view: RunningView) -> bool:
        build = entry.build
        assert build is not None
        if self._copying is None or self._copying.view is not view:
            self._begin(entry, view)
            return False
        if not self._copying.is_done(build):
            self.active[entry.name] = self._copied(self._copying, entry)
            return False
        if not self._copying.view.compiled.plan.sources and not build.copied:
            self.engine.compute(self.lane, Extra(first=(view.uid,)))
        if self._mark is None:
            self._mark = signal(self.database)
        if not self.lane.position.reached(self._mark):
            return False
        self._swap(entry)
        return True

    def _begin(self, entry: ActiveEntry, view: RunningView) -> None:
        """Also after an interruption: then a part of it is copied already."""
        assert entry.build is not None
        if not entry.build.copied:
            self._refuse_taken(entry)
            refuse_unfollowable(self.database, view.collections)
            maintained = self.maintained()
            enable_images(
                self.database, [each for each in view.compiled.plan.requires.images if each not in maintained]
            )
        self._mark = None
        self._copying = self._copying_of(view)
        if not entry.build.total:
            self.active[entry.name] = replace(entry, build=self._copying.begin(entry.build))

    def _copied(self, copying: Copying, entry: ActiveEntry) -> ActiveEntry:
        try:
            return copying.step(entry)
        except (WorkerFault, SnapshotGone, TriggerStopped, QueryLeafError):
            raise
        except Exception as error:
            raise TriggerStopped((copying.view.uid,), error_text(error)) from error

    def _swap(self, entry: ActiveEntry) -> None:
        """The new rows take the old ones' place. ``swapping`` is committed before: a crash must not leave a doubt.

        From then on nothing else may happen before it is done: nobody knows where the build's rows are."""
        assert entry.build is not None
        self._refuse_taken(entry)
        entry = replace(entry, build=replace(entry.build, swapping=True))
        self._store(entry)
        self.engine.patiently(lambda: self._finish_swap(entry))

    def _refuse_taken(self, entry: ActiveEntry) -> None:
        assert entry.build is not None
        refuse_taken(self.database, entry.build.version.target, entry.live.target if entry.live is not None else None)

    def _finish_swap(self, entry: ActiveEntry) -> None:
        build = entry.build
        assert build is not None
        target = build.version.target
        self.save_now()
        swap(self.database, build.version.uid, target)
        if entry.live is not None and entry.live.target != target:
            drop_target(self.database, entry.name, entry.live.target, entry.live.collection)
        show_under_name(self.database, entry.name, target)
        changed = [swapped(entry, cluster_now(self.database), uuid_of(self.database, target))]
        for reader in readers(self.active, entry):
            if reader.name != entry.name:
                changed.append(after_source(reader))
        self._store(*changed)
        self._mark, self._copying = None, None
        self.clean_up()

    def clean_up(self) -> None:
        """Drops what no build needs any more. The list is made before the lease is renewed: what others create after
        they have taken over is not in it."""
        found = collections_of_builds(self.database)
        needed = set()
        for each in self.entries():
            for version in each.versions():
                needed |= {state_name(version.uid), rows_name(version.uid)}
        needed |= self.flows.states()
        if found - needed:
            self.save_now()
            drop_collections(self.database, sorted(found - needed))

    def _store(self, *entries: ActiveEntry) -> None:
        def change(buffer: WriteBuffer) -> None:
            for each in entries:
                store_active(buffer, each)

        for each in entries:
            self.active[each.name] = each
        self.engine.apply(self.lane, change, self.lane.position)


def _refused(uid: str, error: WorkerFault) -> TriggerStopped:
    return TriggerStopped((uid,), f"QL602: the server refused what building it needs: {error}")


def _seconds(until: datetime | None, now: datetime) -> float:
    return max(0.0, (until - now).total_seconds()) if until is not None else 0.0
