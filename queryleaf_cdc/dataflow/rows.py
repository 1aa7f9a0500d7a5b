"""Rows, and what makes two of them the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

import bson
from bson import DBRef, Decimal128, Int64, ObjectId

from queryleaf_cdc.functions.bson_order import milliseconds
from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.values import Type, Value

Row = tuple[Value, ...]
Delta = list[tuple[Row, int]]
"""Rows with weights: how often each came (positive) or went (negative). A row may stand in it several times."""

Touched = dict[int, dict[Hashable, list[Row]]]
"""Rows of a delta by weight, and then by the identity of their group."""

PLAIN = frozenset((str, int, Int64, datetime, type(None)))
"""Kinds of values that are their own identity."""
_NAN = ("NaN",)
_NEGATIVE_NAN = bytes.fromhex("000000000000f8ff")


def identity(value: Value) -> Hashable:
    """Equal for values that SQL groups together (1, 1.0 and Int64(1), but not true), different for all others."""
    kind = type(value)
    if kind in PLAIN:
        return value  # type: ignore[no-any-return]
    if kind is float:
        return value if value == value else _NAN
    if kind is ObjectId:
        return value.binary  # type: ignore[no-any-return]  # an ObjectId hashes in Python
    return _identity_of_rare(value)


def _identity_of_rare(value: Value) -> Hashable:
    kind = type_of_value(value)
    match kind:
        case Type.NUMBER:
            if isinstance(value, Decimal128):
                number = value.to_decimal()
                return _NAN if number.is_nan() else number
            return value if value == value else _NAN
        case Type.DATE:
            return (kind.value, milliseconds(value))
        case Type.BINARY:
            return (kind.value, getattr(value, "subtype", 0), bytes(value))
        case Type.ARRAY:
            return (kind.value, tuple(map(identity, value)))
        case Type.DOCUMENT | Type.INTERVAL:
            fields = value.as_doc() if isinstance(value, DBRef) else value
            return (kind.value, tuple((name, identity(each)) for name, each in fields.items()))
        case Type.OTHER:
            return (kind.value, repr(value))
        case _:
            return (kind.value, value)


def row_identity(row: Row) -> Hashable:
    return tuple(map(identity, row))


def identity_of(columns: int) -> Callable[[Row], Hashable]:
    """The identity of a row's first columns."""
    if columns == 1:
        return lambda row: identity(row[0])
    return lambda row: tuple(map(identity, row[:columns]))


def exact(row: Row) -> bytes:
    """Different for rows that differ in anything, be it only the width of a number; but a NaN is a NaN.

    Its sign is left to chance by the processors that compute it, here and on the server."""
    encoded = bson.encode({"": row})
    if _NEGATIVE_NAN in encoded:
        return bson.encode({"": _positive(row)})
    return encoded


def _positive(value: Value) -> Value:
    """The value with all its NaNs the same."""
    if isinstance(value, float):
        return value if value == value else math.nan
    if isinstance(value, tuple | list):
        return [_positive(each) for each in value]
    if isinstance(value, dict):
        return {name: _positive(each) for name, each in value.items()}
    return value


def consolidated(delta: Iterable[tuple[Row, int]]) -> Delta:
    """Each row once, with what is left of its weight; rows that came and went are gone."""
    found: dict[bytes, tuple[Row, int]] = {}
    for row, weight in delta:
        key = exact(row)
        known = found.get(key)
        if known is None:
            found[key] = (row, weight)
        elif known[1] + weight:
            found[key] = (row, known[1] + weight)
        else:
            del found[key]
    return list(found.values())


def projection(columns: Sequence[Callable[[Row], Value]]) -> Callable[[Row], Row]:
    """The function that makes a row of the columns' values."""
    functions = tuple(columns)
    if functions and all(isinstance(each, itemgetter) for each in functions):
        getters: Any = functions
        if len(functions) == 1:
            (one,) = getters
            return lambda row: (one(row),)
        positions = [each.__reduce__()[1][0] for each in getters]
        return itemgetter(*positions)
    return lambda row: tuple([function(row) for function in functions])
