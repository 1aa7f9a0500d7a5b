"""The total order of BSON values that ORDER BY, MIN and MAX follow, and keys under which equal values are one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from functools import cmp_to_key
from typing import Any, TypeVar

from bson import DBRef

from queryleaf_cdc.dataflow.rows import identity
from queryleaf_cdc.functions import bson_order
from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.functions.server_numbers import is_nan
from queryleaf_cdc.syntax.expressions import OrderItem
from queryleaf_cdc.values import Type, Value

_RANKS = {
    kind: rank
    for rank, kind in enumerate(
        (
            Type.NULL,
            Type.NUMBER,
            Type.STRING,
            Type.DOCUMENT,
            Type.ARRAY,
            Type.BINARY,
            Type.OBJECTID,
            Type.BOOL,
            Type.DATE,
            Type.OTHER,
        )
    )
}

SortKey = Callable[[Value], Any]
T = TypeVar("T")


def compare(a: Value, b: Value) -> int:
    """Negative, 0 or positive. Kinds follow each other as in BSON; NaN is the greatest number."""
    kind_a, kind_b = type_of_value(a), type_of_value(b)
    if kind_a is not kind_b:
        return _RANKS[kind_a] - _RANKS[kind_b]
    if kind_a in bson_order.ORDERED:
        return bson_order.order(a, b) or 0
    if kind_a is Type.ARRAY:
        return _compare_lists(a, b)
    if kind_a is Type.DOCUMENT:
        return _compare_lists(_pairs(a), _pairs(b))
    return (repr(a) > repr(b)) - (repr(a) < repr(b))


def _pairs(document: Value) -> list[Value]:
    """As the server compares them: field by field, the kind first, then the name, then the value."""
    fields = document.as_doc() if isinstance(document, DBRef) else document
    return [part for name, value in fields.items() for part in (_RANKS[type_of_value(value)], name, value)]


def _compare_lists(a: list[Value], b: list[Value]) -> int:
    for left, right in zip(a, b, strict=False):
        sign = compare(left, right)
        if sign:
            return sign
    return len(a) - len(b)


ascending: SortKey = cmp_to_key(compare)
_descending: SortKey = cmp_to_key(lambda a, b: compare(b, a))


def sort_key(item: OrderItem) -> SortKey:
    """The key of one ORDER BY term: NULLs where it wants them, NaN beyond all else that is not NULL."""
    inner = _descending if item.descending else ascending

    def key(value: Value) -> tuple[int, Any]:
        if value is None:
            return (0 if item.nulls_first else 3), inner(None)
        if is_not_a_number(value):
            return (1 if item.descending else 2), inner(None)
        return (2 if item.descending else 1), inner(value)

    return key


def is_not_a_number(value: Value) -> bool:
    return type_of_value(value) is Type.NUMBER and is_nan(value)


def once(items: Iterable[T], value: Callable[[T], Value] = lambda item: item) -> list[T]:
    """The first item of each value, in order."""
    found: dict[Hashable, T] = {}
    for item in items:
        found.setdefault(identity(value(item)), item)
    return list(found.values())
