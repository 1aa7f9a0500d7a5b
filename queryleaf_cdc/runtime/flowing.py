"""A streaming SELECT whose rows come of several changes. Loaded when one is opened."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from queryleaf_cdc.dataflow.flow import FlowRow, StreamFlow
from queryleaf_cdc.dataflow.rows import Delta
from queryleaf_cdc.events import ACTIONS, Event
from queryleaf_cdc.lowering.mongo_json import pipeline_json
from queryleaf_cdc.lowering.shared_stream import share
from queryleaf_cdc.mongo.handles import Db
from queryleaf_cdc.plans.program import TriggerStatement
from queryleaf_cdc.plans.stream import FlowPlan
from queryleaf_cdc.runtime.execution import Functions
from queryleaf_cdc.runtime.feeds import ImageLacking, ViewFeed
from queryleaf_cdc.runtime.looked_up import LookedUpTables
from queryleaf_cdc.runtime.row_stream import Row, RowChange, change_of
from queryleaf_cdc.runtime.stream_rows import lacking
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
            except ImageLacking as missing:
                raise lacking(missing.event) from missing
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


def _row(row: FlowRow, known: dict[str, Event]) -> Row:
    events = [known[id] for id in row.changes if id in known]
    if events:
        return Row(row.values, change_of(max(events, key=lambda event: str(event["_id"]["_data"]))))
    return Row(row.values, RowChange(max(row.changes, default=""), "", None, None, None))
