"""The views of a lane at work: what their sources collected becomes changes of state and rows in the batch's buffer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bson.binary import Binary

from queryleaf_cdc.dataflow.rows import Delta
from queryleaf_cdc.dataflow.state import StateStore
from queryleaf_cdc.dataflow.view import RowChange, ViewDataflow
from queryleaf_cdc.events import Event, MissingImage
from queryleaf_cdc.mongo.faults import WorkerFault
from queryleaf_cdc.mongo.handles import Db
from queryleaf_cdc.mongo.view_state import MongoStateStore, row_ops, state_name, state_ops
from queryleaf_cdc.mongo.write_buffer import WriteBuffer
from queryleaf_cdc.plans.view import ViewPlan
from queryleaf_cdc.runtime.computing import Computing, computing_faults
from queryleaf_cdc.runtime.dead_letters import error_text
from queryleaf_cdc.runtime.execution import Functions
from queryleaf_cdc.runtime.feeds import DocumentScan, ImageLacking, ViewFeed
from queryleaf_cdc.runtime.firing import Firing, FiringFailed, ImageMissing, Restart
from queryleaf_cdc.runtime.flows import RunningFlow
from queryleaf_cdc.runtime.looked_up import LookedUpTables
from queryleaf_cdc.runtime.metrics import Metrics
from queryleaf_cdc.runtime.times import passed_by


class ViewFailed(Exception):
    """A view could not be computed; ``id`` is its build's."""

    def __init__(self, id: str, reason: str) -> None:
        super().__init__(reason)
        self.id = id
        self.reason = reason


class CompiledView:
    """One build of a view in a program. ``feeds`` are its scans in the stream, by Scan.number."""

    def __init__(
        self, uid: str, plan: ViewPlan, functions: Functions, feeds: Mapping[tuple[str, int], ViewFeed]
    ) -> None:
        self.uid = uid
        self.plan = plan
        self.functions = functions
        self.feeds = {number: feed for (owner, number), feed in feeds.items() if owner == uid}

    def dataflow(self, store: StateStore, database: Db) -> ViewDataflow:
        plan = self.plan
        tables = LookedUpTables(plan.tables, self.functions, database)
        return ViewDataflow(plan.dataflow, self.functions, store, plan.options.cache_rows, tables)

    def scans_of_views(self) -> dict[int, DocumentScan]:
        """The scans that read what another view maintains."""
        return {
            source.scan.number: DocumentScan(source.scan, self.functions)
            for source in self.plan.sources
            if source.scan.number not in self.feeds
        }


class RunningView(Computing):
    """One build of a view with its dataflow, whose caches outlive the programs that feed it.

    ``rows`` is the collection that its rows are written to, with the UUID ``collection`` once that is the target;
    ``reads`` the builds that feed its other scans. ``is_new``: nothing of its state is stored yet."""

    def __init__(self, compiled: CompiledView, database: Db, rows: str, is_new: bool) -> None:
        self.uid = compiled.uid
        self.compiled: CompiledView
        store = MongoStateStore(database, compiled.uid, is_new)
        self._flow = compiled.dataflow(store, database)
        super().__init__(compiled, store, self._flow)
        self.rows = rows
        self.collection: Binary | None = None
        self.reads: dict[int, str] = {}
        self.scans = compiled.scans_of_views()
        self.inputs: dict[int, Delta] = {}
        self._state = state_name(compiled.uid)

    @property
    def next_due(self) -> datetime | None:
        """When rows come or go by themselves, the next time: by the worker's clock."""
        return self._flow.next_due

    def attach(self, compiled: CompiledView) -> None:
        """Goes on in a new program."""
        self.compiled = compiled
        self.scans = compiled.scans_of_views()

    def clear(self) -> None:
        super().clear()
        if self.inputs:
            self.inputs = {}

    def add(self, scan: int, rows: Delta) -> None:
        self.inputs.setdefault(scan, []).extend(rows)

    def is_concerned(self, now: datetime) -> bool:
        if self.inputs or self.has_rows() or self.is_closing:
            return True
        due = self.next_due
        return due is not None and due <= now

    def step(self, buffer: WriteBuffer, now: datetime) -> Sequence[RowChange]:
        """Adds the batch's writes to the buffer. Raises ViewFailed, or a WorkerFault."""
        deltas = dict(self.inputs)
        for number, feed in self.compiled.feeds.items():
            if feed.rows:
                deltas[number] = [*deltas[number], *feed.rows] if number in deltas else feed.rows
        self._stepped = True
        try:
            with computing_faults():
                changes = self._flow.step(deltas, now, self.passed)
                self.late = self._flow.late
            buffer.exact |= {self._state: None, self.rows: self.collection}
            buffer.ops += state_ops(self._state, self._flow.state_changes())
            buffer.ops += row_ops(self.rows, changes)
        except WorkerFault:
            raise
        except Exception as error:
            raise ViewFailed(self.uid, error_text(error)) from error
        return changes


