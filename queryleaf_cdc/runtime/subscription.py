"""The rows of a streaming SELECT, read straight from a change stream: no checkpoint, nothing written."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from bson.timestamp import Timestamp

from queryleaf_cdc.errors import ServerError
from queryleaf_cdc.mongo.change_source import ChangeSource, StreamFault
from queryleaf_cdc.mongo.deployment import cluster_now, quiet_until, require_replica_set
from queryleaf_cdc.mongo.faults import Todo, server_errors
from queryleaf_cdc.mongo.positions import Position
from queryleaf_cdc.runtime.limits import backoff
from queryleaf_cdc.runtime.stream_rows import Row, RowChange, StreamRows

__all__ = ["Row", "RowChange", "Subscription"]

_RETRIES = 30


class Subscription(Iterator[Row]):
    """Iterates over rows; blocks until there is one. ``close`` ends it. Survives failovers."""

    def __init__(self, database: Any, rows: StreamRows, since: datetime | None = None) -> None:
        require_replica_set(database.client)
        start = (
            Position(at=Timestamp(int(since.timestamp()), 1))
            if since is not None
            else _just_after(cluster_now(database))
        )
        self._source = ChangeSource(database, rows.pipeline, rows.images, start)
        self._database = database
        self._rows = rows
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
        if batch.events:
            self._ready.extend(self._rows.of(batch.events))
        elif self._rows.waits:
            with server_errors("hello"):
                now = quiet_until(self._database, batch.position.time)
            self._ready.extend(self._rows.by(now) if now is not None else ())


def _just_after(time: Timestamp) -> Position:
    return Position(at=Timestamp(time.time, time.inc + 1))
