"""TYPEOF: the name of a value's BSON type, as ``$type`` says it; ``'null'`` for NULL."""

from __future__ import annotations

from bson import Code, Decimal128, Int64, MaxKey, MinKey, Regex, Timestamp

from queryleaf_cdc.functions.building import scalar
from queryleaf_cdc.functions.kind_tests import TYPE_NAMES
from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.functions.mql import NULL, Mql, op
from queryleaf_cdc.functions.server_numbers import is_wide
from queryleaf_cdc.functions.spec import Arg
from queryleaf_cdc.values import Type, Value

_RARE: dict[type, str] = {
    Int64: "long",
    float: "double",
    Decimal128: "decimal",
    Regex: "regex",
    Timestamp: "timestamp",
    MinKey: "minKey",
    MaxKey: "maxKey",
}


def _type_name(value: Value) -> str:
    if type(value) is int:
        return "long" if is_wide(value) else "int"
    if isinstance(value, Code):
        return "javascript" if value.scope is None else "javascriptWithScope"
    kind = type_of_value(value)
    names = {**TYPE_NAMES, Type.NULL: "null", Type.ARRAY: "array"}
    return _RARE.get(type(value)) or names.get(kind, "unknown")


def _type_name_mongo(arg: Arg) -> Mql:
    return op("$type", op("$ifNull", arg.mongo, NULL) if arg.may(Type.NULL) else arg.mongo)


TYPEOF = tuple(scalar(name, 1, Type.STRING, _type_name, _type_name_mongo) for name in ("TYPEOF", "PG_TYPEOF"))
