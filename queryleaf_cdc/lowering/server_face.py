"""Expr → server expression (``to_mongo``), with the type that may come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from queryleaf_cdc.functions.mql import (
    FALSE,
    NULL,
    TRUE,
    Const,
    Mql,
    Op,
    Param,
    Switch,
    all_of,
    any_of,
    op,
)
from queryleaf_cdc.functions.paths import read
from queryleaf_cdc.functions.spec import Arg, WorkerSide
from queryleaf_cdc.lowering.overloads import resolve
from queryleaf_cdc.syntax.expressions import (
    Aggregate,
    Call,
    Case,
    Expr,
    Field,
    Literal,
    Name,
    Path,
    Star,
    Subquery,
    Variable,
    Window,
)
from queryleaf_cdc.values import Interval, Type, Value

Reader = Callable[[Path], Mql]


@dataclass(frozen=True)
class ServerScope:
    """Where each source's document lies for the server: a path prefix, or a function for computed sources."""

    sources: Mapping[str, str | Reader]
    operation_test: Callable[[str], Mql] | None = None
    """short form of ``TRIGGER_ACTION = '...'``"""
    types: Mapping[tuple[str, Path], Type] = field(default_factory=dict)


NUMBERS = Type.ANY & ~(Type.DATE | Type.INTERVAL | Type.DOCUMENT | Type.ARRAY)
"""Useful types where anything but a number comes to NULL: arithmetic then needs no branches for dates and intervals.
Text stays in, so that nothing is promised that a document could break."""

_ORDERING = frozenset({"<", "<=", ">", ">=", "BETWEEN"})
_ARITHMETIC = frozenset({"+", "-", "*", "/", "%", "NEG"})


def lower_value(expr: Expr, scope: ServerScope, useful: Type = Type.ANY) -> Arg:
    """The expression's value; three-valued where it is a condition. Raises WorkerSide.

    Whoever asks with ``useful`` takes any other type for NULL."""
    match expr:
        case Literal(value):
            return Arg(Const(_plain(value)), type_of(value))
        case Field(source, path):
            found = _field(source, path, scope)
            return Arg(found.mongo, found.type & useful) if found.may(~useful) else found
        case Call("FIELD_EXISTS", (Field() as operand,)):
            present = op("$ne", op("$type", lower_value(operand, scope).mongo), Const("missing"))
            return Arg(present, Type.BOOL)
        case Call(name, args):
            test = _operation_test(expr, scope)
            return Arg(test, Type.BOOL) if test is not None else _call(name, args, scope, useful)
        case Case(whens, default):
            return _case(whens, default, scope)
        case Variable(name):
            raise WorkerSide(f"variable {name} is assigned while the trigger runs")
        case Subquery():
            raise WorkerSide("a subquery reads other documents")
        case Aggregate(name):
            raise WorkerSide(f"{name} needs several rows")
        case Window():
            raise WorkerSide("OVER needs other rows")
        case Name() | Star():
            raise AssertionError(f"not bound: {expr}")
        case _:
            assert_never(expr)


def lower_truth(expr: Expr, scope: ServerScope) -> Mql:
    """A condition that is true where SQL says true, and false (or null) where SQL says false or NULL."""
    match expr:
        case Literal(value):
            return TRUE if value is True else FALSE
        case Call("AND", args):
            return all_of(*(lower_truth(arg, scope) for arg in args))
        case Call("OR", args):
            return any_of(*(lower_truth(arg, scope) for arg in args))
        case Call() if (test := _operation_test(expr, scope)) is not None:
            return test
        case Call(name, args) if (spec := resolve(name, args)) is not None and spec.truth is not None:
            return spec.truth(*_arguments(name, args, scope, name == "="))
        case _:
            value = lower_value(expr, scope)
            return value.mongo if value.only(Type.BOOL | Type.NULL) else op("$eq", value.mongo, TRUE)


