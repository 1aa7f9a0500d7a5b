"""Binding of CREATE MATERIALIZED VIEW."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.logical.bind import Binder
from queryleaf_cdc.logical.bind_query import bind_query
from queryleaf_cdc.logical.columns import output_columns, with_columns
from queryleaf_cdc.logical.scope import Scope
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Star
from queryleaf_cdc.syntax.queries import Query, Select, SetOperation
from queryleaf_cdc.syntax.statements import CreateMaterializedView


def bind_view(node: CreateMaterializedView, binder: Binder, scope: Scope) -> CreateMaterializedView:
    """The view with its query bound, and its columns named as its list says.

    ``scope`` is empty but for the list of warnings. Raises CompileError."""
    query = bind_query(node.query, scope, binder)
    if node.columns:
        columns = output_columns(query)
        if columns is None or len(columns) != len(node.columns):
            given = "*, whose columns are unknown" if columns is None else f"{len(columns)} columns"
            text = f"{node.name} names {len(node.columns)} columns, its query gives {given}"
            raise CompileError("QL210", text, node.column_spans[0].to(node.column_spans[-1]))
        query = with_columns(query, node.columns)
    _check_columns(_named(node, query), _star_spans(node.query))
    return replace(node, query=query)


def _named(node: CreateMaterializedView, query: Query) -> list[tuple[str, Span]]:
    """The columns that have names, and where these were written."""
    if node.columns:
        return list(zip(node.columns, node.column_spans, strict=True))
    nameless = [(item.alias, item.span) for item in _first_select(node.query).items if item.alias == ""]
    return nameless or [(item.alias, item.span) for item in _first_select(query).items if item.alias is not None]


def _first_select(query: Query) -> Select:
    while isinstance(query, SetOperation):
        query = query.left
    return query


def _star_spans(query: Query) -> set[Span]:
    return {item.span for item in _first_select(query).items if isinstance(item.expr, Star)}


def _check_columns(columns: list[tuple[str, Span]], stars: set[Span]) -> None:
    seen: set[str] = set()
    for name, span in columns:
        if name in seen:
            hint = "name the columns" if span in stars else "give one an alias: AS ..."
            raise CompileError("QL218", f"two columns are called {name!r}", span, hint)
        seen.add(name)
        if name == "_id" and span not in stars:
            raise CompileError("QL238", "_id is the row's key", span, "give the column another name: AS id")
        if not name or name.startswith("$") or "." in name or "\0" in name:
            text = f"a field of the view's documents cannot be called {name!r}"
            raise CompileError("QL238", text, span, "give the column another name: AS ...")
