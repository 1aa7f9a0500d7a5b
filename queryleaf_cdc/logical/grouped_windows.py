"""What OVER and GROUPING mean in a query that is grouped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.logical.walk import (
    children,
    clauses,
    free_fields_in,
    has_aggregate,
    map_clauses,
    own_aliases,
    rebuild,
)
from queryleaf_cdc.syntax.expressions import Aggregate, Call, Expr, Field, Star, Subquery, Window
from queryleaf_cdc.syntax.queries import Select

_OF_GROUPS = {"SUM": "SUM", "COUNT": "SUM", "MIN": "MIN", "MAX": "MAX"}
"""The aggregate of the groups' own aggregates that is the aggregate of all their rows"""


def is_grouped(query: Select) -> bool:
    """Whether a bound query has groups for rows. An aggregate before OVER makes none."""
    groups = query.group_by or query.grouping_sets or query.having is not None
    return bool(groups) or any(map(has_aggregate, clauses(query)))


def over_groups(query: Select) -> Select:
    """The bound query, in which ``SUM(x) OVER`` means ``SUM(SUM(x)) OVER`` where x is neither grouped nor aggregated.

    Raises CompileError QL217 where another function would need such a meaning, and for ``*``, whose fields are no keys;
    QL237 for GROUPING of what is no key."""
    if not is_grouped(query):
        return query
    for item in query.items:
        if isinstance(item.expr, Star):
            raise CompileError("QL217", "* cannot be used with GROUP BY or aggregates", item.span, "name the columns")
    keys = frozenset(map(repr, query.group_by))
    ungrouped = _ungrouped(keys, own_aliases(query))

    def change(expr: Expr) -> Expr:
        if repr(expr) in keys:
            return expr
        if isinstance(expr, Call) and expr.name == "GROUPING":
            _check_grouping(expr, keys)
        if isinstance(expr, Window) and isinstance(expr.function, Aggregate):
            expr = replace(expr, function=_of_groups(expr.function, ungrouped))
        return rebuild(expr, change)

    return replace(map_clauses(query, change), where=query.where)


def _check_grouping(node: Call, keys: frozenset[str]) -> None:
    for arg in node.args:
        if repr(arg) not in keys:
            raise CompileError(
                "QL237", "GROUPING takes expressions of GROUP BY", arg.span, "write one as it stands there"
            )


def _ungrouped(keys: frozenset[str], sources: frozenset[str]) -> Callable[[Expr], bool]:
    """Whether an expression reads a field of the rows that is part of no key."""

    def test(expr: Expr) -> bool:
        if repr(expr) in keys:
            return False
        if isinstance(expr, Field):
            return expr.source in sources and not _part_of_key(expr, keys)
        if isinstance(expr, Subquery):
            return any(map(test, free_fields_in(expr)))
        return any(map(test, children(expr)))

    return test


def _part_of_key(expr: Field, keys: frozenset[str]) -> bool:
    lengths = range(1, len(expr.path))
    return any(repr(Field(expr.source, expr.path[:length], expr.span)) in keys for length in lengths)


def _of_groups(node: Aggregate, ungrouped: Callable[[Expr], bool]) -> Aggregate:
    if any(map(has_aggregate, node.args)) or not any(map(ungrouped, node.args)):
        return node
    outer = _OF_GROUPS.get(node.name)
    if outer is None or (node.distinct and node.name in ("SUM", "COUNT")):
        name = f"{node.name}(DISTINCT ...)" if node.distinct else node.name
        hint = f"aggregate it first: {node.name}(SUM(x)) OVER (...) takes the groups' sums"
        text = f"{name} OVER in a grouped query: its argument is neither grouped nor aggregated"
        raise CompileError("QL217", text, node.span, hint)
    of_groups = node.filter if node.filter is not None and has_aggregate(node.filter) else None
    of_rows = replace(node, order_by=(), filter=node.filter if of_groups is None else None)
    return Aggregate(outer, (of_rows,), False, of_groups, node.order_by, node.span)
