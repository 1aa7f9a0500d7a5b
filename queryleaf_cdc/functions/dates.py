"""Dates from parts and numbers, between zones, and apart from each other: MAKE_DATE, TO_TIMESTAMP, AGE, ..."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime
from decimal import ROUND_HALF_EVEN

from bson import Decimal128

from queryleaf_cdc.functions import intervals
from queryleaf_cdc.functions import server_numbers as numbers
from queryleaf_cdc.functions.building import (
    DATE_OR_NULL,
    INTERVAL_OR_NULL,
    between,
    bind_args,
    choose,
    constant_among,
    may,
    scalar,
)
from queryleaf_cdc.functions.date_patterns import parse_date, unknown_in, unknown_keyword
from queryleaf_cdc.functions.moments import DAY_MS, FIRST_MS, LAST_MS, from_ms, in_range, moment, to_ms
from queryleaf_cdc.functions.mql import NULL, Const, Dot, Let, Mql, Named, Var, bind, cond, named, op
from queryleaf_cdc.functions.spec import Arg, WorkerSide
from queryleaf_cdc.functions.zones import SAFE_FIRST, SAFE_LAST, find_zone, is_safe, server_zone, to_local, zone_of
from queryleaf_cdc.values import Type, Value

_DATE_LIMITS = ((1, 9999), (1, 12), (1, 31))
_TIME_LIMITS = ((0, 23), (0, 59))


def _whole(value: Value, low: int, high: int) -> int | None:
    if not numbers.is_number(value) or not numbers.is_finite(value):
        return None
    exact = numbers.to_decimal(value)
    return int(exact) if low <= exact <= high and exact == exact.to_integral_value() else None


def _make_date(*parts: Value) -> datetime | None:
    """MAKE_DATE(year, month, day); NULL for a day that the month does not have."""
    found = [_whole(part, *limits) for part, limits in zip(parts, _DATE_LIMITS, strict=True)]
    year, month, day = found
    if year is None or month is None or day is None:
        return None
    try:
        return datetime(year, month, day)
    except ValueError:
        return None


def _make_timestamp(*parts: Value) -> datetime | None:
    """MAKE_TIMESTAMP(year, month, day, hour, minute, seconds); 60 seconds are the next minute, as in PostgreSQL."""
    date = _make_date(*parts[:3])
    hour, minute = (_whole(part, *limits) for part, limits in zip(parts[3:5], _TIME_LIMITS, strict=True))
    seconds = parts[5]
    if date is None or hour is None or minute is None or not numbers.is_number(seconds):
        return None
    if not numbers.is_finite(seconds) or not 0 <= numbers.to_decimal(seconds, 34) <= 60:
        return None
    return from_ms(to_ms(date) + (hour * 60 + minute) * 60_000 + _rounded(numbers.multiply(seconds, 1000)))


def _rounded(value: numbers.Number) -> int:
    """``$toLong`` of ``$round``: half to even."""
    if isinstance(value, Decimal128):
        return int(numbers.as_decimal(value).to_integral_value(ROUND_HALF_EVEN))
    return round(value)


def _whole_tests(arg: Arg, low: int, high: int) -> tuple[Mql, ...] | None:
    """The tests that it is a whole number between; None if it cannot be."""
    if arg.is_const:
        return None if _whole(arg.const, low, high) is None else ()
    tests = between(arg.mongo, Const(low), Const(high))
    return (*tests, op("$eq", op("$mod", arg.mongo, Const(1)), Const(0)))


def _part(arg: Arg) -> Mql:
    """$dateFromParts takes whole numbers of every width, but a constant is checked here."""
    return Const(_whole(arg.const, 0, 9999)) if arg.is_const else arg.mongo


def _make_date_mongo(*args: Arg) -> Mql:
    return bind_args(args, lambda *bound: _from_parts(bound[:3], (), None))


def _make_timestamp_mongo(*args: Arg) -> Mql:
    return bind_args(args, lambda *bound: _from_parts(bound[:3], bound[3:5], bound[5]))


def _from_parts(date: tuple[Arg, ...], time: tuple[Arg, ...], seconds: Arg | None) -> Mql:
    limits = (*_DATE_LIMITS, *_TIME_LIMITS)
    tests: tuple[Mql, ...] = ()
    for part, (low, high) in zip((*date, *time), limits, strict=False):
        found = _whole_tests(part, low, high)
        if found is None:
            return NULL
        tests = (*tests, *found)
    if seconds is not None and seconds.is_const and _make_timestamp(1, 1, 1, 0, 0, seconds.const) is None:
        return NULL
    if seconds is not None and not seconds.is_const:
        tests = (*tests, *between(seconds.mongo, Const(0), Const(60)))
    names = ("year", "month", "day", "hour", "minute")
    made = Named("$dateFromParts", tuple(zip(names, (_part(arg) for arg in (*date, *time)), strict=False)))

    def checked(made: Mql) -> Mql:
        """The day after the month's last would come out as one of the next month."""
        value = made
        if seconds is not None:
            thousandths = op("$round", op("$multiply", seconds.mongo, Const(1000)))
            value = op("$add", made, op("$toLong", thousandths))
        value = cond(op("$lte", value, Const(_LAST)), value, NULL) if seconds is not None else value
        return cond(op("$eq", op("$dayOfMonth", made), _part(date[2])), value, NULL)

    return choose([(tests, bind(made, checked))])


