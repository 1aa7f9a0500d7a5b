"""A collection's rows as they are, and then how they change: from one cluster time on, without a gap or a double.

The present content is read as of a time T, the change stream begins right behind T. What cannot be followed, such as a
view that is built anew and takes the place of its old rows, is told as a RESET, and the content follows once more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from bson.timestamp import Timestamp

from queryleaf_cdc.errors import ServerError
from queryleaf_cdc.events import ACTIONS, Event
from queryleaf_cdc.functions.bson_order import equal
from queryleaf_cdc.mongo.change_source import ChangeBatch, ChangeSource
from queryleaf_cdc.mongo.deployment import latest_time, require_replica_set
from queryleaf_cdc.mongo.faults import WorkerFault, server_errors
from queryleaf_cdc.mongo.handles import Db
from queryleaf_cdc.mongo.images import enable_images
from queryleaf_cdc.mongo.positions import Position
from queryleaf_cdc.mongo.snapshot import Piece, SnapshotGone, read_piece
from queryleaf_cdc.mongo.view_rules import refuse_unfollowable
from queryleaf_cdc.runtime.limits import backoff
from queryleaf_cdc.runtime.row_stream import Row, RowChange, RowStream, change_of
from queryleaf_cdc.runtime.since import Since, just_after, position_of, refuse_future
from queryleaf_cdc.values import Document

_STARTS = 10
"""times that the content may be begun without coming to its end"""
_IMAGES = ("whenAvailable", "whenAvailable")

Select = Callable[[Document], Document | None]
"""A document's row; None for one that is left out."""


class Changelog(RowStream):
    """First every row of the present content as an INSERT, then each change of them.

    The row of an UPDATE is the new one, ``change.before`` the old one; that of a DELETE is the old one. A RESET, an
    empty row, says that the rows given so far are no longer those of the collection; those that are follow. ``is_gone``
    tells, when the collection was dropped, whether that is the end.

    With ``since`` the reader has the rows of that time already, and gets the changes from then on."""

    def __init__(
        self,
        database: Db,
        collection: str,
        select: Select,
        columns: tuple[str, ...] | None,
        is_gone: Callable[[], bool] = lambda: False,
        since: Since | None = None,
    ) -> None:
        super().__init__()
        self.columns = columns
        self._database = database
        self._collection = collection
        self._select = select
        self._is_gone = is_gone
        self._source: ChangeSource | None = None
        self._content: Iterator[list[Document]] | None = None
        self._events: list[Event] = []
        self._time = Timestamp(0, 1)
        self._starts = 0
        self._told = since is not None
        """a row was given that a RESET must take back"""
        self._dropped = False
        start = position_of(since) if since is not None else None
        with server_errors(f"follow {collection}", f"read and changeStream on {database.name}"):
            require_replica_set(database.client)
            refuse_unfollowable(database, [collection])
            if start is None:
                self._begin()
            else:
                refuse_future(start, latest_time(database))
                enable_images(database, [collection])
                self._follow(start)

    def _end(self) -> None:
        if self._source is not None:
            self._source.close()
        self._content = None

    # -- the present content -------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Images may have been lost with the collection, so they are turned on each time."""
        self._end()
        enable_images(self._database, [self._collection])
        self._time, self._content = read_piece(self._database, Piece(self._collection, (), (), 0), [])
        self._follow(Position(at=just_after(self._time)))

    def _follow(self, start: Position) -> None:
        stages = [{"$match": {"ns.coll": self._collection, "operationType": {"$in": list(ACTIONS)}}}]
        self._source = ChangeSource(self._database, stages, _IMAGES, start, moves=True)
        self._events = []
        self._dropped = False

    def _source_of_next(self) -> ChangeSource | None:
        return self._source if self._content is None and not self._events else None

    def _rows_of(self, batch: ChangeBatch | None) -> Iterable[Row]:
        if self._content is None:
            return self._changes(batch)
        try:
            documents = next(self._content, None)
        except (SnapshotGone, WorkerFault) as fault:
            return self._again(fault)
        if documents is None:
            self._content, self._starts = None, 0
            return ()
        return self._present(documents)

    def _present(self, documents: list[Document]) -> Iterator[Row]:
        at = datetime.fromtimestamp(self._time.time, UTC).replace(tzinfo=None)
        for document in documents:
            row = self._select(document)
            if row is not None:
                self._told = True
                yield Row(row, RowChange("", "INSERT", at, {"_id": document["_id"]}, self._collection))

    def _again(self, fault: Exception) -> list[Row]:
        """Begins anew after a while. When it gives up the stream is closed: what would come is not the whole."""
        self._starts += 1
        if self._starts == _STARTS:
            self._closing.set()
            raise ServerError("QL521", f"the content of {self._collection} cannot be read: {fault}") from fault
        self._closing.wait(backoff(self._starts, 0.05, 2.0))
        return self._anew() if not self.closed else []

    def _anew(self) -> list[Row]:
        try:
            with server_errors("read the content"):
                self._begin()
        except (ServerError, WorkerFault) as fault:
            return self._again(fault)
        return self._reset()

    def _reset(self) -> list[Row]:
        told, self._told = self._told, False
        return [Row({}, RowChange("", "RESET", None, None, self._collection))] if told else []

    # -- how it changes ------------------------------------------------------------------------------------------

    def _changes(self, batch: ChangeBatch | None) -> Iterator[Row]:
        if batch is not None:
            self._events = batch.events[::-1]
        while self._events and not self.closed:
            yield from self._rows(self._events.pop())

    def _rows(self, event: Event) -> list[Row]:
        kind, coll = event.get("operationType"), event["ns"].get("coll")
        if kind == "rename" and event["to"].get("coll") == self._collection:
            return self._anew()
        if coll != self._collection:
            return []
        if kind in ("drop", "rename"):
            self._dropped = True
            if self._is_gone():
                self._closing.set()
                return []
            return self._reset()
        if self._dropped or "poison" in event or not _has_images(event):
            return self._anew()
        row = self._changed(event)
        return [row] if row is not None else []

    def _changed(self, event: Event) -> Row | None:
        before = self._side(event.get("fullDocumentBeforeChange"))
        after = self._side(event.get("fullDocument") if event["operationType"] != "delete" else None)
        if _are_same(before, after):
            return None
        operation = "INSERT" if before is None else "DELETE" if after is None else "UPDATE"
        row = after if after is not None else before
        assert row is not None
        known = change_of(event)
        was = before if operation == "UPDATE" else None
        self._told = True
        return Row(row, RowChange(known.id, operation, known.timestamp, known.key, known.collection, was))

    def _side(self, document: Document | None) -> Document | None:
        return self._select(document) if document is not None else None


def _are_same(before: Document | None, after: Document | None) -> bool:
    """Rows of equal values. To Python 1 is True, and documents are the same whatever the order of their fields."""
    return before == after and equal(before, after)


def _has_images(event: dict[str, Any]) -> bool:
    kind = event["operationType"]
    before = kind == "insert" or event.get("fullDocumentBeforeChange") is not None
    return before and (kind == "delete" or event.get("fullDocument") is not None)
