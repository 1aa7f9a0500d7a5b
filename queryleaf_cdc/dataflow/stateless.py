"""Operators that remember nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bson import Int64

from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.partitions import order_of
from queryleaf_cdc.dataflow.rows import Delta, projection
from queryleaf_cdc.plans.dataflow import Concat, Map, Sort, Unnest


class Mapped:
    def __init__(self, node: Map, context: Context) -> None:
        self._project = projection([context.row(column) for column in node.columns])
        self._test = context.test(node.condition) if node.condition is not None else None

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        (delta,) = inputs
        project, test = self._project, self._test
        if test is None:
            return [(project(row), weight) for row, weight in delta]
        return [(project(row), weight) for row, weight in delta if test(row)]


class Unnested:
    def __init__(self, node: Unnest, context: Context) -> None:
        self._array = context.row(node.array)
        self._outer = node.outer

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        (delta,) = inputs
        output: Delta = []
        for row, weight in delta:
            elements = self._array(row)
            if isinstance(elements, list) and elements:
                output += [((*row, each, Int64(place)), weight) for place, each in enumerate(elements, 1)]
            elif self._outer:
                output.append(((*row, None, None), weight))
        return output


class Concatenated:
    def __init__(self, node: Concat, context: Context) -> None:
        pass

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        return [each for delta in inputs for each in delta]


class Sorted:
    def __init__(self, node: Sort, context: Context) -> None:
        self._order = order_of(node.order_by, context)

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        (delta,) = inputs
        return sorted(delta, key=lambda each: self._order(each[0]))
