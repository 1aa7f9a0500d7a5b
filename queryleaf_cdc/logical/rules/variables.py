"""Variables that are assigned only on the way down become the expressions that they stand for.

So conditions and arguments that use them can still run in the server. A variable that an IF, a loop or a SELECT INTO
assigns stays a variable of the worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from queryleaf_cdc.functions import FUNCTIONS
from queryleaf_cdc.logical.walk import any_node, map_query, map_write, rebuild
from queryleaf_cdc.syntax.expressions import Call, Expr, Literal, Subquery, Variable
from queryleaf_cdc.syntax.statements import (
    Assign,
    BodyStatement,
    CallProcedure,
    Declare,
    Delete,
    ForLoop,
    If,
    Insert,
    Raise,
    Return,
    SelectInto,
    Update,
)

Body = tuple[BodyStatement, ...]


def inline_variables(body: Body) -> Body:
    """The body without the variables that need no place of their own."""
    kept = set(_assigned_below(body)) | _impure(body)
    kept |= _reading(body, kept)
    return _Inlining(kept).statements(body)


def _assigned_below(body: Body) -> Iterator[str]:
    """Names that a statement below the top level assigns (or a SELECT INTO anywhere)."""
    for statement in body:
        match statement:
            case If(branches, otherwise):
                for inner in (*(b for _, b in branches), otherwise):
                    yield from _assigned(inner)
            case ForLoop(body=inner):
                yield from _assigned(inner)
            case SelectInto(targets=targets):
                yield from targets


def _assigned(body: Body) -> Iterator[str]:
    for statement in body:
        if isinstance(statement, Declare | Assign):
            yield statement.name
    yield from _assigned_below(body)


def _impure(body: Body) -> set[str]:
    """Variables whose value reads other documents: to be computed once, at their place."""
    return {name for name, value in _values(body) if any_node(value, _reads_elsewhere)}


def _reading(body: Body, kept: set[str]) -> set[str]:
    """Variables whose value reads one that is kept: it may change before they are used."""
    found: set[str] = set()
    while True:
        known = kept | found
        more = {name for name, value in _values(body) if name not in known and any_node(value, _reads_one_of(known))}
        if not more:
            return found
        found |= more


def _reads_one_of(names: set[str]) -> Callable[[Expr], bool]:
    return lambda node: isinstance(node, Variable) and node.name in names


def _values(body: Body) -> list[tuple[str, Expr]]:
    """The top level's assignments."""
    every = [
        (s.name, s.default if isinstance(s, Declare) else s.value) for s in body if isinstance(s, Declare | Assign)
    ]
    return [(name, value) for name, value in every if value is not None]


def _reads_elsewhere(node: Expr) -> bool:
    return isinstance(node, Subquery) or (
        isinstance(node, Call) and node.name not in FUNCTIONS and node.name != "FIELD_EXISTS"
    )


class _Inlining:
    def __init__(self, kept: set[str]) -> None:
        self.kept = kept
        self.values: dict[str, Expr] = {}

    def statements(self, body: Body) -> Body:
        changed: list[BodyStatement] = []
        for statement in body:
            after = self.statement(statement)
            if after is not None:
                changed.append(after)
        return tuple(changed)

    def statement(self, node: BodyStatement) -> BodyStatement | None:
        match node:
            case Declare(name, type_name, default, span):
                value = self.expr(default) if default is not None else Literal(None, span)
                value = Call(f"CAST {type_name}", (value,), span) if type_name and default is not None else value
                return self._assign(name, value, replace(node, default=value, type_name=None))
            case Assign(name, value):
                value = self.expr(value)
                return self._assign(name, value, replace(node, value=value))
            case If(branches, otherwise):
                bound = tuple((self.expr(test), self.statements(body)) for test, body in branches)
                return replace(node, branches=bound, otherwise=self.statements(otherwise))
            case ForLoop(query=query, body=body):
                return replace(node, query=map_query(query, self.expr), body=self.statements(body))
            case SelectInto(query=query):
                return replace(node, query=map_query(query, self.expr))
            case Raise(message):
                return replace(node, message=self.expr(message))
            case CallProcedure(args=args):
                return replace(node, args=tuple(map(self.expr, args)))
            case Return():
                return node
            case Insert() | Update() | Delete():
                return map_write(node, self.expr)

    def _assign(self, name: str, value: Expr, otherwise: BodyStatement) -> BodyStatement | None:
        if name in self.kept:
            return otherwise
        self.values[name] = value
        return None

    def expr(self, node: Expr) -> Expr:
        if isinstance(node, Variable):
            return self.values.get(node.name, node)
        if isinstance(node, Subquery):
            operand = self.expr(node.operand) if node.operand is not None else None
            return replace(node, query=map_query(node.query, self.expr), operand=operand)
        return rebuild(node, self.expr)
