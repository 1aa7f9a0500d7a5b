"""Arrays: subscripts from 0, and PostgreSQL's array functions, whose positions count from 1."""

from __future__ import annotations

from collections.abc import Callable

from bson import DBRef

from queryleaf_cdc.functions import bson_order
from queryleaf_cdc.functions.building import bind_arg, bind_args, scalar
from queryleaf_cdc.functions.kind_tests import is_kind, is_null, negated, when
from queryleaf_cdc.functions.mql import NULL, Array, Const, Dot, Mql, Over, Var, all_of, any_of, named, op
from queryleaf_cdc.functions.server_numbers import is_number
from queryleaf_cdc.functions.spec import Arg, WorkerSide
from queryleaf_cdc.functions.whole_numbers import whole, with_whole
from queryleaf_cdc.values import Type, Value

ARRAY_OR_NULL = Type.ARRAY | Type.NULL
NUMBER_OR_NULL = Type.NUMBER | Type.NULL
BOOL_OR_NULL = Type.BOOL | Type.NULL


def item(value: Value, key: Value) -> Value:
    """The element at a position (from 0; negative ones count from the end), or the field of a name."""
    if isinstance(value, list):
        index = whole(key)
        return value[index] if index is not None and -len(value) <= index < len(value) else None
    if isinstance(value, DBRef):
        value = value.as_doc()
    return value.get(key) if isinstance(value, dict) and type(key) is str else None


def item_mongo(value: Arg, key: Arg) -> Mql:
    def element(v: Arg, k: Arg) -> Mql:
        return with_whole(k, lambda n: op("$arrayElemAt", v.mongo, n))

    def of_bound(v: Arg, k: Arg) -> Mql:
        is_array = is_kind(v, Type.ARRAY)
        if k.is_const:
            if type(k.const) is not str:
                return when(is_array, element(v, k)) if is_number(k.const) else NULL
            field = named("$getField", field=k.mongo, input=v.mongo)
            return when(is_kind(v, Type.DOCUMENT), field)
        named_field = all_of(is_kind(v, Type.DOCUMENT), is_kind(k, Type.STRING))
        return when(is_array, element(v, k), when(named_field, _field_named(v.mongo, k.mongo)))

    return bind_args((value, key), of_bound)


def _field_named(document: Mql, name: Mql) -> Mql:
    """``$getField`` takes a constant name only."""
    each = Var()
    pairs = Over("$filter", op("$objectToArray", document), each, "cond", op("$eq", Dot(each, "k"), name))
    return named("$getField", field=Const("v"), input=op("$first", pairs))


def _array(*values: Value) -> list[Value]:
    return list(values)


def _array_mongo(*args: Arg) -> Mql:
    """A missing element is null anyway."""
    return Array(tuple(arg.mongo for arg in args))


def _size(array: Value, dimension: Value = 1) -> int | None:
    """The number of elements; with a dimension, of the first elements down to it, as PostgreSQL."""
    depth = whole(dimension)
    if depth is None or not 1 <= depth <= 6:
        return None
    for _ in range(depth - 1):
        array = array[0] if isinstance(array, list) and array else None
    return len(array) if isinstance(array, list) else None


def _size_mongo(array: Arg, dimension: Arg | None = None) -> Mql:
    def size(a: Arg) -> Mql:
        return when(is_kind(a, Type.ARRAY), op("$size", a.mongo))

    if dimension is None:
        return bind_arg(array, size)
    depth = whole(dimension.const) if dimension.is_const else None
    if not dimension.is_const:
        raise WorkerSide("a dimension that is computed for each document")
    if depth is None or not 1 <= depth <= 6:
        return NULL
    for _ in range(depth - 1):
        array = Arg(bind_arg(array, lambda a: when(is_kind(a, Type.ARRAY), op("$first", a.mongo))), Type.ANY)
    return bind_arg(array, size)


def _append(array: Value, value: Value) -> list[Value] | None:
    return [*array, value] if isinstance(array, list) else [value] if array is None else None


def _append_mongo(array: Arg, value: Arg) -> Mql:
    def of_bound(a: Arg, v: Arg) -> Mql:
        single = Array((v.mongo,))
        return when(is_kind(a, Type.ARRAY), op("$concatArrays", a.mongo, single), when(is_null(a), single))

    return bind_args((array, value), of_bound)


def _prepend(value: Value, array: Value) -> list[Value] | None:
    return [value, *array] if isinstance(array, list) else [value] if array is None else None


def _prepend_mongo(value: Arg, array: Arg) -> Mql:
    def of_bound(v: Arg, a: Arg) -> Mql:
        single = Array((v.mongo,))
        return when(is_kind(a, Type.ARRAY), op("$concatArrays", single, a.mongo), when(is_null(a), single))

    return bind_args((value, array), of_bound)


