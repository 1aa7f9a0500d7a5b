"""Interval texts, as PostgreSQL reads them: '1 day 02:03:04', '-1 month', '1.5 hours', 'P1DT2H', '2 days ago',
'1-2' (a year and two months), '3 04:05' (days and a time)."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import zip_longest

from queryleaf_cdc.values import Interval

_SECOND = 1000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR

# unit: (months, days, milliseconds) of one
_UNITS: dict[str, tuple[int, int, Fraction]] = {
    "microsecond": (0, 0, Fraction(1, 1000)),
    "millisecond": (0, 0, Fraction(1)),
    "second": (0, 0, Fraction(_SECOND)),
    "minute": (0, 0, Fraction(_MINUTE)),
    "hour": (0, 0, Fraction(_HOUR)),
    "day": (0, 1, Fraction(0)),
    "week": (0, 7, Fraction(0)),
    "month": (1, 0, Fraction(0)),
    "quarter": (3, 0, Fraction(0)),
    "year": (12, 0, Fraction(0)),
    "decade": (120, 0, Fraction(0)),
    "century": (1200, 0, Fraction(0)),
    "millennium": (12000, 0, Fraction(0)),
}
_ALIASES = {
    "us": "microsecond", "usec": "microsecond", "usecs": "microsecond",
    "ms": "millisecond", "msec": "millisecond", "msecs": "millisecond",
    "s": "second", "sec": "second", "secs": "second",
    "m": "minute", "min": "minute", "mins": "minute",
    "h": "hour", "hr": "hour", "hrs": "hour",
    "d": "day", "w": "week", "mon": "month", "mons": "month",
    "y": "year", "yr": "year", "yrs": "year", "decs": "decade", "dec": "decade",
    "cent": "century", "c": "century", "centuries": "century",
    "mil": "millennium", "mils": "millennium", "millennia": "millennium",
}  # fmt: skip

_PART = re.compile(
    r"\s*(?:(?P<sign>[-+])?(?P<hours>\d+):(?P<minutes>\d{1,2})(?::(?P<seconds>\d{1,2}(?:\.\d*)?))?"
    r"|(?P<years>[-+]?\d+)-(?P<months>\d{1,2})(?![\w.:-])"
    r"|(?P<number>[-+]?(?:\d+(?:\.\d*)?|\.\d+))\s*(?P<unit>[a-zA-Z]+)?)\s*"
)
_ISO = re.compile(
    r"P(?=.)(?:([-+]?[\d.]+)Y)?(?:([-+]?[\d.]+)M)?(?:([-+]?[\d.]+)W)?(?:([-+]?[\d.]+)D)?"
    r"(?:T(?=.)(?:([-+]?[\d.]+)H)?(?:([-+]?[\d.]+)M)?(?:([-+]?[\d.]+)S)?)?",
    re.IGNORECASE,
)
_ISO_UNITS = ("year", "month", "week", "day", "hour", "minute", "second")
_LIMIT = 2**53  # beyond, the server's arithmetic is no longer exact


def unit_name(word: str) -> str | None:
    """The unit that a word names (``HOURS`` is ``hour``), or None."""
    lower = word.lower()
    if lower in _ALIASES:
        return _ALIASES[lower]
    for candidate in (lower, lower.removesuffix("s"), lower.removesuffix("es")):
        if candidate in _UNITS:
            return candidate
    return None


def parse_interval(text: str, unit: str | None = None) -> Interval | None:
    """The interval that ``text`` means, or None. A bare number counts ``unit``s, or seconds without one."""
    iso = _ISO.fullmatch(text.strip())
    parts = _iso_parts(iso) if iso else _text_parts(text, unit)
    return _sum(parts) if parts else None


def _iso_parts(iso: re.Match[str]) -> list[tuple[Fraction, str]] | None:
    try:
        return [(Fraction(n), unit) for n, unit in zip(iso.groups(), _ISO_UNITS, strict=True) if n is not None]
    except ValueError:
        return None


def _text_parts(text: str, unit: str | None) -> list[tuple[Fraction, str]] | None:
    rest = text.strip().removeprefix("@")
    ago = rest.lower().endswith(" ago")
    rest = rest[:-4] if ago else rest
    if len(rest) > 200:
        return None
    found: list[re.Match[str]] = []
    position = 0
    while position < len(rest):
        part = _PART.match(rest, position)
        if part is None or part.end() == position:
            return None
        found.append(part)
        position = part.end()
    parts: list[tuple[Fraction, str]] = []
    for part, following in zip_longest(found, found[1:]):
        read = _part(part, following, unit)
        if read is None:
            return None
        parts += read
    given = [name for _, name in parts]
    if len(given) > len(set(given)):  # a unit twice
        return None
    return [(-amount, name) for amount, name in parts] if ago else parts


def _part(found: re.Match[str], following: re.Match[str] | None, unit: str | None) -> list[tuple[Fraction, str]] | None:
    if found["hours"]:
        return _clock(found)
    if found["years"]:
        return _years_and_months(found)
    if found["unit"]:
        name = unit_name(found["unit"])
    elif following is None:
        name = unit or "second"
    else:  # '3 04:05'
        name = "day" if following["hours"] else None
    return [(Fraction(found["number"]), name)] if name else None


def _clock(found: re.Match[str]) -> list[tuple[Fraction, str]] | None:
    hours, minutes, seconds = int(found["hours"]), int(found["minutes"]), Fraction(found["seconds"] or "0")
    if minutes > 59 or seconds >= 60:
        return None
    sign = -1 if found["sign"] == "-" else 1
    return [(Fraction(sign * hours), "hour"), (Fraction(sign * minutes), "minute"), (sign * seconds, "second")]


def _years_and_months(found: re.Match[str]) -> list[tuple[Fraction, str]] | None:
    years, months = int(found["years"]), int(found["months"])
    if months > 11:
        return None
    sign = -1 if found["years"].startswith("-") else 1
    return [(Fraction(years), "year"), (Fraction(sign * months), "month")]


def _sum(parts: list[tuple[Fraction, str]]) -> Interval | None:
    """Fractions of a month go to days (30 each), fractions of a day to milliseconds, as PostgreSQL spills them."""
    months = days = 0
    milliseconds = Fraction(0)
    for amount, unit in parts:
        month, day, millisecond = _UNITS[unit]
        whole_months = int(amount * month)
        all_days = amount * day + (amount * month - whole_months) * 30
        months += whole_months
        days += int(all_days)
        milliseconds += amount * millisecond + (all_days - int(all_days)) * _DAY
    result = Interval(months, days, round(milliseconds))
    return result if max(abs(months), abs(days), abs(result.milliseconds)) < _LIMIT else None
