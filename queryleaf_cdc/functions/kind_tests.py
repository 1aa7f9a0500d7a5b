"""Tests that server faces are built of: kinds of values, NULL, three-valued results."""

from __future__ import annotations

from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.functions.mql import FALSE, NULL, TRUE, Const, Mql, Op, cond, op
from queryleaf_cdc.functions.spec import Arg
from queryleaf_cdc.values import Type

BOOL_OR_NULL = Type.BOOL | Type.NULL

TYPE_NAMES = {
    Type.STRING: "string",
    Type.DATE: "date",
    Type.BOOL: "bool",
    Type.OBJECTID: "objectId",
    Type.BINARY: "binData",
    Type.DOCUMENT: "object",
}
"""What ``$type`` says; numbers and arrays have operators of their own."""


def is_null(arg: Arg) -> Mql:
    """Null or missing; FALSE where the type excludes it."""
    if arg.is_const:
        return TRUE if arg.const is None else FALSE
    return op("$eq", op("$ifNull", arg.mongo, NULL), NULL) if arg.may(Type.NULL) else FALSE


def not_null(arg: Arg) -> Mql:
    return negated(is_null(arg))


def negated(test: Mql) -> Mql:
    """The opposite of a test that is true or false."""
    match test:
        case Const(value):
            return Const(not value)
        case Op("$eq", args):
            return Op("$ne", args)
        case Op("$ne", args):
            return Op("$eq", args)
        case Op("$not", (inner,)):
            return inner
    return op("$not", test)


def is_kind(arg: Arg, kind: Type) -> Mql:
    """Whether the value is of this one kind; TRUE or FALSE where the type tells."""
    if arg.is_const:
        return TRUE if type_of_value(arg.const) is kind else FALSE
    kinds = kind | Type.INTERVAL if kind is Type.DOCUMENT else kind  # an interval is a document
    if arg.only(kinds):
        return TRUE
    if not arg.may(kinds):
        return FALSE
    if kind is Type.NUMBER:
        return op("$isNumber", arg.mongo)
    if kind is Type.ARRAY:
        return op("$isArray", arg.mongo)
    return op("$eq", op("$type", arg.mongo), Const(TYPE_NAMES[kind]))


def when(test: Mql, then: Mql, otherwise: Mql = NULL) -> Mql:
    """``$cond``, unless the test is already decided."""
    if test == TRUE:
        return then
    return otherwise if test == FALSE else cond(test, then, otherwise)
