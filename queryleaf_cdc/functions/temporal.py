"""``+``, ``-``, ``*`` and ``/`` where an operand is a date or an interval: both faces, without the number case.

date - date is an interval of days and time; date ± interval a date (months first, clamped to the month's length),
NULL where it leaves years 1 to 9999; interval ± interval and interval * or / number an interval."""

from __future__ import annotations

from bson import Int64

from queryleaf_cdc.functions import intervals
from queryleaf_cdc.functions import server_numbers as numbers
from queryleaf_cdc.functions.building import INTERVAL_OR_NULL, Branch, kind, member
from queryleaf_cdc.functions.moments import (
    DAY_MS,
    FIRST_MS,
    LAST_MS,
    from_ms,
    in_range,
    moment,
    shifted_ms,
    to_ms,
)
from queryleaf_cdc.functions.mql import NULL, Const, Doc, Mql, bind, cond, named, op
from queryleaf_cdc.functions.spec import Arg
from queryleaf_cdc.values import Document, Type, Value

_INTERVAL = Type.INTERVAL | Type.DOCUMENT
"""What may hold an interval: a document of a plain field may be one."""


def add(a: Value, b: Value) -> Value:
    if isinstance(b, dict):
        return intervals.combine(a, b, 1) if isinstance(a, dict) else shift(a, b, 1)
    return shift(b, a, 1) if isinstance(a, dict) else None


def subtract(a: Value, b: Value) -> Value:
    if isinstance(b, dict):
        return intervals.combine(a, b, -1) if isinstance(a, dict) else shift(a, b, -1)
    return difference(a, b)


def shift(date: Value, by: Value, sign: int) -> Value:
    """A date plus (sign 1) or minus (-1) an interval."""
    start, found = moment(date), intervals.parts(by)
    if start is None or found is None:
        return None
    months, days, milliseconds = found
    return from_ms(shifted_ms(start, sign * months, sign * days, sign * milliseconds))


def difference(a: Value, b: Value) -> Document | None:
    """date - date: whole days, and a time of the same sign; no months."""
    left, right = moment(a), moment(b)
    if left is None or right is None:
        return None
    apart = to_ms(left) - to_ms(right)
    days = abs(apart) // DAY_MS * (1 if apart >= 0 else -1)
    return {"months": 0, "days": days, "milliseconds": Int64(apart - days * DAY_MS)}


def scale(a: Value, b: Value) -> Value:
    return intervals.scale(b, a, False) if isinstance(b, dict) else intervals.scale(a, b, False)


def shrink(a: Value, b: Value) -> Value:
    return intervals.scale(a, b, True)


negate = intervals.negate


def _usable(arg: Arg) -> Type:
    """What the operand may be; a constant that is a date out of range or no interval is as good as NULL."""
    found = kind(arg)
    if arg.is_const and found & Type.DOCUMENT:
        return Type.INTERVAL if intervals.parts(arg.const) is not None else Type.NULL
    if arg.is_const and found & Type.DATE and moment(arg.const) is None:
        return Type.NULL
    return found


def _pair(a: Arg, b: Arg, left: Type, right: Type) -> bool:
    return bool(_usable(a) & left) and bool(_usable(b) & right)


def add_branches(a: Arg, b: Arg) -> list[Branch]:
    branches: list[Branch] = []
    if _pair(a, b, Type.DATE, _INTERVAL):
        branches.append(_shift_branch(a, b, 1))
    if _pair(a, b, _INTERVAL, Type.DATE):
        branches.append(_shift_branch(b, a, 1))
    if _pair(a, b, _INTERVAL, _INTERVAL):
        branches.append(_combine_branch(a, b, "$add"))
    return branches


def add_type(a: Arg, b: Arg) -> Type:
    date = _pair(a, b, Type.DATE, _INTERVAL) or _pair(a, b, _INTERVAL, Type.DATE)
    interval = _pair(a, b, _INTERVAL, _INTERVAL)
    return (Type.DATE if date else Type.NULL) | (Type.INTERVAL if interval else Type.NULL)


def subtract_branches(a: Arg, b: Arg) -> list[Branch]:
    branches: list[Branch] = []
    if _pair(a, b, Type.DATE, Type.DATE):
        branches.append(_difference_branch(a, b))
    if _pair(a, b, Type.DATE, _INTERVAL):
        branches.append(_shift_branch(a, b, -1))
    if _pair(a, b, _INTERVAL, _INTERVAL):
        branches.append(_combine_branch(a, b, "$subtract"))
    return branches


def subtract_type(a: Arg, b: Arg) -> Type:
    date = _pair(a, b, Type.DATE, _INTERVAL)
    interval = _pair(a, b, Type.DATE, Type.DATE) or _pair(a, b, _INTERVAL, _INTERVAL)
    return (Type.DATE if date else Type.NULL) | (Type.INTERVAL if interval else Type.NULL)


