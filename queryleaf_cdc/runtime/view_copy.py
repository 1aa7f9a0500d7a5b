"""Copies what a view reads into one build of it, piece by piece, in the lane that also feeds it with changes.

Each piece is read as of a time that is not before the lane's position. Changes of documents that are not copied yet are
passed over; those of copied ones count from their piece's time on (``feeds.Watermarks``). So, when all is copied and
the lane has passed the last piece's time, the build is exact at the lane's position, whatever was written meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from queryleaf_cdc.dataflow.ordering import encode_value
from queryleaf_cdc.dataflow.rows import Delta
from queryleaf_cdc.mongo.active import BEYOND, ActiveEntry, Build, Copied
from queryleaf_cdc.mongo.faults import BatchTooLarge
from queryleaf_cdc.mongo.handles import Db
from queryleaf_cdc.mongo.snapshot import Piece, SnapshotGone, estimated, next_piece, read_piece, rows_within
from queryleaf_cdc.mongo.state import store_active
from queryleaf_cdc.plans.view import ViewSource
from queryleaf_cdc.runtime.engine import Engine, Extra
from queryleaf_cdc.runtime.feeds import SnapshotScan, Watermarks
from queryleaf_cdc.runtime.lanes import MainLane
from queryleaf_cdc.runtime.limits import Limits
from queryleaf_cdc.runtime.view_states import copied_on
from queryleaf_cdc.runtime.views import RunningView

_SECONDS = 1.0
"""that a piece may take: so long nothing else moves"""


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
        began = self.engine.clock.monotonic()
        collection = self.read_from(source.scan.collection)
        self._rows = self._rows or self._at_first(collection)
        known = build.copied.get(source.scan.number, Copied())
        piece = next_piece(self.database, collection, known.last, self._rows)
        try:
            updated = self._copy(entry, build, source, piece)
        except (BatchTooLarge, SnapshotGone):
            if self._rows == 1:
                raise
            self._rows //= 2
            return entry
        self._adapt(self.engine.clock.monotonic() - began, collection)
        return updated

    def accept(self, build: Build) -> None:
        """Has the changes passed over that the copy has, or will have."""
        for number, feed in self.view.compiled.feeds.items():
            feed.accept = Watermarks(build.copied.get(number, Copied()))
        for number, scan in self.view.scans.items():
            chunks = build.copied.get(number, Copied()).chunks
            scan.copied_to = chunks[-1][0] if chunks else b""

    def _copy(self, entry: ActiveEntry, build: Build, source: ViewSource, piece: Piece) -> ActiveEntry:
        scan = SnapshotScan(source, self.view.compiled.functions)
        time, batches = read_piece(self.database, piece, scan.pipeline)
        delta: Delta = []
        for batch in batches:
            delta += scan.rows(batch)
        chunk = (encode_value(piece.to[0]) if piece.to else BEYOND, time)
        count = piece.count if piece.to else max(len(delta), build.total - build.rows)
        build = copied_on(build, source.scan.number, chunk, piece.to, count, self.lane.position.time)
        updated = replace(entry, build=build)

        def feed() -> None:
            self.view.add(source.scan.number, delta)

        extra = Extra(feed, lambda buffer: store_active(buffer, updated), (self.view.uid,))
        self.engine.compute(self.lane, extra)
        self.accept(build)
        return updated

    def _at_first(self, collection: str) -> int:
        return rows_within(self.database, collection, self.limits.piece_bytes, self.limits.piece_rows)

    def _adapt(self, seconds: float, collection: str) -> None:
        if seconds > 2 * _SECONDS:
            self._rows = max(1, self._rows // 2)
        elif seconds < _SECONDS / 2:
            self._rows = max(self._rows, min(self._rows * 2, self._at_first(collection)))
