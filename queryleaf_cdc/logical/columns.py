"""The columns of bound queries."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.syntax.expressions import Field
from queryleaf_cdc.syntax.queries import Query, Select, SelectItem, SetOperation, SubqueryRef


def output_columns(query: Query) -> tuple[str, ...] | None:
    """Column names of a bound query; None where ``*`` makes them unknown."""
    if isinstance(query, SetOperation):
        return output_columns(query.left)
    names = [item.alias for item in query.items]
    return None if None in names else tuple(name for name in names if name is not None)


def with_columns(query: Query, names: tuple[str, ...]) -> Query:
    """The bound query with its columns, which must be known, under other names."""
    if output_columns(query) == names:
        return query
    if isinstance(query, Select):
        return replace(query, items=tuple(replace(i, alias=n) for i, n in zip(query.items, names, strict=True)))
    old = output_columns(query)
    assert old is not None
    items = tuple(
        SelectItem(Field(_RENAMED, (before,), query.span), name, query.span)
        for before, name in zip(old, names, strict=True)
    )
    rows = SubqueryRef(query, _RENAMED, (), query.span)
    return Select(items, rows, (), None, (), None, None, (), None, None, None, (), None, query.span)


_RENAMED = "$renamed"
