"""The first rows of a partition, where no others are wanted: top-k per group."""

from __future__ import annotations

from queryleaf_cdc.dataflow.arranged import Arranged
from queryleaf_cdc.dataflow.partitions import Order, Placed
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.windows.sequence import Entry, Sequence


class Cut:
    """Rows whose ROW_NUMBER (or RANK, with ``by_rank``: peers of the last one too) is at most ``first``."""

    def __init__(self, first: int, by_rank: bool, order: Order) -> None:
        self.first = first
        self._by_rank = by_rank
        self._order = order

    def is_beyond(self, arranged: Arranged, change: Placed) -> bool:
        """Whether this row, and so all that come after it, are not wanted."""
        place, row, _ = change
        return arranged.before(self._order(row) if self._by_rank else place) >= self.first

    def stop(self, sequence: Sequence, stop: int) -> int:
        """Where the wanted rows of the sequence end, at ``stop`` at the latest."""
        last = self.first - sequence.base
        if self._by_rank and 0 < last < stop:
            last = sequence.group_start(sequence.group_of[last - 1] + 1)
        return max(min(stop, last), 0)

    def from_position(self, position: int) -> CountedCut:
        return CountedCut(self, position)

    def are_peers(self, row: Row, other: Row) -> bool:
        return self._by_rank and self._order(row) == self._order(other)


class CountedCut:
    """Walks along a partition's entries, and tells which are wanted as they were or as they will be."""

    __slots__ = ("_cut", "_last", "_now", "_was")

    def __init__(self, cut: Cut, position: int) -> None:
        self._cut = cut
        self._was = self._now = position
        self._last: Row | None = None
        """the last row, if it was wanted"""

    def wants(self, entry: Entry) -> bool:
        """To be asked for one entry after the other."""
        row, before, after = entry
        wanted = min(self._was, self._now) < self._cut.first
        if not wanted and self._last is not None:
            wanted = self._cut.are_peers(row, self._last)
        self._was += before
        self._now += after
        self._last = row if wanted else None
        return wanted
