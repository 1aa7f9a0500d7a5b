"""Intervals: documents of exactly ``months`` (int32), ``days`` (int32) and ``milliseconds`` (Int64), in that order.

Months, days and milliseconds do not turn into each other. What does not fit these widths is NULL."""

from __future__ import annotations

import math

from bson import Int64

from queryleaf_cdc.functions import server_numbers as numbers
from queryleaf_cdc.functions.building import INTERVAL_OR_NULL, member, scalar
from queryleaf_cdc.functions.mql import NULL, Array, Const, Doc, Mql, bind, cond, named, op
from queryleaf_cdc.functions.spec import Arg, WorkerSide
from queryleaf_cdc.values import INTERVAL_KEYS, Document, Value

_WIDTHS = ["int", "int", "long"]
_MONTH_DAYS = 30
_DAY_MS = 86_400_000


def parts(value: Value) -> tuple[int, int, int] | None:
    """Months, days and milliseconds of an interval value; None for anything else."""
    if isinstance(value, dict) and tuple(value) == INTERVAL_KEYS:
        months, days, milliseconds = value.values()
        if type(months) is int and type(days) is int and isinstance(milliseconds, int):
            narrow = numbers.INT_MIN <= months <= numbers.INT_MAX and numbers.INT_MIN <= days <= numbers.INT_MAX
            if narrow and numbers.is_wide(milliseconds) and type(milliseconds) is not bool:
                return months, days, milliseconds
    return None


def interval(months: int, days: int, milliseconds: int) -> Document | None:
    """The value, or None where a part does not fit."""
    if not (
        numbers.INT_MIN <= months <= numbers.INT_MAX
        and numbers.INT_MIN <= days <= numbers.INT_MAX
        and numbers.LONG_MIN <= milliseconds <= numbers.LONG_MAX
    ):
        return None
    return {"months": months, "days": days, "milliseconds": Int64(milliseconds)}


def _widths(value: Mql) -> Mql:
    return op("$eq", Array(tuple(op("$type", member(value, key)) for key in INTERVAL_KEYS)), Const(_WIDTHS))


def interval_tests(arg: Mql, certain: bool) -> tuple[Mql, ...]:
    """The tests that a value is an interval. ``certain``: it is one or NULL, so one look at a field suffices."""
    if isinstance(arg, Const):
        return ()
    if certain:
        return (op("$isNumber", member(arg, "milliseconds")),)
    shape = Doc(tuple((key, member(arg, key)) for key in INTERVAL_KEYS))
    return (_widths(arg), op("$eq", arg, shape))


def checked(months: Mql, days: Mql, milliseconds: Mql) -> Mql:
    """The interval of these parts, NULL where one does not fit."""
    document = Doc(tuple(zip(INTERVAL_KEYS, (months, days, milliseconds), strict=True)))
    return bind(document, lambda made: cond(_widths(made), made, NULL))


def combine(a: Value, b: Value, sign: int) -> Value:
    """a + sign * b, part by part."""
    left, right = parts(a), parts(b)
    if left is None or right is None:
        return None
    return interval(*(x + sign * y for x, y in zip(left, right, strict=True)))


def combine_mongo(a: Mql, b: Mql, name: str) -> Mql:
    """``name`` is ``$add`` or ``$subtract``."""
    months, days, milliseconds = (_combined(member(a, key), member(b, key), name) for key in INTERVAL_KEYS)
    return checked(months, days, milliseconds)


def _combined(a: Mql, b: Mql, name: str) -> Mql:
    return a if b == Const(0) else op(name, a, b)


def negate(value: Value) -> Value:
    found = parts(value)
    return None if found is None else interval(*(-part for part in found))


def negate_mongo(value: Mql) -> Mql:
    months, days, milliseconds = (op("$multiply", member(value, key), Const(-1)) for key in INTERVAL_KEYS)
    return checked(months, days, milliseconds)


def scale(value: Value, by: Value, divide: bool) -> Value:
    """The interval times (or through) a finite number, as PostgreSQL: a fraction of a month goes into days (30 a
    month), a fraction of a day into the time. All in doubles, step by step as ``scale_mongo`` has it."""
    found = parts(value)
    if found is None or not numbers.is_number(by) or not numbers.is_finite(by):
        return None
    factor = numbers.to_double(by)
    if factor is None or (divide and factor == 0):
        return None
    months, days, time = (part / factor if divide else part * factor for part in found)
    if not (math.isfinite(months) and math.isfinite(days) and math.isfinite(time)):
        return None
    spill = _micro((months - math.trunc(months)) * 30)
    rest = _micro((days - math.trunc(days)) + (spill - math.trunc(spill)))
    whole_days = (0.0 + math.trunc(days) + math.trunc(spill)) + math.trunc(rest)
    milliseconds = round(time + (rest - math.trunc(rest)) * 86_400_000.0)
    return interval(math.trunc(months), int(whole_days), milliseconds)


def _micro(value: float) -> float:
    """Whole millionths, against the noise of binary fractions (PostgreSQL's TSROUND)."""
    return round(value * 1e6) / 1e6


