"""Aggregate functions over the rows of a group. NULLs do not count, but in ARRAY_AGG, FIRST and LAST."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

from bson import Decimal128

from queryleaf_cdc.errors import InputError, did_you_mean
from queryleaf_cdc.functions import server_numbers as numbers
from queryleaf_cdc.lowering.worker_face import Env, Evaluator
from queryleaf_cdc.offline.ordering import ascending, is_not_a_number, once, sort_key
from queryleaf_cdc.syntax.expressions import Aggregate, Expr, Literal
from queryleaf_cdc.values import Value

OverRows = Callable[[list[Env]], Value]


def compile_aggregate(node: Aggregate, compile_one: Callable[[Expr], Evaluator]) -> OverRows:
    """The aggregate's value over rows. Raises InputError QL423 for one that is known only to a server."""
    keep = compile_one(node.filter) if node.filter is not None else None
    args = [compile_one(arg) for arg in node.args]
    finish = _finish(node)
    orders = [(compile_one(item.expr), sort_key(item)) for item in node.order_by]

    def place(row: Env) -> tuple[Any, ...]:
        return tuple(key(value(row)) for value, key in orders)

    def over(rows: list[Env]) -> Value:
        kept = rows if keep is None else [row for row in rows if keep(row) is True]
        if orders:
            kept = sorted(kept, key=place)
        if not args:
            return len(kept)
        values = [args[0](row) for row in kept]
        return finish(_distinct(values) if node.distinct else values)

    return over


def _finish(node: Aggregate) -> Callable[[list[Value]], Value]:
    if node.name == "STRING_AGG":
        separator = node.args[1] if len(node.args) > 1 else Literal(",", node.span)
        assert isinstance(separator, Literal)
        return lambda values: _joined(values, separator.value)
    found = _FINISH.get(node.name)
    if found is None:
        hint = did_you_mean(node.name, _FINISH)
        raise InputError("QL423", f"the aggregate {node.name} is not supported without a server", node.span, hint)
    return found


def _distinct(values: list[Value]) -> list[Value]:
    """Each value once, in ascending order."""
    return sorted(once(values), key=ascending)


def _known(values: list[Value]) -> list[Value]:
    return [value for value in values if value is not None]


def _numbers(values: list[Value]) -> list[numbers.Number]:
    return [value for value in values if numbers.is_number(value)]


def _sum(values: list[Value]) -> Value:
    """As wide as its widest part; doubles without an error that grows."""
    counted = _numbers(values)
    if not counted:
        return None
    if any(isinstance(value, Decimal128) for value in counted):
        return reduce(numbers.add, counted)
    if any(isinstance(value, float) for value in counted):
        return _exact_sum([float(value) for value in counted])  # type: ignore[arg-type]
    whole = [value for value in counted if isinstance(value, int)]
    return numbers.integer(sum(whole), any(map(numbers.is_wide, whole)))


def _exact_sum(values: list[float]) -> float:
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # beyond all doubles, or ∞ − ∞
        return sum(values)


def _average(values: list[Value]) -> Value:
    counted = _numbers(values)
    if not counted:
        return None
    if any(isinstance(value, Decimal128) for value in counted):
        return numbers.divide(reduce(numbers.add, counted), len(counted))
    return _exact_sum([float(value) for value in counted]) / len(counted)  # type: ignore[arg-type]


def _minimum(values: list[Value]) -> Value:
    known = _known(values)
    return min([value for value in known if not is_not_a_number(value)] or known, key=ascending, default=None)


def _maximum(values: list[Value]) -> Value:
    return max(_known(values), key=ascending, default=None)


def _all(values: list[Value]) -> Value:
    flags = [value for value in values if isinstance(value, bool)]
    return all(flags) if flags else None


def _any(values: list[Value]) -> Value:
    flags = [value for value in values if isinstance(value, bool)]
    return any(flags) if flags else None


def _joined(values: list[Value], separator: str) -> Value:
    texts = [value for value in values if isinstance(value, str)]
    return separator.join(texts) if texts else None


def _deviation(sample: bool, squared: bool) -> Callable[[list[Value]], Value]:
    def of(values: list[Value]) -> Value:
        doubles = [float(str(value)) for value in _numbers(values)]
        degrees = len(doubles) - 1 if sample else len(doubles)
        if degrees < 1:
            return None
        mean = _exact_sum(doubles) / len(doubles)
        variance = _exact_sum([(value - mean) ** 2 for value in doubles]) / degrees
        deviation = math.sqrt(variance)
        return deviation**2 if squared else deviation

    return of


_FINISH: dict[str, Callable[[list[Value]], Value]] = {
    "COUNT": lambda values: len(_known(values)),
    "SUM": _sum,
    "AVG": _average,
    "MIN": _minimum,
    "MAX": _maximum,
    "STDDEV": _deviation(sample=True, squared=False),
    "STDDEV_SAMP": _deviation(sample=True, squared=False),
    "STDDEV_POP": _deviation(sample=False, squared=False),
    "VARIANCE": _deviation(sample=True, squared=True),
    "VAR_SAMP": _deviation(sample=True, squared=True),
    "VAR_POP": _deviation(sample=False, squared=True),
    "BOOL_AND": _all,
    "EVERY": _all,
    "BOOL_OR": _any,
    "ARRAY_AGG": lambda values: values or None,
    "JSON_AGG": lambda values: values or None,
    "FIRST": lambda values: values[0] if values else None,
    "LAST": lambda values: values[-1] if values else None,
}
