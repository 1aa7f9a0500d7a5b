"""ORDER BY with LIMIT and OFFSET, per partition.

The rows from ``offset`` up to ``offset + limit`` are the first ``offset + limit`` rows without the first ``offset``. So
the change is the difference of how two beginnings change, and each costs what changes in it, not how long it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from queryleaf_cdc.dataflow.arranged import Arranged
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.partitions import Partition, Partitions, Placed
from queryleaf_cdc.dataflow.rows import Delta, Row, consolidated
from queryleaf_cdc.plans.dataflow import Top


class TopRows:
    """State: all rows of each partition, in order."""

    def __init__(self, node: Top, context: Context) -> None:
        self._partitions = Partitions(node.partition_by, node.order_by, context)
        self._offset = node.offset
        self._end = None if node.limit is None else node.offset + node.limit

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        (delta,) = inputs
        output: Delta = []
        for partition in self._partitions.touched(delta, self._pages_at_the_ends):
            output += self._changed(partition)
        return output

    def _pages_at_the_ends(self, partition: Partition) -> set[int]:
        ends = [end for end in (self._offset, self._end) if end]
        return {number for end in ends for number in partition.arranged.wanted_at(end)}

    def _changed(self, partition: Partition) -> Delta:
        offset, end = self._offset, self._end
        skipped = _Beginning(partition.arranged, offset) if offset else None
        shown = _Beginning(partition.arranged, end) if end is not None else None
        partition.apply()
        if shown is not None:
            output = shown.change(partition)
        else:
            output = [(row, weight) for _, row, weight in partition.changes]
        if skipped is not None:
            output += [(row, -weight) for row, weight in skipped.change(partition)]
        return consolidated(output) if len(output) > 1 else output


class _Beginning:
    """The first ``count`` rows of a partition, as they are before it changes. Remembered is the first place that does
    not belong to them as a whole, and how many of its rows do."""

    def __init__(self, arranged: Arranged, count: int) -> None:
        self._count = count
        self._cut: bytes | None = None
        self._row: Row = ()
        self._inside = 0
        for place, row, left in arranged.from_position(count):
            self._cut, self._row = place, row
            self._inside = arranged.weight(place) - left
            return
        self._count_now = arranged.total

    def change(self, partition: Partition) -> Delta:
        """How the first ``count`` rows have changed, now that the partition has."""
        cut, changes = self._cut, partition.changes
        if cut is not None and changes[0][0] > cut:
            return []
        inner = [(row, weight) for place, row, weight in changes if cut is None or place < cut]
        moved = sum(weight for _, weight in inner)
        if cut is None:
            surplus = self._count_now + moved - self._count
            return inner + (_taken(partition.arranged.backwards(), surplus, -1) if surplus > 0 else [])
        if self._inside:
            inner.append((self._row, -self._inside))
        free = self._inside - moved
        if free >= 0:
            return inner + _taken(partition.arranged.entries(cut), free, 1)
        return inner + _taken(partition.arranged.backwards(cut), -free, -1)


def _taken(entries: Iterable[Placed], count: int, sign: int) -> Delta:
    """The first so many rows."""
    found: Delta = []
    if count > 0:
        for _, row, weight in entries:
            found.append((row, sign * min(weight, count)))
            count -= weight
            if count <= 0:
                break
    return found
