"""Window functions: the affected stretches of a partition, computed as they were and as they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import copysign

from bson import Int64, ObjectId

from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.partitions import Partition, Partitions
from queryleaf_cdc.dataflow.rows import Delta, Row, exact
from queryleaf_cdc.dataflow.windows.column import Running
from queryleaf_cdc.dataflow.windows.columns import column
from queryleaf_cdc.dataflow.windows.cut import Cut
from queryleaf_cdc.dataflow.windows.memo import moved_on
from queryleaf_cdc.dataflow.windows.reach import EVERYTHING, Reach, together
from queryleaf_cdc.dataflow.windows.segments import Segment, Segments
from queryleaf_cdc.dataflow.windows.sequence import Sequence as Stretch
from queryleaf_cdc.plans.dataflow import Over
from queryleaf_cdc.values import Value

_PLAIN = frozenset((str, int, Int64, bool, datetime, ObjectId, type(None)))


class Windows:
    """State: all rows of each partition, in order; what the functions are worth is computed again where it matters."""

    def __init__(self, node: Over, context: Context) -> None:
        self._partitions = Partitions(node.partition_by, node.order_by, context)
        order = self._partitions.order
        self._columns = [column(each, node.order_by, order, context) for each in node.functions]
        self._running = [each for each in self._columns if isinstance(each, Running)]
        self._reach = together(each.reach for each in self._columns)
        self._cut = Cut(node.first, node.first_by == "RANK", order) if node.first is not None else None
        if self._cut is not None:
            self._reach |= Reach(concerns_after=EVERYTHING, positions=True)
        self._segments = Segments(self._reach, self._cut)

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        (delta,) = inputs
        output: Delta = []
        for partition in self._partitions.touched(delta, self._pages):
            self._change(partition, output)
        return output

    def _pages(self, partition: Partition) -> set[int]:
        """The pages that will be read beyond those of changed rows, as far as that can be told."""
        reach, arranged, start = self._reach, partition.arranged, partition.changes[0][0]
        found: set[int] = set()
        if reach.head:
            found |= arranged.wanted_up_to(reach.head)
        if reach.concerns_before.is_all or reach.reads_before.is_all or (reach.running and arranged.memo is None):
            found |= arranged.wanted_between(b"", start)
        if self._cut is not None:
            return found | arranged.wanted_up_to(self._cut.first)
        if reach.concerns_after.is_all or reach.reads_after.is_all:
            found |= arranged.wanted_between(start)
        return found

    def _change(self, partition: Partition, output: Delta) -> None:
        arranged = partition.arranged
        found = list(self._segments.of(partition))
        before = arranged.total if self._reach.positions else 0
        partition.apply()
        after = before + sum(weight for _, _, weight in partition.changes)
        arranged.memo = None
        for segment in found:
            _, was = self._computed(segment, False, before)
            stretch, now = self._computed(segment, True, after)
            _emit(segment, was, now, output)
            if self._running and self._cut is None:
                arranged.memo = moved_on(segment.memo, stretch, self._running)

    def _computed(self, segment: Segment, now: bool, total: int) -> tuple[Stretch, list[Row]]:
        """A segment's rows, and the functions' values for each that is concerned and wanted, in order."""
        rows, start, stop = segment.rows(now)
        carried = segment.memo.carried if segment.memo is not None else {}
        stretch = Stretch(rows, self._partitions.order, segment.base, total, segment.head, carried)
        if self._cut is not None:
            stop = self._cut.stop(stretch, stop)
        if start >= stop:
            return stretch, []
        return stretch, list(zip(*[each.values(stretch, start, stop) for each in self._columns], strict=True))


def _emit(segment: Segment, was: list[Row], now: list[Row], output: Delta) -> None:
    """The difference, row by row."""
    at = to = 0
    for row, before, after in segment.entries[segment.first : segment.end]:
        gone, come = was[at : at + before], now[to : to + after]
        at += before
        to += after
        both = min(len(gone), len(come))
        for old, new in zip(gone[:both], come[:both], strict=True):
            if not _same(old, new):
                output.append((row + old, -1))
                output.append((row + new, 1))
        output += [(row + old, -1) for old in gone[both:]]
        output += [(row + new, 1) for new in come[both:]]


def _same(old: Row, new: Row) -> bool:
    return all(map(_same_value, old, new))


def _same_value(old: Value, new: Value) -> bool:
    """Whether nothing differs, be it the width of a number or the sign of a zero."""
    kind = type(old)
    if kind is not type(new):
        return False
    if kind in _PLAIN:
        return bool(old == new)
    if kind is float and old == new:
        return copysign(1.0, old) == copysign(1.0, new)
    return exact((old,)) == exact((new,))
