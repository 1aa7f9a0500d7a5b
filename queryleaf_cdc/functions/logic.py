"""AND, OR, NOT and the IS tests, three-valued. What is neither true nor false counts as NULL."""

from __future__ import annotations

from queryleaf_cdc.functions.building import bind_arg, bind_args, folding
from queryleaf_cdc.functions.kind_tests import BOOL_OR_NULL, is_null, negated, when
from queryleaf_cdc.functions.mql import FALSE, NULL, TRUE, Mql, Switch, all_of, any_of, op
from queryleaf_cdc.functions.spec import Arg, FunctionSpec
from queryleaf_cdc.values import Type, Value


def conjunction(*values: Value) -> bool | None:
    """AND of any number of values."""
    if any(value is False for value in values):
        return False
    return True if all(value is True for value in values) else None


def disjunction(*values: Value) -> bool | None:
    """OR of any number of values."""
    if any(value is True for value in values):
        return True
    return False if all(value is False for value in values) else None


def negation(value: Value) -> bool | None:
    return not value if value is True or value is False else None


def is_true(arg: Arg) -> Mql:
    if arg.is_const:
        return TRUE if arg.const is True else FALSE
    return arg.mongo if arg.only(Type.BOOL) else op("$eq", arg.mongo, TRUE)


def is_false(arg: Arg) -> Mql:
    if arg.is_const:
        return TRUE if arg.const is False else FALSE
    return negated(arg.mongo) if arg.only(Type.BOOL) else op("$eq", arg.mongo, FALSE)


def conjunction_mongo(*args: Arg) -> Mql:
    if all(arg.only(Type.BOOL) for arg in args):
        return all_of(*(arg.mongo for arg in args))
    return bind_args(args, _conjunction_of_bound)


def _conjunction_of_bound(*args: Arg) -> Mql:
    true, false = all_of(*map(is_true, args)), any_of(*map(is_false, args))
    if true == FALSE:
        return when(false, FALSE)
    return Switch(((false, FALSE), (true, TRUE)), NULL) if false != FALSE else when(true, TRUE)


def disjunction_mongo(*args: Arg) -> Mql:
    if all(arg.only(Type.BOOL) for arg in args):
        return any_of(*(arg.mongo for arg in args))
    return bind_args(args, _disjunction_of_bound)


def _disjunction_of_bound(*args: Arg) -> Mql:
    true, false = any_of(*map(is_true, args)), all_of(*map(is_false, args))
    if false == FALSE:
        return when(true, TRUE)
    return Switch(((true, TRUE), (false, FALSE)), NULL) if true != FALSE else when(false, FALSE)


def _negation_mongo(arg: Arg) -> Mql:
    if arg.only(Type.BOOL):
        return negated(arg.mongo)
    return bind_arg(arg, lambda a: Switch(((is_true(a), FALSE), (is_false(a), TRUE)), NULL))


def _is_unknown_mongo(arg: Arg) -> Mql:
    if arg.only(BOOL_OR_NULL):
        return is_null(arg)
    return bind_arg(arg, lambda a: negated(any_of(is_true(a), is_false(a))))


def _all_true(*args: Arg) -> Mql:
    return all_of(*map(is_true, args))


def _any_true(*args: Arg) -> Mql:
    return any_of(*map(is_true, args))


def _logical(args: tuple[Arg, ...]) -> Type:
    return Type.BOOL if all(arg.only(Type.BOOL) for arg in args) else BOOL_OR_NULL


def _is_unknown(value: Value) -> bool:
    return value is not True and value is not False


def _is_null(value: Value) -> bool:
    return value is None


LOGIC = (
    FunctionSpec("AND", 1, None, _logical, conjunction, folding(conjunction, conjunction_mongo), _all_true),
    FunctionSpec("OR", 1, None, _logical, disjunction, folding(disjunction, disjunction_mongo), _any_true),
    FunctionSpec("NOT", 1, 1, _logical, negation, folding(negation, _negation_mongo), is_false),
    FunctionSpec("IS NULL", 1, 1, Type.BOOL, _is_null, is_null),
    FunctionSpec("IS TRUE", 1, 1, Type.BOOL, lambda value: value is True, is_true),
    FunctionSpec("IS FALSE", 1, 1, Type.BOOL, lambda value: value is False, is_false),
    FunctionSpec("IS UNKNOWN", 1, 1, Type.BOOL, _is_unknown, folding(_is_unknown, _is_unknown_mongo)),
)

__all__ = ["LOGIC", "conjunction", "conjunction_mongo", "disjunction", "disjunction_mongo", "negation"]