def _joined(a: Value, b: Value) -> list[Value] | None:
    """NULL counts as nothing to add, two NULLs are NULL."""
    if isinstance(a, list) and isinstance(b, list):
        return a + b
    if a is None or b is None:
        rest = b if a is None else a
        return rest if isinstance(rest, list) else None
    return None


def _joined_mongo(a: Arg, b: Arg) -> Mql:
    def of_bound(x: Arg, y: Arg) -> Mql:
        x_array, y_array = is_kind(x, Type.ARRAY), is_kind(y, Type.ARRAY)
        only_x = when(all_of(x_array, is_null(y)), x.mongo)
        only_y = when(all_of(y_array, is_null(x)), y.mongo, only_x)
        return when(all_of(x_array, y_array), op("$concatArrays", x.mongo, y.mongo), only_y)

    return bind_args((a, b), of_bound)


def _position(array: Value, value: Value) -> int | None:
    """From 1; NULL where the value is not there. A NULL is found like any value."""
    if not isinstance(array, list):
        return None
    return next((at for at, each in enumerate(array, 1) if bson_order.equal(each, value)), None)


def _or_null(arg: Arg) -> Mql:
    return op("$ifNull", arg.mongo, NULL) if arg.may(Type.NULL) and not arg.is_const else arg.mongo


def _position_mongo(array: Arg, value: Arg) -> Mql:
    def of_bound(a: Arg, v: Arg) -> Mql:
        at = op("$add", op("$indexOfArray", a.mongo, _or_null(v)), Const(1))
        found = all_of(is_kind(a, Type.ARRAY), op("$in", _or_null(v), a.mongo))
        return when(found, at)

    return bind_args((array, value), of_bound)


def _removed(array: Value, value: Value) -> list[Value] | None:
    if not isinstance(array, list):
        return None
    return [each for each in array if not bson_order.equal(each, value)]


def _removed_mongo(array: Arg, value: Arg) -> Mql:
    each = Var()

    def of_bound(a: Arg, v: Arg) -> Mql:
        return when(is_kind(a, Type.ARRAY), Over("$filter", a.mongo, each, "cond", op("$ne", each, _or_null(v))))

    return bind_args((array, value), of_bound)


def _contains(array: Value, value: Value) -> bool | None:
    """Whether the value is an element; NULL for a NULL value, as ``value = ANY(array)`` without its third value."""
    if not isinstance(array, list) or value is None:
        return None
    return any(bson_order.equal(each, value) for each in array)


def _contains_mongo(array: Arg, value: Arg) -> Mql:
    def of_bound(a: Arg, v: Arg) -> Mql:
        return when(any_of(negated(is_kind(a, Type.ARRAY)), is_null(v)), NULL, op("$in", v.mongo, a.mongo))

    return bind_args((array, value), of_bound)


def _covers(array: Value, other: Value) -> bool | None:
    """``@>``: whether each element of the other array is in this one."""
    if not isinstance(array, list) or not isinstance(other, list):
        return None
    return all(any(bson_order.equal(each, mine) for mine in array) for each in other)


def _covers_mongo(array: Arg, other: Arg) -> Mql:
    def of_bound(a: Arg, b: Arg) -> Mql:
        both = all_of(is_kind(a, Type.ARRAY), is_kind(b, Type.ARRAY))
        return when(both, op("$setIsSubset", b.mongo, a.mongo))

    return bind_args((array, other), of_bound)


def _flipped(function: Callable[[Value, Value], Value]) -> Callable[[Value, Value], Value]:
    return lambda a, b: function(b, a)


ARRAYS = (
    scalar("[]", 2, Type.ANY, item, item_mongo),
    scalar("ARRAY", (0, 1000), Type.ARRAY, _array, _array_mongo),
    scalar("ARRAY_LENGTH", (1, 2), NUMBER_OR_NULL, _size, _size_mongo),
    scalar("CARDINALITY", 1, NUMBER_OR_NULL, _size, _size_mongo),
    scalar("ARRAY_APPEND", 2, ARRAY_OR_NULL, _append, _append_mongo),
    scalar("ARRAY_PREPEND", 2, ARRAY_OR_NULL, _prepend, _prepend_mongo),
    scalar("ARRAY_CAT", 2, ARRAY_OR_NULL, _joined, _joined_mongo),
    scalar("ARRAY_POSITION", 2, NUMBER_OR_NULL, _position, _position_mongo),
    scalar("ARRAY_REMOVE", 2, ARRAY_OR_NULL, _removed, _removed_mongo),
    scalar("ARRAY_CONTAINS", 2, BOOL_OR_NULL, _contains, _contains_mongo),
    scalar("@>", 2, BOOL_OR_NULL, _covers, _covers_mongo),
    scalar("<@", 2, BOOL_OR_NULL, _flipped(_covers), lambda a, b: _covers_mongo(b, a)),
)
