"""Pieces that many functions' server faces are built of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.functions.mql import NULL, Const, Dot, Mql, Ref, Switch, Var, bind, cond, op
from queryleaf_cdc.functions.spec import Arg, FunctionSpec
from queryleaf_cdc.values import Type, Value

NUMBER_OR_NULL = Type.NUMBER | Type.NULL
DATE_OR_NULL = Type.DATE | Type.NULL
STRING_OR_NULL = Type.STRING | Type.NULL
INTERVAL_OR_NULL = Type.INTERVAL | Type.NULL

INFINITY = Const(float("inf"))
NEGATIVE_INFINITY = Const(float("-inf"))

Branch = tuple[tuple[Mql, ...], Mql]
"""Tests, all of which must hold, and the value then."""


def scalar(
    name: str,
    arity: int | tuple[int, int],
    type_: Type | Callable[[tuple[Arg, ...]], Type],
    evaluate: Callable[..., Value],
    to_mongo: Callable[..., Mql] | None,
    because: str = "",
    for_intervals: FunctionSpec | None = None,
    check: Callable[[tuple[Arg, ...]], str | None] | None = None,
    repeatable: bool = True,
) -> FunctionSpec:
    """A spec whose server face is computed here and now where all arguments are constants.

    The server evaluates a constant subexpression while it parses the pipeline, whether or not a ``$cond`` guards
    it, so one that fails would refuse the whole pipeline."""
    low, high = arity if isinstance(arity, tuple) else (arity, arity)
    lowered = None if to_mongo is None else folding(evaluate, to_mongo)
    return FunctionSpec(
        name, low, high, type_, evaluate, lowered, None, because, for_intervals, check=check, repeatable=repeatable
    )


def constant_among(index: int, is_known: Callable[[str], object], what: str) -> Callable[[tuple[Arg, ...]], str | None]:
    """A check that a constant text at this place is a known one: a unit, a field, a zone."""

    def check(args: tuple[Arg, ...]) -> str | None:
        if index >= len(args) or not args[index].is_const or not isinstance(args[index].const, str):
            return None
        return None if is_known(args[index].const) else f"{args[index].const!r} is no {what}"

    return check


def folding(evaluate: Callable[..., Value], to_mongo: Callable[..., Mql]) -> Callable[..., Mql]:
    def lowered(*args: Arg) -> Mql:
        if args and all(arg.is_const for arg in args):
            return Const(evaluate(*(arg.const for arg in args)))
        return to_mongo(*args)

    return lowered


def kind(arg: Arg) -> Type:
    """What the argument may be; exact for a constant."""
    return type_of_value(arg.const) if arg.is_const else arg.type


def may(arg: Arg, type_: Type) -> bool:
    return bool(kind(arg) & type_)


def number_tests(*args: Arg) -> tuple[Mql, ...]:
    """What must hold for all of them to be numbers. NULL needs no test: arithmetic passes it on."""
    return tuple(op("$isNumber", arg.mongo) for arg in args if kind(arg) & ~NUMBER_OR_NULL)


def choose(branches: Sequence[Branch]) -> Mql:
    """The first branch whose tests hold, else NULL. A branch without tests ends the list."""
    cases: list[tuple[Mql, Mql]] = []
    default: Mql = NULL
    for tests, value in branches:
        if not tests:
            default = value
            break
        cases.append((conjunction(tests), value))
    if not cases:
        return default
    if len(cases) == 1:
        return cond(cases[0][0], cases[0][1], default)
    return Switch(tuple(cases), default)


def conjunction(tests: tuple[Mql, ...]) -> Mql:
    return tests[0] if len(tests) == 1 else op("$and", *tests)


def between(value: Mql, low: Mql, high: Mql) -> tuple[Mql, ...]:
    """Both bounds included. With bounds of one kind this is the type test too: kinds sort apart."""
    return (op("$gte", value, low), op("$lte", value, high))


def finite(value: Mql) -> tuple[Mql, ...]:
    """A number that is neither NaN (which sorts below all) nor infinite."""
    return (op("$gt", value, NEGATIVE_INFINITY), op("$lt", value, INFINITY))


def member(value: Mql, name: str) -> Mql:
    """A field of a document that is at hand (total: missing where it is no document)."""
    match value:
        case Ref(path) if not path.startswith("$$") or "." in path or path == "$$ROOT":
            return Ref(f"{path}.{name}")
        case Var():
            return Dot(value, name)
        case Dot(var, path):
            return Dot(var, f"{path}.{name}")
        case Const(dict() as document):
            return Const(document.get(name))
        case Const():
            return NULL
        case _:
            return bind(value, lambda bound: member(bound, name))


def bind_arg(arg: Arg, body: Callable[[Arg], Mql]) -> Mql:
    """``body`` of an argument that is cheap to repeat.

    A ``Param`` becomes a variable too: filled in as a constant, it would be computed with while the server parses,
    guards or not."""
    return bind(arg.mongo, lambda bound: body(Arg(bound, arg.type)))


def bind_args(args: tuple[Arg, ...], body: Callable[..., Mql]) -> Mql:
    def onward(left: tuple[Arg, ...], bound: tuple[Arg, ...]) -> Mql:
        if not left:
            return body(*bound)
        return bind_arg(left[0], lambda one: onward(left[1:], (*bound, one)))

    return onward(args, ())
