"""Constants: numbers and typed literals to the Python values that they mean."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from bson.decimal128 import Decimal128

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.interval_text import parse_interval
from queryleaf_cdc.values import Interval

BAD_LITERAL = "QL110"
_INT64 = 2**63
_DECIMAL_DIGITS = 34
_SHORT_ZONE = re.compile(r"(?<=[\d])\s*([+-]\d{1,2})(?::?(\d{2}))?$")


def number(text: str, span: Span, negative: bool = False) -> int | float | Decimal128:
    """Integers are int, beyond int64 Decimal128 and beyond 34 digits float; all else is float.

    ``negative`` gives the number behind a minus sign."""
    if text.isdigit():
        if len(text) <= _DECIMAL_DIGITS:
            value = -int(text) if negative else int(text)
            return value if -_INT64 <= value < _INT64 else Decimal128(str(value))
        text = f"{text}.0"
    try:
        result = float(text)
    except ValueError:
        raise CompileError(BAD_LITERAL, f"'{text[:40]}' is no number", span) from None
    if math.isinf(result):
        raise CompileError(BAD_LITERAL, "this number is too large for a double", span)
    return -result if negative else result


def interval(text: str, unit: str, span: Span) -> Interval:
    value = parse_interval(text, unit or None)
    if value is None:
        hint = "write it like INTERVAL '1 day 2 hours' or INTERVAL '02:30:00'"
        raise CompileError(BAD_LITERAL, f"'{text[:40]}' is no interval", span, hint)
    return value


def timestamp(text: str, type_name: str, span: Span) -> datetime:
    """A naive UTC datetime in whole milliseconds; a text without a zone is UTC. A DATE is its midnight."""
    shown = text.strip()
    try:
        value = datetime.fromisoformat(_iso(shown))
    except ValueError:
        hint = "write it like '2025-01-31' or '2025-01-31 10:00:00+02'"
        raise CompileError(BAD_LITERAL, f"'{text[:40]}' is no {type_name.lower()}", span, hint) from None
    if type_name == "DATE":
        return datetime(value.year, value.month, value.day)
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def is_time(text: str) -> bool:
    """Whether a TIME may say this: a time without a zone, or a timestamp."""
    shown = text.strip()
    alone = ":" in shown[:4]
    try:
        value = datetime.fromisoformat(f"2000-01-01 {shown}" if alone else _iso(shown))
    except ValueError:
        return False
    return not (alone and value.tzinfo)


def _iso(text: str) -> str:
    """``fromisoformat`` wants two digits in an hour offset and no blank before it."""
    if " UTC" in text.upper()[-4:]:
        text = text[:-4] + "Z"
    if len(text) > 10:
        return _SHORT_ZONE.sub(lambda m: f"{m[1][0]}{int(m[1][1:]):02d}:{m[2] or '00'}", text[:10] + text[10:])
    return text
