"""The order in which ``SELECT * FROM view`` gives the rows of a materialized view that was created with ORDER BY."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.syntax.expressions import Field, OrderItem, Star
from queryleaf_cdc.syntax.queries import Query, Select, TableRef

Order = tuple[tuple[str, bool, bool], ...]
"""(column, descending, NULLs first) of each term"""


def order_of(query: Query) -> Order:
    """The order of a view's query by its columns; () where it has none, or reads something else."""
    if not isinstance(query, Select):
        return ()
    columns = {repr(item.expr): item.alias for item in query.items if item.alias is not None}
    found = [(columns.get(repr(item.expr)), item.descending, item.nulls_first) for item in query.order_by]
    named = tuple((name, descending, first) for name, descending, first in found if name is not None)
    return named if len(named) == len(found) else ()


def unordered_source(query: Query) -> str | None:
    """The collection of ``SELECT * FROM collection`` (with WHERE and LIMIT, but without an order); else None."""
    match query:
        case Select(
            items=(only,), from_item=TableRef(name), joins=(), group_by=(), order_by=(), distinct_on=None, ctes=()
        ) if isinstance(only.expr, Star):
            return name
    return None


def in_order(query: Query, order: Order) -> Query:
    """The query with an order; its source must be a single collection."""
    assert isinstance(query, Select)
    assert isinstance(query.from_item, TableRef)
    alias, span = query.from_item.alias, query.span
    terms = (
        OrderItem(Field(alias, (name,), span), descending, nulls_first, span) for name, descending, nulls_first in order
    )
    return replace(query, order_by=tuple(terms))
