"""Frames: from which row to which each row's frame goes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Protocol

from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.partitions import Order
from queryleaf_cdc.dataflow.windows.ranges import Range, ranged
from queryleaf_cdc.dataflow.windows.reach import EVERYTHING, NOTHING, Reach, Side, peers, reading, rows
from queryleaf_cdc.dataflow.windows.sequence import Sequence
from queryleaf_cdc.syntax.expressions import Expr, Frame, OrderItem


class Edge(Protocol):
    """One end of a frame."""

    before: Side
    after: Side
    """What must be at hand to tell where it is, and what lies inside of it."""

    def starts(self, sequence: Sequence, start: int, stop: int) -> list[int]:
        """For each of the rows, where a frame begins that begins here."""

    def ends(self, sequence: Sequence, start: int, stop: int) -> list[int]:
        """For each of the rows, where a frame ends (not included) that ends here."""


class Unbounded:
    def __init__(self, preceding: bool) -> None:
        self.before = EVERYTHING if preceding else NOTHING
        self.after = NOTHING if preceding else EVERYTHING
        self.preceding = preceding

    def starts(self, sequence: Sequence, start: int, stop: int) -> list[int]:
        return [0 if self.preceding else len(sequence.rows)] * (stop - start)

    ends = starts


class RowsEdge:
    """``offset`` rows further on."""

    def __init__(self, offset: int) -> None:
        self.before, self.after = rows(-offset), rows(offset)
        self._offset = offset

    def starts(self, sequence: Sequence, start: int, stop: int) -> list[int]:
        size, offset = len(sequence.rows), self._offset
        return [min(max(at, 0), size) for at in range(start + offset, stop + offset)]

    def ends(self, sequence: Sequence, start: int, stop: int) -> list[int]:
        return self.starts(sequence, start + 1, stop + 1)


class GroupsEdge:
    """``offset`` groups of peers further on; CURRENT ROW of RANGE and GROUPS is 0."""

    def __init__(self, offset: int, order: Order) -> None:
        self.before, self.after = peers(order, max(-offset, 0)), peers(order, max(offset, 0))
        self._offset = offset

    def starts(self, sequence: Sequence, start: int, stop: int) -> list[int]:
        offset, begin = self._offset, sequence.group_start
        return [begin(group + offset) for group in sequence.group_of[start:stop]]

    def ends(self, sequence: Sequence, start: int, stop: int) -> list[int]:
        offset, begin = self._offset + 1, sequence.group_start
        return [begin(group + offset) for group in sequence.group_of[start:stop]]


class RangeEdge:
    """As far as the offset in the values of the order."""

    def __init__(self, range: Range, order: Order) -> None:
        side, own = Side(frozenset((range,))), peers(order)
        self.before, self.after = (side, own) if range.backwards else (own, side)
        self._bound = range.exact

    def starts(self, sequence: Sequence, start: int, stop: int) -> list[int]:
        return [bisect_left(sequence.orders, self._bound(row)) for row in sequence.rows[start:stop]]

    def ends(self, sequence: Sequence, start: int, stop: int) -> list[int]:
        return [bisect_right(sequence.orders, self._bound(row)) for row in sequence.rows[start:stop]]


class Bounds:
    """A frame's two edges, and what it leaves out in between: CURRENT ROW, GROUP, TIES, or nothing."""

    def __init__(self, start: Edge, end: Edge, exclude: str = "") -> None:
        self._start, self._end, self.exclude = start, end, exclude
        self.before, self.after = start.before | end.before, start.after | end.after

    @property
    def reach(self) -> Reach:
        """Of a function that looks at all the rows of the frame."""
        return reading(self.before, self.after)

    @property
    def reach_of_end(self) -> Reach:
        """Of one that needs to know only where the frame ends."""
        return reading(self._end.before, self._end.after)

    @property
    def is_from_the_first_row(self) -> bool:
        return isinstance(self._start, Unbounded) and self._start.preceding and not self.exclude

    @property
    def runs_on(self) -> bool:
        """Whether rows only enter it, from the partition's first one on."""
        return self.is_from_the_first_row and not self.is_to_the_last_row

    @property
    def reach_of_last(self) -> Reach:
        """Of one that looks at the frame's last row. Below a value that a RANGE ends with it may be anywhere."""
        if self.is_from_the_first_row and not isinstance(self._end, RangeEdge):
            return self.reach_of_end
        return self.reach

    @property
    def is_to_the_last_row(self) -> bool:
        return isinstance(self._end, Unbounded) and not self._end.preceding

    def of(self, sequence: Sequence, start: int, stop: int) -> list[tuple[int, int]]:
        """Where the frame of each of the rows begins, and where it ends (not included; not before it begins)."""
        edges = zip(self._start.starts(sequence, start, stop), self._end.ends(sequence, start, stop), strict=True)
        return [(first, max(first, end)) for first, end in edges]

    def gaps(self, sequence: Sequence, start: int, stop: int) -> list[list[tuple[int, int]]]:
        """What the frame of each of the rows leaves out, in order, within the frame."""
        excluded = [self._excluded(sequence, at) for at in range(start, stop)]
        return [
            [(max(begin, first), min(until, end)) for begin, until in gaps if max(begin, first) < min(until, end)]
            for (first, end), gaps in zip(self.of(sequence, start, stop), excluded, strict=True)
        ]

    def _excluded(self, sequence: Sequence, at: int) -> tuple[tuple[int, int], ...]:
        if self.exclude == "CURRENT ROW":
            return ((at, at + 1),)
        group = sequence.group_of[at]
        begin, end = sequence.group_start(group), sequence.group_start(group + 1)
        return ((begin, end),) if self.exclude == "GROUP" else ((begin, at), (at + 1, end))

    def parts(self, sequence: Sequence, start: int, stop: int) -> list[list[tuple[int, int]]]:
        """The frame of each of the rows as the stretches that are not left out, in order."""
        frames = self.of(sequence, start, stop)
        if not self.exclude:
            return [[frame] for frame in frames]
        found = []
        for (first, end), gaps in zip(frames, self.gaps(sequence, start, stop), strict=True):
            edges = [first, *(edge for gap in gaps for edge in gap), end]
            found.append(list(zip(edges[::2], edges[1::2], strict=True)))
        return found


def bounds(frame: Frame | None, order_by: tuple[OrderItem, ...], order: Order, context: Context) -> Bounds:
    """By default from the partition's first row to the last peer; without ORDER BY all rows are peers."""
    if frame is None:
        return Bounds(Unbounded(True), GroupsEdge(0, order) if order_by else Unbounded(False))
    start, end = (_edge(frame.unit, bound, order_by, order, context) for bound in (frame.start, frame.end))
    return Bounds(start, end, frame.exclude)


def _edge(
    unit: str, bound: tuple[str, Expr | None, str], order_by: tuple[OrderItem, ...], order: Order, context: Context
) -> Edge:
    kind, expr, direction = bound
    preceding = direction == "PRECEDING"
    if kind == "UNBOUNDED":
        return Unbounded(preceding)
    if expr is None:
        return RowsEdge(0) if unit == "ROWS" else GroupsEdge(0, order)
    offset = context.row(expr)(())
    match unit:
        case "ROWS":
            return RowsEdge(-offset if preceding else offset)
        case "GROUPS":
            return GroupsEdge(-offset if preceding else offset, order)
        case _:
            (item,) = order_by
            return RangeEdge(ranged(context.row(item.expr), item, order, offset, preceding), order)
