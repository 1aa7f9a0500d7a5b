"""What a query's clauses read of its sources: only that is asked of the collections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from queryleaf_cdc.logical.walk import children, free_fields
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Star, Subquery
from queryleaf_cdc.syntax.queries import FromItem, Query, Select, SubqueryRef, UnnestRef

Leaf = Field | Call
"""A field, or FIELD_EXISTS of one, which only the document itself can answer."""


def leaves_in(expr: Expr) -> Iterator[Leaf]:
    """What the expression reads of the sources around it; of a subquery what lies outside of it."""
    match expr:
        case Call("FIELD_EXISTS", (Field(),)) | Field():
            yield expr
        case _:
            for child in children(expr):
                yield from leaves_in(child)
            if isinstance(expr, Subquery):
                yield from free_fields(expr.query)


def source_of(leaf: Leaf) -> str:
    field = leaf.args[0] if isinstance(leaf, Call) else leaf
    assert isinstance(field, Field)
    return field.source


def aliases_in(expr: Expr) -> set[str]:
    return {source_of(leaf) for leaf in leaves_in(expr)}


def own_clauses(query: Select) -> Iterator[Expr]:
    """Every expression of a SELECT but WHERE and FROM's."""
    yield from (item.expr for item in query.items)
    yield from query.group_by
    yield from (each for each in (query.having, query.qualify) if each is not None)
    yield from (item.expr for item in query.order_by)
    yield from query.distinct_on or ()


def from_clauses(query: Select) -> Iterator[Expr]:
    for item in from_items(query):
        if isinstance(item, UnnestRef):
            yield item.array
        elif isinstance(item, SubqueryRef):
            yield from outer_fields(item.query)
    yield from (join.on for join in query.joins if join.on is not None)


def from_items(query: Select) -> tuple[FromItem, ...]:
    items = (query.from_item, *(join.item for join in query.joins))
    return tuple(item for item in items if item is not None)


def starred(query: Select) -> set[str]:
    """The sources whose rows are wanted as a whole."""
    stars = [item.expr for item in query.items if isinstance(item.expr, Star)]
    every = {item.alias for item in from_items(query)}
    return {alias for star in stars for alias in (every if star.source is None else {star.source})}


def needed(exprs: Iterable[Expr]) -> dict[str, dict[str, Leaf]]:
    """alias → the leaves that these expressions read of it, each once (by repr)."""
    found: dict[str, dict[str, Leaf]] = {}
    for expr in exprs:
        for leaf in leaves_in(expr):
            found.setdefault(source_of(leaf), {})[repr(leaf)] = leaf
    return found


def outer_fields(query: Query) -> tuple[Field, ...]:
    """The fields that a query reads of sources outside of it, each once."""
    return tuple({repr(each): each for each in free_fields(query) if each.source != "EVENT"}.values())
