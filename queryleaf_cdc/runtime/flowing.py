"""A streaming SELECT whose rows come of several changes. Loaded when one is opened."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from queryleaf_cdc.dataflow.flow import FlowRow, StreamFlow
from queryleaf_cdc.dataflow.rows import Delta
from queryleaf_cdc.errors import ServerError
from queryleaf_cdc.events import ACTIONS, Event
from queryleaf_cdc.lowering.mongo_json import pipeline_json
from queryleaf_cdc.lowering.shared_stream import share
from queryleaf_cdc.mongo.handles import Db
from queryleaf_cdc.plans.program import TriggerStatement
from queryleaf_cdc.plans.stream import FlowPlan
from queryleaf_cdc.runtime.execution import Functions
from queryleaf_cdc.runtime.feeds import ImageLacking, ViewFeed
from queryleaf_cdc.runtime.looked_up import LookedUpTables
from queryleaf_cdc.runtime.patience import Patience
from queryleaf_cdc.runtime.row_stream import Row, RowChange, change_of
from queryleaf_cdc.runtime.stream_rows import Lacking
from queryleaf_cdc.runtime.times import passed_by


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
            plan.dataflow, plan.changes, functions, _Patient(LookedUpTables(plan.tables, functions, database), self)
        )
        self._broken: Exception | None = None
        """what went wrong in the middle of a step: what it remembers is of no use any more"""
        self.closing = threading.Event()
        self._clock = datetime.min
        self._behind: list[Event] = []

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

    @property
    def holds(self) -> bool:
        return bool(self._behind)

    def of(self, events: Iterable[Event]) -> Iterator[Row]:
        changes = [*self._behind, *(event for event in events if event.get("operationType") in ACTIONS)]
        taken, failure = self._take(changes)
        self._behind = changes[taken + 1 :]
        yield from self._rows(changes[:taken])
        if failure is not None:
            raise failure

    def _take(self, changes: Sequence[Event]) -> tuple[int, Exception | None]:
        """Has the feeds collect the changes before the first that cannot be read: how many, and what it raised."""
        try:
            self._collect(changes)
        except Exception:
            for at, change in enumerate(changes):
                try:
                    self._collect([change])
                except ImageLacking as missing:
                    self._collect(changes[:at])
                    return at, Lacking(missing.event)
                except Exception as failure:  # of the user's function
                    self._collect(changes[:at])
                    return at, failure
            raise
        return len(changes), None

    def _collect(self, changes: Sequence[Event]) -> None:
        for feed in self._feeds:
            feed.rows = []
            feed.collect(each for each in changes if each["ns"]["coll"] == feed.scan.collection)

    def _rows(self, changes: Sequence[Event]) -> list[Row]:
        """Of what the feeds have collected of these changes."""
        deltas: dict[int, Delta] = {feed.scan.number: feed.rows for feed in self._feeds if feed.rows}
        self._clock = max(self._clock, passed_by(changes))
        if not deltas and not self._flow.is_due(self._clock):
            return []
        known = {event["_id"]["_data"]: event for event in changes}
        return [_row(each, known) for each in self._step(deltas)]

    def _step(self, deltas: dict[int, Delta]) -> list[FlowRow]:
        if self._broken is not None:
            raise self._broken
        try:
            rows = self._flow.step(deltas, self._clock)
        except Exception as failure:
            self._broken = failure
            raise
        self._flow.commit()
        return rows


class _Patient:
    """Tables of a server that may be away for a while; implements ``dataflow.operator.Tables``."""

    def __init__(self, tables: LookedUpTables, stream: Flowing) -> None:
        self._tables = tables
        self._stream = stream

    def rows(self, scan: int, path: str | None, keys: Sequence[object]) -> Sequence[tuple[Any, ...]]:
        patience = Patience()
        while True:
            try:
                return self._tables.rows(scan, path, keys)
            except ServerError as error:
                pause = patience.pause() if error.code == "QL503" else None
                if pause is None or self._stream.closing.is_set():
                    raise
                self._stream.closing.wait(pause)


def _row(row: FlowRow, known: dict[str, Event]) -> Row:
    events = [known[id] for id in row.changes if id in known]
    if events:
        return Row(row.values, change_of(max(events, key=lambda event: str(event["_id"]["_data"]))))
    return Row(row.values, RowChange(max(row.changes, default=""), "", None, None, None))
