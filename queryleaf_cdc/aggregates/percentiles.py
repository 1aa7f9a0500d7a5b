"""PERCENTILE_CONT, PERCENTILE_DISC and MEDIAN."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor, isfinite

from queryleaf_cdc.aggregates.constants import fractions
from queryleaf_cdc.aggregates.ordered import Positions, Read, Values
from queryleaf_cdc.functions.server_numbers import Number, as_decimal
from queryleaf_cdc.syntax.expressions import Aggregate
from queryleaf_cdc.values import Value


def median(node: Aggregate) -> Read:
    return _continuous(0.5)


def continuous(node: Aggregate) -> Read:
    return _each(fractions(node), _continuous)


def discrete(node: Aggregate) -> Read:
    return _each(fractions(node), _discrete)


def positions(node: Aggregate) -> Positions:
    found = 0.5 if node.name == "MEDIAN" else fractions(node)
    several = found if isinstance(found, list) else [found]
    return lambda total: sorted({place for each in several for place in _around(each, total)})


def _around(fraction: float, total: int) -> tuple[int, ...]:
    exact = fraction * (total - 1)
    return floor(exact), ceil(exact), _discrete_position(fraction, total)


def _each(found: float | list[float], one: Callable[[float], Read]) -> Read:
    if not isinstance(found, list):
        return one(found)
    reads = [one(fraction) for fraction in found]
    return lambda values: [read(values) for read in reads] if values.total else None


def _discrete(fraction: float) -> Read:
    return lambda values: values.at(_discrete_position(fraction, values.total)) if values.total else None


def _discrete_position(fraction: float, total: int) -> int:
    """Of the first value with at least this fraction of all up to it."""
    return max(ceil(fraction * total) - 1, 0)


def _continuous(fraction: float) -> Read:
    """Between the two values around the place; doubles, whatever the values are."""

    def of(values: Values) -> Value:
        if not values.total:
            return None
        exact = fraction * (values.total - 1)
        low = _double(values.at(floor(exact)))
        high = _double(values.at(ceil(exact)))
        return _between(low, high, exact - floor(exact))

    return of


def _between(low: float, high: float, share: float) -> float:
    if low == high or not share:
        return low
    gap = high - low
    return low + gap * share if isfinite(gap) else low * (1 - share) + high * share


def _double(value: Number) -> float:
    return float(as_decimal(value)) if not isinstance(value, int | float) else float(value)
