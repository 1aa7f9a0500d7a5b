"""EXTRACT(field FROM x), as EXTRACT(field, x), of dates (in UTC) and of intervals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bson import Int64

from queryleaf_cdc.functions import intervals
from queryleaf_cdc.functions import server_numbers as numbers
from queryleaf_cdc.functions.building import (
    INTERVAL_OR_NULL,
    NUMBER_OR_NULL,
    Branch,
    bind_args,
    choose,
    constant_among,
    kind,
    may,
    member,
    scalar,
)
from queryleaf_cdc.functions.moments import DAY_MS, in_range, moment, to_ms
from queryleaf_cdc.functions.mql import NULL, Const, Mql, op
from queryleaf_cdc.functions.spec import Arg, WorkerSide
from queryleaf_cdc.values import Type, Value

_JULIAN_1970 = 2440588
_YEAR_MS, _MONTH_MS = 31_557_600_000, 2_592_000_000
"""In an epoch a year has 365.25 days and a month 30."""


def _milliseconds(date: datetime) -> int:
    return date.second * 1000 + date.microsecond // 1000


_OF_DATE: dict[str, Callable[[datetime], int | float]] = {
    "epoch": lambda d: to_ms(d) / 1000,
    "year": lambda d: d.year,
    "isoyear": lambda d: d.isocalendar().year,
    "quarter": lambda d: (d.month + 2) // 3,
    "month": lambda d: d.month,
    "week": lambda d: d.isocalendar().week,
    "day": lambda d: d.day,
    "doy": lambda d: d.timetuple().tm_yday,
    "dow": lambda d: d.isoweekday() % 7,
    "isodow": lambda d: d.isoweekday(),
    "hour": lambda d: d.hour,
    "minute": lambda d: d.minute,
    "second": lambda d: _milliseconds(d) / 1000,
    "millisecond": _milliseconds,
    "microsecond": lambda d: _milliseconds(d) * 1000,
    "decade": lambda d: d.year // 10,
    "century": lambda d: (d.year + 99) // 100,
    "millennium": lambda d: (d.year + 999) // 1000,
    "julian": lambda d: to_ms(d) / DAY_MS + _JULIAN_1970,
    "timezone": lambda d: 0,
    "timezone_hour": lambda d: 0,
    "timezone_minute": lambda d: 0,
}


def _int(value: Mql) -> Mql:
    """Cut off to an int32."""
    return op("$toInt", value)


def _seconds_ms(date: Mql) -> Mql:
    return op("$add", op("$multiply", op("$second", date), Const(1000)), op("$millisecond", date))


def _through(value: Mql, divisor: int) -> Mql:
    return op("$divide", value, Const(divisor))


def _rounded_up(date: Mql, divisor: int) -> Mql:
    return _int(op("$ceil", _through(op("$year", date), divisor)))


_OF_DATE_MONGO: dict[str, Callable[[Mql], Mql]] = {
    "epoch": lambda d: _through(op("$toLong", d), 1000),
    "year": lambda d: op("$year", d),
    "isoyear": lambda d: _int(op("$isoWeekYear", d)),
    "quarter": lambda d: _int(op("$ceil", _through(op("$month", d), 3))),
    "month": lambda d: op("$month", d),
    "week": lambda d: op("$isoWeek", d),
    "day": lambda d: op("$dayOfMonth", d),
    "doy": lambda d: op("$dayOfYear", d),
    "dow": lambda d: op("$subtract", op("$dayOfWeek", d), Const(1)),
    "isodow": lambda d: op("$isoDayOfWeek", d),
    "hour": lambda d: op("$hour", d),
    "minute": lambda d: op("$minute", d),
    "second": lambda d: _through(_seconds_ms(d), 1000),
    "millisecond": _seconds_ms,
    "microsecond": lambda d: op("$multiply", _seconds_ms(d), Const(1000)),
    "decade": lambda d: _int(_through(op("$year", d), 10)),
    "century": lambda d: _rounded_up(d, 100),
    "millennium": lambda d: _rounded_up(d, 1000),
    "julian": lambda d: op("$add", _through(op("$toLong", d), DAY_MS), Const(_JULIAN_1970)),
    "timezone": lambda d: Const(0),
    "timezone_hour": lambda d: Const(0),
    "timezone_minute": lambda d: Const(0),
}


def _cut(value: int, divisor: int) -> int:
    """Division towards zero."""
    return abs(value) // divisor * (1 if value >= 0 else -1)


def _rest(value: int, divisor: int) -> int:
    return value - _cut(value, divisor) * divisor


def _interval_epoch(months: int, days: int, time: int) -> Value:
    whole = Int64(_cut(months, 12) * _YEAR_MS + _rest(months, 12) * _MONTH_MS + days * DAY_MS)
    return numbers.divide(numbers.add(whole, Int64(time)), 1000)


_OF_INTERVAL: dict[str, Callable[[int, int, int], Value]] = {
    "epoch": _interval_epoch,
    "year": lambda m, d, t: _cut(m, 12),
    "quarter": lambda m, d, t: _cut(_rest(m, 12), 3) + 1,
    "month": lambda m, d, t: _rest(m, 12),
    "day": lambda m, d, t: d,
    "hour": lambda m, d, t: Int64(_cut(t, 3_600_000)),
    "minute": lambda m, d, t: _cut(_rest(t, 3_600_000), 60_000),
    "second": lambda m, d, t: _rest(t, 60_000) / 1000,
    "millisecond": lambda m, d, t: Int64(_rest(t, 60_000)),
    "microsecond": lambda m, d, t: Int64(_rest(t, 60_000) * 1000),
    "decade": lambda m, d, t: _cut(m, 120),
    "century": lambda m, d, t: _cut(m, 1200),
    "millennium": lambda m, d, t: _cut(m, 12000),
}


def _mod(value: Mql, divisor: int) -> Mql:
    return op("$mod", value, Const(divisor))


def _interval_epoch_mongo(months: Mql, days: Mql, time: Mql) -> Mql:
    years = op("$multiply", _int(_through(months, 12)), Const(Int64(_YEAR_MS)))
    rest = op("$multiply", _mod(months, 12), Const(Int64(_MONTH_MS)))
    whole = op("$add", years, rest, op("$multiply", days, Const(DAY_MS)))
    return _through(op("$add", whole, time), 1000)


_OF_INTERVAL_MONGO: dict[str, Callable[[Mql, Mql, Mql], Mql]] = {
    "epoch": _interval_epoch_mongo,
    "year": lambda m, d, t: _int(_through(m, 12)),
    "quarter": lambda m, d, t: op("$add", _int(_through(_mod(m, 12), 3)), Const(1)),
    "month": lambda m, d, t: _mod(m, 12),
    "day": lambda m, d, t: d,
    "hour": lambda m, d, t: op("$toLong", _through(op("$toDecimal", t), 3_600_000)),
    "minute": lambda m, d, t: _int(_through(_mod(t, 3_600_000), 60_000)),
    "second": lambda m, d, t: _through(_mod(t, 60_000), 1000),
    "millisecond": lambda m, d, t: _mod(t, 60_000),
    "microsecond": lambda m, d, t: op("$multiply", _mod(t, 60_000), Const(1000)),
    "decade": lambda m, d, t: _int(_through(m, 120)),
    "century": lambda m, d, t: _int(_through(m, 1200)),
    "millennium": lambda m, d, t: _int(_through(m, 12000)),
}

_SPELLINGS = {
    "years": "year", "quarters": "quarter", "months": "month", "weeks": "week", "days": "day", "hours": "hour",
    "minutes": "minute", "seconds": "second", "milliseconds": "millisecond", "microseconds": "microsecond",
    "decades": "decade", "centuries": "century", "millenniums": "millennium", "millennia": "millennium",
    "dayofweek": "dow", "dayofyear": "doy", "dayofmonth": "day", "msec": "millisecond", "usec": "microsecond",
    "weekiso": "week", "dayofweekiso": "isodow", "timezone_h": "timezone_hour", "timezone_m": "timezone_minute",
}  # fmt: skip


def field_of(value: Value) -> str | None:
    """The field's plain name; None if there is no such field. Case does not matter."""
    if not isinstance(value, str):
        return None
    name = _SPELLINGS.get(value.lower(), value.lower())
    return name if name in _OF_DATE else None


