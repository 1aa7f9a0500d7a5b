"""Kinds of values: what may be compared with what."""

from __future__ import annotations

from datetime import datetime

from bson import Binary, Code, DBRef, Decimal128, Int64, ObjectId
from bson.datetime_ms import DatetimeMS

from queryleaf_cdc.values import INTERVAL_KEYS, Interval, Type, Value

_BY_CLASS: dict[type, Type] = {
    bool: Type.BOOL,
    str: Type.STRING,
    datetime: Type.DATE,
    DatetimeMS: Type.DATE,
    ObjectId: Type.OBJECTID,
    Binary: Type.BINARY,
    bytes: Type.BINARY,
    list: Type.ARRAY,
    dict: Type.DOCUMENT,
    DBRef: Type.DOCUMENT,
    Code: Type.OTHER,
    Interval: Type.INTERVAL,
    Decimal128: Type.NUMBER,
    Int64: Type.NUMBER,
    int: Type.NUMBER,
    float: Type.NUMBER,
    type(None): Type.NULL,
}
"""``Code`` is a string in Python but not in BSON; a ``DBRef`` is a document."""


def type_of_value(value: Value) -> Type:
    """The one type of a value. A document of exactly an interval's keys is DOCUMENT here, as on the server."""
    found = _BY_CLASS.get(type(value))
    if found is not None:
        return found
    for cls, type_ in _BY_CLASS.items():
        if isinstance(value, cls):
            return type_
    return Type.OTHER


def is_interval(value: Value) -> bool:
    return isinstance(value, dict) and tuple(value) == INTERVAL_KEYS
