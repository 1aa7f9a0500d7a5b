"""BETWEEN: two comparisons of one value. Each end takes the overload that it calls for by itself."""

from __future__ import annotations

from collections.abc import Callable

from queryleaf_cdc.functions.building import bind_args, folding
from queryleaf_cdc.functions.comparison import AT_LEAST, AT_MOST, folding_truth
from queryleaf_cdc.functions.kind_tests import BOOL_OR_NULL, is_kind, when
from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.functions.logic import conjunction, conjunction_mongo, disjunction, disjunction_mongo
from queryleaf_cdc.functions.mql import Mql, all_of, any_of, op
from queryleaf_cdc.functions.spec import Arg, FunctionSpec
from queryleaf_cdc.values import Type, Value

_SIMPLE = Type.NUMBER | Type.STRING | Type.DATE | Type.BOOL | Type.OBJECTID


def _range(low: FunctionSpec, high: FunctionSpec) -> FunctionSpec:
    """x >= low AND x <= high, by these two specs."""

    def evaluate(x: Value, lowest: Value, highest: Value) -> Value:
        return conjunction(low.evaluate(x, lowest), high.evaluate(x, highest))

    def value(x: Arg, lowest: Arg, highest: Arg) -> Mql:
        kind = _one_kind(x, lowest, highest)
        if kind is not None and low is AT_LEAST and high is AT_MOST:
            return when(is_kind(x, kind), _bracket(x, lowest, highest))
        ends = _value(low, x, lowest), _value(high, x, highest)
        return conjunction_mongo(*ends)

    def truth(x: Arg, lowest: Arg, highest: Arg) -> Mql:
        if _one_kind(x, lowest, highest) is not None and low is AT_LEAST and high is AT_MOST:
            return _bracket(x, lowest, highest)
        return all_of(_truth(low, x, lowest), _truth(high, x, highest))

    lowered = folding(evaluate, lambda *args: bind_args(args, value))
    short = folding_truth(evaluate, lambda *args: bind_args(args, truth))
    return FunctionSpec("BETWEEN", 3, 3, BOOL_OR_NULL, evaluate, lowered, short)


def _bracket(x: Arg, low: Arg, high: Arg) -> Mql:
    """Kinds sort apart, so two bounds of one kind let no other kind through (nor NaN, which sorts lowest)."""
    return op("$and", op("$gte", x.mongo, low.mongo), op("$lte", x.mongo, high.mongo))


def _one_kind(x: Arg, low: Arg, high: Arg) -> Type | None:
    if not (low.is_const and high.is_const) or not x.may(type_of_value(low.const)):
        return None
    kind = type_of_value(low.const)
    nan = any(kind is Type.NUMBER and AT_LEAST.evaluate(bound.const, float("nan")) for bound in (low, high))
    return kind if kind is type_of_value(high.const) and kind in _SIMPLE and not nan else None


def _value(spec: FunctionSpec, x: Arg, bound: Arg) -> Arg:
    assert spec.to_mongo is not None
    return Arg(spec.to_mongo(x, bound), BOOL_OR_NULL)


def _truth(spec: FunctionSpec, x: Arg, bound: Arg) -> Mql:
    assert spec.truth is not None
    return spec.truth(x, bound)


def _symmetric(ascending: FunctionSpec, descending: FunctionSpec) -> FunctionSpec:
    """BETWEEN in either order of the bounds."""

    def evaluate(x: Value, a: Value, b: Value) -> Value:
        return disjunction(ascending.evaluate(x, a, b), descending.evaluate(x, b, a))

    def value(x: Arg, a: Arg, b: Arg) -> Mql:
        assert ascending.to_mongo is not None and descending.to_mongo is not None
        either = (ascending.to_mongo(x, a, b), descending.to_mongo(x, b, a))
        return disjunction_mongo(*(Arg(each, BOOL_OR_NULL) for each in either))

    def truth(x: Arg, a: Arg, b: Arg) -> Mql:
        assert ascending.truth is not None and descending.truth is not None
        return any_of(ascending.truth(x, a, b), descending.truth(x, b, a))

    lowered = folding(evaluate, lambda *args: bind_args(args, value))
    short = folding_truth(evaluate, lambda *args: bind_args(args, truth))
    return FunctionSpec("BETWEEN SYMMETRIC", 3, 3, BOOL_OR_NULL, evaluate, lowered, short)


Overload = Callable[[tuple[Arg, ...]], FunctionSpec | None]


def _end(spec: FunctionSpec, x: Arg, bound: Arg) -> FunctionSpec:
    assert spec.for_literals is not None
    return spec.for_literals((x, bound)) or spec


def _dated_range(args: tuple[Arg, ...]) -> FunctionSpec | None:
    x, a, b = args
    low, high = _end(AT_LEAST, x, a), _end(AT_MOST, x, b)
    return None if low is AT_LEAST and high is AT_MOST else _range(low, high)


def _dated_symmetric(args: tuple[Arg, ...]) -> FunctionSpec | None:
    x, a, b = args
    up, down = _dated_range((x, a, b)), _dated_range((x, b, a))
    return None if up is None and down is None else _symmetric(up or _PLAIN, down or _PLAIN)


def _complete(spec: FunctionSpec, of_intervals: FunctionSpec, dated: Overload) -> FunctionSpec:
    return FunctionSpec(
        spec.name, 3, 3, spec.type, spec.evaluate, spec.to_mongo, spec.truth,
        for_intervals=of_intervals, for_literals=dated,
    )  # fmt: skip


assert AT_LEAST.for_intervals is not None and AT_MOST.for_intervals is not None
_PLAIN = _range(AT_LEAST, AT_MOST)
_OF_INTERVALS = _range(AT_LEAST.for_intervals, AT_MOST.for_intervals)

BETWEEN = (
    _complete(_PLAIN, _OF_INTERVALS, _dated_range),
    _complete(_symmetric(_PLAIN, _PLAIN), _symmetric(_OF_INTERVALS, _OF_INTERVALS), _dated_symmetric),
)
