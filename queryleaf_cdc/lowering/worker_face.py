"""Expr → Python function (``evaluate``), compiled once and called per row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Protocol, assert_never

import bson
from bson.codec_options import CodecOptions, DatetimeConversion

from queryleaf_cdc.functions import FunctionSpec
from queryleaf_cdc.functions.paths import exists, reader
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
from queryleaf_cdc.values import Interval, Value

Env = dict[str, Any]
"""Source name → document (or None); ``$vars`` → the variables' values; ``$functions`` → the user's functions."""

Evaluator = Callable[[Any], Value]
"""From an ``Env``, or a row, to the value. Total, but for the user's own functions."""

Function = Callable[..., Value]


class Leaves(Protocol):
    """How expressions read what they are computed from."""

    def field(self, source: str, path: Path) -> Evaluator: ...

    def exists(self, source: str, path: Path) -> Evaluator: ...

    def variable(self, name: str) -> Evaluator: ...

    def user_function(self, name: str, args: tuple[Evaluator, ...]) -> Evaluator: ...


class _OfEnv:
    """Expressions over the documents of an ``Env``."""

    def field(self, source: str, path: Path) -> Evaluator:
        read = reader(path)
        return lambda env: read(env[source])

    def exists(self, source: str, path: Path) -> Evaluator:
        return lambda env: exists(env[source], path)

    def variable(self, name: str) -> Evaluator:
        return lambda env: env["$vars"].get(name)

    def user_function(self, name: str, args: tuple[Evaluator, ...]) -> Evaluator:
        return lambda env: env["$functions"][name](*(arg(env) for arg in args))


class OfRow:
    """Expressions over a row, a tuple of values: ``Field(any, (column, *path))``."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self._functions = functions

    def field(self, source: str, path: Path) -> Evaluator:
        column, *rest = path
        assert isinstance(column, int)
        if not rest:
            return itemgetter(column)
        read = reader(("", *rest))  # below a field, since what a name reads of an array depends on that
        return lambda row: read({"": row[column]})

    def exists(self, source: str, path: Path) -> Evaluator:
        column, *rest = path
        return lambda row: exists({"": row[column]}, ("", *rest))

    def variable(self, name: str) -> Evaluator:
        raise AssertionError(f"no variables here: {name}")

    def user_function(self, name: str, args: tuple[Evaluator, ...]) -> Evaluator:
        function = self._functions[name]
        return lambda row: _as_stored(function(*(arg(row) for arg in args)))


_STORED: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)


def _as_stored(value: Value) -> Value:
    """A user's value as it comes back from the server: milliseconds, naive UTC. Raises what encoding raises."""
    return bson.decode(bson.encode({"": value}), _STORED)[""]


_OF_ENV = _OfEnv()


def evaluator(expr: Expr, leaves: Leaves = _OF_ENV) -> Evaluator:
    """The function that computes the expression, by default from an ``Env``."""
    match expr:
        case Literal(value):
            constant = value.document() if isinstance(value, Interval) else value
            return lambda env: constant
        case Field(source, path):
            return leaves.field(source, path)
        case Variable(name):
            return leaves.variable(name)
        case Call("FIELD_EXISTS", (Field(source, path),)):
            return leaves.exists(source, path)
        case Call(name, args):
            compiled = tuple(evaluator(arg, leaves) for arg in args)
            spec = resolve(name, args)
            return leaves.user_function(name, compiled) if spec is None else _call(spec, compiled)
        case Case(whens, default):
            return _case(whens, default, leaves)
        case Name() | Aggregate() | Window() | Subquery() | Star():
            raise AssertionError(f"not an expression over one row: {expr}")
        case _:
            assert_never(expr)


def _call(spec: FunctionSpec, args: tuple[Evaluator, ...]) -> Evaluator:
    function = spec.evaluate
    match args:
        case ():
            return lambda env: function()
        case (one,):
            return lambda env: function(one(env))
        case (one, two):
            return lambda env: function(one(env), two(env))
        case _:
            return lambda env: function(*(arg(env) for arg in args))


def _case(whens: tuple[tuple[Expr, Expr], ...], default: Expr | None, leaves: Leaves) -> Evaluator:
    compiled = tuple((evaluator(test, leaves), evaluator(value, leaves)) for test, value in whens)
    last = evaluator(default, leaves) if default is not None else (lambda env: None)

    def choose(env: Any) -> Value:
        for test, value in compiled:
            if test(env) is True:
                return value(env)
        return last(env)

    return choose


def evaluate(expr: Expr, env: Mapping[str, Any]) -> Value:
    """One-off evaluation; compile with ``evaluator`` where it is repeated."""
    return evaluator(expr)(dict(env))
