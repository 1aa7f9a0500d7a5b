"""ORDER BY by plain sorting, for what windows and top-N are compared with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from random import Random
from typing import Any

from queryleaf_cdc.dataflow.rows import Row, exact
from queryleaf_cdc.lowering.worker_face import OfRow, evaluator
from queryleaf_cdc.offline.ordering import sort_key
from queryleaf_cdc.plans.dataflow import ROW, Concat
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal, OrderItem

SPAN = Span(0, 0)
NOTHING = Concat(())
"""An input that no operator looks at."""
_LEAVES = OfRow({})


def column(number: int) -> Field:
    return Field(ROW, (number,), SPAN)


def literal(value: Any) -> Literal:
    return Literal(value, SPAN)


def call(name: str, *args: Expr) -> Call:
    return Call(name, args, SPAN)


def by(number: int, descending: bool = False, nulls_first: bool = False) -> OrderItem:
    return OrderItem(column(number), descending, nulls_first, SPAN)


def orders(*columns: int) -> list[tuple[OrderItem, ...]]:
    """These columns in every direction, with NULLs at either end."""
    flags = [(descending, nulls) for descending in (False, True) for nulls in (False, True)]
    return [tuple(by(each, *flag) for each in columns) for flag in flags]


def value(expr: Expr, row: Row) -> Any:
    return evaluator(expr, _LEAVES)(row)


def peer_key(order_by: Sequence[OrderItem], row: Row) -> tuple[Any, ...]:
    return tuple(sort_key(item)(value(item.expr, row)) for item in order_by)


def partitions(rows: Iterable[Row], partition_by: Sequence[Expr], order_by: Sequence[OrderItem]) -> Iterator[list[Row]]:
    """The rows of each partition, sorted: by ORDER BY, then by their bytes."""

    def key(row: Row) -> bytes:
        return repr([value(each, row) for each in partition_by]).encode()

    for _, found in groupby(sorted(rows, key=key), key=key):
        yield sorted(found, key=lambda row: (*peer_key(order_by, row), exact(row)))


def some_row(rng: Random) -> Row:
    """(partition, order, second order, value)"""
    return (
        rng.randrange(2),
        rng.choice([None, 0, 1, 1.0, 2, 3, float("nan"), 5, "x"]),
        rng.choice([None, "a", "b"]),
        rng.randrange(4),
    )
