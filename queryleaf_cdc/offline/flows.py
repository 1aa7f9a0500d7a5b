"""Streams without a server: what they remember is in memory, and where they look rows up is the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from queryleaf_cdc.dataflow.flow import StreamFlow
from queryleaf_cdc.dataflow.rows import Delta
from queryleaf_cdc.dataflow.state import MemoryStore
from queryleaf_cdc.events import Event
from queryleaf_cdc.lowering.shared_stream import in_worker
from queryleaf_cdc.offline.expressions import SCAN, Rows
from queryleaf_cdc.offline.firing import OfflineTrigger
from queryleaf_cdc.offline.query import compile_query
from queryleaf_cdc.offline.store import Store
from queryleaf_cdc.plans.program import TriggerStatement
from queryleaf_cdc.plans.stream import ChangeScan, FlowPlan, TableScan
from queryleaf_cdc.plans.trigger import TriggerPlan
from queryleaf_cdc.runtime.execution import Frame, Functions
from queryleaf_cdc.runtime.feeds import ViewFeed, row_of
from queryleaf_cdc.runtime.row_events import RowEvents


class OfflineFlow:
    """The rows of a stream, each as the INSERT that ``trigger`` is fired by."""

    def __init__(
        self, plan: FlowPlan, trigger: OfflineTrigger, store: Store, functions: Functions, database: str
    ) -> None:
        self.trigger = trigger
        self._plan = plan
        self._feeds = [_feed(plan.name, each, functions) for each in plan.sources]
        self._state = MemoryStore()
        tables = StoredTables(plan.tables, store, functions)
        self._flow = StreamFlow(plan.dataflow, plan.changes, functions, tables, self._state)
        self._passed = datetime.min
        self._rows = RowEvents(plan, trigger.plan.collection, database)

    @property
    def plans(self) -> list[TriggerPlan]:
        """Those of its sources."""
        return [each.plan for each in self._plan.sources]

    def rows(self, event: Event | None, moment: datetime) -> list[Event]:
        """What comes of the change, or of the time alone. Raises what the user's functions raise."""
        self._rows.see((event,) if event is not None else ())
        self._passed = max(self._passed, moment)
        deltas = self._deltas(event) if event is not None else {}
        if not deltas and not self._flow.is_due(self._passed):
            return []
        try:
            rows = self._flow.step(deltas, self._passed)
        except Exception:
            self._flow.rollback()
            raise
        self._state.write(self._flow.state_changes())
        self._flow.commit()
        return [self._rows.insert(row, self._passed) for row in rows]

    def _deltas(self, event: Event) -> dict[int, Delta]:
        deltas: dict[int, Delta] = {}
        for feed in self._feeds:
            feed.rows = []
            if feed.scan.collection == event["ns"]["coll"]:
                feed.collect((event,))
            if feed.rows:
                deltas[feed.scan.number] = feed.rows
        return deltas


class StoredTables:
    """Implements ``dataflow.operator.Tables``. All rows of a collection are looked at, whatever is asked for."""

    def __init__(self, tables: Sequence[TableScan], store: Store, functions: Functions) -> None:
        self._tables = {each.scan.number: _stored_rows(each) for each in tables}
        self._env: dict[str, Any] = {
            **Frame({"operationType": "snapshot"}, _NO_EFFECTS, {}, functions).env,
            SCAN: store.documents,
        }

    def rows(self, scan: int, path: str | None, keys: Sequence[object]) -> Sequence[tuple[Any, ...]]:
        rows, width = self._tables[scan]
        return list(map(row_of(width), rows(self._env)))


def _stored_rows(table: TableScan) -> tuple[Rows, int]:
    return compile_query(table.snapshot.query), len(table.scan.columns)


def _feed(stream: str, scan: ChangeScan, functions: Functions) -> ViewFeed:
    return ViewFeed(stream, scan, in_worker(TriggerStatement(scan.plan, scan.node, ())), functions)


_NO_EFFECTS: Any = None
"""a lookup only reads"""
