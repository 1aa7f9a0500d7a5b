"""Window functions by their definitions, row by row and frame by frame: what the operator is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from math import isnan
from statistics import median
from typing import Any

from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.lowering.worker_face import OfRow, evaluator
from queryleaf_cdc.offline.aggregates import compile_aggregate
from queryleaf_cdc.plans.dataflow import Over, WindowFunction
from queryleaf_cdc.syntax.expressions import Aggregate, Frame
from queryleaf_cdc.values import Interval
from tests.unit.dataflow.plain_order import partitions, peer_key, value

_LEAVES = OfRow({})


def expected(node: Over, rows: Sequence[Row]) -> Iterator[Row]:
    for found in partitions(rows, node.partition_by, node.order_by):
        partition = _Partition(node, found)
        for at, row in enumerate(found):
            if node.first is None or partition.rank(at, node.first_by) <= node.first:
                yield row + tuple(partition.value(each, at) for each in node.functions)


class _Partition:
    def __init__(self, node: Over, rows: list[Row]) -> None:
        self.rows = rows
        self.order_by = node.order_by
        keys = [peer_key(node.order_by, row) for row in rows]
        self.frames: dict[tuple[int, int], list[Row]] = {}
        self.groups = list(accumulate(int(at > 0 and keys[at] != keys[at - 1]) for at in range(len(rows))))

    def rank(self, at: int, name: str) -> int:
        return at + 1 if name == "ROW_NUMBER" else self.groups.index(self.groups[at]) + 1

    def value(self, function: WindowFunction, at: int) -> Any:
        args, size = function.args, len(self.rows)
        match function.name:
            case "ROW_NUMBER" | "RANK":
                return self.rank(at, function.name)
            case "DENSE_RANK":
                return self.groups[at] + 1
            case "PERCENT_RANK":
                return (self.rank(at, "RANK") - 1) / (size - 1) if size > 1 else 0.0
            case "CUME_DIST":
                return sum(group <= self.groups[at] for group in self.groups) / size
            case "NTILE":
                return self._bucket(value(args[0], ()), at)
            case "LAG" | "LEAD":
                return self._neighbour(function, at)
            case "SESSION_START" | "SESSION_END":
                return self._session(function, at)
        frame = self._frame(function.frame, at)
        if function.ignore_nulls:
            frame = [row for row in frame if value(args[0], row) is not None]
        match function.name:
            case "FIRST_VALUE":
                return value(args[0], frame[0]) if frame else None
            case "LAST_VALUE":
                return value(args[0], frame[-1]) if frame else None
            case "NTH_VALUE":
                nth = value(args[1], ())
                return value(args[0], frame[nth - 1]) if len(frame) >= nth else None
            case "MEDIAN":
                return median([float(each) for row in frame if (each := value(args[0], row)) is not None] or [0.0])
            case _:
                return _aggregate(function, frame)

    def _bucket(self, buckets: int, at: int) -> int:
        sizes = [len(self.rows) // buckets + (each < len(self.rows) % buckets) for each in range(buckets)]
        return next(each + 1 for each in range(buckets) if at < sum(sizes[: each + 1]))

    def _neighbour(self, function: WindowFunction, at: int) -> Any:
        args, row = function.args, self.rows[at]
        offset = value(args[1], row) if len(args) > 1 else 1
        if offset is None:
            return None
        step = offset if function.name == "LEAD" else -offset
        if function.ignore_nulls and step:
            return self._known_neighbour(function, at, step)
        there = at + step
        if 0 <= there < len(self.rows):
            return value(args[0], self.rows[there])
        return value(args[2], row) if len(args) > 2 else None

    def _known_neighbour(self, function: WindowFunction, at: int, step: int) -> Any:
        args = function.args
        side = self.rows[at + 1 :] if step > 0 else self.rows[:at][::-1]
        known = [found for each in side if (found := value(args[0], each)) is not None]
        if len(known) >= abs(step):
            return known[abs(step) - 1]
        return value(args[2], self.rows[at]) if len(args) > 2 else None

    def _session(self, function: WindowFunction, at: int) -> Any:
        times = [value(function.args[0], row) for row in self.rows]
        gap = timedelta(milliseconds=function.args[1].value.milliseconds)  # type: ignore[union-attr]
        if times[at] is None:
            return None
        first = last = at
        while first > 0 and times[first - 1] is not None and times[first] < times[first - 1] + gap:
            first -= 1
        while last + 1 < len(times) and times[last + 1] is not None and times[last + 1] < times[last] + gap:
            last += 1
        return times[first] if function.name == "SESSION_START" else times[last] + gap

    # -- frames ----------------------------------------------------------------------------------------------------

    def _frame(self, frame: Frame | None, at: int) -> list[Row]:
        if (id(frame), at) not in self.frames:
            places = [there for there in range(len(self.rows)) if self._is_in(frame, at, there)]
            self.frames[id(frame), at] = [self.rows[there] for there in places]
        return self.frames[id(frame), at]

    def _is_in(self, frame: Frame | None, at: int, there: int) -> bool:
        if frame is None:
            return not self.order_by or self.groups[there] <= self.groups[at]
        if self._is_excluded(frame.exclude, at, there):
            return False
        return self._is_within(frame.unit, frame.start, at, there, 1) and self._is_within(
            frame.unit, frame.end, at, there, -1
        )

    def _is_excluded(self, exclude: str, at: int, there: int) -> bool:
        if exclude == "CURRENT ROW" or there == at:
            return there == at and exclude in ("CURRENT ROW", "GROUP")
        return exclude != "" and self.groups[there] == self.groups[at]

    def _is_within(self, unit: str, bound: tuple[str, Any, str], at: int, there: int, sign: int) -> bool:
        """Whether ``there`` is not before (sign 1) or not after (-1) the bound of the frame of ``at``."""
        kind, expr, direction = bound
        if kind == "UNBOUNDED":
            return True
        offset = 0 if expr is None else value(expr, ())
        towards = -1 if direction == "PRECEDING" else 1
        match unit:
            case "ROWS":
                return sign * there >= sign * (at + towards * offset)
            case "GROUPS":
                return sign * self.groups[there] >= sign * (self.groups[at] + towards * offset)
            case _ if expr is None:
                return sign * self.groups[there] >= sign * self.groups[at]
            case _:
                return self._is_in_range(expr.value, towards, at, there, sign)

    def _is_in_range(self, offset: Any, towards: int, at: int, there: int, sign: int) -> bool:
        (item,) = self.order_by
        if item.descending:
            towards = -towards
        own, other = value(item.expr, self.rows[at]), value(item.expr, self.rows[there])
        limit = _moved(own, offset, towards)
        if limit is None or _moved(other, offset, towards) is None:
            return sign * self.groups[there] >= sign * self.groups[at]
        return (sign * -1 if item.descending else sign) * _compared(other, limit) >= 0


def _moved(own: Any, offset: Any, towards: int) -> Any:
    if isinstance(offset, Interval):
        if not isinstance(own, datetime):
            return None
        months = own.month - 1 + towards * offset.months
        year, month = own.year + months // 12, months % 12 + 1
        days = (datetime(year + month // 12, month % 12 + 1, 1) - datetime(year, month, 1)).days
        moved = own.replace(year=year, month=month, day=min(own.day, days))
        return moved + towards * timedelta(days=offset.days, milliseconds=offset.milliseconds)
    if not isinstance(own, int | float) or isnan(own):
        return None
    return own + towards * offset


def _compared(a: Any, b: Any) -> int:
    return (a > b) - (a < b)


def _aggregate(function: WindowFunction, frame: list[Row]) -> Any:
    node = Aggregate(function.name, function.args, function.distinct, function.filter, function.order_by, function.span)
    return compile_aggregate(node, lambda expr: evaluator(expr, _LEAVES))(frame)  # type: ignore[arg-type]
