"""Points in time: the range that SQL functions work in, and calendar arithmetic beyond it.

BSON dates reach 292 million years; functions take and give years 1 to 9999 only (NULL otherwise). On the server
that range test is the type test as well, since dates sort apart from all other kinds."""

from __future__ import annotations

from datetime import datetime, timedelta

from bson.datetime_ms import DatetimeMS

from queryleaf_cdc.functions.building import between
from queryleaf_cdc.functions.mql import Const, Mql
from queryleaf_cdc.values import Value

EPOCH = datetime(1970, 1, 1)
FIRST = datetime(1, 1, 1)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999000)
FIRST_MS = -62135596800000
LAST_MS = 253402300799999
DAY_MS = 86_400_000

_MILLISECOND = timedelta(milliseconds=1)


def moment(value: Value) -> datetime | None:
    """The date, in whole milliseconds as BSON keeps it; None for anything that is no date of years 1 to 9999."""
    if type(value) is datetime:
        extra = value.microsecond % 1000
        return value.replace(microsecond=value.microsecond - extra) if extra else value
    if isinstance(value, DatetimeMS):
        return from_ms(int(value))
    return None


def to_ms(value: datetime) -> int:
    return (value - EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime | None:
    """None outside the range."""
    if FIRST_MS <= milliseconds <= LAST_MS:
        return EPOCH + timedelta(milliseconds=milliseconds)
    return None


def in_range(value: Mql, first: datetime = FIRST, last: datetime = LAST) -> tuple[Mql, ...]:
    """The tests that it is a date of the range."""
    return between(value, Const(first), Const(last))


def shifted_ms(start: datetime, months: int, days: int, milliseconds: int) -> int:
    """Milliseconds since 1970 of the start plus an interval; it may lie outside the range. Months first, clamped
    to the month's length."""
    total = start.year * 12 + start.month - 1 + months
    year, month = total // 12, total % 12 + 1
    day = min(start.day, _month_length(year, month))
    time = (start - datetime(start.year, start.month, start.day)) // _MILLISECOND
    return (_day_number(year, month, day) + days) * DAY_MS + time + milliseconds


def _month_length(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _day_number(year: int, month: int, day: int) -> int:
    """Days since 1970 in the proleptic calendar, any year (Howard Hinnant's days_from_civil)."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + day_of_year - 719468
