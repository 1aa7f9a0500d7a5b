"""Copies what a view reads into one build of it, piece by piece, in the lane that also feeds it with changes.

Each piece is read as of a time that is not before the lane's position. Changes of documents that are not copied yet are
passed over; those of copied ones count from their piece's time on (``feeds.Watermarks``). So, when all is copied and
the lane has passed the last piece's time, the build is exact at the lane's position, whatever was written meanwhile."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from bson.timestamp import Timestamp

from queryleaf_cdc.collector import without_collections
from queryleaf_cdc.dataflow.ordering import encode_value
from queryleaf_cdc.dataflow.rows import Delta
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.mongo.active import BEYOND, ActiveEntry, Build, Copied
from queryleaf_cdc.mongo.faults import BatchTooLarge
from queryleaf_cdc.mongo.handles import Db
from queryleaf_cdc.mongo.snapshot import Piece, SnapshotGone, estimated, next_piece, read_piece, rows_within
from queryleaf_cdc.mongo.state import store_active
from queryleaf_cdc.plans.view import ViewSource
from queryleaf_cdc.runtime.engine import Engine
from queryleaf_cdc.runtime.feeds import SnapshotScan, Watermarks
from queryleaf_cdc.runtime.lanes import MainLane
from queryleaf_cdc.runtime.limits import Limits
from queryleaf_cdc.runtime.runs import Extra
from queryleaf_cdc.runtime.view_states import copied_on
from queryleaf_cdc.runtime.views import RunningView

_SECONDS = 1.0
"""that a piece may take: so long nothing else moves"""


@frozen
class Read:
    """One piece of a scan's collection as it was at a time."""

    scan: int
    piece: Piece
    time: Timestamp
    rows: Delta


class Ahead(threading.Thread):
    """Reads the next piece while one is computed. It may be used as long as no change was passed over meanwhile."""

    def __init__(self, read: Callable[[], Read]) -> None:
        super().__init__(name="queryleaf-copy", daemon=True)
        self._read = read
        self._found: Read | None = None
        self.start()

    def run(self) -> None:
        with contextlib.suppress(Exception):  # whoever reads the piece anew will meet it again
            self._found = self._read()

    def result(self) -> Read | None:
        self.join()
        return self._found


@dataclass(slots=True)
class Copying:
    """The copying of one build. ``read_from`` says where a scan's collection really is."""

    database: Db
    engine: Engine
    lane: MainLane
    limits: Limits
    view: RunningView
    read_from: Callable[[str], str]
    _rows: int = 0
    _ahead: Ahead | None = None

    def is_done(self, build: Build) -> bool:
        return all(build.copied.get(each.scan.number, Copied()).done for each in self.view.compiled.plan.sources)

    def begin(self, build: Build) -> Build:
        """What is known before the first piece: about how much there is."""
        sources = self.view.compiled.plan.sources
        return replace(build, total=sum(estimated(self.database, self.read_from(s.scan.collection)) for s in sources))

    def step(self, entry: ActiveEntry) -> ActiveEntry:
        """Copies one piece. Raises SnapshotGone, TriggerStopped or a WorkerFault; then nothing was copied."""
        build = entry.build
        assert build is not None
        source = next(
            each for each in self.view.compiled.plan.sources if not build.copied.get(each.scan.number, Copied()).done
        )
        known = build.copied.get(source.scan.number, Copied())
        began = self.engine.clock.monotonic()
        try:
            with self.engine.keep_lease(lambda: False):
                read = self._read_ahead(source, known) or self._read(source, known.last)
            if read.piece.to and not self._has_passed_over(source.scan.number):
                self._ahead = Ahead(lambda: self._read(source, read.piece.to))
            updated = self._commit(entry, build, read)
        except (BatchTooLarge, SnapshotGone):
            self._ahead = None
            if self._rows == 1:
                raise
            self._rows //= 2
            return entry
        self._adapt(self.engine.clock.monotonic() - began, source)
        return updated

    def accept(self, build: Build) -> None:
        """Has the changes passed over that the copy has, or will have."""
        for number, feed in self.view.compiled.feeds.items():
            if feed.scan.changes:
                continue
            feed.accept = Watermarks(build.copied.get(number, Copied()))
        for number, scan in self.view.scans.items():
            chunks = build.copied.get(number, Copied()).chunks
            scan.copied_to = chunks[-1][0] if chunks else b""
            scan.has_passed_over = False

    def _read_ahead(self, source: ViewSource, known: Copied) -> Read | None:
        ahead, self._ahead = self._ahead, None
        read = ahead.result() if ahead is not None else None
        if read is None or self._has_passed_over(source.scan.number):
            return None
        return read if (read.scan, read.piece.after) == (source.scan.number, known.last) else None

    def _has_passed_over(self, scan: int) -> bool:
        """Whether there was a change, since the last piece, of what is not copied: so there will be others."""
        feed = self.view.compiled.feeds.get(scan)
        if feed is None:
            return self.view.scans[scan].has_passed_over
        return feed.accept is not None and feed.accept.has_passed_over

    def _read(self, source: ViewSource, after: tuple[Any, ...]) -> Read:
        collection = self.read_from(source.scan.collection)
        self._rows = self._rows or min(self.limits.first_piece_rows, self._at_most(source))
        piece = next_piece(self.database, collection, after, self._rows)
        scan = SnapshotScan(source, self.view.compiled.functions)
        time, batches = read_piece(self.database, piece, scan.pipeline)
        rows: Delta = []
        with without_collections():
            for batch in batches:
                rows += scan.rows(batch)
        return Read(source.scan.number, piece, time, rows)

    def _commit(self, entry: ActiveEntry, build: Build, read: Read) -> ActiveEntry:
        piece = read.piece
        chunk = (encode_value(piece.to[0]) if piece.to else BEYOND, read.time)
        count = piece.count if piece.to else max(len(read.rows), build.total - build.rows)
        build = copied_on(build, read.scan, chunk, piece.to, count, self.lane.position.time)
        updated = replace(entry, build=build)

        def feed() -> None:
            self.view.add(read.scan, read.rows)

        extra = Extra(feed, lambda buffer: store_active(buffer, updated), (self.view.uid,))
        self.engine.compute(self.lane, extra)
        self.accept(build)
        return updated

    def _at_most(self, source: ViewSource) -> int:
        collection = self.read_from(source.scan.collection)
        return rows_within(self.database, collection, self.limits.piece_bytes, self.limits.piece_rows)

    def _adapt(self, seconds: float, source: ViewSource) -> None:
        if seconds > 2 * _SECONDS:
            self._rows = max(1, self._rows // 2)
        elif seconds < _SECONDS / 2:
            self._rows = max(self._rows, min(self._rows * 2, self._at_most(source)))
