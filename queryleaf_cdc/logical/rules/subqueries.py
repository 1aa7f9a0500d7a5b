"""Subqueries in a trigger's own expressions become SELECT ... INTO statements before the statement that holds them."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.logical.columns import output_columns
from queryleaf_cdc.logical.walk import rebuild
from queryleaf_cdc.syntax.expressions import Aggregate, Call, Expr, Field, Literal, Subquery, Variable
from queryleaf_cdc.syntax.queries import Query, Select, SelectItem, SubqueryRef
from queryleaf_cdc.syntax.statements import (
    Assign,
    BodyStatement,
    CallProcedure,
    Declare,
    ForLoop,
    If,
    Insert,
    Raise,
    SelectInto,
)

Body = tuple[BodyStatement, ...]


def hoist_subqueries(body: Body) -> Body:
    """The body without subqueries in conditions, arguments and values."""
    return _Hoisting().body(body)


class _Hoisting:
    def __init__(self) -> None:
        self.count = 0
        self.found: list[BodyStatement] = []

    def body(self, body: Body) -> Body:
        hoisted: list[BodyStatement] = []
        for statement in body:
            after = self.statement(statement)
            hoisted += [*self.found, after]
            self.found = []
        return tuple(hoisted)

    def statement(self, node: BodyStatement) -> BodyStatement:
        match node:
            case If(branches, otherwise):
                tests = [self.expr(test) for test, _ in branches]
                found, self.found = self.found, []
                bodies = [self.body(body) for _, body in branches]
                last = self.body(otherwise)
                self.found = found
                return replace(node, branches=tuple(zip(tests, bodies, strict=True)), otherwise=last)
            case ForLoop(body=body):
                return replace(node, body=self.body(body))
            case Declare(default=default):
                return replace(node, default=self.expr(default) if default is not None else None)
            case Assign(value=value):
                return replace(node, value=self.expr(value))
            case Raise(message):
                return replace(node, message=self.expr(message))
            case CallProcedure(args=args):
                return replace(node, args=tuple(map(self.expr, args)))
            case Insert(rows=rows) if rows:
                return replace(node, rows=tuple(tuple(map(self.expr, row)) for row in rows))
            case _:
                return node

    def expr(self, node: Expr) -> Expr:
        if not isinstance(node, Subquery):
            return rebuild(node, self.expr)
        name = f"$subquery{self.count}"
        self.count += 1
        variable = Variable(name, node.span)
        self.found.append(SelectInto(_single_row(node), (name,), node.span))
        if node.form != "in":
            return variable
        assert node.operand is not None
        return Call(f"{node.operator} ANY", (self.expr(node.operand), variable), node.span)


def _single_row(node: Subquery) -> Query:
    """A query of one row and one column that holds what the subquery means."""
    span = node.span
    if node.form == "scalar":
        return node.query
    if node.form == "exists":
        value: Expr = Call(">", (Aggregate("COUNT", (), False, None, (), span), Literal(0, span)), span)
        inner = replace(node.query, limit=Literal(1, span)) if node.query.limit is None else node.query
    else:
        (name,) = output_columns(node.query) or ()
        column = Field("$rows", (name,), span)
        every = Aggregate("ARRAY_AGG", (column,), False, None, (), span)
        value = Call("COALESCE", (every, Call("ARRAY", (), span)), span)
        inner = node.query
    item = SelectItem(value, "value", span)
    rows = SubqueryRef(inner, "$rows", (), span)
    return Select((item,), rows, (), None, (), None, None, (), None, None, None, (), None, span)
