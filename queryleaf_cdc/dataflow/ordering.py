"""Values as bytes whose order is that of BSON: sorted keys compare in C, and are stored as they are.

Numbers compare by value whatever their width: eight bytes for the nearest double, then what is left, exactly."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal, localcontext
from math import isinf, isnan, nextafter
from typing import Any

from bson import DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS

from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.functions.bson_order import milliseconds
from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.syntax.expressions import OrderItem
from queryleaf_cdc.values import Type, Value

_DOUBLE, _UINT64, _UINT32 = struct.Struct(">d"), struct.Struct(">Q"), struct.Struct(">I")
_SIGN, _ALL = 1 << 63, (1 << 64) - 1
_EXACT_INT = 1 << 53
_MAX = nextafter(float("inf"), 0.0)
_WHOLE, _MORE, _LESS = b"\x80", b"\x81", b"\x7f"
_INVERTED = bytes(255 - byte for byte in range(256))
_DIGITS = 2200  # enough to subtract any double from any Decimal128 exactly

_MINKEY, _NULL, _NUMBER, _STRING, _DOCUMENT, _ARRAY = b"\x01", b"\x05", b"\x0a", b"\x0f", b"\x14", b"\x19"
_BINARY, _OBJECTID, _BOOL, _DATE, _TIMESTAMP, _REGEX = b"\x1e", b"\x23", b"\x28", b"\x2d", b"\x2f", b"\x32"
_OTHER, _MAXKEY = b"\x3c", b"\x7f"
_END = b"\x00"
_POSITIVE = [_NUMBER + bytes((byte | 0x80,)) for byte in range(256)]
"""how a number that is not negative begins, by the first byte of its double"""


def encode(values: Iterable[Value]) -> bytes:
    """The values' bytes one after another; equal exactly where their identities are."""
    return b"".join(map(encode_value, values))


def encode_value(value: Value) -> bytes:
    kind = type(value)
    if kind is int and 0 <= value <= _EXACT_INT:  # as below, in one step: most keys are such numbers
        packed = _DOUBLE.pack(value)
        return _POSITIVE[packed[0]] + packed[1:] + _WHOLE
    if kind is str:
        return _STRING + _text(value)
    if kind is int or kind is Int64 or kind is float:
        return _NUMBER + _number(value)
    if value is None:
        return _NULL
    if kind is datetime or kind is DatetimeMS:
        return _DATE + _UINT64.pack(milliseconds(value) + _SIGN)
    if kind is ObjectId:
        return _OBJECTID + bytes(value.binary)
    return _rare(value)


def _rare(value: Value) -> bytes:
    match type_of_value(value):
        case Type.BOOL:
            return _BOOL + (b"\x01" if value else b"\x00")
        case Type.NUMBER:
            return _NUMBER + _number(value.to_decimal() if isinstance(value, Decimal128) else value)
        case Type.BINARY:
            return _BINARY + _UINT32.pack(len(value)) + bytes((getattr(value, "subtype", 0),)) + bytes(value)
        case Type.ARRAY:
            return _ARRAY + encode(value) + _END
        case Type.DOCUMENT | Type.INTERVAL:
            fields = value.as_doc() if isinstance(value, DBRef) else value
            return _DOCUMENT + b"".join(map(_field, fields.items())) + _END
        case _:
            return _other(value)


def _field(field: tuple[str, Value]) -> bytes:
    """As the server compares fields: the kind first, then the name, then the value."""
    name, value = field
    encoded = encode_value(value)
    return encoded[:1] + _text(name) + encoded[1:] + _END


def _other(value: Value) -> bytes:
    match value:
        case MinKey():
            return _MINKEY
        case MaxKey():
            return _MAXKEY
        case Timestamp():
            return _TIMESTAMP + _UINT32.pack(value.time) + _UINT32.pack(value.inc)
        case Regex():
            return _REGEX + _text(str(value.pattern)) + _text(str(value.flags))
        case _:
            return _OTHER + _text(repr(value))


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass").replace(b"\x00", b"\x00\xff") + b"\x00\x00"


def _number(value: Any) -> bytes:
    if isinstance(value, int) and -_EXACT_INT <= value <= _EXACT_INT:
        return _double(float(value)) + _WHOLE
    if isinstance(value, float):
        return _double(value) + _WHOLE
    return _wide(value)


def _double(value: float) -> bytes:
    """Eight bytes in the order of the doubles; NaN comes first, as in BSON."""
    if isnan(value):
        return b"\x00" * 8
    bits: int = _UINT64.unpack(_DOUBLE.pack(value + 0.0))[0]
    return _UINT64.pack(~bits & _ALL if bits & _SIGN else bits | _SIGN)


def _wide(value: int | Decimal) -> bytes:
    if isinstance(value, Decimal) and not value.is_finite():
        return _double(float("nan") if value.is_nan() else float(value)) + _WHOLE
    nearest = float(value)
    if isinf(nearest):
        nearest = _MAX if value > 0 else -_MAX
    with localcontext() as context:
        context.prec = _DIGITS
        rest = Decimal(value) - Decimal(nearest)
        if not rest:
            return _double(nearest) + _WHOLE
        tail = _magnitude(abs(rest).normalize())
    return _double(nearest) + (_MORE + tail if rest > 0 else _LESS + tail.translate(_INVERTED))


def _magnitude(value: Decimal) -> bytes:
    digits = "".join(map(str, value.as_tuple().digits))
    return struct.pack(">H", value.adjusted() + 16384) + digits.encode() + _END


def term(item: OrderItem) -> Callable[[Value], bytes]:
    """The bytes of one ORDER BY term: NULLs where it wants them, NaN beyond all else that is not NULL."""
    null = b"\x00" if item.nulls_first else b"\xff"
    if item.descending:

        def descending(value: Value) -> bytes:
            if value is None:
                return null
            if _is_nan(value):
                return b"\x01"
            return b"\x02" + encode_value(value).translate(_INVERTED)

        return descending

    def ascending(value: Value) -> bytes:
        if value is None:
            return null
        if _is_nan(value):
            return b"\x03"
        return b"\x02" + encode_value(value)

    return ascending


def _is_nan(value: Value) -> bool:
    return value != value or (type(value) is Decimal128 and value.to_decimal().is_nan())


def sort_key(terms: Sequence[tuple[Callable[[Row], Value], Callable[[Value], bytes]]]) -> Callable[[Row], bytes]:
    """The bytes of a row in an order: (column's value, its term) one after another."""
    if len(terms) == 1:
        ((value, bytes_of),) = terms
        return lambda row: bytes_of(value(row))
    return lambda row: b"".join([bytes_of(value(row)) for value, bytes_of in terms])