_LAST = from_ms(LAST_MS)


def _check_pattern(args: tuple[Arg, ...]) -> str | None:
    if len(args) < 2 or not args[1].is_const or not isinstance(args[1].const, str):
        return None
    return unknown_in("reading a date", unknown_keyword(args[1].const, reading=True))


def _to_timestamp(value: Value, *pattern: Value) -> Value:
    """TO_TIMESTAMP(seconds since 1970), rounded to milliseconds; TO_TIMESTAMP(text, pattern)."""
    if pattern:
        return parse_date(value, pattern[0])
    if not numbers.is_number(value) or not numbers.is_finite(value):
        return None
    if not _FIRST_SECOND <= numbers.to_decimal(value, 34) <= _LAST_SECOND:
        return None
    return from_ms(_rounded(numbers.multiply(value, 1000)))


def _to_timestamp_mongo(value: Arg, pattern: Arg | None = None) -> Mql:
    if pattern is not None:
        raise WorkerSide(_BY_PIECES)
    if not may(value, Type.NUMBER):
        return NULL

    def lowered(bound: Arg) -> Mql:
        tests = between(bound.mongo, Const(_FIRST_SECOND), Const(_LAST_SECOND))
        milliseconds = op("$toLong", op("$round", op("$multiply", bound.mongo, Const(1000))))
        return choose([(tests, bind(milliseconds, _in_range))])

    return bind_args((value,), lowered)


_FIRST_SECOND, _LAST_SECOND = FIRST_MS // 1000, (LAST_MS + 1) // 1000


def _in_range(milliseconds: Mql) -> Mql:
    return cond(op("$lte", milliseconds, Const(LAST_MS)), op("$toDate", milliseconds), NULL)


def _at_time_zone(date: Value, zone: Value) -> datetime | None:
    """What the zone's clock shows at that instant, as a date."""
    start, where = moment(date), zone_of(zone)
    if start is None or where is None:
        return None
    if where is zone_of("UTC"):
        return start
    return to_local(start, where) if is_safe(start) else None


def _at_time_zone_mongo(date: Arg, zone: Arg) -> Mql:
    where = server_zone(zone, "AT TIME ZONE")
    if where is None or not may(date, Type.DATE):
        return NULL
    if where == "UTC":
        return bind_args((date,), lambda bound: choose([(in_range(bound.mongo), bound.mongo)]))

    def lowered(bound: Arg) -> Mql:
        return choose([(in_range(bound.mongo, SAFE_FIRST, SAFE_LAST), _local_mongo(bound.mongo, where))])

    return bind_args((date,), lowered)


def _local_mongo(date: Mql, zone: str) -> Mql:
    parts = Var()
    names = ("year", "month", "day", "hour", "minute", "second", "millisecond")
    value = named("$dateToParts", date=date, timezone=Const(zone))
    return Let(parts, value, Named("$dateFromParts", tuple((name, Dot(parts, name)) for name in names)))


def _age(later: Value, earlier: Value) -> Value:
    """AGE(a, b): years and months by the calendar, then the days that are left, then the time."""
    a, b = moment(later), moment(earlier)
    if a is None or b is None:
        return None
    return _calendar_age(a, b) if a >= b else intervals.negate(_calendar_age(b, a))


def _calendar_age(a: datetime, b: datetime) -> Value:
    """Days are borrowed from the earlier date's month."""
    months = (a.year - b.year) * 12 + a.month - b.month
    days = a.day - b.day
    time = _time_ms(a) - _time_ms(b)
    if time < 0:
        time, days = time + DAY_MS, days - 1
    while days < 0:
        days += _days_in(b)
        months -= 1
    return intervals.interval(months, days, time)


def _time_ms(date: datetime) -> int:
    return to_ms(date) % DAY_MS


def _days_in(date: datetime) -> int:
    return monthrange(date.year, date.month)[1]


def _day(date: datetime | None) -> datetime | None:
    return None if date is None else date.replace(hour=0, minute=0, second=0, microsecond=0)


def _to_date(text: Value, pattern: Value) -> Value:
    return _day(parse_date(text, pattern))


_BY_PIECES = "reading text by a pattern goes piece by piece"

DATES = (
    scalar("MAKE_DATE", 3, DATE_OR_NULL, _make_date, _make_date_mongo),
    scalar("MAKE_TIMESTAMP", 6, DATE_OR_NULL, _make_timestamp, _make_timestamp_mongo),
    scalar("TO_TIMESTAMP", (1, 2), DATE_OR_NULL, _to_timestamp, _to_timestamp_mongo, check=_check_pattern),
    scalar("TO_DATE", 2, DATE_OR_NULL, _to_date, None, _BY_PIECES, check=_check_pattern),
    scalar(
        "AT TIME ZONE",
        2,
        DATE_OR_NULL,
        _at_time_zone,
        _at_time_zone_mongo,
        check=constant_among(1, find_zone, "time zone"),
    ),
    scalar("AGE", 2, INTERVAL_OR_NULL, _age, None, "AGE counts by the calendar, borrowing days from months"),
)
