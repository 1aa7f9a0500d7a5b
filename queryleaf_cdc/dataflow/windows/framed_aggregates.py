"""Which aggregate over which frame is kept how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from queryleaf_cdc.aggregates import AGGREGATES, Linear, Ordered
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.ordering import sort_key, term
from queryleaf_cdc.dataflow.rows import Row, exact
from queryleaf_cdc.dataflow.windows.contents import Distinct, InOrder, InRowOrder
from queryleaf_cdc.dataflow.windows.framed import Contents, ExcludingAggregate, FramedAggregate
from queryleaf_cdc.dataflow.windows.frames import Bounds
from queryleaf_cdc.dataflow.windows.running import RunningAggregate, running_pick
from queryleaf_cdc.plans.dataflow import WindowFunction
from queryleaf_cdc.syntax.expressions import Aggregate
from queryleaf_cdc.values import Value


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
    if frame.runs_on:
        return RunningAggregate(spec.tally, spec.tally.load, read, spec.result, frame)
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

    if frame.runs_on and spec.lasting is not None:
        return running_pick(spec.lasting, lambda rows: list(map(item, rows)), spec.read(node), frame)
    empty = InRowOrder if order is None else InOrder
    return _over(frame, empty, lambda rows: list(map(item, rows)), spec.read(node), anew=order is None)
