"""Expressions: one frozen IR from the parser to both faces (`to_mongo` and `evaluate`).

Operators are calls: ``a + b`` is ``Call("+", (a, b))``. The registry in ``functions/`` knows every call's name:

    =  <>  <  <=  >  >=   IS DISTINCT FROM   BETWEEN(x, low, high)   IN(x, v1, v2, ...)   = ANY(x, array) and its kin
    AND  OR  NOT   IS NULL   IS TRUE   IS FALSE   IS UNKNOWN     (negated forms are NOT of these)
    +  -  *  /  %  ^   NEG   ||   LIKE(x, pattern[, escape])  ILIKE   ~  ~*
    []  (x, index from 0)    ->  ->>      CAST <TYPE>, with TYPE one of CAST_TYPES
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.source import Span

if TYPE_CHECKING:
    from queryleaf_cdc.syntax.queries import Query

Path = tuple[str | int, ...]

CAST_TYPES = (
    "INTEGER", "BIGINT", "DOUBLE", "DECIMAL", "TEXT", "BOOLEAN", "TIMESTAMP", "DATE", "TIME",
    "OBJECTID", "INTERVAL", "JSON",
)  # fmt: skip


@frozen
class Literal:
    """A constant: None, bool, int, float, Decimal128, str, datetime, ``Interval``, or a list of these."""

    value: Any
    span: Span = field(compare=False, repr=False)


@frozen
class Name:
    """A path as written, not yet bound: ``o.address.city``, ``items[0].sku`` (int parts count from 0).

    ``quoted`` is the number of leading parts that were written in double quotes and so are no keywords."""

    path: Path
    span: Span = field(compare=False, repr=False)
    quoted: bool = False


@frozen
class Field:
    """A bound path into the document of a source: ``NEW``, ``OLD``, ``EVENT``, a FROM alias, or a loop row.

    ``EVENT`` paths are ``action``, ``timestamp``, ``id``, ``key``, ``collection``, ``database``,
    ``changed_fields``, ``depth``, and ``now`` (the statement's start, in one-shot SQL)."""

    source: str
    path: Path
    span: Span = field(compare=False, repr=False)


@frozen
class Variable:
    """A variable of a trigger body (DECLARE, SELECT ... INTO)."""

    name: str
    span: Span = field(compare=False, repr=False)


@frozen
class Call:
    """A function or operator. ``name`` is in upper case."""

    name: str
    args: tuple[Expr, ...]
    span: Span = field(compare=False, repr=False)


@frozen
class Case:
    """Searched CASE; the simple form is desugared to equality."""

    whens: tuple[tuple[Expr, Expr], ...]
    default: Expr | None
    span: Span = field(compare=False, repr=False)


@frozen
class OrderItem:
    expr: Expr
    descending: bool
    nulls_first: bool
    span: Span = field(compare=False, repr=False)


@frozen
class Aggregate:
    """An aggregate call. ``COUNT(*)`` has no args. ``order_by`` also holds WITHIN GROUP's."""

    name: str
    args: tuple[Expr, ...]
    distinct: bool
    filter: Expr | None
    order_by: tuple[OrderItem, ...]
    span: Span = field(compare=False, repr=False)


@frozen
class Frame:
    """ROWS, RANGE or GROUPS BETWEEN start AND end.

    A bound is ``("UNBOUNDED", None, "PRECEDING")``, ``("CURRENT ROW", None, "")`` or ``("OFFSET", expr, "FOLLOWING")``.
    ``exclude`` is CURRENT ROW, GROUP, TIES, or nothing."""

    unit: str
    start: tuple[str, Expr | None, str]
    end: tuple[str, Expr | None, str]
    span: Span = field(compare=False, repr=False)
    exclude: str = ""


@frozen
class Window:
    """``function OVER (...)``; named windows are already resolved. ``frame`` is None where none was written.

    Once bound, ``function`` is an ``Aggregate`` or a ``Call`` of ``logical/windows.py``'s names, with ``SESSION_START``
    and ``SESSION_END``; no other window is inside but a SESSION that is a key, and a frame's offsets are literals: int
    for ROWS and GROUPS, a number or ``Interval`` for RANGE, none negative."""

    function: Call | Aggregate
    partition_by: tuple[Expr, ...]
    order_by: tuple[OrderItem, ...]
    frame: Frame | None
    span: Span = field(compare=False, repr=False)
    ignore_nulls: bool = False


@frozen
class Subquery:
    """A subquery in an expression. ``form`` is ``"scalar"``, ``"exists"`` or ``"in"``.

    IN has an ``operand``, and means ``operand operator ANY (query)``. A row in it, ``(a, b) IN (SELECT c, d ...)``, is
    ``Call("ROW", (a, b))``; then the operator is ``=``."""

    form: str
    query: Query
    operand: Expr | None
    span: Span = field(compare=False, repr=False)
    operator: str = "="


@frozen
class Star:
    """``*`` or ``source.*``."""

    source: str | None
    span: Span = field(compare=False, repr=False)


Expr = Literal | Name | Field | Variable | Call | Case | Aggregate | Window | Subquery | Star
