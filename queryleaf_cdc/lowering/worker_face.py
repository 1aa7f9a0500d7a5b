"""Expr → Python function (``evaluate``), compiled once and called per row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, assert_never

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
    Star,
    Subquery,
    Variable,
    Window,
)
from queryleaf_cdc.values import Interval, Value

Env = dict[str, Any]
"""Source name → document (or None); ``$vars`` → the variables' values; ``$functions`` → the user's functions."""

Evaluator = Callable[[Env], Value]


def evaluator(expr: Expr) -> Evaluator:
    """The function that computes the expression from an ``Env``. Total, but for the user's own functions."""
    match expr:
        case Literal(value):
            constant = value.document() if isinstance(value, Interval) else value
            return lambda env: constant
        case Field(source, path):
            read = reader(path)
            return lambda env: read(env[source])
        case Variable(name):
            return lambda env: env["$vars"].get(name)
        case Call("FIELD_EXISTS", (Field(source, path),)):
            return lambda env: exists(env[source], path)
        case Call(name, args):
            return _call(name, resolve(name, args), tuple(evaluator(arg) for arg in args))
        case Case(whens, default):
            return _case(whens, default)
        case Name() | Aggregate() | Window() | Subquery() | Star():
            raise AssertionError(f"not an expression over one row: {expr}")
        case _:
            assert_never(expr)


def _call(name: str, spec: FunctionSpec | None, args: tuple[Evaluator, ...]) -> Evaluator:
    if spec is None:
        return lambda env: env["$functions"][name](*(arg(env) for arg in args))
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


def _case(whens: tuple[tuple[Expr, Expr], ...], default: Expr | None) -> Evaluator:
    compiled = tuple((evaluator(test), evaluator(value)) for test, value in whens)
    last = evaluator(default) if default is not None else (lambda env: None)

    def choose(env: Env) -> Value:
        for test, value in compiled:
            if test(env) is True:
                return value(env)
        return last(env)

    return choose


def evaluate(expr: Expr, env: Mapping[str, Any]) -> Value:
    """One-off evaluation; compile with ``evaluator`` where it is repeated."""
    return evaluator(expr)(dict(env))
