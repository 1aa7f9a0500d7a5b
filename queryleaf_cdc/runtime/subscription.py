"""The rows of a streaming SELECT, read straight from a change stream: no checkpoint, nothing written."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress

from queryleaf_cdc.collector import without_collections
from queryleaf_cdc.errors import RunError, ServerError
from queryleaf_cdc.events import Event
from queryleaf_cdc.mongo.change_source import ChangeBatch, ChangeSource
from queryleaf_cdc.mongo.deployment import cluster_now, latest_time, passed_at, require_replica_set
from queryleaf_cdc.mongo.faults import server_errors
from queryleaf_cdc.mongo.handles import Db
from queryleaf_cdc.mongo.images import enable_images
from queryleaf_cdc.mongo.positions import Position
from queryleaf_cdc.runtime.row_stream import Row, RowStream
from queryleaf_cdc.runtime.since import Since, just_after, position_of, refuse_future
from queryleaf_cdc.runtime.stream_rows import Lacking, StreamRows


class Subscription(RowStream):
    """The rows of one streaming SELECT. Survives failovers.

    Raises RunError for a change that cannot be read (QL604, QL605, QL607); the next row is that behind it."""

    def __init__(
        self, database: Db, rows: StreamRows, since: Since | None = None, columns: tuple[str, ...] | None = None
    ) -> None:
        super().__init__()
        self.columns = columns
        start = position_of(since) if since is not None else None
        require_replica_set(database.client)
        if start is None:
            start = Position(at=just_after(cluster_now(database)))
        else:
            refuse_future(start, latest_time(database))
        self._source = ChangeSource(database, rows.pipeline, rows.images, start)
        self._database = database
        self._rows = rows
        rows.closing = self._closing
        self._events: deque[Event] = deque()

    @property
    def late(self) -> int:
        return self._rows.late

    def _end(self) -> None:
        self._source.close()

    def _source_of_next(self) -> ChangeSource | None:
        return self._source if not (self._events or self._rows.holds) else None

    def _rows_of(self, batch: ChangeBatch | None) -> Iterator[Row]:
        if batch is not None:
            if not batch.events:
                yield from self._by_time(batch.position)
            self._events.extend(batch.events)
        with without_collections():  # rows stay until they are read: there is nothing to collect
            while self._events or self._rows.holds:
                try:
                    yield from self._rows.of(self._taken())
                except Lacking as missing:
                    self._record_again(missing.collection)
                    raise

    def _record_again(self, collection: str) -> None:
        """A collection that was dropped and made anew records no images."""
        with suppress(ServerError), server_errors("collMod"):
            enable_images(self._database, [collection])

    def _by_time(self, position: Position) -> list[Row]:
        if not self._rows.waits:
            return []
        with server_errors("hello"):
            now = passed_at(self._database, position.time)
        return self._rows.by(now) if now is not None else []

    def _taken(self) -> Iterator[Event]:
        """The next events, up to one that cannot be read. Raises RunError where that is the first."""
        events, is_first = self._events, True
        while events:
            poison = events[0].get("poison")
            if poison is None:
                is_first = False
                yield events.popleft()
            elif not is_first:
                return
            else:
                event = events.popleft()
                if event["ns"].get("coll") in self._rows.collections:
                    raise RunError(poison["code"], f"{poison['message']} (key {event.get('documentKey')})")
