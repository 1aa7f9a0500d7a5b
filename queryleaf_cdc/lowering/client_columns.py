"""Columns of a SELECT that no server can compute are computed from its rows by whoever reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from queryleaf_cdc.functions.spec import WorkerSide
from queryleaf_cdc.logical.columns import output_columns
from queryleaf_cdc.logical.walk import free_fields_in, rebuild
from queryleaf_cdc.lowering.server_face import ServerScope, lower_value
from queryleaf_cdc.lowering.worker_face import Env, evaluator
from queryleaf_cdc.plans.actions import ROW, ClientColumns
from queryleaf_cdc.syntax.expressions import Aggregate, Expr, Field, Literal, Star, Subquery, Variable, Window
from queryleaf_cdc.syntax.queries import Query, Select, SelectItem
from queryleaf_cdc.values import Document

_HIDDEN = "_ql"


def split_columns(query: Query) -> tuple[Query, ClientColumns | None]:
    """The query for the server, and what is left to the client. None where the server does it all.

    Rows that are compared with one another (DISTINCT, UNION) must be whole: then nothing is left to the client."""
    if not isinstance(query, Select) or query.distinct_on is not None:
        return query, None
    splitting = _Splitting(query.group_by)
    kept = [item for item in query.items if isinstance(item.expr, Star) or in_reach_of_server(item.expr)]
    if len(kept) == len(query.items):
        return query, None
    left = [item for item in query.items if item not in kept]
    columns = tuple((str(item.alias), splitting.over_row(item.expr)) for item in left)
    spans = tuple(item.span for item in left)
    if not kept and not splitting.hidden:
        splitting.hidden[f"{_HIDDEN}0"] = Literal(1, query.span)  # a row must have something
    client = ClientColumns(columns, tuple(splitting.hidden), output_columns(query), spans)
    hidden = (SelectItem(expr, name, expr.span) for name, expr in splitting.hidden.items())
    return replace(query, items=(*kept, *hidden)), client


class _Splitting:
    """Collects what the client's expressions need of a row. Group keys are the server's, whatever they are."""

    def __init__(self, keys: tuple[Expr, ...]) -> None:
        self._keys = frozenset(map(repr, keys))
        self.hidden: dict[str, Expr] = {}

    def over_row(self, expr: Expr) -> Expr:
        """The expression with the parts that the server computes replaced by reads of the row."""
        if isinstance(expr, Literal):
            return expr
        if in_reach_of_server(expr) or isinstance(expr, Aggregate | Subquery) or repr(expr) in self._keys:
            return Field(ROW, (self._name(expr),), expr.span)
        return rebuild(expr, self.over_row)

    def _name(self, expr: Expr) -> str:
        for name, known in self.hidden.items():
            if repr(known) == repr(expr):
                return name
        name = f"{_HIDDEN}{len(self.hidden)}"
        self.hidden[name] = expr
        return name


def in_reach_of_server(expr: Expr) -> bool:
    """Whether the server has an expression for it, given its subqueries' and aggregates' results."""
    probe = _probe(expr)
    scope = ServerScope({each.source: "$" for each in free_fields_in(probe)})
    try:
        lower_value(probe, scope)
    except WorkerSide:
        return False
    return True


def _probe(expr: Expr) -> Expr:
    if isinstance(expr, Aggregate | Subquery | Variable | Window):
        return Field(ROW, ("value",), expr.span)
    return rebuild(expr, _probe)


def finisher(client: ClientColumns | None) -> Callable[[list[Document], Env], list[Document]]:
    """The function from the pipeline's rows to the query's. It needs the values in reach of expressions."""
    if client is None:
        return lambda rows, env: rows
    compiled = [(name, evaluator(expr)) for name, expr in client.columns]
    hidden, order = frozenset(client.hidden), client.order

    def finish(rows: list[Document], env: Env) -> list[Document]:
        found = []
        for row in rows:
            inner = {**env, ROW: row}
            whole = {name: value for name, value in row.items() if name not in hidden}
            whole |= {name: evaluate(inner) for name, evaluate in compiled}
            found.append(whole if order is None else {name: whole[name] for name in order})
        return found

    return finish
