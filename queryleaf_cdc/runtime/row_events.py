"""The row of a stream as the INSERT that its trigger is fired by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from queryleaf_cdc.dataflow.flow import FlowRow
from queryleaf_cdc.events import Event
from queryleaf_cdc.plans.stream import FlowPlan
from queryleaf_cdc.runtime.times import wall_time


def place_of(flow: FlowPlan, name: str) -> str:
    """Which collection the rows are said to be of: that of their changes, if it is one; else they are of ``name``."""
    collections = {each.scan.collection for each in flow.sources}
    return collections.pop() if len(collections) == 1 else name


def as_insert(row: FlowRow, known: Mapping[str, Event], namespace: Mapping[str, str], passed: datetime) -> Event:
    """``known`` are the changes at hand, by their ids. ``passed`` is when a row comes that comes of none of them."""
    events = [known[id] for id in row.changes if id in known]
    return {
        "_id": {"_data": row.token},
        "operationType": "insert",
        "ns": dict(namespace),
        "documentKey": {"_id": row.id},
        "fullDocument": row.values,
        "wallTime": max(map(wall_time, events), default=passed),
    }
