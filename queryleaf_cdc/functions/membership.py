"""IN over a list, and ``= ANY``, ``< ALL`` and their kin over an array. Three-valued."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from queryleaf_cdc.functions.building import bind_args, folding
from queryleaf_cdc.functions.comparison import EQUALS, OPERATORS, equals, folding_truth
from queryleaf_cdc.functions.kind_tests import BOOL_OR_NULL, is_kind, is_null, not_null, when
from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.functions.logic import conjunction, disjunction, disjunction_mongo
from queryleaf_cdc.functions.mql import (
    FALSE,
    NULL,
    TRUE,
    Array,
    Const,
    Mql,
    Over,
    Switch,
    Var,
    all_of,
    any_of,
    bind,
    op,
)
from queryleaf_cdc.functions.spec import Arg, FunctionSpec
from queryleaf_cdc.functions.timestamps import date_spellings
from queryleaf_cdc.values import Type, Value


def _within(x: Value, *options: Value) -> bool | None:
    return disjunction(*(equals(x, option) for option in options))


def _within_mongo(x: Arg, *options: Arg) -> Mql:
    if not all(option.is_const for option in options):
        values = (Arg(EQUALS.to_mongo(x, option), BOOL_OR_NULL) for option in options)  # type: ignore[misc]
        return disjunction_mongo(*values)
    found = op("$in", x.mongo, _known(options))
    if any(option.const is None for option in options):
        return when(found, TRUE)
    return when(is_null(x), NULL, found)


def _within_truth(x: Arg, *options: Arg) -> Mql:
    """A missing or null value is in no list of other things."""
    constants = [option for option in options if option.is_const]
    rest = [EQUALS.truth(x, option) for option in options if not option.is_const]  # type: ignore[misc]
    known = _known(tuple(constants))
    return any_of(*([op("$in", x.mongo, known)] if known.items else []), *rest)


def _known(options: tuple[Arg, ...]) -> Array:
    return Array(tuple(option.mongo for option in options if option.const is not None))


def _within_type(args: tuple[Arg, ...]) -> Type:
    return BOOL_OR_NULL if any(arg.may(Type.NULL) for arg in args) else Type.BOOL


def _dated_within(args: tuple[Arg, ...]) -> FunctionSpec | None:
    """Literals that read as timestamps also stand for these."""
    moments = tuple(
        date_spellings(arg.const) if arg.is_const and isinstance(arg.const, str) else None for arg in args[1:]
    )
    if not any(moments) or not args[0].may(Type.DATE) or args[0].is_const:
        return None
    added = tuple(moment for moment in moments if moment is not None)
    extra = tuple(Arg(Const(moment), Type.DATE) for moment in added)

    def evaluate(x: Value, *options: Value) -> Value:
        return _within(x, *options, *(added if type_of_value(x) is Type.DATE else ()))

    lowered = folding(evaluate, lambda *args: bind_args(args, lambda x, *rest: _within_mongo(x, *rest, *extra)))
    truth = folding_truth(evaluate, lambda *args: bind_args(args, lambda x, *rest: _within_truth(x, *rest, *extra)))
    return FunctionSpec("IN", 2, None, _within_type, evaluate, lowered, truth)


IN = FunctionSpec(
    "IN", 2, None, _within_type, _within,
    folding(_within, lambda *args: bind_args(args, _within_mongo)),
    folding_truth(_within, lambda *args: bind_args(args, _within_truth)),
    for_literals=_dated_within,
)  # fmt: skip


def _quantified(name: str, spec: FunctionSpec, quantifier: str) -> FunctionSpec:
    """``x <op> ANY (array)`` or ``ALL``. NULL where there is no array; of an empty one false, and true for ALL."""
    combine = disjunction if quantifier == "ANY" else conjunction

    def evaluate(x: Value, array: Value) -> bool | None:
        if not isinstance(array, list):
            return None
        return combine(*(spec.evaluate(x, each) for each in array))

    def value(x: Arg, array: Arg) -> Mql:
        assert spec.to_mongo is not None
        results = _each(array.mongo, lambda each: spec.to_mongo(x, each))  # type: ignore[misc]
        decisive, other = (TRUE, FALSE) if quantifier == "ANY" else (FALSE, TRUE)
        three = bind(results, lambda r: Switch(((op("$in", decisive, r), decisive), (op("$in", NULL, r), NULL)), other))
        return when(is_kind(array, Type.ARRAY), three)

    def truth(x: Arg, array: Arg) -> Mql:
        if name == "=" and quantifier == "ANY":
            return all_of(not_null(x), op("$in", x.mongo, _array_or_empty(array)))
        tests = _each(_array_or_empty(array), lambda each: spec.truth(x, each))  # type: ignore[misc]
        if quantifier == "ANY":
            return op("$anyElementTrue", tests)
        return all_of(is_kind(array, Type.ARRAY), op("$allElementsTrue", tests))

    lowered = folding(evaluate, lambda *args: bind_args(args, value))
    short = folding_truth(evaluate, lambda *args: bind_args(args, truth))
    return FunctionSpec(f"{name} {quantifier}", 2, 2, BOOL_OR_NULL, evaluate, lowered, short)


def _array_or_empty(array: Arg) -> Mql:
    """``$in`` and ``$map`` refuse anything but an array."""
    return when(is_kind(array, Type.ARRAY), array.mongo, Array())


def _each(array: Mql, body: Callable[[Arg], Mql]) -> Mql:
    var = Var()
    return Over("$map", array, var, "in", body(Arg(var, Type.ANY)))


MEMBERSHIP = (
    IN,
    *(
        _quantified(name, replace(spec, for_intervals=None, for_literals=None), quantifier)
        for name, spec in OPERATORS.items()
        for quantifier in ("ANY", "ALL")
    ),
)
