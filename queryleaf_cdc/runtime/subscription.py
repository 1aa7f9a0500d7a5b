"""The rows of a streaming SELECT, read straight from a change stream: no checkpoint, nothing written."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from queryleaf_cdc.errors import RunError
from queryleaf_cdc.events import ACTIONS, Event
from queryleaf_cdc.lowering.mongo_json import pipeline_json
from queryleaf_cdc.lowering.shared_stream import database_pipeline
from queryleaf_cdc.mongo.change_source import ChangeSource
from queryleaf_cdc.mongo.deployment import cluster_now, latest_time, require_replica_set
from queryleaf_cdc.mongo.positions import Position
from queryleaf_cdc.plans.trigger import TriggerPlan
from queryleaf_cdc.runtime.execution import FiringCompiler, Frame, Functions
from queryleaf_cdc.runtime.row_stream import Row, RowStream, change_of
from queryleaf_cdc.runtime.since import Since, just_after, position_of, refuse_future
from queryleaf_cdc.values import Document


class Subscription(RowStream):
    """The rows of one streaming SELECT. Survives failovers.

    Raises RunError for a change that cannot be read (QL604, QL605, QL607); the next row is that behind it."""

    def __init__(
        self,
        database: Any,
        plan: TriggerPlan,
        functions: Functions,
        since: Since | None = None,
        columns: tuple[str, ...] | None = None,
    ) -> None:
        super().__init__()
        self.columns = columns
        start = position_of(since) if since is not None else None
        require_replica_set(database.client)
        if start is None:
            start = Position(at=just_after(cluster_now(database)))
        else:
            refuse_future(start, latest_time(database))
        stream = plan.stream
        images = (stream.full_document or "default", stream.before_change or "off")
        self._source = ChangeSource(database, pipeline_json(database_pipeline(stream)), images, start)
        self._run = FiringCompiler(plan.name, True).body(plan.actions)
        self._functions = functions
        self._collection = plan.collection
        self._events: deque[Event] = deque()

    def _end(self) -> None:
        self._source.close()

    def _read(self) -> Iterator[Row]:
        if not self._events:
            batch = self._next_batch(self._source)
            self._events.extend(batch.events if batch is not None else ())
        while self._events:
            yield from self._rows(self._events.popleft())

    def _rows(self, event: Event) -> list[Row]:
        poison = event.get("poison")
        if poison is not None and event["ns"].get("coll") == self._collection:
            raise RunError(poison["code"], f"{poison['message']} (key {event.get('documentKey')})")
        if event.get("operationType") not in ACTIONS:
            return []
        computed = event.get("_ql") or {}
        if computed.get("missing"):
            key = event.get("documentKey")
            raise RunError("QL607", f"a document image that the query needs is not there (key {key})")
        collected = _Collecting()
        self._run(Frame(event, collected, computed, self._functions))  # type: ignore[arg-type]
        change = change_of(event)
        return [Row(document, change) for document in collected.rows]


class _Collecting:
    """Effects of a streaming SELECT: its one INSERT is a row."""

    def __init__(self) -> None:
        self.rows: list[Document] = []

    def insert(self, collection: str, document: Document, origin: object) -> None:
        self.rows.append(document)