def scale_mongo(value: Mql, by: Mql, divide: bool) -> Mql:
    """``value`` is an interval and ``by`` a number; NULL unless finite (and not 0 where it divides)."""
    name = "$divide" if divide else "$multiply"

    def with_factor(factor: Mql) -> Mql:
        usable = [op("$gt", factor, Const(-math.inf)), op("$lt", factor, Const(math.inf))]
        if divide:
            usable.append(op("$ne", factor, Const(0)))
        months, days, time = (op(name, member(value, key), factor) for key in INTERVAL_KEYS)
        if isinstance(value, Const) and value.value["months"] == 0 == value.value["days"]:
            body = checked(Const(0), Const(0), _whole("long", op("$round", time)))
        else:
            body = bind(months, lambda m: bind(days, lambda d: _spilled(m, d, time)))
        return cond(op("$and", *usable), body, NULL)

    if isinstance(by, Const):
        factor = numbers.to_double(by.value)
        usable = factor is not None and math.isfinite(factor) and not (divide and factor == 0)
        return with_factor(Const(factor)) if usable else NULL
    return bind(_whole("double", by), with_factor)


def _spilled(months: Mql, days: Mql, time: Mql) -> Mql:
    spill = _micro_mongo(op("$multiply", _fraction(months), Const(30)))

    def with_spill(s: Mql) -> Mql:
        rest = _micro_mongo(op("$add", _fraction(days), _fraction(s)))

        def with_rest(r: Mql) -> Mql:
            whole = op("$add", op("$add", op("$trunc", days), op("$trunc", s)), op("$trunc", r))
            milliseconds = op("$add", time, op("$multiply", _fraction(r), Const(86_400_000.0)))
            return checked(
                _whole("int", op("$trunc", months)),
                _whole("int", whole),
                _whole("long", op("$round", milliseconds)),
            )

        return bind(rest, with_rest)

    return bind(spill, with_spill)


def _fraction(value: Mql) -> Mql:
    return op("$subtract", value, op("$trunc", value))


def _micro_mongo(value: Mql) -> Mql:
    return op("$divide", op("$round", op("$multiply", value, Const(1e6))), Const(1e6))


def _whole(width: str, value: Mql) -> Mql:
    return named("$convert", input=value, to=Const(width), onError=NULL, onNull=NULL)


def _make(*values: Value) -> Value:
    """MAKE_INTERVAL(years, months, weeks, days, hours, mins, secs); only secs may have a fraction."""
    given = [0 if index >= len(values) else values[index] for index in range(7)]
    if not all(numbers.is_number(each) and numbers.is_finite(each) for each in given):
        return None
    amounts = [numbers.to_decimal(each) for each in given]
    if any(each != each.to_integral_value() for each in amounts[:6]) or any(abs(a) > 10**19 for a in amounts):
        return None
    years, months, weeks, days, hours, minutes = (int(each) for each in amounts[:6])
    milliseconds = round(amounts[6] * 1000) + (hours * 60 + minutes) * 60_000
    return interval(years * 12 + months, weeks * 7 + days, milliseconds)


def _make_mongo(*args: Arg) -> Mql:
    raise WorkerSide("MAKE_INTERVAL of values that are not constant")


def _justify_days(value: Value) -> Value:
    found = parts(value)
    if found is None:
        return None
    months, days, time = found
    carry = int(math.copysign(abs(days) // _MONTH_DAYS, days))
    months, days = months + carry, days - carry * _MONTH_DAYS
    if months > 0 > days:
        months, days = months - 1, days + _MONTH_DAYS
    elif months < 0 < days:
        months, days = months + 1, days - _MONTH_DAYS
    return interval(months, days, time)


def _justify_hours(value: Value) -> Value:
    found = parts(value)
    if found is None:
        return None
    months, days, time = found
    carry = int(math.copysign(abs(time) // _DAY_MS, time))
    days, time = days + carry, time - carry * _DAY_MS
    if days > 0 > time:
        days, time = days - 1, time + _DAY_MS
    elif days < 0 < time:
        days, time = days + 1, time - _DAY_MS
    return interval(months, days, time)


def _justify_interval(value: Value) -> Value:
    """Both, with all parts of one sign."""
    found = parts(value)
    if found is None:
        return None
    months, days, time = found
    carry = int(math.copysign(abs(time) // _DAY_MS, time))
    days, time = days + carry, time - carry * _DAY_MS
    carry = int(math.copysign(abs(days) // _MONTH_DAYS, days))
    months, days = months + carry, days - carry * _MONTH_DAYS
    if months > 0 and (days, time) < (0, 0):
        months, days = months - 1, days + _MONTH_DAYS
    elif months < 0 and (days, time) > (0, 0):
        months, days = months + 1, days - _MONTH_DAYS
    if days > 0 > time:
        days, time = days - 1, time + _DAY_MS
    elif days < 0 < time:
        days, time = days + 1, time - _DAY_MS
    return interval(months, days, time)


_JUSTIFY = "carrying days into months needs several steps"

INTERVALS = (
    scalar("MAKE_INTERVAL", (0, 7), INTERVAL_OR_NULL, _make, _make_mongo),
    scalar("JUSTIFY_DAYS", 1, INTERVAL_OR_NULL, _justify_days, None, _JUSTIFY),
    scalar("JUSTIFY_HOURS", 1, INTERVAL_OR_NULL, _justify_hours, None, _JUSTIFY),
    scalar(
        "JUSTIFY_INTERVAL",
        1,
        INTERVAL_OR_NULL,
        _justify_interval,
        None,
        _JUSTIFY,
    ),
)
