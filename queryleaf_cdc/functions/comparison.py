"""``=  <>  <  <=  >  >=``, IS DISTINCT FROM and BETWEEN.

Equality is over all kinds (different kinds are unequal), order within one kind. Two overloads stand beside each
operator: where an argument is an interval by its static type, and where one is a literal that reads as a timestamp,
which then is a timestamp for dates and a text for texts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from queryleaf_cdc.functions import bson_order
from queryleaf_cdc.functions.bson_order import ORDERED
from queryleaf_cdc.functions.building import bind_args, folding
from queryleaf_cdc.functions.interval_order import with_spans, with_spans_mongo
from queryleaf_cdc.functions.kind_tests import BOOL_OR_NULL, TYPE_NAMES, is_kind, is_null, negated, not_null, when
from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.functions.mql import FALSE, NULL, TRUE, Array, Const, Mql, all_of, any_of, op
from queryleaf_cdc.functions.spec import Arg, FunctionSpec
from queryleaf_cdc.functions.timestamps import date_spellings
from queryleaf_cdc.values import Type, Value

MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_NAN = Const(float("nan"))
_LOWEST = Const(float("-inf"))
_OPERATORS = {"<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}
_HOLDS: dict[str, Callable[[int], bool]] = {
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}


def equals(a: Value, b: Value) -> bool | None:
    return None if a is None or b is None else bson_order.equal(a, b)


def differs(a: Value, b: Value) -> bool | None:
    return None if a is None or b is None else not bson_order.equal(a, b)


def _comparing(name: str) -> Callable[[Value, Value], bool | None]:
    holds = _HOLDS[name]

    def compare(a: Value, b: Value) -> bool | None:
        sign = bson_order.order(a, b)
        return None if sign is None else holds(sign)

    return compare


def equals_mongo(a: Arg, b: Arg) -> Mql:
    return bind_args((a, b), lambda a, b: when(any_of(is_null(a), is_null(b)), NULL, op("$eq", a.mongo, b.mongo)))


def equals_truth(a: Arg, b: Arg) -> Mql:
    """A NULL equals a constant never, and another NULL only if there is one to be equal to."""
    if a.is_const or b.is_const:
        constant = a if a.is_const else b
        return FALSE if constant.const is None else op("$eq", a.mongo, b.mongo)
    if not (a.may(Type.NULL) and b.may(Type.NULL)):
        return op("$eq", a.mongo, b.mongo)
    return bind_args((a, b), lambda a, b: all_of(op("$eq", a.mongo, b.mongo), not_null(a)))


def differs_mongo(a: Arg, b: Arg) -> Mql:
    return bind_args((a, b), lambda a, b: when(any_of(is_null(a), is_null(b)), NULL, op("$ne", a.mongo, b.mongo)))


def differs_truth(a: Arg, b: Arg) -> Mql:
    return bind_args((a, b), lambda a, b: all_of(op("$ne", a.mongo, b.mongo), not_null(a), not_null(b)))


def _distinct(a: Value, b: Value) -> bool:
    return not bson_order.equal(a, b)


def _distinct_mongo(a: Arg, b: Arg) -> Mql:
    def known(arg: Arg) -> Mql:
        return op("$ifNull", arg.mongo, NULL) if arg.may(Type.NULL) and not arg.is_const else arg.mongo

    return op("$ne", known(a), known(b))


def order_mongo(name: str, a: Arg, b: Arg) -> Mql:
    return bind_args((a, b), lambda a, b: when(*_order_parts(name, a, b)))


def order_truth(name: str, a: Arg, b: Arg) -> Mql:
    if a.is_const and not b.is_const:
        return order_truth(MIRRORED[name], b, a)
    if b.is_const and name in ("<", "<=") and type_of_value(b.const) is Type.NUMBER and not _is_nan(b.const):
        return bind_args((a,), lambda a: _number_against(name, a, b))  # its lower bound shuts other kinds out
    return bind_args((a, b), lambda a, b: all_of(*_order_parts(name, a, b)))


def _order_parts(name: str, a: Arg, b: Arg) -> tuple[Mql, Mql]:
    """The test that the two compare at all, and the comparison."""
    if a.is_const and not b.is_const:
        return _order_parts(MIRRORED[name], b, a)
    if b.is_const:
        kind = type_of_value(b.const)
        if kind not in ORDERED:
            return FALSE, FALSE
        body = _number_against(name, a, b) if kind is Type.NUMBER else op(_OPERATORS[name], a.mongo, b.mongo)
        return is_kind(a, kind), body
    kinds = a.type & b.type & ORDERED
    body = _numbers_mongo(name, a, b) if kinds & Type.NUMBER else op(_OPERATORS[name], a.mongo, b.mongo)
    return _same_kind(kinds, a, b), body


def _same_kind(kinds: Type, a: Arg, b: Arg) -> Mql:
    numbers = all_of(is_kind(a, Type.NUMBER), is_kind(b, Type.NUMBER)) if kinds & Type.NUMBER else FALSE
    others = [kind for kind in TYPE_NAMES if kind & kinds]
    if not others:
        return numbers
    if len(others) == 1:
        return any_of(numbers, all_of(is_kind(a, others[0]), is_kind(b, others[0])))
    names = Array(tuple(Const(TYPE_NAMES[kind]) for kind in others))
    kind_of_a, kind_of_b = op("$type", a.mongo), op("$type", b.mongo)
    return any_of(numbers, all_of(op("$eq", kind_of_a, kind_of_b), op("$in", kind_of_a, names)))


def _is_nan(value: Value) -> bool:
    return bson_order.equal(value, _NAN.value)


def _number_against(name: str, a: Arg, bound: Arg) -> Mql:
    """A number against a constant number. The server sorts NaN below all numbers, PostgreSQL above."""
    if _is_nan(bound.const):
        by_name: dict[str, Mql] = {
            "<": op("$ne", a.mongo, _NAN),
            "<=": TRUE,
            ">": FALSE,
            ">=": op("$eq", a.mongo, _NAN),
        }
        return by_name[name]
    compared = op(_OPERATORS[name], a.mongo, bound.mongo)
    if name in ("<", "<="):
        return all_of(op("$gte", a.mongo, _LOWEST), compared)
    return any_of(compared, op("$eq", a.mongo, _NAN))


def _numbers_mongo(name: str, a: Arg, b: Arg) -> Mql:
    """Two values that may both be numbers; the NaN tests do not disturb other kinds."""
    if name in (">", ">="):
        return _numbers_mongo(MIRRORED[name], b, a)
    a_is_number, b_is_top = op("$ne", a.mongo, _NAN), op("$eq", b.mongo, _NAN)
    compared = op(_OPERATORS[name], a.mongo, b.mongo)
    if name == "<":
        return all_of(a_is_number, any_of(compared, b_is_top))
    return any_of(b_is_top, all_of(a_is_number, compared))


Dated = tuple[datetime | None, ...]
"""For each argument, the timestamp that it also is, if it is a literal that reads as one."""


def _timestamps(args: tuple[Arg, ...]) -> Dated:
    return tuple(date_spellings(arg.const) if arg.is_const and isinstance(arg.const, str) else None for arg in args)


def _dated_pair(base: FunctionSpec) -> Callable[[tuple[Arg, ...]], FunctionSpec | None]:
    """The overload for one literal that reads as a timestamp, against anything that may be a date."""

    def overload(args: tuple[Arg, ...]) -> FunctionSpec | None:
        first, second = _timestamps(args)
        if (first is None) == (second is None):
            return None
        moment = first or second
        at = 0 if second is None else 1
        if not args[1 - at].may(Type.DATE):
            return None
        return _dated(base, Const(moment), at)

    return overload


def _dated(base: FunctionSpec, moment: Const, at: int) -> FunctionSpec:
    compare, when_date = base.evaluate, moment.value

    def evaluate(a: Value, b: Value) -> Value:
        if at == 1:
            return compare(a, when_date if type_of_value(a) is Type.DATE else b)
        return compare(when_date if type_of_value(b) is Type.DATE else a, b)

    def both_ways(face: Callable[..., Mql], combine: Callable[[Arg, Mql, Mql], Mql]) -> Callable[..., Mql]:
        def lowered(*args: Arg) -> Mql:
            def of_bound(other: Arg) -> Mql:
                if not other.may(Type.DATE):
                    return face(*_pair(args[at], other, at))
                date = face(*_pair(Arg(moment, Type.DATE), Arg(other.mongo, Type.DATE), at))
                rest = face(*_pair(args[at], Arg(other.mongo, other.type & ~Type.DATE), at))
                return combine(other, date, rest)

            return bind_args((args[1 - at],), of_bound)

        return lowered

    def value(other: Arg, date: Mql, rest: Mql) -> Mql:
        return when(is_kind(other, Type.DATE), date, rest)

    def truth(other: Arg, date: Mql, rest: Mql) -> Mql:
        if base.name == "<>":  # a date differs from the text, whichever date it is
            return all_of(rest, op("$ne", other.mongo, moment))
        return any_of(all_of(is_kind(other, Type.DATE), date), rest)

    assert base.to_mongo is not None
    lowered = folding(evaluate, both_ways(base.to_mongo, value))
    short = None if base.truth is None else folding_truth(evaluate, both_ways(base.truth, truth))
    return FunctionSpec(base.name, 2, 2, base.type, evaluate, lowered, short)


def _pair(literal: Arg, other: Arg, at: int) -> tuple[Arg, Arg]:
    return (literal, other) if at == 0 else (other, literal)


def folding_truth(evaluate: Callable[..., Value], truth: Callable[..., Mql]) -> Callable[..., Mql]:
    """As ``folding``, for a truth face."""

    def lowered(*args: Arg) -> Mql:
        if all(arg.is_const for arg in args):
            return TRUE if evaluate(*(arg.const for arg in args)) is True else FALSE
        return truth(*args)

    return lowered


def comparison_type(args: tuple[Arg, ...]) -> Type:
    """BOOL where neither side can be NULL and equality decides."""
    return BOOL_OR_NULL if any(arg.may(Type.NULL) for arg in args) else Type.BOOL


_ORDERED_KINDS = tuple(ORDERED)


def _ordering_type(args: tuple[Arg, ...]) -> Type:
    same = args[0].type == args[1].type and args[0].type in _ORDERED_KINDS
    return Type.BOOL if same else BOOL_OR_NULL


_ON_SPANS = {**_OPERATORS, "=": "$eq", "<>": "$ne", "IS DISTINCT FROM": "$ne"}


def _operator(
    name: str,
    type_: Callable[[tuple[Arg, ...]], Type] | Type,
    evaluate: Callable[[Value, Value], Value],
    value: Callable[[Arg, Arg], Mql],
    truth: Callable[[Arg, Arg], Mql] | None,
) -> FunctionSpec:
    def spec(compare: Callable[[Value, Value], Value], *faces: Callable[[Arg, Arg], Mql] | None) -> FunctionSpec:
        to_mongo, short = faces
        assert to_mongo is not None
        lowered = folding(compare, to_mongo)
        return FunctionSpec(name, 2, 2, type_, compare, lowered, short and folding_truth(compare, short))

    operator = _ON_SPANS[name]
    short = truth and with_spans_mongo(
        operator, truth, lambda tests, spans, rest: any_of(all_of(tests, spans), all_of(negated(tests), rest))
    )
    of_intervals = spec(with_spans(evaluate), with_spans_mongo(operator, value, when), short)
    plain = spec(evaluate, value, truth)
    return replace(plain, for_intervals=of_intervals, for_literals=_dated_pair(plain))


def _order_operator(name: str) -> FunctionSpec:
    return _operator(
        name, _ordering_type, _comparing(name),
        lambda a, b: order_mongo(name, a, b), lambda a, b: order_truth(name, a, b),
    )  # fmt: skip


EQUALS = _operator("=", comparison_type, equals, equals_mongo, equals_truth)
DIFFERS = _operator("<>", comparison_type, differs, differs_mongo, differs_truth)
LESS, AT_MOST, GREATER, AT_LEAST = (_order_operator(name) for name in ("<", "<=", ">", ">="))
DISTINCT = _operator("IS DISTINCT FROM", Type.BOOL, _distinct, _distinct_mongo, None)

OPERATORS = {spec.name: spec for spec in (EQUALS, DIFFERS, LESS, AT_MOST, GREATER, AT_LEAST)}

COMPARISON = (*OPERATORS.values(), DISTINCT)
