"""Queries that read values of outer rows, computed for each different set of these.

Where WHERE equates every outer value with something of the query's own, ``WHERE l.order_id = o.id``, it is computed
once for each value of its own side, and the outer rows need not take part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from queryleaf_cdc.logical.walk import any_node, children, conjunction, conjuncts, rebuild
from queryleaf_cdc.lowering.views.leaves import aliases_in, from_items, outer_fields
from queryleaf_cdc.lowering.views.relation import BuildQuery, OuterValues, Relation, column, mapped, outer_places
from queryleaf_cdc.plans.dataflow import Combine, Concat
from queryleaf_cdc.source import NO_SPAN
from queryleaf_cdc.syntax.expressions import Aggregate, Call, Expr, Field, Literal, Path, Subquery, Window
from queryleaf_cdc.syntax.queries import Query, Select, SubqueryRef


def outer_values(rows: Relation, query: Query) -> OuterValues | None:
    """Each set of outer values that the query reads, once; None when it reads none."""
    fields = outer_fields(query)
    if not fields:
        return None
    values = mapped(rows.node, tuple(rows.over(each) for each in fields))
    return OuterValues(Combine((values,), "DISTINCT"), len(fields), _as_sources(fields))


def _as_sources(fields: Sequence[Field]) -> dict[str, dict[Path, int]]:
    sources: dict[str, dict[Path, int]] = {}
    for at, each in enumerate(fields):
        sources.setdefault(each.source, {})[each.path] = at
    return sources


def pairs_of(rows: Relation, inner: Relation, base: OuterValues | None) -> list[tuple[Expr, Expr]]:
    """The outer values in the rows, and in what was computed for them."""
    if base is None:
        return []
    outer = [rows.over(Field(alias, path, NO_SPAN)) for alias, path in base.outer_columns()]
    return list(zip(outer, map(column, outer_places(base, inner)), strict=True))


def computed(
    rows: Relation, query: Query, build: BuildQuery, scalar: bool = False, want_key: bool = False
) -> tuple[OuterValues | None, Relation]:
    """The query's rows for all outer values, and these. A lone aggregate has a row also where there is nothing: that is
    left to whoever wants its value."""
    bound = equated(query) if scalar or not has_one_row(query) else None
    if bound is not None:
        return bound[0], build(bound[1], want_key, bound[0])
    base = outer_values(rows, query)
    return base, build(query, want_key, base)


def equated(query: Query) -> tuple[OuterValues, Select] | None:
    """The outer values as expressions of the query itself, and the query without the terms that say so.

    None where a value is not equated. A lone aggregate has a row even when nothing meets the conditions; for that see
    ``value_of_nothing``."""
    fields = outer_fields(query)
    if not fields or not isinstance(query, Select) or not _may_be_equated(query):
        return None
    own = {item.alias for item in from_items(query)}
    terms = conjuncts(query.where)
    equal: dict[str, Expr] = {}
    rest: list[Expr] = []
    for term in terms:
        found = _equation(term, own)
        if found is not None and repr(found[0]) not in equal:
            equal[repr(found[0])] = found[1]
        else:
            rest.append(term)
    if any(repr(each) not in equal for each in fields):
        return None
    sources: dict[str, dict[Path, int]] = {}
    for at, each in enumerate(fields):
        sources.setdefault(each.source, {})[each.path] = at
    base = OuterValues(Concat(()), len(fields), sources, equal_to=tuple(equal[repr(each)] for each in fields))
    return base, replace(query, where=conjunction([_with(equal, term) for term in rest]))


def _may_be_equated(query: Select) -> bool:
    if any(isinstance(item, SubqueryRef) and outer_fields(item.query) for item in from_items(query)):
        return False  # they need the values before there are any rows
    alone = has_one_row(query)
    return not alone or (query.having is None and len(query.items) == 1 and not query.limit and not query.offset)


def has_one_row(query: Query) -> bool:
    """Whether the query aggregates without GROUP BY."""
    if not isinstance(query, Select) or query.group_by or query.grouping_sets:
        return False
    return any(_is_aggregated(item.expr) for item in query.items)


def _is_aggregated(expr: Expr) -> bool:
    if isinstance(expr, Window):
        return False
    return isinstance(expr, Aggregate) or any(map(_is_aggregated, children(expr)))


def value_of_nothing(expr: Expr) -> Expr:
    """An item over an empty group: counts are 0, other aggregates NULL."""
    if isinstance(expr, Aggregate):
        return Literal(0 if expr.name == "COUNT" else None, expr.span)
    return rebuild(expr, value_of_nothing)


def _equation(term: Expr, own: set[str]) -> tuple[Field, Expr] | None:
    match term:
        case Call("=", (a, b)) if not any_node(term, lambda node: isinstance(node, Subquery)):
            for outer, inner in ((a, b), (b, a)):
                aliases = aliases_in(inner)
                if isinstance(outer, Field) and outer.source not in own and aliases and aliases <= own:
                    return outer, inner
    return None


def _with(equal: dict[str, Expr], expr: Expr) -> Expr:
    """The term with outer values put in their own words; inside of deeper subqueries they are found by name."""
    known = equal.get(repr(expr))
    return known if known is not None else rebuild(expr, lambda each: _with(equal, each))
