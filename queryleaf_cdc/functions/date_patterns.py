"""The patterns of TO_CHAR, TO_TIMESTAMP and TO_DATE for dates: ``YYYY-MM-DD HH24:MI:SS``, ``"text"``, ``FM``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.functions.moments import moment
from queryleaf_cdc.values import Value

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")

_NUMERIC = (
    "HH24", "HH12", "SSSS", "YYYY", "IYYY", "IDDD", "TZH", "TZM", "YYY", "DDD", "HH", "MI", "SS", "MS", "US", "YY",
    "MM", "DD", "ID", "WW", "IW", "TZ", "OF", "Y", "D", "W", "Q",
)  # fmt: skip
_NAMES = ("MONTH", "MON", "DAY", "DY", "A.M.", "P.M.", "AM", "PM")


@frozen
class Piece:
    """A keyword (``style`` "upper", "title" or "lower" for names), or literal text when ``keyword`` is empty."""

    keyword: str
    text: str
    fill: bool = True
    style: str = "upper"


def _keywords() -> re.Pattern[str]:
    words = sorted((*_NUMERIC, *_NAMES), key=len, reverse=True)
    return re.compile(r'"((?:[^"\\]|\\.)*)"|(FM)?(' + "|".join(map(re.escape, words)) + ")", re.IGNORECASE | re.DOTALL)


_TOKEN = _keywords()


_MORE = ("Y,YYY", "IYY", "IY", "I", "CC", "J", "RM", "SSSSS", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6", "BC", "AD",
         "B.C.", "A.D.", "TM", "FX")  # fmt: skip
"""What PostgreSQL knows besides."""


def _all_keywords() -> re.Pattern[str]:
    words = sorted((*_NUMERIC, *_NAMES, *_MORE), key=len, reverse=True)
    spellings = "|".join(re.escape(each) for word in words for each in (word, word.lower(), word.capitalize()))
    return re.compile(rf'"(?:[^"\\]|\\.)*"|\\"|(?:FM|fm)?(?P<word>{spellings})(?P<suffix>TH|th|SP)?', re.DOTALL)


_ALL_KEYWORDS = _all_keywords()
_NOT_READ = ("YYY", "Y", "IYYY", "IW", "ID", "IDDD", "D", "W", "WW", "Q", "TZ")
_CAPITALIZED = ("Month", "Mon", "Day", "Dy")


def unknown_keyword(pattern: str, reading: bool) -> str | None:
    """A keyword that PostgreSQL would replace (or read) otherwise than we do; None if there is none."""
    for found in _ALL_KEYWORDS.finditer(pattern):
        word = found["word"]
        if word is None:
            wrong = not found[0].startswith('"')
        elif word.upper() in _MORE or (reading and word.upper() in _NOT_READ):
            wrong = True
        else:
            capitalized = len(word) > 1 and word.istitle() and word not in _CAPITALIZED
            wrong = capitalized or bool(found["suffix"] and word.upper() in _NUMBERS)
        if wrong:
            return found[0]
    return None


def unknown_in(function: str, keyword: str | None) -> str | None:
    """The complaint about a keyword, if there is one."""
    return keyword and f"{function} does not know {keyword} in a pattern; text in it stands in double quotes"


@lru_cache(maxsize=256)
def pieces_of(pattern: str) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    end = 0
    for token in _TOKEN.finditer(pattern):
        if token.start() > end:
            pieces.append(Piece("", pattern[end : token.start()]))
        end = token.end()
        quoted, no_fill, word = token.groups()
        if word is None:
            pieces.append(Piece("", re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)))
        else:
            pieces.append(Piece(word.upper(), word, no_fill is None, _style(word)))
    if end < len(pattern):
        pieces.append(Piece("", pattern[end:]))
    return tuple(pieces)


def _style(word: str) -> str:
    if word.islower():
        return "lower"
    return "title" if word[1:2].islower() else "upper"


def styled(name: str, piece: Piece) -> str:
    """A month's or day's name as the pattern wants it: short, in its case, filled with blanks to 9."""
    short = piece.keyword in ("MON", "DY")
    name = name[:3] if short else name
    name = {"upper": name.upper(), "lower": name.lower(), "title": name}[piece.style]
    return name.ljust(9) if piece.fill and not short else name


def half_of_day(hour: int, piece: Piece) -> str:
    letters = ("A.M." if hour < 12 else "P.M.") if "." in piece.keyword else ("AM" if hour < 12 else "PM")
    return letters.lower() if piece.style == "lower" else letters


_NUMBERS: dict[str, tuple[int, Callable[[datetime], int]]] = {
    "YYYY": (4, lambda d: d.year),
    "YYY": (3, lambda d: d.year % 1000),
    "YY": (2, lambda d: d.year % 100),
    "Y": (1, lambda d: d.year % 10),
    "IYYY": (4, lambda d: d.isocalendar().year),
    "MM": (2, lambda d: d.month),
    "DD": (2, lambda d: d.day),
    "DDD": (3, lambda d: d.timetuple().tm_yday),
    "IDDD": (3, lambda d: (d.isocalendar().week - 1) * 7 + d.isoweekday()),
    "D": (1, lambda d: d.isoweekday() % 7 + 1),
    "ID": (1, lambda d: d.isoweekday()),
    "W": (1, lambda d: (d.day + 6) // 7),
    "WW": (2, lambda d: (d.timetuple().tm_yday + 6) // 7),
    "IW": (2, lambda d: d.isocalendar().week),
    "Q": (1, lambda d: (d.month + 2) // 3),
    "HH24": (2, lambda d: d.hour),
    "HH12": (2, lambda d: (d.hour + 11) % 12 + 1),
    "HH": (2, lambda d: (d.hour + 11) % 12 + 1),
    "MI": (2, lambda d: d.minute),
    "SS": (2, lambda d: d.second),
    "MS": (3, lambda d: d.microsecond // 1000),
    "US": (6, lambda d: d.microsecond // 1000 * 1000),
    "SSSS": (1, lambda d: (d.hour * 60 + d.minute) * 60 + d.second),
}
UTC_TEXTS = {"TZ": "UTC", "OF": "+00", "TZH": "+00", "TZM": "00"}


def format_date(date: datetime, pattern: str) -> str:
    return "".join(_formatted(date, piece) for piece in pieces_of(pattern))


def _formatted(date: datetime, piece: Piece) -> str:
    keyword = piece.keyword
    if not keyword:
        return piece.text
    if keyword in _NUMBERS:
        width, number = _NUMBERS[keyword]
        return str(number(date)).zfill(width if piece.fill else 1)
    if keyword in UTC_TEXTS:
        text = UTC_TEXTS[keyword]
        return text.lower() if piece.style == "lower" else text
    if keyword in ("MONTH", "MON"):
        return styled(MONTHS[date.month - 1], piece)
    if keyword in ("DAY", "DY"):
        return styled(DAYS[date.isoweekday() % 7], piece)
    return half_of_day(date.hour, piece)


_WIDTHS = {"YYYY": 4, "MM": 2, "DD": 2, "DDD": 3, "HH24": 2, "HH12": 2, "HH": 2, "MI": 2, "SS": 2, "MS": 3, "US": 6,
           "YY": 2, "SSSS": 5}  # fmt: skip


def parse_date(text: Value, pattern: Value) -> datetime | None:
    """TO_TIMESTAMP(text, pattern): NULL where the text does not fit or a part is out of range.

    Numbers, names of months and days, AM/PM and TZH:TZM are read; blanks and punctuation in the pattern stand for
    any of their kind, as in PostgreSQL."""
    if not isinstance(text, str) or not isinstance(pattern, str):
        return None
    fields: dict[str, int] = {}
    rest = text.lstrip()
    pieces = pieces_of(pattern)
    for index, piece in enumerate(pieces):
        following = pieces[index + 1] if index + 1 < len(pieces) else None
        read = _read_piece(rest, piece, fields, packed=following is not None and following.keyword in _WIDTHS)
        if read is None:
            return None
        rest = read
    return moment(_assembled(fields)) if not rest.strip() else None


def _read_piece(text: str, piece: Piece, fields: dict[str, int], packed: bool) -> str | None:
    """The text after the piece, its value noted in ``fields``; None where it does not fit."""
    keyword = piece.keyword
    if not keyword:
        return _skip(text, piece.text)
    text = text.lstrip()
    if keyword in ("MONTH", "MON"):
        return _read_name(text, MONTHS, keyword == "MON", "MM", fields)
    if keyword in ("DAY", "DY"):
        return _read_name(text, DAYS, keyword == "DY", "", fields)
    if keyword in _NAMES:
        found = re.match(r"([ap])\.?m\.?", text, re.IGNORECASE)
        if found is None:
            return None
        fields["PM"] = int(found[1].lower() == "p")
        return text[found.end() :]
    if keyword in ("TZH", "OF"):
        found = re.match(r"([+-]?)(\d\d?)", text, re.ASCII)
        if found is None:
            return None
        fields["TZH"] = int(found[2]) * (-1 if found[1] == "-" else 1)
        return text[found.end() :]
    if keyword == "TZM":
        return _read_digits(text, "TZM", 2, fields)
    if keyword not in _WIDTHS:
        return None
    width = _WIDTHS[keyword]
    return _read_digits(text, keyword, width if packed or keyword != "YYYY" else 9, fields)


def _skip(text: str, literal: str) -> str:
    for char in literal:
        if char.isspace():
            text = text.lstrip()
        elif not char.isalnum():
            if text[:1] and not text[0].isalnum() and not text[0].isspace():
                text = text[1:]
        else:
            text = text[1:]
    return text


def _read_digits(text: str, keyword: str, width: int, fields: dict[str, int]) -> str | None:
    found = re.match(rf"\d{{1,{width}}}", text, re.ASCII)
    if found is None:
        return None
    digits = found[0]
    if keyword in ("MS", "US"):  # a fraction: .5 is 500 ms
        digits = digits.ljust(width, "0")
    fields[keyword] = int(digits)
    return text[found.end() :]


def _read_name(text: str, names: tuple[str, ...], short: bool, field: str, fields: dict[str, int]) -> str | None:
    for number, name in enumerate(names, 1):
        wanted = name[:3] if short else name
        if text[: len(wanted)].lower() == wanted.lower():
            if field:
                fields[field] = number
            return text[len(wanted) :]
    return None


def _assembled(fields: dict[str, int]) -> datetime | None:
    year = fields.get("YYYY", 1)
    if "YY" in fields:
        year = fields["YY"] + (2000 if fields["YY"] < 70 else 1900)
    hour = fields.get("HH24", 0)
    if "HH24" not in fields and ("HH12" in fields or "HH" in fields):
        twelve = fields.get("HH12", fields.get("HH", 0))
        if not 1 <= twelve <= 12:
            return None
        hour = twelve % 12 + 12 * fields.get("PM", 0)
    micro = fields.get("US", fields.get("MS", 0) * 1000)
    east = timedelta(hours=fields.get("TZH", 0))
    east += timedelta(minutes=fields.get("TZM", 0)) * (-1 if fields.get("TZH", 0) < 0 else 1)
    try:
        date = datetime(year, fields.get("MM", 1), fields.get("DD", 1))
        if "DDD" in fields:
            date = datetime(year, 1, 1) + timedelta(days=fields["DDD"] - 1)
        if "SSSS" in fields:
            return date + timedelta(seconds=fields["SSSS"], microseconds=micro) - east
        return date.replace(hour=hour, minute=fields.get("MI", 0), second=fields.get("SS", 0), microsecond=micro) - east
    except (ValueError, OverflowError):
        return None
