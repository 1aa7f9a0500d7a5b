"""The rows of a streaming SELECT, read straight from a change stream: no checkpoint, nothing written."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson.timestamp import Timestamp

from queryleaf_cdc.errors import RunError, ServerError
from queryleaf_cdc.events import ACTIONS, Event
from queryleaf_cdc.lowering.mongo_json import pipeline_json
from queryleaf_cdc.lowering.shared_stream import database_pipeline
from queryleaf_cdc.mongo.change_source import ChangeSource, StreamFault
from queryleaf_cdc.mongo.deployment import cluster_now, require_replica_set
from queryleaf_cdc.mongo.faults import Todo
from queryleaf_cdc.mongo.names import IN_STREAM
from queryleaf_cdc.mongo.positions import Position
from queryleaf_cdc.plans.trigger import TriggerPlan
from queryleaf_cdc.runtime.execution import FiringCompiler, Frame, Functions
from queryleaf_cdc.runtime.limits import backoff
from queryleaf_cdc.values import Document

_RETRIES = 30


@dataclass(frozen=True, slots=True)
class RowChange:
    """The change that a row came from."""

    id: str
    operation: str
    timestamp: datetime | None
    key: Document | None
    collection: str


class Row(dict[str, Any]):
    """A row as a dict; ``change`` tells where it came from."""

    def __init__(self, values: Document, change: RowChange) -> None:
        super().__init__(values)
        self.change = change


class Subscription(Iterator[Row]):
    """Iterates over rows; blocks until there is one. ``close`` ends it. Survives failovers."""

    def __init__(self, database: Any, plan: TriggerPlan, functions: Functions, since: datetime | None = None) -> None:
        require_replica_set(database.client)
        start = (
            Position(at=Timestamp(int(since.timestamp()), 1))
            if since is not None
            else _just_after(cluster_now(database))
        )
        stream = plan.stream
        images = (stream.full_document or "default", stream.before_change or "off")
        self._source = ChangeSource(database, pipeline_json(database_pipeline(stream)), images, start)
        self._run = FiringCompiler(plan.name, True).body(plan.actions)
        self._functions = functions
        self._ready: deque[Row] = deque()
        self._closed = False

    def __next__(self) -> Row:
        while not self._ready:
            if self._closed:
                raise StopIteration
            self._read()
        return self._ready.popleft()

    def poll(self) -> Row | None:
        """The next row, or None when there is none within half a second."""
        if not self._ready and not self._closed:
            self._read()
        return self._ready.popleft() if self._ready else None

    def close(self) -> None:
        self._closed = True
        self._source.close()

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _read(self) -> None:
        for attempt in range(_RETRIES):
            try:
                batch = self._source.next_batch()
                break
            except StreamFault as fault:
                if self._closed:
                    return
                if fault.todo not in (Todo.RESUME, Todo.INVALIDATED) or attempt + 1 == _RETRIES:
                    raise ServerError("QL521", f"the stream ended: {fault.todo.value}: {fault}") from None
                time.sleep(backoff(attempt, 0.05, 2.0))
        for event in batch.events:
            self._ready.extend(self._rows(event))

    def _rows(self, event: Event) -> list[Row]:
        if event.get("operationType") not in ACTIONS or event["ns"]["coll"] in IN_STREAM:
            return []  # every stream of ours carries the catalog's own events, for the worker
        computed = event.get("_ql") or {}
        if computed.get("missing"):
            key = event.get("documentKey")
            raise RunError("QL607", f"a document image that the query needs is not there (key {key})")
        collected = _Collecting()
        self._run(Frame(event, collected, computed, self._functions))  # type: ignore[arg-type]
        change = RowChange(
            event["_id"]["_data"],
            ACTIONS[event["operationType"]],
            event.get("wallTime"),
            event.get("documentKey"),
            event["ns"]["coll"],
        )
        return [Row(document, change) for document in collected.rows]


class _Collecting:
    """Effects of a streaming SELECT: its one INSERT is a row."""

    def __init__(self) -> None:
        self.rows: list[Document] = []

    def insert(self, collection: str, document: Document, origin: object) -> None:
        self.rows.append(document)


def _just_after(time: Timestamp) -> Position:
    return Position(at=Timestamp(time.time, time.inc + 1))
