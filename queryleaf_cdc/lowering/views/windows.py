"""OVER: window functions become columns, those of one PARTITION BY and ORDER BY together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from queryleaf_cdc.aggregates import check
from queryleaf_cdc.logical.walk import children
from queryleaf_cdc.lowering.views.relation import BuildQuery, OuterValues, Relation, column, outer_places
from queryleaf_cdc.lowering.views.subqueries import with_subqueries
from queryleaf_cdc.plans.dataflow import Over, WindowFunction
from queryleaf_cdc.syntax.expressions import Aggregate, Expr, OrderItem, Window
from queryleaf_cdc.syntax.queries import Select


def with_windows(query: Select, rows: Relation, base: OuterValues | None, build: BuildQuery) -> Relation:
    """The rows with a column for each window function of the clauses after grouping."""
    clauses = [*(item.expr for item in query.items), *(item.expr for item in query.order_by)]
    clauses += [query.qualify] if query.qualify is not None else []
    clauses += list(query.distinct_on or ())
    return windowed(rows, [window for clause in clauses for window in windows_in(clause)], base, build)


def windows_in(expr: Expr) -> Iterator[Window]:
    if isinstance(expr, Window):
        yield expr
        return
    for child in children(expr):
        yield from windows_in(child)


def windowed(rows: Relation, windows: Sequence[Window], base: OuterValues | None, build: BuildQuery) -> Relation:
    missing = {repr(each): each for each in windows if repr(each) not in rows.atoms}
    rows = with_subqueries(rows, [child for each in missing.values() for child in children(each)], build)
    together: dict[str, list[Window]] = {}
    for window in missing.values():
        together.setdefault(repr((window.partition_by, window.order_by)), []).append(window)
    for group in together.values():
        rows = _over(rows, group, base)
    return rows


def _over(rows: Relation, windows: Sequence[Window], base: OuterValues | None) -> Relation:
    first = windows[0]
    partition = [column(at) for at in outer_places(base, rows)] + [rows.over(each) for each in first.partition_by]
    functions = tuple(_function(window, rows) for window in windows)
    node = Over(rows.node, tuple(partition), _ordering(first.order_by, rows), functions)
    atoms = {repr(window): column(rows.width + at) for at, window in enumerate(windows)}
    return replace(rows, node=node, width=rows.width + len(windows), atoms={**rows.atoms, **atoms})


def _function(window: Window, rows: Relation) -> WindowFunction:
    function = window.function
    args = tuple(rows.over(each) for each in function.args)
    if isinstance(function, Aggregate):
        condition = rows.over(function.filter) if function.filter is not None else None
        order = _ordering(function.order_by, rows)
        check(function)
        return WindowFunction(function.name, args, function.distinct, condition, order, window.frame, window.span)
    return WindowFunction(function.name, args, False, None, (), window.frame, window.span, window.ignore_nulls)


def _ordering(items: Sequence[OrderItem], rows: Relation) -> tuple[OrderItem, ...]:
    return tuple(replace(item, expr=rows.over(item.expr)) for item in items)
