"""COALESCE, NULLIF, GREATEST and LEAST."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce

from queryleaf_cdc.functions import bson_order
from queryleaf_cdc.functions.bson_order import ORDERED
from queryleaf_cdc.functions.building import bind_args, folding
from queryleaf_cdc.functions.comparison import EQUALS
from queryleaf_cdc.functions.kind_tests import TYPE_NAMES
from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.functions.mql import NULL, Array, Const, Mql, Over, Var, all_of, any_of, bind, cond, op
from queryleaf_cdc.functions.spec import Arg, FunctionSpec
from queryleaf_cdc.values import Type, Value

_NAN = Const(float("nan"))


def _coalesce(*values: Value) -> Value:
    return next((value for value in values if value is not None), None)


def _coalesce_mongo(*args: Arg) -> Mql:
    return op("$ifNull", *(arg.mongo for arg in args)) if len(args) > 1 else args[0].mongo


def _coalesce_type(args: tuple[Arg, ...]) -> Type:
    kinds = reduce(lambda one, other: one | other, (arg.type for arg in args))
    return kinds if all(arg.may(Type.NULL) for arg in args) else kinds & ~Type.NULL


def _nullif(equals: FunctionSpec) -> FunctionSpec:
    """a, or NULL where a = b."""

    def evaluate(a: Value, b: Value) -> Value:
        return None if equals.evaluate(a, b) is True else a

    def value(a: Arg, b: Arg) -> Mql:
        assert equals.truth is not None
        return cond(equals.truth(a, b), NULL, a.mongo)

    lowered = folding(evaluate, lambda *args: bind_args(args, value))
    return FunctionSpec("NULLIF", 2, 2, lambda args: args[0].type | Type.NULL, evaluate, lowered)


def _dated_nullif(args: tuple[Arg, ...]) -> FunctionSpec | None:
    assert EQUALS.for_literals is not None
    dated = EQUALS.for_literals(args)
    return None if dated is None else _nullif(dated)


def _extreme(sign: int) -> Callable[..., Value]:
    def evaluate(*values: Value) -> Value:
        known = [value for value in values if value is not None]
        if not known or type_of_value(known[0]) not in ORDERED:
            return None
        best = known[0]
        for value in known[1:]:
            compared = bson_order.order(value, best)
            if compared is None:
                return None
            if compared * sign > 0:
                best = value
        return best

    return evaluate


def _extreme_mongo(name: str) -> Callable[..., Mql]:
    """The server's ``$max`` skips NULLs, but compares kinds with each other, and NaN as the lowest number."""

    def of_known(known: Mql) -> Mql:
        kinds = _each("$map", known, "in", lambda each: op("$type", each))
        numbers = op("$allElementsTrue", _each("$map", known, "in", lambda each: op("$isNumber", each)))
        names = Array(tuple(Const(each) for kind, each in TYPE_NAMES.items() if kind & ORDERED))
        same = all_of(
            op("$eq", op("$size", op("$setUnion", kinds)), Const(1)),
            op("$in", op("$type", op("$first", known)), names),
        )
        return cond(any_of(numbers, same), best(known), NULL)

    def best(known: Mql) -> Mql:
        nan = _each("$filter", known, "cond", lambda each: op("$eq", each, _NAN))
        if name == "$max":
            return op("$ifNull", op("$first", nan), op("$max", known))
        numbers = _each("$filter", known, "cond", lambda each: op("$ne", each, _NAN))
        return op("$ifNull", op("$min", numbers), op("$first", known))

    def lowered(*args: Arg) -> Mql:
        values = Array(tuple(arg.mongo for arg in args))
        known = _each("$filter", values, "cond", lambda each: op("$ne", op("$ifNull", each, NULL), NULL))
        return bind(known, of_known)

    return lowered


def _each(name: str, values: Mql, key: str, body: Callable[[Mql], Mql]) -> Mql:
    var = Var()
    return Over(name, values, var, key, body(var))


def _extreme_type(args: tuple[Arg, ...]) -> Type:
    kinds = reduce(lambda one, other: one | other, (arg.type for arg in args))
    return kinds & ORDERED | Type.NULL


def _extreme_spec(name: str, sign: int, accumulator: str) -> FunctionSpec:
    evaluate = _extreme(sign)
    return FunctionSpec(name, 1, None, _extreme_type, evaluate, folding(evaluate, _extreme_mongo(accumulator)))


assert EQUALS.for_intervals is not None

CHOOSING = (
    FunctionSpec("COALESCE", 1, None, _coalesce_type, _coalesce, folding(_coalesce, _coalesce_mongo)),
    replace(_nullif(EQUALS), for_intervals=_nullif(EQUALS.for_intervals), for_literals=_dated_nullif),
    _extreme_spec("GREATEST", 1, "$max"),
    _extreme_spec("LEAST", -1, "$min"),
)
