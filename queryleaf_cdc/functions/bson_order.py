"""Equality and order of BSON values as SQL sees them, and exactly as the server computes them.

Numbers compare by value whatever their width (a double meets a decimal exactly); NaN equals NaN and is above every
other number, as in PostgreSQL. Documents are equal if their fields are, in order."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from bson import Binary, DBRef, Decimal128, Int64, ObjectId
from bson.datetime_ms import DatetimeMS, _datetime_to_millis

from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.values import Type, Value

ORDERED = Type.NUMBER | Type.STRING | Type.DATE | Type.BOOL | Type.OBJECTID | Type.BINARY
"""The kinds that have an order."""

_EPOCH = datetime(1970, 1, 1)
_PLAIN = frozenset((int, Int64, str, bool, ObjectId, type(None)))
_INTEGERS = frozenset((int, Int64))


def equal(a: Value, b: Value) -> bool:
    """Whether the server's ``$eq`` holds. NULL equals NULL here; SQL's three values are the caller's matter."""
    kind_a, kind_b = type(a), type(b)
    if kind_a is kind_b and kind_a in _PLAIN:
        return bool(a == b)
    type_ = type_of_value(a)
    if type_ is not type_of_value(b):
        return False
    if type_ in ORDERED:
        return _compare(a, b, type_) == 0
    if type_ is Type.ARRAY:
        return len(a) == len(b) and all(map(equal, a, b))
    if type_ is Type.DOCUMENT:
        return _equal_documents(a, b)
    return kind_a is kind_b and bool(a == b)


def _equal_documents(a: Value, b: Value) -> bool:
    left = a.as_doc() if isinstance(a, DBRef) else a
    right = b.as_doc() if isinstance(b, DBRef) else b
    return len(left) == len(right) and all(
        key == other and equal(value, right[other]) for (key, value), other in zip(left.items(), right, strict=True)
    )


def order(a: Value, b: Value) -> int | None:
    """Negative, 0 or positive as ``a`` is below, at or above ``b``; None for NULL and for kinds that do not compare."""
    kind_a, kind_b = type(a), type(b)
    if kind_a is kind_b and (kind_a is int or kind_a is str):
        return -1 if a < b else int(a > b)
    type_ = type_of_value(a)
    if type_ is not type_of_value(b) or type_ not in ORDERED:
        return None
    return _compare(a, b, type_)


def _compare(a: Value, b: Value, type_: Type) -> int:
    if type_ is Type.NUMBER:
        a, b = _comparable_number(a), _comparable_number(b)
        if a != a or b != b:
            return int(a != a) - int(b != b)
    elif type_ is Type.DATE:
        a, b = milliseconds(a), milliseconds(b)
    elif type_ is Type.BINARY:
        a, b = _binary_key(a), _binary_key(b)
    return -1 if a < b else int(a > b)


def _comparable_number(value: Value) -> int | float | Decimal:
    if isinstance(value, Decimal128):
        found = value.to_decimal()
        return Decimal("NaN") if found.is_nan() else found  # a signalling NaN would raise when compared
    return value  # type: ignore[no-any-return]


def milliseconds(value: datetime | DatetimeMS) -> int:
    if isinstance(value, DatetimeMS):
        return int(value)
    if value.tzinfo is not None:
        return _datetime_to_millis(value)
    since = value - _EPOCH  # nine times as fast as the driver's own way
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def _binary_key(value: bytes) -> tuple[int, int, bytes]:
    """BSON orders binaries by length, then subtype, then bytes."""
    return (len(value), value.subtype if isinstance(value, Binary) else 0, bytes(value))
