"""SELECT and what it is made of, as parsed."""

from __future__ import annotations

from dataclasses import dataclass, field

from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Expr, OrderItem


@dataclass(frozen=True, slots=True)
class TableRef:
    """A collection, view, stream or CTE by name. ``alias`` equals ``name`` when none was written."""

    name: str
    alias: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class SubqueryRef:
    query: Query
    alias: str
    columns: tuple[str, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class UnnestRef:
    """``UNNEST(array) [WITH ORDINALITY] AS alias[(column[, ordinal])]``: one row per element.

    With a column name the element is ``alias.column``; without one, ``alias`` itself is the element."""

    array: Expr
    alias: str
    columns: tuple[str, ...]
    ordinality: bool
    span: Span = field(compare=False, repr=False)


FromItem = TableRef | SubqueryRef | UnnestRef


@dataclass(frozen=True, slots=True)
class Join:
    """``kind`` is INNER, LEFT, RIGHT, FULL or CROSS (a comma is CROSS)."""

    kind: str
    item: FromItem
    on: Expr | None
    using: tuple[str, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class SelectItem:
    """``alias`` is None where none was written; ``expr`` may be ``Star``."""

    expr: Expr
    alias: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Cte:
    name: str
    columns: tuple[str, ...]
    query: Query
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Select:
    """``distinct_on`` is None without DISTINCT, ``()`` for plain DISTINCT; ``emit`` CHANGES, ON WINDOW CLOSE or None.

    With ROLLUP, CUBE or GROUPING SETS ``grouping_sets`` lists the sets."""

    items: tuple[SelectItem, ...]
    from_item: FromItem | None
    joins: tuple[Join, ...]
    where: Expr | None
    group_by: tuple[Expr, ...]
    having: Expr | None
    qualify: Expr | None
    order_by: tuple[OrderItem, ...]
    limit: Expr | None
    offset: Expr | None
    distinct_on: tuple[Expr, ...] | None
    ctes: tuple[Cte, ...]
    emit: str | None
    span: Span = field(compare=False, repr=False)
    grouping_sets: tuple[tuple[Expr, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class SetOperation:
    """``kind`` is UNION, INTERSECT or EXCEPT."""

    kind: str
    all: bool
    left: Query
    right: Query
    order_by: tuple[OrderItem, ...]
    limit: Expr | None
    offset: Expr | None
    ctes: tuple[Cte, ...]
    span: Span = field(compare=False, repr=False)


Query = Select | SetOperation
