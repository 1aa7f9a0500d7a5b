"""SELECT and what it is made of, as parsed."""

from __future__ import annotations

from dataclasses import field

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Expr, OrderItem


@frozen
class TableRef:
    """A collection, view, stream or CTE by name. ``alias`` equals ``name`` when none was written.

    Once bound, ``changes`` tells that its changes are read (CHANGE_DETECTED), and not its documents: then
    ``Field(alias, (CHANGE, name))`` is about the change itself, ``(OLD_DOCUMENT, *path)`` and ``(NEW_DOCUMENT, *path)``
    are of its two documents, and any other path is of the one that is there: the new one, of a delete the old one."""

    name: str
    alias: str
    span: Span = field(compare=False, repr=False)
    changes: bool = False


CHANGE, OLD_DOCUMENT, NEW_DOCUMENT = "$change", "$old", "$new"
"""First parts of paths into a source of changes."""


@frozen
class SubqueryRef:
    """``lateral`` queries read the sources that stand before them in FROM. ``stream``: a named stream was written, and
    this is what it stands for. ``in_windows``: TUMBLE, HOP or SESSION was written, likewise."""

    query: Query
    alias: str
    columns: tuple[str, ...]
    span: Span = field(compare=False, repr=False)
    lateral: bool = False
    stream: bool = False
    in_windows: bool = False


@frozen
class UnnestRef:
    """``UNNEST(array) [WITH ORDINALITY] AS alias[(column[, ordinal])]``: one row per element.

    With a column name the element is ``alias.column``; without one, ``alias`` itself is the element."""

    array: Expr
    alias: str
    columns: tuple[str, ...]
    ordinality: bool
    span: Span = field(compare=False, repr=False)


FromItem = TableRef | SubqueryRef | UnnestRef


@frozen
class Join:
    """``kind`` is INNER, LEFT, RIGHT, FULL or CROSS (a comma is CROSS)."""

    kind: str
    item: FromItem
    on: Expr | None
    using: tuple[str, ...]
    span: Span = field(compare=False, repr=False)


@frozen
class SelectItem:
    """``alias`` is None where none was written; ``expr`` may be ``Star``."""

    expr: Expr
    alias: str | None
    span: Span = field(compare=False, repr=False)


@frozen
class Cte:
    name: str
    columns: tuple[str, ...]
    query: Query
    span: Span = field(compare=False, repr=False)


@frozen
class Select:
    """``distinct_on`` is None without DISTINCT, ``()`` for plain DISTINCT; ``emit`` CHANGES, ON WINDOW CLOSE or None.

    With ROLLUP, CUBE or GROUPING SETS ``grouping_sets`` lists the sets, and ``group_by`` has each of their expressions
    once. Expressions are alike when their ``repr`` is (places do not count).

    Once bound, for a materialized view:

    * ``qualify`` also holds the terms of WHERE that need a window function's result; ``where`` holds none.
    * in a grouped query a ``Window`` in ``items``, ``order_by``, ``qualify`` or ``distinct_on`` reads groups: it is
      over keys and aggregates, as in ``SUM(SUM(x)) OVER (ORDER BY key)``. ``Call("GROUPING", ...)`` has keys for
      arguments;
    * but a ``Window`` in ``group_by`` reads rows. It is ``Call("SESSION_START", (time, gap))`` or ``SESSION_END`` over
      the other keys, ordered by the time, and where it stands elsewhere it is alike to that key;
    * ``GROUP BY HOP(...)`` is a CROSS join with ``UnnestRef(Call("HOP_STARTS", (time, slide, size)), "$hop",
      ("window_start",), False)`` and the key ``Field("$hop", ("window_start",))``; TUMBLE is ``Call("DATE_BIN", (size,
      time))``. Rows whose time is no timestamp are kept out by a BETWEEN in ``where``, or by having no element;
    * ``limit`` and ``offset`` are literals, None where there is none. ``with_ties``: rows that ORDER BY leaves equal to
      the last one are in, too."""

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
    with_ties: bool = False


@frozen
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
    with_ties: bool = False


Query = Select | SetOperation