@dataclass(slots=True)
class Views:
    """The views of one lane, each after those that it reads, and the streams whose rows fire triggers."""

    ordered: Sequence[RunningView] = ()
    flows: Sequence[RunningFlow] = ()
    marks: list[tuple[int, str]] = field(default_factory=list)
    """(index of a view's first effect in the buffer, the view's build)"""
    _tally: dict[str, int] = field(default_factory=dict)
    _waiting: Sequence[RunningView | RunningFlow] = ()
    """that read streams, and may wait for their time"""

    @classmethod
    def of(cls, views: Iterable[RunningView], flows: Iterable[RunningFlow] = ()) -> Views:
        ordered, over_streams = _in_order({each.uid: each for each in views}), tuple(flows)
        waiting: list[RunningView | RunningFlow] = [each for each in ordered if each.compiled.plan.changes]
        return cls(ordered, over_streams, _waiting=[*waiting, *over_streams])

    def __len__(self) -> int:
        return len(self.ordered) + len(self.flows)

    @property
    def _all(self) -> Iterator[RunningView | RunningFlow]:
        yield from self.ordered
        yield from self.flows

    @property
    def next_due(self) -> datetime | None:
        return min((due for each in self.ordered if (due := each.next_due) is not None), default=None)

    def due(self, now: datetime) -> tuple[str, ...]:
        """The builds in which rows come or go by the time alone."""
        return tuple(each.uid for each in self.ordered if (due := each.next_due) is not None and due <= now)

    def closing(self, moment: datetime) -> list[RunningView | RunningFlow]:
        """Those in which rows of streams come with the time alone, by this moment."""
        return [each for each in self._waiting if (due := each.closes_at) is not None and due <= moment]

    def closing_before(self) -> tuple[str, ...]:
        """Those in which rows come with the time alone that the batch's changes tell; it passes now."""
        return tuple(each.uid for each in self._waiting if each.is_closing_before())

    @property
    def closes_at(self) -> datetime | None:
        return min((due for each in self._waiting if (due := each.closes_at) is not None), default=None)

    def pass_time(self, moment: datetime) -> None:
        """No later change was committed before this moment."""
        for each in self._waiting:
            each.pass_time(moment)

    def get(self, uid: str) -> RunningView | None:
        return next((each for each in self.ordered if each.uid == uid), None)

    def rows_of(self, uid: str) -> str:
        """The collection of a build's rows."""
        return next(each.rows for each in self.ordered if each.uid == uid)

    def clear(self) -> None:
        self.marks = []
        for each in self._all:
            each.clear()

    def collect(self, events: Sequence[Event]) -> None:
        """Takes the rows of these changes. Raises ImageMissing, ViewFailed."""
        by_collection: dict[str, list[Event]] = {}
        for event in events:
            name = event["ns"]["coll"]
            if name in by_collection:
                by_collection[name].append(event)
            else:
                by_collection[name] = [event]
        self._tally = {name: len(found) for name, found in by_collection.items()}
        for flow in self.flows:
            flow.see(events)
        passed = passed_by(events) if self._waiting else datetime.min
        for each in self._waiting:
            each.see_time(passed)
        for view in self._all:
            for feed in view.compiled.feeds.values():
                concerned = by_collection.get(feed.scan.collection)
                if concerned is None:
                    continue
                try:
                    feed.collect(concerned)
                except ImageLacking as lacking:
                    index = next(i for i, event in enumerate(events) if event is lacking.event)
                    raise ImageMissing(index, MissingImage((view.uid,), str(lacking))) from lacking
                except Exception as error:
                    raise ViewFailed(view.uid, error_text(error)) from error

    def concerned(self, event: Event) -> tuple[str, ...]:
        """The builds that read the event's collection."""
        collection = event["ns"]["coll"]
        return tuple(view.uid for view in self._all if collection in view.collections)

    def count(self, metrics: Metrics) -> None:
        """Counts what was collected, once that is committed."""
        for view in self._all:
            amount = sum(self._tally.get(name, 0) for name in view.collections)
            if amount:
                metrics.count(view.compiled.plan.name, "events", amount)
            if view.late is not None:
                metrics.left_out(view.compiled.plan.name, view.late)
        self._tally = {}

    def fire(self, firing: Firing) -> None:
        """Fires the triggers over the rows of streams. Raises ViewFailed, and what firing raises."""
        for flow in self.flows:
            if not flow.is_concerned():
                continue
            self.marks.append((len(firing.buffer.ops), flow.uid))
            try:
                flow.step(firing)
            except (WorkerFault, FiringFailed, Restart):
                raise
            except Exception as error:
                raise ViewFailed(flow.uid, error_text(error)) from error

    def step(self, buffer: WriteBuffer, now: datetime, first: Sequence[str] = ()) -> None:
        """Computes what the collected rows change; ``first`` are builds that step even without any."""
        for view in self.ordered:
            if view.uid not in first and not view.is_concerned(now):
                continue
            self.marks.append((len(buffer.ops), view.uid))
            changes = view.step(buffer, now)
            if changes:
                self._pass_on(view, changes)

    def blamed(self, effect: int) -> str | None:
        """The build that the buffered effect with this index belongs to."""
        return next((uid for mark, uid in reversed(self.marks) if effect >= mark), None)

    def commit(self) -> None:
        for each in self._all:
            each.commit()

    def rollback(self) -> None:
        for each in self._all:
            each.rollback()

    def _pass_on(self, view: RunningView, changes: Sequence[RowChange]) -> None:
        for reader in self.ordered:
            for number, uid in reader.reads.items():
                if uid == view.uid:
                    rows: Delta = []
                    scan = reader.scans[number]
                    for change in changes:
                        if not scan.accepts(change.id):
                            continue
                        scan.add(_whole(change.id, change.before), -1, rows)
                        scan.add(_whole(change.id, change.after), 1, rows)
                    reader.add(number, rows)


def _whole(id: object, document: Mapping[str, object] | None) -> dict[str, object] | None:
    return None if document is None else {"_id": id, **document}


def _in_order(views: Mapping[str, RunningView]) -> list[RunningView]:
    ordered: dict[str, RunningView] = {}

    def visit(view: RunningView) -> None:
        if view.uid not in ordered:
            for uid in view.reads.values():
                if uid in views:
                    visit(views[uid])
            ordered[view.uid] = view

    for view in views.values():
        visit(view)
    return list(ordered.values())