def scale_branches(a: Arg, b: Arg) -> list[Branch]:
    pairs = ((a, b), (b, a))
    return [_scale_branch(x, y, False) for x, y in pairs if _pair(x, y, _INTERVAL, Type.NUMBER)]


def scale_type(a: Arg, b: Arg) -> Type:
    either = _pair(a, b, _INTERVAL, Type.NUMBER) or _pair(b, a, _INTERVAL, Type.NUMBER)
    return Type.INTERVAL if either else Type.NULL


def shrink_branches(a: Arg, b: Arg) -> list[Branch]:
    if not _pair(a, b, _INTERVAL, Type.NUMBER) or (b.is_const and numbers.is_zero(b.const)):
        return []
    return [_scale_branch(a, b, True)]


def shrink_type(a: Arg, b: Arg) -> Type:
    return Type.INTERVAL if _pair(a, b, _INTERVAL, Type.NUMBER) else Type.NULL


def negate_branches(value: Arg) -> list[Branch]:
    if not _usable(value) & _INTERVAL:
        return []
    return [(_interval_tests(value), intervals.negate_mongo(value.mongo))]


def negate_type(value: Arg) -> Type:
    return Type.INTERVAL if _usable(value) & _INTERVAL else Type.NULL


def _interval_tests(arg: Arg) -> tuple[Mql, ...]:
    return intervals.interval_tests(arg.mongo, certain=not kind(arg) & ~INTERVAL_OR_NULL)


def _scale_branch(interval: Arg, by: Arg, divide: bool) -> Branch:
    tests = _interval_tests(interval)
    if not by.is_const:
        tests = (*tests, op("$isNumber", by.mongo))
    return tests, intervals.scale_mongo(interval.mongo, by.mongo, divide)


def _combine_branch(a: Arg, b: Arg, name: str) -> Branch:
    return (*_interval_tests(a), *_interval_tests(b)), intervals.combine_mongo(a.mongo, b.mongo, name)


def _difference_branch(a: Arg, b: Arg) -> Branch:
    def split(apart: Mql) -> Mql:
        days = op("$toInt", op("$divide", apart, Const(DAY_MS)))
        rest = op("$mod", apart, Const(DAY_MS))
        return Doc((("months", Const(0)), ("days", days), ("milliseconds", rest)))

    tests = tuple(test for each in (a, b) if not each.is_const for test in in_range(each.mongo))
    return tests, bind(op("$subtract", a.mongo, b.mongo), split)


def _shift_branch(date: Arg, by: Arg, sign: int) -> Branch:
    if by.is_const:
        months, days, milliseconds = intervals.parts(by.const) or (0, 0, 0)
        if months == 0:
            return _fixed_shift(date, sign * (days * DAY_MS + milliseconds))
    tests = (*(() if date.is_const else in_range(date.mongo)), *_interval_tests(by))
    return tests, bind(_shifted(date.mongo, by.mongo, sign), _date_in_range)


def _fixed_shift(date: Arg, milliseconds: int) -> Branch:
    """Without months, the test of the result's range is one of the start's."""
    first, last = from_ms(FIRST_MS - min(milliseconds, 0)), from_ms(LAST_MS - max(milliseconds, 0))
    if first is None or last is None:
        return (op("$eq", Const(0), Const(1)),), NULL
    if milliseconds < 0:
        return in_range(date.mongo, first, last), op("$subtract", date.mongo, Const(-milliseconds))
    return in_range(date.mongo, first, last), op("$add", date.mongo, Const(milliseconds))


def _shifted(date: Mql, by: Mql, sign: int) -> Mql:
    """Milliseconds since 1970; a number, since a date that overflows would fail.

    The fraction of a second stays aside: with one, $dateAdd by months comes out a second early before 1970."""
    months, days, milliseconds = (member(by, key) for key in ("months", "days", "milliseconds"))
    name = "$dateAdd" if sign > 0 else "$dateSubtract"
    fraction = op("$millisecond", date)
    moved = named(name, startDate=op("$subtract", date, fraction), unit=Const("month"), amount=months)
    start = op("$add", op("$toLong", moved), fraction)
    if isinstance(by, Const):
        whole_days, time = by.value["days"] * DAY_MS, by.value["milliseconds"]
        if whole_days == 0 == time:
            return start
        fits = numbers.LONG_MIN <= whole_days + time <= numbers.LONG_MAX
        rest: Mql = Const(whole_days + time) if fits else op("$add", Const(whole_days), Const(time))
    else:
        rest = op("$add", op("$multiply", days, Const(DAY_MS)), milliseconds)
    return op("$add" if sign > 0 else "$subtract", start, rest)


def _date_in_range(milliseconds: Mql) -> Mql:
    fits = op("$and", op("$gte", milliseconds, Const(FIRST_MS)), op("$lte", milliseconds, Const(LAST_MS)))
    return cond(fits, op("$toDate", milliseconds), NULL)
