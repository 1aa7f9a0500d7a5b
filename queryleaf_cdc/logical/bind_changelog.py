"""SELECT ... FROM one collection or view EMIT CHANGES: its rows as they are, and then how they change."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.logical.bind import Binder
from queryleaf_cdc.logical.bind_query import bind_query
from queryleaf_cdc.logical.scope import Scope
from queryleaf_cdc.logical.walk import any_node
from queryleaf_cdc.syntax.expressions import Aggregate, Expr, Field, Subquery, Window
from queryleaf_cdc.syntax.queries import Query, Select, TableRef

_HINT = "keep it as a MATERIALIZED VIEW, and follow that: SELECT * FROM the_view EMIT CHANGES"


def is_changelog(query: Query) -> bool:
    """Whether it asks for the changes of its rows. (With CHANGE_DETECTED() it is a stream of changes instead.)"""
    return isinstance(query, Select) and query.emit == "CHANGES"


def bind_changelog(query: Query, binder: Binder, scope: Scope) -> Select:
    """The bound SELECT: a condition and columns over one source. Raises CompileError QL303 for all else."""
    assert isinstance(query, Select)
    clauses = (query.joins, query.ctes, query.group_by, query.order_by, query.grouping_sets)
    others = (query.having, query.qualify, query.limit, query.offset, query.distinct_on)
    if not isinstance(query.from_item, TableRef) or any(clauses) or any(each is not None for each in others):
        message = "EMIT CHANGES follows the rows of one collection or view, with WHERE and columns"
        raise CompileError("QL303", message, query.span, _HINT)
    bound = bind_query(replace(query, emit=None), scope, binder)
    assert isinstance(bound, Select)
    for expr in (*(item.expr for item in bound.items), *([bound.where] if bound.where is not None else [])):
        _check(expr)
    return bound


def _check(expr: Expr) -> None:
    if any_node(expr, lambda node: isinstance(node, Aggregate | Window | Subquery)):
        raise CompileError("QL303", "EMIT CHANGES computes each row from itself alone", expr.span, _HINT)
    if any_node(expr, lambda node: isinstance(node, Field) and node.source == "EVENT"):
        message = "a row that is followed must not change by itself, as CURRENT_TIMESTAMP would have it do"
        raise CompileError("QL311", message, expr.span, _HINT)
