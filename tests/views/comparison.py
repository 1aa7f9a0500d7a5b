"""Two answers as multisets: numbers by their value whatever their width, doubles to 1e-9."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from math import isclose
from typing import Any

from bson import Decimal128

_CLOSE = 1e-9
_EXACT = 2**53
"""whole doubles beyond it were rounded"""
_ZERO = 1e-12
"""what is left of deviations that are zero"""

Row = tuple[Any, ...]


def difference(found: Iterable[Row], expected: Iterable[Row]) -> str | None:
    """None when the answers are the same, else what to show."""
    mine, theirs = Counter(map(_plain_row, found)), Counter(map(_plain_row, expected))
    extra, missing = list((mine - theirs).elements()), list((theirs - mine).elements())
    for row in list(missing):
        match = next((other for other in extra if _close(row, other)), None)
        if match is not None:
            missing.remove(row)
            extra.remove(match)
    if not extra and not missing:
        return None
    return f"missing: {_shown(missing)}\ntoo much: {_shown(extra)}\nof {_shown(list(theirs.elements()))}"


def _shown(rows: Sequence[Row]) -> str:
    return "".join(f"\n  {row!r}" for row in sorted(rows, key=repr)) or " nothing"


def _plain_row(row: Row) -> Row:
    return tuple(map(plain, row))


def plain(value: Any) -> Hashable:
    """Equal where the values are; a bool is no number."""
    match value:
        case Decimal128():
            return plain(value.to_decimal())
        case bool():
            return ("bool", value)
        case float() | int() | Decimal():
            if value != value:
                return "NaN"
            return int(value) if isinstance(value, int) or (value == value // 1 and abs(value) < _EXACT) else value
        case datetime():
            return value.replace(tzinfo=None)
        case list() | tuple():
            return tuple(map(plain, value))
        case dict():
            return tuple((key, plain(each)) for key, each in value.items())
        case _:
            return value  # type: ignore[no-any-return]


def _close(one: Row, other: Row) -> bool:
    return len(one) == len(other) and all(map(_close_values, one, other))


def _close_values(one: Any, other: Any) -> bool:
    if isinstance(one, float | int | Decimal) and isinstance(other, float | int | Decimal):
        # Whole numbers are exact; where only one of them is whole, the other one was rounded.
        if isinstance(one, int) and isinstance(other, int):
            return one == other
        return isclose(one, other, rel_tol=_CLOSE, abs_tol=_ZERO)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return _close(one, other)
    return bool(one == other)