def _operation_test(expr: Expr, scope: ServerScope) -> Mql | None:
    """``TRIGGER_ACTION = '...'`` (or ``<>``) asks for the operation type itself."""
    match expr:
        case Call("=" | "<>" as name, (Field("EVENT", ("action",)), Literal(str() as action))) if scope.operation_test:
            test = scope.operation_test(action)
            return test if name == "=" else op("$not", test)
    return None


def or_null(arg: Arg) -> Mql:
    """The expression, with a missing field turned into null, for places where absence would show."""
    if isinstance(arg.mongo, Const | Param) or not arg.may(Type.NULL) or _is_made_present(arg.mongo):
        return arg.mongo
    return op("$ifNull", arg.mongo, NULL)


def _is_made_present(mongo: Mql) -> bool:
    """CASE, and what was wrapped before: null, never missing."""
    match mongo:
        case Op("$ifNull", (_, Const())):
            return True
        case Op("$cond", (_, then, otherwise)):
            return _never_missing(then) and _never_missing(otherwise)
        case Switch(branches, default):
            return all(_never_missing(value) for _, value in branches) and _never_missing(default)
    return False


def _never_missing(mongo: Mql) -> bool:
    return isinstance(mongo, Const | Param) or _is_made_present(mongo)


def _field(source: str, path: Path, scope: ServerScope) -> Arg:
    try:
        base = scope.sources[source]
    except KeyError:
        raise WorkerSide(f"{source} is a row that the worker reads") from None
    mongo = read(base, path) if isinstance(base, str) else base(path)
    return Arg(mongo, scope.types.get((source, path), Type.ANY))


def _arguments(name: str, args: tuple[Expr, ...], scope: ServerScope, like_ordering: bool) -> tuple[Arg, ...]:
    """Beside a number, only numbers can be less or greater (in a condition: equal); all else comes to NULL."""
    lowered = tuple(lower_value(arg, scope) for arg in args)
    if (like_ordering or name in _ORDERING) and any(arg.only(Type.NUMBER | Type.NULL) for arg in lowered):
        return tuple(
            lower_value(arg, scope, NUMBERS) if _is_arithmetic(arg) else low
            for arg, low in zip(args, lowered, strict=True)
        )
    return lowered


def _is_arithmetic(expr: Expr) -> bool:
    return isinstance(expr, Call) and expr.name in _ARITHMETIC


def _call(name: str, args: tuple[Expr, ...], scope: ServerScope, useful: Type) -> Arg:
    spec = resolve(name, args)
    if spec is None:
        raise WorkerSide(f"{name} is a function of the program that runs the worker")
    if spec.to_mongo is None:
        raise WorkerSide(spec.because)
    if useful == NUMBERS and name in _ARITHMETIC:
        lowered = tuple(lower_value(arg, scope, NUMBERS) for arg in args)
    else:
        lowered = _arguments(name, args, scope, False)
    return Arg(spec.to_mongo(*lowered), spec.result_type(lowered))


def _case(whens: tuple[tuple[Expr, Expr], ...], default: Expr | None, scope: ServerScope) -> Arg:
    tests = [lower_truth(test, scope) for test, _ in whens]
    values = [lower_value(value, scope) for _, value in whens]
    last = lower_value(default, scope) if default is not None else Arg(NULL, Type.NULL)
    may = last.type
    for value in values:
        may |= value.type
    if len(tests) == 1:
        return Arg(Op("$cond", (tests[0], or_null(values[0]), or_null(last))), may)
    branches = tuple((test, or_null(value)) for test, value in zip(tests, values, strict=True))
    return Arg(Switch(branches, or_null(last)), may)


def type_of(value: Value) -> Type:
    """The type of a constant."""
    from queryleaf_cdc.functions.kinds import type_of_value

    return type_of_value(value)


def _plain(value: Value) -> Value:
    return value.document() if isinstance(value, Interval) else value
