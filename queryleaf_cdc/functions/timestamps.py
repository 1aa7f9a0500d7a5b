"""Which texts read as a timestamp: ISO 8601 as PostgreSQL writes it, UTC unless it says otherwise."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from bson.datetime_ms import DatetimeMS

from queryleaf_cdc.functions.moments import EPOCH, from_ms

TIMESTAMP = (
    r"\A[ ]*(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][01][0-9](?::?[0-5][0-9])?)?)?[ ]*\z"
)
"""What a timestamp looks like, for the server, whose own reader would also take ``Sep 5`` and ``2025-W36``."""

_PARTS = re.compile(
    r"\A *([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[ T]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?"
    r"(?:(Z)|([+-])([01][0-9])(?::?([0-5][0-9]))?)?)? *\Z"
)
_MILLISECOND = timedelta(milliseconds=1)


def parse_timestamp(text: str) -> datetime | DatetimeMS | None:
    """The time that the text names, cut to milliseconds; None if it names none. An offset may lead out of the
    years 1 to 9999, which only DatetimeMS can hold."""
    match = _PARTS.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, _, sign, off_hours, off_minutes = match.groups()
    try:
        local = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
    except ValueError:
        return None
    offset = (int(off_hours or 0) * 60 + int(off_minutes or 0)) * (-1 if sign == "-" else 1)
    milliseconds = (local - EPOCH) // _MILLISECOND - offset * 60_000 + int((fraction or "0").ljust(3, "0")[:3])
    return from_ms(milliseconds) or DatetimeMS(milliseconds)


def date_spellings(text: str) -> datetime | None:
    """The timestamp that a literal also means where it meets a date; None if it reads as none."""
    found = parse_timestamp(text)
    return found if isinstance(found, datetime) else None
