"""TO_CHAR(x, pattern): dates in the server with a constant pattern, numbers in the worker."""

from __future__ import annotations

from queryleaf_cdc.functions import server_numbers as numbers
from queryleaf_cdc.functions.building import STRING_OR_NULL, bind_args, choose, may, scalar
from queryleaf_cdc.functions.date_patterns import (
    DAYS,
    MONTHS,
    UTC_TEXTS,
    Piece,
    format_date,
    half_of_day,
    pieces_of,
    styled,
    unknown_in,
    unknown_keyword,
)
from queryleaf_cdc.functions.moments import in_range, moment
from queryleaf_cdc.functions.mql import NULL, Array, Const, Mql, Op, cond, named, op
from queryleaf_cdc.functions.number_patterns import format_number, number_pattern, unknown_number_keyword
from queryleaf_cdc.functions.spec import Arg, WorkerSide
from queryleaf_cdc.values import Type, Value

_FORMATS = {
    "YYYY": "%Y", "MM": "%m", "DD": "%d", "DDD": "%j", "HH24": "%H", "MI": "%M", "SS": "%S", "MS": "%L",
    "US": "%L000", "IYYY": "%G", "IW": "%V", "ID": "%u",
}  # fmt: skip
"""What ``$dateToString`` writes by itself."""


def _to_char(value: Value, pattern: Value) -> str | None:
    if not isinstance(pattern, str):
        return None
    if numbers.is_number(value):
        return format_number(numbers.to_decimal(value), pattern)
    date = moment(value)
    return None if date is None else format_date(date, pattern)


def _to_char_mongo(value: Arg, pattern: Arg) -> Mql:
    if not pattern.is_const:
        raise WorkerSide("TO_CHAR with a pattern that is not constant")
    if not isinstance(pattern.const, str):
        return NULL
    if may(value, Type.NUMBER) and number_pattern(pattern.const) is not None:
        raise WorkerSide("TO_CHAR of a number")
    if not may(value, Type.DATE):
        return NULL
    pieces = pieces_of(pattern.const)
    return bind_args((value,), lambda bound: choose([(in_range(bound.mongo), _written(bound.mongo, pieces))]))


def _written(date: Mql, pieces: tuple[Piece, ...]) -> Mql:
    """Runs of what $dateToString can write in one go, between the computed pieces."""
    parts: list[Mql] = []
    run = ""
    for piece in pieces:
        direct = _direct(piece)
        if direct is not None:
            run += direct
            continue
        if run:
            parts.append(_date_string(date, run))
        run = ""
        parts.append(_computed(date, piece))
    if run or not parts:
        parts.append(_date_string(date, run))
    return parts[0] if len(parts) == 1 else Op("$concat", tuple(parts))


def _date_string(date: Mql, format_: str) -> Mql:
    if "%" not in format_.replace("%%", ""):
        return Const(format_.replace("%%", "%"))
    return named("$dateToString", date=date, format=Const(format_))


def _direct(piece: Piece) -> str | None:
    """The piece in ``$dateToString``'s own format; None if it must be computed."""
    if not piece.keyword:
        return piece.text.replace("%", "%%")
    if piece.keyword in UTC_TEXTS:
        text = UTC_TEXTS[piece.keyword]
        return text.lower() if piece.style == "lower" else text
    return _FORMATS.get(piece.keyword) if piece.fill else None


def _computed(date: Mql, piece: Piece) -> Mql:
    match piece.keyword:
        case "MONTH" | "MON":
            return _pick([styled(name, piece) for name in MONTHS], op("$subtract", op("$month", date), Const(1)))
        case "DAY" | "DY":
            return _pick([styled(name, piece) for name in DAYS], op("$subtract", op("$dayOfWeek", date), Const(1)))
        case "AM" | "PM" | "A.M." | "P.M.":
            morning = op("$lt", op("$hour", date), Const(12))
            return cond(morning, Const(half_of_day(0, piece)), Const(half_of_day(12, piece)))
        case _:
            width, number = _number(date, piece.keyword)
            return _padded(number, width if piece.fill else 1)


def _pick(texts: list[str], index: Mql) -> Mql:
    return op("$arrayElemAt", Array(tuple(Const(text) for text in texts)), index)


def _padded(number: Mql, width: int) -> Mql:
    """The digits of a number of at most so many, filled with zeros; width 1 fills nothing."""
    if width == 1:
        return op("$toString", number)
    filled = op("$toString", op("$add", number, Const(10**width)))
    return op("$substrBytes", filled, Const(1), Const(width))


def _number(date: Mql, keyword: str) -> tuple[int, Mql]:
    """Its width, and the value as an integer."""
    year, hour = op("$year", date), op("$hour", date)
    match keyword:
        case "YYYY":
            return 4, year
        case "YYY" | "YY" | "Y":
            return len(keyword), op("$mod", year, Const(10 ** len(keyword)))
        case "IYYY":
            return 4, op("$isoWeekYear", date)
        case "MM":
            return 2, op("$month", date)
        case "DD":
            return 2, op("$dayOfMonth", date)
        case "DDD":
            return 3, op("$dayOfYear", date)
        case "IDDD":
            weeks = op("$multiply", op("$subtract", op("$isoWeek", date), Const(1)), Const(7))
            return 3, op("$add", weeks, op("$isoDayOfWeek", date))
        case "D":
            return 1, op("$dayOfWeek", date)
        case "ID":
            return 1, op("$isoDayOfWeek", date)
        case "W":
            return 1, _seventh(op("$dayOfMonth", date))
        case "WW":
            return 2, _seventh(op("$dayOfYear", date))
        case "IW":
            return 2, op("$isoWeek", date)
        case "Q":
            return 1, op("$toInt", op("$ceil", op("$divide", op("$month", date), Const(3))))
        case "HH24":
            return 2, hour
        case "HH12" | "HH":
            return 2, op("$add", op("$mod", op("$add", hour, Const(11)), Const(12)), Const(1))
        case "MI":
            return 2, op("$minute", date)
        case "SS":
            return 2, op("$second", date)
        case "MS":
            return 3, op("$millisecond", date)
        case "US":
            return 6, op("$multiply", op("$millisecond", date), Const(1000))
        case _:
            assert keyword == "SSSS"
            minutes = op("$add", op("$multiply", hour, Const(60)), op("$minute", date))
            return 1, op("$add", op("$multiply", minutes, Const(60)), op("$second", date))


def _seventh(day: Mql) -> Mql:
    return op("$toInt", op("$divide", op("$add", day, Const(6)), Const(7)))


def _check(args: tuple[Arg, ...]) -> str | None:
    value, pattern = args
    if value.may(Type.INTERVAL) and value.only(Type.INTERVAL):
        return "TO_CHAR takes a date or a number, no interval; EXTRACT gives its parts"
    if not pattern.is_const or not isinstance(pattern.const, str):
        return None
    if number_pattern(pattern.const) is not None and may(value, Type.NUMBER):
        return unknown_in("TO_CHAR", unknown_number_keyword(pattern.const))
    return unknown_in("TO_CHAR", unknown_keyword(pattern.const, reading=False))


FORMATS = (scalar("TO_CHAR", 2, STRING_OR_NULL, _to_char, _to_char_mongo, check=_check),)
