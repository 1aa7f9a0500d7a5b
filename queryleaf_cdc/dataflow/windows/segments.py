"""The stretches of a partition that a batch concerns, each as it was and as it will be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from queryleaf_cdc.dataflow.arrangement import Arranged
from queryleaf_cdc.dataflow.partitions import Partition, Placed
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.windows.cut import CountedCut, Cut
from queryleaf_cdc.dataflow.windows.reach import Reach
from queryleaf_cdc.dataflow.windows.sequence import Entry
from queryleaf_cdc.dataflow.windows.walk import Walk


@dataclass(slots=True)
class Segment:
    """Entries from ``first`` up to ``end`` are concerned; those around them are what their functions read.

    ``base`` rows stand before the entries (counted only where a function knows positions); ``head`` are the
    partition's first rows, where the entries begin further on."""

    entries: list[Entry]
    first: int
    end: int
    base: int
    head: list[Row]

    def rows(self, now: bool) -> tuple[list[Row], int, int]:
        """The rows one by one, as they were or as they will be, and from where to where they are concerned."""
        counts = [after if now else before for _, before, after in self.entries]
        rows = [entry[0] for entry, count in zip(self.entries, counts, strict=True) for _ in range(count)]
        start = sum(counts[: self.first])
        return rows, start, start + sum(counts[self.first : self.end])


def segments(partition: Partition, reach: Reach, cut: Cut | None) -> Iterator[Segment]:
    """Of a partition that is still as it was. The rows that different segments concern are different ones."""
    arranged, changes = partition.arranged, partition.changes
    at = 0
    while at < len(changes):
        if cut is not None and not reach.concerns_before.rules and cut.is_beyond(arranged, changes[at]):
            return
        segment = _behind(arranged, changes[at], reach)
        counted = cut.from_position(segment.base) if cut is not None else None
        at = _extend(segment, partition, at, reach, counted)
        yield segment


def _behind(arranged: Arranged, change: Placed, reach: Reach) -> Segment:
    """The entries before a change that matter to it."""
    start, origin, _ = change
    walk = Walk(reach.concerns_before, reach.reads_before)
    walk.begin(origin)
    entries: list[Entry] = []
    concerned = 0
    for place, row, weight in arranged.backwards(start):
        if not walk.reaches(row, weight):
            break
        start = place
        entries.append((row, weight, weight))
        if walk.phase == 0:
            concerned = len(entries)
    entries.reverse()
    head = _head(arranged, start, reach.head)
    if sum(weight for _, weight, _ in head) < reach.head:  # they stand right before the entries, if there are any
        entries, head = head + entries, []
        start = b""
    base = arranged.before(start) if reach.positions else 0
    return Segment(entries, len(entries) - concerned, len(entries), base, _one_by_one(head))


def _head(arranged: Arranged, end: bytes, count: int) -> list[Entry]:
    """The first entries of the partition, for so many rows, but none from the place ``end`` on."""
    found: list[Entry] = []
    if count:
        for place, row, weight in arranged.entries():
            if count <= 0 or place >= end:
                break
            found.append((row, weight, weight))
            count -= weight
    return found


def _one_by_one(entries: list[Entry]) -> list[Row]:
    return [row for row, weight, _ in entries for _ in range(weight)]


def _extend(segment: Segment, partition: Partition, at: int, reach: Reach, cut: CountedCut | None) -> int:
    """Goes on from the change with this number through all that matters to it, and to further changes on the way. The
    number of the first change that is left to another segment."""
    changes, entries = partition.changes, segment.entries
    start = at
    walk = Walk(reach.concerns_after, reach.reads_after, reach.reads_before, reach.concerns_before)
    for entry in _merged(partition.arranged.entries(changes[at][0]), changes[at:]):
        row, before, after = entry
        wanted = cut is None or cut.wants(entry)
        if not wanted and at > start:
            walk.leave_first()
        if at > start and not walk.reaches(row, min(before, after), 4 if at < len(changes) else 2):
            break
        entries.append(entry)
        if before != after:
            at += 1
            if wanted or at == start + 1:
                walk.begin(row)
        if wanted and walk.phase == 0:
            segment.end = len(entries)
    return at


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