def _extract(field: Value, value: Value) -> Value:
    name = field_of(field)
    if name is None:
        return None
    date = moment(value)
    if date is not None:
        return _OF_DATE[name](date)
    parts = intervals.parts(value)
    found = _OF_INTERVAL.get(name)
    return None if parts is None or found is None else found(*parts)


def _extract_mongo(field: Arg, value: Arg) -> Mql:
    if not field.is_const:
        raise WorkerSide("EXTRACT of a field that is not constant")
    name = field_of(field.const)
    return NULL if name is None else bind_args((value,), lambda bound: choose(_branches(name, bound)))


def _branches(name: str, value: Arg) -> list[Branch]:
    branches: list[Branch] = []
    if may(value, Type.DATE):
        branches.append((in_range(value.mongo), _OF_DATE_MONGO[name](value.mongo)))
    if may(value, Type.INTERVAL | Type.DOCUMENT) and name in _OF_INTERVAL_MONGO:
        tests = intervals.interval_tests(value.mongo, certain=not kind(value) & ~INTERVAL_OR_NULL)
        months, days, time = (member(value.mongo, key) for key in ("months", "days", "milliseconds"))
        branches.append((tests, _OF_INTERVAL_MONGO[name](months, days, time)))
    return branches


EXTRACTION = tuple(
    scalar(
        name,
        2,
        NUMBER_OR_NULL,
        _extract,
        _extract_mongo,
        check=constant_among(0, field_of, "field of a date or interval"),
    )
    for name in ("EXTRACT", "DATE_PART")
)
