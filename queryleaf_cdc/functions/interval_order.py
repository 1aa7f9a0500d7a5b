"""Comparing intervals: by their length, a month being 30 days and a day 24 hours, as PostgreSQL does."""

from __future__ import annotations

from collections.abc import Callable

from queryleaf_cdc.functions import server_numbers as numbers
from queryleaf_cdc.functions.building import bind_args, member
from queryleaf_cdc.functions.intervals import interval_tests, parts
from queryleaf_cdc.functions.mql import Const, Mql, all_of, op
from queryleaf_cdc.functions.spec import Arg
from queryleaf_cdc.values import Type, Value

_MONTH_MS = 2_592_000_000
_DAY_MS = 86_400_000


def span(value: Value) -> int | float | None:
    """The length in milliseconds (a double beyond 64 bits, as on the server); None for what is no interval."""
    found = parts(value)
    if found is None:
        return None
    months, days, milliseconds = found
    return numbers.add(months * _MONTH_MS + days * _DAY_MS, milliseconds)  # type: ignore[return-value]


def span_mongo(value: Mql) -> Mql:
    if isinstance(value, Const):
        return Const(span(value.value))
    months = op("$multiply", member(value, "months"), Const(_MONTH_MS))
    days = op("$multiply", member(value, "days"), Const(_DAY_MS))
    return op("$add", op("$add", months, days), member(value, "milliseconds"))


def may_be_interval(arg: Arg) -> bool:
    if arg.is_const:
        return parts(arg.const) is not None
    return arg.may(Type.INTERVAL | Type.DOCUMENT)


def with_spans(compare: Callable[[Value, Value], Value]) -> Callable[[Value, Value], Value]:
    """The comparison, with two intervals standing for their lengths."""

    def evaluate(a: Value, b: Value) -> Value:
        left = span(a)
        right = None if left is None else span(b)
        return compare(a, b) if left is None or right is None else compare(left, right)

    return evaluate


def with_spans_mongo(
    operator: str, face: Callable[[Arg, Arg], Mql], combine: Callable[[Mql, Mql, Mql], Mql]
) -> Callable[[Arg, Arg], Mql]:
    """The same for a server face.

    ``operator`` compares two lengths; ``combine(both_are_intervals, of_lengths, rest)``."""

    def of_bound(a: Arg, b: Arg) -> Mql:
        if not (may_be_interval(a) and may_be_interval(b)):
            return face(a, b)
        tests = [test for arg in (a, b) for test in interval_tests(arg.mongo, arg.only(Type.INTERVAL | Type.NULL))]
        return combine(all_of(*tests), op(operator, span_mongo(a.mongo), span_mongo(b.mongo)), face(a, b))

    return lambda a, b: bind_args((a, b), of_bound)
