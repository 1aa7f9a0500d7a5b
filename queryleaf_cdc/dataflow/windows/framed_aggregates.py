"""Aggregates over frames. Frames only ever move on: what enters is added, what leaves is taken away again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from queryleaf_cdc.aggregates import AGGREGATES, Linear, Ordered, Tally
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.ordering import sort_key, term
from queryleaf_cdc.dataflow.rows import Row, exact
from queryleaf_cdc.dataflow.windows.contents import Distinct, InOrder, InRowOrder
from queryleaf_cdc.dataflow.windows.frames import Bounds
from queryleaf_cdc.dataflow.windows.reach import EVERYTHING
from queryleaf_cdc.dataflow.windows.sequence import Sequence as Stretch
from queryleaf_cdc.plans.dataflow import WindowFunction
from queryleaf_cdc.syntax.expressions import Aggregate
from queryleaf_cdc.values import Value


class Contents(Protocol):
    """What is in a frame. A new one is empty."""

    def add(self, items: Sequence[Any], weight: int) -> None:
        """Enter at the end (weight 1), or leave at the beginning (-1). None is an item that does not count."""


class FramedAggregate:
    """``read`` makes an item of each row, ``result`` the aggregate's value of what is in the frame."""

    def __init__(
        self,
        empty: Callable[[], Contents],
        read: Callable[[list[Row]], list[Any]],
        result: Callable[[Any], Value],
        frame: Bounds,
    ) -> None:
        self._empty, self._read, self._result, self._frame = empty, read, result, frame
        self.reach = frame.reach

    def values(self, sequence: Stretch, start: int, stop: int) -> list[Value]:
        frames = self._frame.of(sequence, start, stop)
        offset = min(first for first, _ in frames)
        items = self._read(sequence.rows[offset : max(end for _, end in frames)])
        found: list[Value] = []
        contents, last = self._first(sequence), (0, 0)
        for first, end in frames:
            frame = first - offset, end - offset
            if frame == last and found:
                found.append(found[-1])
                continue
            contents = self._moved(contents, items, last, frame)
            last = frame
            found.append(self._result(contents))
        return found

    def _first(self, sequence: Stretch) -> Contents:
        return self._empty()

    def _moved(self, contents: Contents, items: list[Any], old: tuple[int, int], new: tuple[int, int]) -> Contents:
        (at, until), (first, end) = old, new
        if first > at and (first >= until or first - at > end - first):
            contents = self._empty()
            at = until = first
        if end > until:
            contents.add(items[until:end], 1)
        if first > at:
            contents.add(items[at:first], -1)
        return contents


class ExcludingAggregate(FramedAggregate):
    """Over frames with EXCLUDE: what is left out is taken away for a moment. ``Contents`` that know no other order than
    that of the rows are made anew for each row."""

    def __init__(
        self,
        empty: Callable[[], Contents],
        read: Callable[[list[Row]], list[Any]],
        result: Callable[[Any], Value],
        frame: Bounds,
        anew: bool,
    ) -> None:
        super().__init__(empty, read, result, frame)
        self._anew = anew

    def values(self, sequence: Stretch, start: int, stop: int) -> list[Value]:
        items = self._read(sequence.rows)
        if self._anew:
            return [self._of_parts(items, parts) for parts in self._frame.parts(sequence, start, stop)]
        found: list[Value] = []
        contents, last = self._empty(), (0, 0)
        frames, gaps = self._frame.of(sequence, start, stop), self._frame.gaps(sequence, start, stop)
        for frame, left_out in zip(frames, gaps, strict=True):
            contents, last = self._moved(contents, items, last, frame), frame
            away = [item for begin, end in left_out for item in items[begin:end]]
            if away:
                contents.add(away, -1)
            found.append(self._result(contents))
            if away:
                contents.add(away, 1)
        return found

    def _of_parts(self, items: list[Any], parts: list[tuple[int, int]]) -> Value:
        contents = self._empty()
        for begin, end in parts:
            contents.add(items[begin:end], 1)
        return self._result(contents)


class RunningTally(FramedAggregate):
    """A linear aggregate over frames that begin with the partition."""

    def __init__(self, spec: Linear, read: Callable[[list[Row]], list[Value]], frame: Bounds) -> None:
        super().__init__(spec.tally, read, spec.result, frame)
        self._make, self._load = spec.tally, spec.tally.load
        self.reach = replace(frame.reach_of_end, concerns_after=EVERYTHING, running=True)

    def carry(self, sequence: Stretch, at: int) -> Any:
        tally = self._first(sequence)
        tally.add(self._read(sequence.rows[:at]), 1)
        return tally.document()

    def _first(self, sequence: Stretch) -> Tally:
        carried = sequence.carried.get(self)
        return self._make() if carried is None else self._load(carried)


def aggregate(function: WindowFunction, frame: Bounds, context: Context) -> FramedAggregate:
    node = Aggregate(function.name, function.args, function.distinct, function.filter, function.order_by, function.span)
    spec = AGGREGATES[function.name]
    if isinstance(spec, Linear):
        return _linear(node, spec, frame, context)
    return _ordered(node, spec, frame, context)


def _linear(node: Aggregate, spec: Linear, frame: Bounds, context: Context) -> FramedAggregate:
    test = context.test(node.filter) if node.filter is not None else None
    value: Callable[[Row], Value] = context.row(spec.argument(node)) if node.args else lambda row: True

    def read(rows: list[Row]) -> list[Value]:
        if test is None:
            return list(map(value, rows))
        return [value(row) if test(row) else None for row in rows]

    if node.distinct:
        return _over(frame, lambda: Distinct(spec), read, lambda contents: contents.result())
    if frame.is_from_the_first_row and not frame.is_to_the_last_row:
        return RunningTally(spec, read, frame)
    return _over(frame, spec.tally, read, spec.result)


def _over(
    frame: Bounds,
    empty: Callable[[], Contents],
    read: Callable[[list[Row]], list[Any]],
    result: Callable[[Any], Value],
    anew: bool = False,
) -> FramedAggregate:
    if frame.exclude:
        return ExcludingAggregate(empty, read, result, frame, anew)
    return FramedAggregate(empty, read, result, frame)


def _ordered(node: Aggregate, spec: Ordered, frame: Bounds, context: Context) -> FramedAggregate:
    test = context.test(node.filter) if node.filter is not None else None
    value, keeps = context.row(spec.value(node)), spec.keeps
    items = spec.order(node)
    order = sort_key([(context.row(item.expr), term(item)) for item in items]) if items else None

    def item(row: Row) -> tuple[bytes, Value] | None:
        if test is not None and not test(row):
            return None
        found = value(row)
        if not keeps(found):
            return None
        return (order(row) + exact((found,)) if order is not None else b""), found

    empty = InRowOrder if order is None else InOrder
    return _over(frame, empty, lambda rows: list(map(item, rows)), spec.read(node), anew=order is None)
