"""MIN, MAX, FIRST and LAST: a value at either end."""

from __future__ import annotations

from collections.abc import Sequence

from queryleaf_cdc.aggregates.ordered import Positions, Read, Values
from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.functions.server_numbers import is_nan, is_number
from queryleaf_cdc.syntax.expressions import Aggregate
from queryleaf_cdc.values import Type, Value


def first(node: Aggregate) -> Read:
    return lambda values: values.at(0) if values.total else None


def last(node: Aggregate) -> Read:
    return lambda values: next(values.backwards(), None)


def greatest(node: Aggregate) -> Read:
    """NaN, which the order has at the very end, is the greatest number, but below all other kinds."""

    def of(values: Values) -> Value:
        found = None
        for value in values.backwards():
            if not _is_nan(value):
                return value if found is None or type_of_value(value) is not Type.NUMBER else found
            found = value
        return found

    return of


def only_first(values: Sequence[Value]) -> list[int]:
    return [0] if values else []


def only_last(values: Sequence[Value]) -> list[int]:
    return [len(values) - 1] if values else []


def only_greatest(values: Sequence[Value]) -> list[int]:
    """The last one that is no NaN, and the first NaN."""
    total = len(values)
    ends = next((at for at in range(total, 0, -1) if not _is_nan(values[at - 1])), 0)
    return [at for at in (ends - 1, ends) if 0 <= at < total]


def _is_nan(value: Value) -> bool:
    return is_number(value) and is_nan(value)


def at_first(node: Aggregate) -> Positions:
    return lambda total: [0]


def at_last(node: Aggregate) -> Positions:
    return lambda total: [total - 1]
