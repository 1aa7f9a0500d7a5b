"""Binding of CREATE TRIGGER: NEW and OLD, variables, loops."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from queryleaf_cdc.errors import CompileError, did_you_mean
from queryleaf_cdc.logical.bind import Binder
from queryleaf_cdc.logical.bind_query import bind_query
from queryleaf_cdc.logical.bind_writes import bind_delete, bind_insert, bind_update
from queryleaf_cdc.logical.columns import output_columns
from queryleaf_cdc.logical.schema import Table
from queryleaf_cdc.logical.scope import Scope
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Expr
from queryleaf_cdc.syntax.statements import (
    Assign,
    BodyStatement,
    CallProcedure,
    CreateTrigger,
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


def bind_trigger(node: CreateTrigger, table: Table | None, binder: Binder, scope: Scope) -> CreateTrigger:
    """The trigger with all names bound. ``table`` is what is known of NEW; ``scope`` is empty but for the list of
    warnings."""
    binder.attempt(lambda: _check_event_columns(node, table), None)
    rows = replace(scope, sources={"NEW": table, "OLD": table}, bare=False)
    condition = node.when
    when = binder.attempt(lambda: binder.expr(condition, rows), None) if condition is not None else None
    body = _Body(binder).statements(node.body, rows)
    return replace(node, when=when, body=body)


def _check_event_columns(node: CreateTrigger, table: Table | None) -> None:
    if table is None or not table.closed:
        return
    for event in node.events:
        for path in event.columns:
            if path[0] not in table.columns and path[0] != "_id":
                name = str(path[0])
                raise CompileError(
                    "QL203",
                    f"unknown column {name!r} of {node.collection}",
                    event.span,
                    did_you_mean(name, table.columns),
                )


def bind_statement(node: BodyStatement, binder: Binder, scope: Scope) -> BodyStatement:
    """A statement outside of a trigger."""
    return _Body(binder).statement(node, scope)


class _Body:
    def __init__(self, binder: Binder) -> None:
        self.binder = binder

    def statements(self, body: tuple[BodyStatement, ...], scope: Scope) -> tuple[BodyStatement, ...]:
        """Statements in order; a DECLARE reaches from its place to the end of its block."""
        bound: list[BodyStatement] = []
        for statement in body:
            bound.append(self.binder.attempt(lambda s=statement, c=scope: self.statement(s, c), statement))  # type: ignore[misc]
            if isinstance(statement, Declare):
                scope = replace(scope, variables=scope.variables | {statement.name})
        return tuple(bound)

    def statement(self, node: BodyStatement, scope: Scope) -> BodyStatement:
        binder = self.binder
        match node:
            case If(branches, otherwise):
                bound = tuple((self._test(test, scope), self.statements(body, scope)) for test, body in branches)
                return replace(node, branches=bound, otherwise=self.statements(otherwise, scope))
            case Declare(default=default):
                return replace(node, default=binder.expr(default, scope) if default is not None else None)
            case Assign(name, value, span):
                self._check_variable(name, span, scope)
                return replace(node, value=binder.expr(value, scope))
            case SelectInto():
                return self._select_into(node, scope)
            case ForLoop(row, query, body, span):
                inner = replace(scope, sources={**scope.sources, row: None})
                return replace(node, query=bind_query(query, scope, binder), body=self.statements(body, inner))
            case Return():
                return node
            case Raise(message):
                return replace(node, message=binder.expr(message, scope))
            case Insert():
                return bind_insert(node, scope, binder)
            case Update():
                return bind_update(node, scope, binder)
            case Delete():
                return bind_delete(node, scope, binder)
            case CallProcedure(args=args):
                return replace(node, args=tuple(binder.expr(arg, scope) for arg in args))
            case _:
                assert_never(node)

    def _test(self, test: Expr, scope: Scope) -> Expr:
        """A mistake in a condition must not hide those in its branch."""
        return self.binder.attempt(lambda: self.binder.expr(test, scope), test)

    def _select_into(self, node: SelectInto, scope: Scope) -> SelectInto:
        for target in node.targets:
            self._check_variable(target, node.span, scope)
        query = bind_query(node.query, scope, self.binder)
        columns = output_columns(query)
        if columns is None or len(columns) != len(node.targets):
            found = "*" if columns is None else len(columns)
            raise CompileError("QL221", f"SELECT gives {found} columns, INTO names {len(node.targets)}", node.span)
        return replace(node, query=query)

    def _check_variable(self, name: str, span: Span, scope: Scope) -> None:
        if name not in scope.variables:
            hint = did_you_mean(name, scope.variables) or f"DECLARE {name} before it is used"
            raise CompileError("QL220", f"unknown variable {name!r}", span, hint)
