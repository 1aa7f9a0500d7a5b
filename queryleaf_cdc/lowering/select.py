"""A bound one-shot SELECT → an aggregation pipeline. ``rows.py`` says what a row is on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import assert_never

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.functions.mql import Doc, Mql, Param, Ref, op
from queryleaf_cdc.logical.grouped_windows import is_grouped
from queryleaf_cdc.logical.groups import GROUPED
from queryleaf_cdc.logical.walk import any_node, conjuncts, has_aggregate, own_aliases, rebuild
from queryleaf_cdc.lowering.group import Grouping
from queryleaf_cdc.lowering.joins import FromLowering, has_subquery, where_stages
from queryleaf_cdc.lowering.ordering import sort_key
from queryleaf_cdc.lowering.rows import Outer, QueryPlan, Rows, document, in_server, row_key
from queryleaf_cdc.lowering.server_face import ServerScope, lower_truth, lower_value, or_null
from queryleaf_cdc.lowering.set_operations import combined, distinct
from queryleaf_cdc.lowering.subqueries import SubqueryLookups
from queryleaf_cdc.lowering.worker_face import evaluate
from queryleaf_cdc.plans.actions import ROW, Hole
from queryleaf_cdc.plans.stages import (
    NEVER,
    Collect,
    ExprTest,
    Limit,
    Match,
    ReplaceWith,
    Skip,
    Sort,
    Stage,
)
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal, OrderItem, Star
from queryleaf_cdc.syntax.queries import FromItem, Join, Query, Select, SelectItem, SetOperation
from queryleaf_cdc.values import Value


def lower_query(query: Query, outer: Outer) -> QueryPlan:
    """The pipeline whose output documents are the query's rows. ``outer`` are sources that lie outside of it.

    Raises CompileError QL305 for an expression that no server can compute."""
    match query:
        case Select():
            return _lower_select(query, outer)
        case SetOperation():
            plan = combined(query, outer, lower_query)
            rows = Rows(plan.collection, plan.pipeline, {"": "$"})
            scope = ServerScope({**outer, "": "$"})
            return _sorted(rows, Ref("$$ROOT"), query.order_by, scope, _slice(query, outer)).plan()
        case _:
            assert_never(query)


def lower_sources(from_item: FromItem, joins: tuple[Join, ...], where: Expr | None, outer: Outer) -> QueryPlan:
    """The joined rows of FROM, as ``{alias: document, ...}``."""
    for item in (from_item, *(join.item for join in joins)):
        if row_key(item.alias) != item.alias:
            raise CompileError("QL306", f"a row cannot be called {item.alias!r} here", item.span, "give it an alias")
    rows, rest = FromLowering(outer, outer, lower_query).rows(from_item, joins, conjuncts(where))
    rows = rows.spread()
    return where_stages(rows, rest, outer, SubqueryLookups(rows.places, outer, lower_query)).plan()


def _lower_select(query: Select, outer: Outer) -> QueryPlan:
    if query.distinct_on:
        raise CompileError(
            "QL303", "DISTINCT ON is not supported", query.span, "GROUP BY with FIRST(x ORDER BY y) does it"
        )
    own = own_aliases(query)
    visible = {alias: place for alias, place in outer.items() if alias not in own}
    rows, rest = FromLowering(outer, visible, lower_query).rows(query.from_item, query.joins, conjuncts(query.where))
    if any(has_subquery(clause) for clause in _clauses(query)):
        rows = rows.spread()
    building = _Building(rows, visible, SubqueryLookups(rows.places, visible, lower_query))
    building.rows = where_stages(rows, rest, visible, building.lookups)
    if is_grouped(query):
        query = _grouped(query, building)
    return _finished(query, building).plan()


def _clauses(query: Select) -> Iterator[Expr]:
    yield from (item.expr for item in query.items)
    yield from (each for each in (query.where, query.having) if each is not None)
    yield from (item.expr for item in query.order_by)
    yield from query.group_by


@dataclass
class _Building:
    """The rows so far, what lies outside, and the subqueries of the clauses to come."""

    rows: Rows
    outer: Outer
    lookups: SubqueryLookups

    @property
    def scope(self) -> ServerScope:
        return ServerScope({**self.outer, **self.rows.places, **self.lookups.places})

    def then(self, *stages: Stage) -> None:
        self.rows = self.rows.then(*stages)

    def extract(self, expr: Expr) -> Expr:
        """The expression without subqueries: stages before it look them up."""
        plain = self.lookups.extract(expr)
        self.then(*self.lookups.take())
        return plain

    def extract_order(self, order_by: tuple[OrderItem, ...]) -> tuple[OrderItem, ...]:
        return tuple(replace(item, expr=self.extract(item.expr)) for item in order_by)


# -- GROUP BY -----------------------------------------------------------------------------------------------------


def _grouped(query: Select, building: _Building) -> Select:
    """Groups the rows; what is left to do reads the groups."""
    grouping = Grouping(query.group_by, frozenset(building.rows.places), building.extract)
    clauses = grouping.clauses
    items = tuple(replace(item, expr=clauses.over_groups(item.expr)) for item in query.items)
    having = clauses.over_groups(query.having) if query.having is not None else None
    order_by = tuple(replace(item, expr=clauses.over_groups(item.expr)) for item in query.order_by)
    grouping.before()
    building.then(*grouping.stages(building.scope))
    if not query.group_by:
        # Not $unionWith with the empty row: a trigger's reads are part of a transaction, which does not have it.
        building.then(Collect("rows"), ReplaceWith(op("$ifNull", op("$first", Ref("$rows")), grouping.empty_row())))
    building.rows = replace(building.rows, places={GROUPED: "$"})
    building.lookups = SubqueryLookups(building.rows.places, building.outer, lower_query)
    if having is not None:
        plain = building.extract(having)
        building.then(Match(ExprTest(in_server(having, lambda: lower_truth(plain, building.scope)))))
    return replace(query, items=items, having=None, order_by=order_by, group_by=())


# -- the SELECT list, DISTINCT, ORDER BY, LIMIT -------------------------------------------------------------------


def _finished(query: Select, building: _Building) -> Rows:
    items = tuple(replace(item, expr=building.extract(item.expr)) for item in query.items)
    order_by = query.order_by if query.distinct_on is not None else building.extract_order(query.order_by)
    row = _row(items, building.rows, building.scope)
    cut = _slice(query, building.outer)
    if query.distinct_on is None:
        return _sorted(building.rows, row, order_by, building.scope, cut)
    over_rows = tuple(replace(item, expr=_over_row(item.expr, query.items, item)) for item in order_by)
    rows = _shaped(building.rows, row).then(*distinct())
    return _sorted(rows, Ref("$$ROOT"), over_rows, ServerScope({**building.outer, ROW: "$"}), cut)


def _shaped(rows: Rows, row: Mql) -> Rows:
    return rows if row == Ref("$$ROOT") else rows.then(ReplaceWith(row))


def _sorted(rows: Rows, row: Mql, order_by: tuple[OrderItem, ...], scope: ServerScope, cut: tuple[Stage, ...]) -> Rows:
    """The finished rows in order. The keys are computed beside the row, and left behind."""
    if not order_by:
        return _shaped(rows.then(*cut), row)
    keys: list[tuple[str, Mql, int]] = []
    for number, item in enumerate(order_by):
        keys += in_server(item.expr, lambda item=item, name=f"o{number}": sort_key(item, name, scope))  # type: ignore[misc]
    return rows.then(
        ReplaceWith(Doc((("row", row), *((name, value) for name, value, _ in keys)))),
        Sort(tuple((name, direction) for name, _, direction in keys)),
        *cut,
        ReplaceWith(Ref("$row")),
    )


def _over_row(expr: Expr, items: tuple[SelectItem, ...], order: OrderItem) -> Expr:
    """After DISTINCT only the columns are left to sort by."""
    if [type(item.expr) for item in items] == [Star] and isinstance(expr, Field):
        return Field(ROW, expr.path, expr.span)
    for item in items:
        if item.alias is not None and repr(item.expr) == repr(expr):
            return Field(ROW, (item.alias,), expr.span)
    if isinstance(expr, Field) or has_aggregate(expr) or has_subquery(expr):
        raise CompileError(
            "QL227", "SELECT DISTINCT can only be sorted by its columns", order.span, "add it to the SELECT list"
        )
    return rebuild(expr, lambda each: _over_row(each, items, order))


def _slice(query: Query, outer: Outer) -> tuple[Stage, ...]:
    skip = (Skip(_constant(query.offset, outer)),) if query.offset is not None else ()
    limit = (_limited(_constant(query.limit, outer)),) if query.limit is not None else ()
    return (*skip, *limit)


def _limited(count: Value) -> Stage:
    """``$limit`` refuses 0."""
    return Match(NEVER) if count == 0 else Limit(count)


def _constant(expr: Expr, outer: Outer) -> Value:
    """A whole number, or the hole for one that is known when the statement runs."""
    value = in_server(expr, lambda: lower_value(expr, ServerScope(outer))).mongo
    if isinstance(value, Param):
        return Hole(value.index)
    if not any_node(expr, _varies):
        count = evaluate(expr, {})
        if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
            return count
    raise CompileError("QL216", "LIMIT and OFFSET take whole numbers from 0", expr.span)


def _varies(node: Expr) -> bool:
    return not isinstance(node, Literal | Call)


def _row(items: tuple[SelectItem, ...], rows: Rows, scope: ServerScope) -> Mql:
    """The output document. ``*`` is all of its source's fields; a later column replaces an earlier one of its name."""
    parts: list[Mql] = []
    columns: dict[str, Mql] = {}
    for item in items:
        if isinstance(item.expr, Star):
            parts += [document(columns)] if columns else []
            columns = {}
            parts += list(_whole_documents(item.expr, rows))
            continue
        assert item.alias is not None
        if item.alias in columns:
            raise CompileError(
                "QL218", f"two columns are called {item.alias!r}", item.span, "give one an alias: AS ..."
            )
        columns[item.alias] = or_null(in_server(item.expr, lambda item=item: lower_value(item.expr, scope)))  # type: ignore[misc]
    parts += [document(columns)] if columns else []
    return parts[0] if len(parts) == 1 else op("$mergeObjects", *parts)


def _whole_documents(star: Star, rows: Rows) -> Iterator[Mql]:
    for alias, place in rows.places.items():
        if star.source in (None, alias):
            whole = Ref(place if place != "$" else "$$ROOT")
            yield document({alias: whole}) if alias in rows.elements else whole
