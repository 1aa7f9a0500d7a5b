"""JSON operators and constructors. ``->`` reads a field by a text and an element by a number (from 0, negative from the
end); ``->>`` gives it as text (NULL for arrays and documents)."""

from __future__ import annotations

from bson import DBRef

from queryleaf_cdc.functions.arrays import item, item_mongo
from queryleaf_cdc.functions.building import STRING_OR_NULL, bind_arg, scalar
from queryleaf_cdc.functions.kind_tests import is_kind, when
from queryleaf_cdc.functions.mql import NULL, Array, Const, Doc, Dot, Mql, Over, Var, op
from queryleaf_cdc.functions.paths import is_plain
from queryleaf_cdc.functions.spec import Arg, WorkerSide
from queryleaf_cdc.functions.texts import text_mongo, text_of
from queryleaf_cdc.values import Type, Value

ARRAY_OR_NULL = Type.ARRAY | Type.NULL
NUMBER_OR_NULL = Type.NUMBER | Type.NULL


def _text_item(value: Value, key: Value) -> str | None:
    return text_of(item(value, key))


def _text_item_mongo(value: Arg, key: Arg) -> Mql:
    return text_mongo(Arg(item_mongo(value, key), Type.ANY))


def _document(*pairs: Value) -> dict[str, Value] | None:
    """Names and values in turn; a later value for a name replaces the earlier. NULL if a name is no text."""
    if len(pairs) % 2:
        return None
    names, values = pairs[::2], pairs[1::2]
    if any(type(name) is not str or "\0" in name for name in names):
        return None
    return dict(zip(names, values, strict=True))


def _document_mongo(*args: Arg) -> Mql:
    if len(args) % 2:
        return NULL
    if not args:
        return Const({})
    names, values = args[::2], args[1::2]
    if not all(name.is_const for name in names):
        raise WorkerSide("a field name that is computed for each document")
    if any(type(name.const) is not str or "\0" in name.const for name in names):
        return NULL
    fields: dict[str, Mql] = {}
    for name, value in zip(names, values, strict=True):
        fields[name.const] = _or_null(value)
    if all(is_plain(name) for name in fields):
        # A bare {name: value} would be a sub-projection at the top of a $project or $addFields.
        return op("$mergeObjects", Doc(tuple(fields.items())))
    pairs = tuple(Array((Const(name), value)) for name, value in fields.items())
    return op("$arrayToObject", Array(pairs))


def _or_null(arg: Arg) -> Mql:
    return op("$ifNull", arg.mongo, NULL) if arg.may(Type.NULL) and not arg.is_const else arg.mongo


def _array(*values: Value) -> list[Value]:
    return list(values)


def _array_mongo(*args: Arg) -> Mql:
    return Array(tuple(arg.mongo for arg in args))


def _size(value: Value) -> int | None:
    return len(value) if isinstance(value, list) else None


def _size_mongo(value: Arg) -> Mql:
    return bind_arg(value, lambda v: when(is_kind(v, Type.ARRAY), op("$size", v.mongo)))


def _keys(value: Value) -> list[str] | None:
    if isinstance(value, DBRef):
        value = value.as_doc()
    return list(value) if isinstance(value, dict) else None


def _keys_mongo(value: Arg) -> Mql:
    each = Var()

    def of_bound(v: Arg) -> Mql:
        keys = Over("$map", op("$objectToArray", v.mongo), each, "in", Dot(each, "k"))
        return when(is_kind(v, Type.DOCUMENT), keys)

    return bind_arg(value, of_bound)


JSON = (
    scalar("->", 2, Type.ANY, item, item_mongo),
    scalar("->>", 2, STRING_OR_NULL, _text_item, _text_item_mongo),
    *(
        scalar(name, (0, 1000), Type.DOCUMENT | Type.NULL, _document, _document_mongo)
        for name in ("JSON_BUILD_OBJECT", "JSONB_BUILD_OBJECT")
    ),
    *(scalar(name, (0, 1000), Type.ARRAY, _array, _array_mongo) for name in ("JSON_BUILD_ARRAY", "JSONB_BUILD_ARRAY")),
    *(scalar(name, 1, NUMBER_OR_NULL, _size, _size_mongo) for name in ("JSON_ARRAY_LENGTH", "JSONB_ARRAY_LENGTH")),
    *(scalar(name, 1, ARRAY_OR_NULL, _keys, _keys_mongo) for name in ("JSON_OBJECT_KEYS", "JSONB_OBJECT_KEYS")),
)
