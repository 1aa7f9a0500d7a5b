"""A typed mirror of MongoDB's aggregation expressions. ``lowering/mongo_json.py`` turns them into documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from queryleaf_cdc.frozen import frozen


@frozen
class Const:
    """A constant; wrapped in ``$literal`` where it could be read as anything else."""

    value: Any


@frozen
class Param:
    """A value that is filled in when the statement runs; the hole of that number in a template."""

    index: int


@frozen
class Ref:
    """A field path or system variable as MongoDB writes it: ``$fullDocument.status``, ``$$NOW``, ``$$ROOT``."""

    path: str


@dataclass(frozen=True, eq=False, slots=True)
class Var:
    """A variable of ``Let`` or of a ``$map``-like operator; compared by identity, named when printed."""

    hint: str = "v"


@frozen
class Dot:
    """A path below a variable: ``$$v1.address.city``."""

    var: Var
    path: str


@frozen
class Op:
    """``{"$name": arg}`` for one argument, ``{"$name": [..]}`` for several (or none)."""

    name: str
    args: tuple[Mql, ...]


@frozen
class Named:
    """``{"$name": {key: arg, ...}}``: $cond-like operators with named arguments, e.g. ``$dateTrunc``."""

    name: str
    args: tuple[tuple[str, Mql], ...]


@frozen
class Let:
    var: Var
    value: Mql
    body: Mql


@frozen
class Over:
    """``$map``, ``$filter`` (``body_key`` "in", "cond") or ``$reduce`` (with ``initial``; ``var`` is unused there:
    the body refers to ``Ref("$$this")`` and ``Ref("$$value")``)."""

    name: str
    input: Mql
    var: Var
    body_key: str
    body: Mql
    initial: Mql | None = None


@frozen
class Doc:
    fields: tuple[tuple[str, Mql], ...]


@frozen
class Array:
    items: tuple[Mql, ...] = field(default=())


@frozen
class Switch:
    branches: tuple[tuple[Mql, Mql], ...]
    default: Mql


Mql = Const | Param | Ref | Var | Dot | Op | Named | Let | Over | Doc | Array | Switch

NULL = Const(None)
TRUE = Const(True)
FALSE = Const(False)
REMOVE = Ref("$$REMOVE")


def op(name: str, *args: Mql) -> Op:
    return Op(name, args)


def named(name: str, **args: Mql) -> Named:
    """Keys lose a trailing underscore: ``named("$cond", if_=...)``."""
    return Named(name, tuple((key.rstrip("_"), value) for key, value in args.items()))


def cond(test: Mql, then: Mql, otherwise: Mql) -> Op:
    return Op("$cond", (test, then, otherwise))


def all_of(*tests: Mql) -> Mql:
    """``$and`` with nested ones flattened and constants folded."""
    flat = _flatten("$and", tests, TRUE)
    if FALSE in flat:
        return FALSE
    return flat[0] if len(flat) == 1 else Op("$and", flat) if flat else TRUE


def any_of(*tests: Mql) -> Mql:
    """``$or`` with nested ones flattened and constants folded."""
    flat = _flatten("$or", tests, FALSE)
    if TRUE in flat:
        return TRUE
    return flat[0] if len(flat) == 1 else Op("$or", flat) if flat else FALSE


def _flatten(name: str, tests: tuple[Mql, ...], neutral: Const) -> tuple[Mql, ...]:
    flat: list[Mql] = []
    for test in tests:
        if isinstance(test, Op) and test.name == name:
            flat.extend(test.args)
        elif test != neutral:
            flat.append(test)
    return tuple(flat)


def bind(value: Mql, body: Callable[[Mql], Mql]) -> Mql:
    """``body(value)``, with a ``$let`` around it unless the value is cheap to repeat."""
    if isinstance(value, Const | Ref | Var | Dot):
        return body(value)
    var = Var()
    return Let(var, value, body(var))
