"""From a batch of changes to the rows of a streaming SELECT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from bson.timestamp import Timestamp

from queryleaf_cdc.dataflow.flow import FlowRow, StreamFlow
from queryleaf_cdc.dataflow.rows import Delta
from queryleaf_cdc.errors import RunError
from queryleaf_cdc.events import ACTIONS, Event
from queryleaf_cdc.lowering.mongo_json import pipeline_json
from queryleaf_cdc.lowering.shared_stream import database_pipeline, share
from queryleaf_cdc.mongo.deployment import IN_FLIGHT
from queryleaf_cdc.mongo.handles import Db
from queryleaf_cdc.mongo.lookups import lookup
from queryleaf_cdc.mongo.one_shot import run_query
from queryleaf_cdc.plans.program import TriggerStatement
from queryleaf_cdc.plans.stream import FlowPlan, TableScan
from queryleaf_cdc.plans.trigger import TriggerPlan
from queryleaf_cdc.runtime.execution import FiringCompiler, Frame, Functions
from queryleaf_cdc.runtime.feeds import ImageLacking, SnapshotScan, ViewFeed
from queryleaf_cdc.runtime.row_stream import Row, RowChange, change_of
from queryleaf_cdc.values import Document


class StreamRows(Protocol):
    """A streaming SELECT at work. ``pipeline`` and ``images`` are those of its change stream of the database."""

    pipeline: list[Document]
    images: tuple[str, str]
    collections: frozenset[str]
    """whose changes are read"""

    @property
    def late(self) -> int:
        """How many rows came after their window of time had ended, and were left out."""

    @property
    def waits(self) -> bool:
        """Whether rows will come with time alone."""

    def of(self, events: Iterable[Event]) -> Iterable[Row]:
        """The rows that come with these changes. Raises RunError QL607: then those that were not taken are still there,
        and so are the rows that were given."""

    def by(self, now: datetime) -> list[Row]:
        """The rows that have come by this time, which no later change is before."""


class OneByOne:
    """Each row comes of one change alone."""

    def __init__(self, plan: TriggerPlan, functions: Functions) -> None:
        stream = plan.stream
        self.pipeline = pipeline_json(database_pipeline(stream))
        self.images = (stream.full_document or "default", stream.before_change or "off")
        self.collections = frozenset({plan.collection})
        self._run = FiringCompiler(plan.name, True).body(plan.actions)
        self._functions = functions

    late = 0
    waits = False

    def by(self, now: datetime) -> list[Row]:
        return []

    def of(self, events: Iterable[Event]) -> Iterator[Row]:
        run, functions, collections = self._run, self._functions, self.collections
        collected: Any = _Collecting()
        for event in events:
            if event.get("operationType") not in ACTIONS or event["ns"]["coll"] not in collections:
                continue  # the catalog's own events come, too
            computed = event.get("_ql") or {}
            if computed.get("missing"):
                raise _lacking(event)
            run(Frame(event, collected, computed, functions))
            for document in collected.rows:
                yield Row(document, change_of(event))
            collected.rows.clear()


class _Collecting:
    """Effects of a streaming SELECT: its one INSERT is a row."""

    def __init__(self) -> None:
        self.rows: list[Document] = []

    def insert(self, collection: str, document: Document, origin: object) -> None:
        self.rows.append(document)


class Flowing:
    """Rows come of several changes, which a dataflow remembers in memory."""

    def __init__(self, plan: FlowPlan, functions: Functions, database: Db) -> None:
        stream = share([TriggerStatement(each.plan, each.node, ()) for each in plan.sources], ("wallTime",))
        self.pipeline = pipeline_json(stream.pipeline)
        self.images = (stream.full_document or "default", stream.before_change or "off")
        self.collections = frozenset(each.scan.collection for each in plan.sources)
        self._feeds = [
            ViewFeed(plan.name, source, member, functions)
            for source, member in zip(plan.sources, stream.members, strict=True)
        ]
        self._flow = StreamFlow(
            plan.dataflow, plan.changes, functions, LookedUpTables(plan.tables, functions, database)
        )
        self._clock = datetime.min

    @property
    def late(self) -> int:
        """How many rows came after their window of time had ended, and were left out."""
        return self._flow.late

    @property
    def waits(self) -> bool:
        return self._flow.waits

    def by(self, now: datetime) -> list[Row]:
        self._clock = max(self._clock, now)
        return [_row(each, {}) for each in self._step({})] if self._flow.is_due(self._clock) else []

    def of(self, events: Iterable[Event]) -> list[Row]:
        changes = [event for event in events if event.get("operationType") in ACTIONS]
        deltas: dict[int, Delta] = {}
        for feed in self._feeds:
            feed.rows = []
            try:
                feed.collect(each for each in changes if each["ns"]["coll"] == feed.scan.collection)
            except ImageLacking as lacking:
                raise _lacking(lacking.event) from lacking
            if feed.rows:
                deltas[feed.scan.number] = feed.rows
        self._clock = max(self._clock, passed_by(changes))
        if not deltas and not self._flow.is_due(self._clock):
            return []
        known = {event["_id"]["_data"]: event for event in changes}
        return [_row(each, known) for each in self._step(deltas)]

    def _step(self, deltas: dict[int, Delta]) -> list[FlowRow]:
        rows = self._flow.step(deltas, self._clock)
        self._flow.commit()
        return rows


class LookedUpTables:
    """Implements ``dataflow.operator.Tables``."""

    def __init__(self, tables: Sequence[TableScan], functions: Functions, database: Db) -> None:
        self._database = database
        self._tables = {each.scan.number: (each, SnapshotScan(each, functions)) for each in tables}

    def rows(self, scan: int, path: str | None, keys: Sequence[object]) -> Sequence[tuple[Any, ...]]:
        table, snapshot = self._tables[scan]
        if path is None:
            found = run_query(self._database, table.scan.collection, [*snapshot.pipeline, {"$limit": 1}])
        else:
            found = lookup(self._database, table.scan.collection, path, keys, snapshot.pipeline)
        return [row for row, _ in snapshot.rows(found)]


def _row(row: FlowRow, known: dict[str, Event]) -> Row:
    events = [known[id] for id in row.changes if id in known]
    if events:
        return Row(row.values, change_of(max(events, key=lambda event: str(event["_id"]["_data"]))))
    return Row(row.values, RowChange(max(row.changes, default=""), "", None, None, None))


def passed_by(events: Sequence[Event]) -> datetime:
    """A time that no change behind these is before, unless a clock is set back."""
    return max(map(wall_time, events)) - IN_FLIGHT if events else datetime.min


def wall_time(event: Event) -> datetime:
    time: datetime = event.get("wallTime") or _moment(event["clusterTime"])
    return time


def _moment(time: Timestamp) -> datetime:
    return datetime.fromtimestamp(time.time, UTC).replace(tzinfo=None)


def _lacking(event: Event) -> RunError:
    return RunError("QL607", f"a document image that the query needs is not there (key {event.get('documentKey')})")
