"""The stretches of a partition that a batch concerns, each as it was and as it will be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from queryleaf_cdc.dataflow.arranged import Arranged
from queryleaf_cdc.dataflow.partitions import Partition, Placed
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.windows.cut import CountedCut, Cut
from queryleaf_cdc.dataflow.windows.memo import Memo
from queryleaf_cdc.dataflow.windows.reach import Reach
from queryleaf_cdc.dataflow.windows.sequence import Entry
from queryleaf_cdc.dataflow.windows.walk import Walk


@dataclass(slots=True)
class Segment:
    """Entries from ``first`` up to ``end`` are concerned; those around them are what their functions read.

    ``base`` rows stand before the entries (counted only where a function knows positions); ``head`` are the
    partition's first rows, where the entries begin further on. ``memo`` tells of the rows before the entries."""

    entries: list[Entry]
    first: int
    end: int
    base: int
    head: list[Row]
    memo: Memo | None

    def rows(self, now: bool) -> tuple[list[Row], int, int]:
        """The rows one by one, as they were or as they will be, and from where to where they are concerned. None
        are there if none are concerned."""
        counts = [after if now else before for _, before, after in self.entries]
        concerned = sum(counts[self.first : self.end])
        if not concerned:
            return [], 0, 0
        rows = [entry[0] for entry, count in zip(self.entries, counts, strict=True) for _ in range(count)]
        start = sum(counts[: self.first])
        return rows, start, start + concerned


class Segments:
    """Finds the segments for functions of this reach."""

    def __init__(self, reach: Reach, cut: Cut | None) -> None:
        self._cut = cut
        self._skips = cut is not None and not reach.concerns_before.rules
        self._behind = reach.concerns_before.walk(), reach.reads_before.walk()
        self._ahead = reach.concerns_after.walk(), reach.reads_after.walk(), *reversed(self._behind)
        self._has_behind = bool(reach.concerns_before.rules or reach.reads_before.rules)
        self._head, self._positions, self._running = reach.head, reach.positions, reach.running

    def of(self, partition: Partition) -> Iterator[Segment]:
        """Of a partition that is still as it was. The rows that different segments concern are different ones."""
        arranged, changes, cut = partition.arranged, partition.changes, self._cut
        at = 0
        while at < len(changes):
            if cut is not None and self._skips and cut.is_beyond(arranged, changes[at]):
                return
            segment = self._before(arranged, changes[at])
            at = self._extend(segment, partition, at, cut.from_position(segment.base) if cut is not None else None)
            yield segment

    def _before(self, arranged: Arranged, change: Placed) -> Segment:
        """The entries before a change that matter to it."""
        start = change[0]
        entries: list[Entry] = []
        concerned = 0
        if self._has_behind:
            walk = Walk(self._behind, change[1])
            for place, row, weight in arranged.backwards(start):
                if not walk.reaches(row, weight):
                    break
                start = place
                entries.append((row, weight, weight))
                if walk.phase == 0:
                    concerned = len(entries)
            entries.reverse()
        memo = None
        if self._running:
            memo = arranged.memo if arranged.memo is not None and arranged.memo.place <= start else None
            begin = b"" if memo is None else memo.place
            entries = [*_between(arranged, begin, start), *entries]
            start = begin
        head = _first(arranged, start, self._head) if self._head else []
        if sum(weight for _, weight, _ in head) < self._head:  # they stand right before the entries, if there are any
            entries, head, start, memo = head + entries, [], b"", None
        base = arranged.before(start) if self._positions else 0
        rows = [row for row, weight, _ in head for _ in range(weight)]
        return Segment(entries, len(entries) - concerned, len(entries), base, rows, memo)

    def _extend(self, segment: Segment, partition: Partition, at: int, cut: CountedCut | None) -> int:
        """Goes on from the change with this number through all that matters to it, and to further changes on the way.
        The number of the first change that is left to another segment."""
        changes, entries = partition.changes, segment.entries
        start = at
        walk = Walk(self._ahead, changes[at][1])
        for entry in _merged(partition.arranged.entries(changes[at][0]), changes[at:]):
            row, before, after = entry
            wanted = cut is None or cut.wants(entry)
            if not wanted:
                walk.leave_first()
            if at > start and not walk.reaches(row, before, 4 if at < len(changes) else 2):
                break
            entries.append(entry)
            if before != after:
                at += 1
                walk.begin(row)  # anew even where it is not wanted: what is counted from may go
                if not wanted:
                    walk.leave_first()
            if wanted and walk.phase == 0:
                segment.end = len(entries)
        return at


def _between(arranged: Arranged, begin: bytes, end: bytes) -> Iterator[Entry]:
    for place, row, weight in arranged.entries(begin):
        if place >= end:
            return
        yield row, weight, weight


def _first(arranged: Arranged, end: bytes, count: int) -> list[Entry]:
    """The first entries of the partition, for so many rows, but none from the place ``end`` on."""
    found: list[Entry] = []
    for entry in _between(arranged, b"", end):
        if count <= 0:
            break
        found.append(entry)
        count -= entry[1]
    return found


def _merged(entries: Iterator[Placed], changes: Sequence[Placed]) -> Iterator[Entry]:
    """What is there and what changes, in order."""
    there = next(entries, None)
    for place, row, weight in changes:
        while there is not None and there[0] < place:
            yield there[1], there[2], there[2]
            there = next(entries, None)
        if there is not None and there[0] == place:
            yield row, there[2], there[2] + weight
            there = next(entries, None)
        else:
            yield row, 0, weight
    while there is not None:
        yield there[1], there[2], there[2]
        there = next(entries, None)
