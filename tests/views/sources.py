"""Random FROM clauses: collections, views, derived tables, joins, UNNEST; and conditions with subqueries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.views.aggregates import aggregate
from tests.views.drawing import PLAIN, Draw, Kind, Query, Relation, Rows, Value, of_kind, plain
from tests.views.expressions import Condition, comparison, order, where
from tests.views.texts import Choice, Optional, Pair, Text, joined, ours
from tests.views.time_windows import time_window

Derived = Callable[[Draw], Query]
"""Draws a query whose columns are all of plain kinds, the first one a number."""

_JOINS = ("JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN")
_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
_MAX_UNIQUE = 6
"""Columns in an ORDER BY that makes it total."""


def sources(draw: Draw, derived: Derived, depth: int) -> Rows:
    """A comma is looser than JOIN, so that an ON behind it may not name what stands before it: either or."""
    rows = source(draw, derived, depth)
    kinds = (",",) if draw.chance(0.12) else _JOINS
    for number in range(draw.pick(0, 0, 0, 1, 1, 2)):
        other = source(draw, derived, depth)
        if number == 0 and _has_k(rows) and _has_k(other) and draw.chance(0.1):
            rows = _join(draw, rows, other, draw.pick("JOIN USING", "LEFT JOIN USING", "FULL JOIN USING"))
            continue
        if len(rows.unique) + len(other.unique) <= _MAX_UNIQUE:
            rows = _join(draw, rows, other, draw.one_of(kinds))
    if depth > 0 and draw.chance(0.06):
        rows = _lateral(draw, derived, rows, depth)
    return _unnested(draw, rows) if draw.chance(0.15) else rows


def _lateral(draw: Draw, derived: Derived, rows: Rows, depth: int) -> Rows:
    """At most one row for each of these."""
    alias, one = draw.alias(), scalar(draw, derived, rows.columns, depth, exact=True)
    join, end = draw.pick((" CROSS JOIN", ""), (" LEFT JOIN", " ON TRUE"))
    text = Choice(joined(rows.text, f"{join} LATERAL ", one.text, f" AS {alias}(s){end}"), (rows.text,))
    return Rows(text, (*rows.columns, Value(f"{alias}.s", one.kind, one.whole)), rows.unique, rows.distinct)


def _has_k(rows: Rows) -> bool:
    """Whether it is a collection: all of them have it."""
    return any(ours(each.text).endswith(".k") for each in rows.columns)


def source(draw: Draw, derived: Derived, depth: int) -> Rows:
    alias = draw.alias()
    if depth > 0 and draw.chance(0.2):
        query = derived(draw)
        named = Relation.of_query("", query).rows(alias)
        return Rows(joined("(", query.text, f") AS {alias}"), named.columns, named.unique, named.distinct)
    relation = draw.one_of(draw.relations)
    windows = time_window(draw, relation) if relation.is_collection and draw.chance(0.08) else None
    return relation.rows(alias) if windows is None else windows


def _join(draw: Draw, left: Rows, right: Rows, kind: str) -> Rows:
    columns, unique = left.columns + right.columns, left.unique + right.unique
    if kind.endswith("USING"):
        text = joined(left.text, f" {kind.removesuffix('USING')}", right.text, " USING (k)")
    elif kind in ("CROSS JOIN", ","):
        text = joined(left.text, ", " if kind == "," else " CROSS JOIN ", right.text)
    else:
        text = joined(left.text, f" {kind} ", right.text, " ON ", _matching(draw, left, right, kind))
    return Rows(Choice(text, (left.text, right.text)), columns, unique, left.distinct and right.distinct)


def _matching(draw: Draw, left: Rows, right: Rows, kind: str) -> Text:
    """An equality, and perhaps more. DuckDB knows FULL JOIN with equalities only."""
    terms = [_equality(draw, left, right)]
    if draw.chance(0.2):
        terms.append(Optional(joined(" AND ", _equality(draw, left, right))))
    if kind != "FULL JOIN" and draw.chance(0.3):
        columns = draw.pick(left.columns, right.columns, left.columns + right.columns)
        terms.append(Optional(joined(" AND ", comparison(draw, columns, 1))))
    if kind in ("JOIN", "LEFT JOIN") and draw.chance(0.08):
        return comparison(draw, left.columns + right.columns, 1)
    return joined(*terms)


def _equality(draw: Draw, left: Rows, right: Rows) -> Text:
    shared = [
        kind for kind in (*[Kind.NUMBER] * 4, *PLAIN) if of_kind(left.columns, kind) and of_kind(right.columns, kind)
    ]
    kind = draw.one_of(shared)
    one, other = _key(draw, left.columns, kind).text, _key(draw, right.columns, kind).text
    operator = draw.pick(*[" = "] * 8, " IS NOT DISTINCT FROM ")
    return joined(one, operator, other) if draw.chance(0.5) else joined(other, operator, one)


def _key(draw: Draw, columns: Sequence[Value], kind: Kind) -> Value:
    """Whole numbers meet more often than others."""
    fitting = of_kind(columns, kind)
    return draw.one_of([each for each in fitting if each.whole] or fitting)


def _unnested(draw: Draw, rows: Rows) -> Rows:
    arrays = of_kind(rows.columns, Kind.TEXTS, Kind.INTS)
    if not arrays:
        return rows
    array, alias = draw.one_of(arrays), draw.alias()
    kind = Kind.TEXT if array.kind is Kind.TEXTS else Kind.NUMBER
    element = Value(f"{alias}.e", kind, kind is Kind.NUMBER, True)
    place = Value(f"{alias}.o", Kind.NUMBER, True, True)
    form = draw.pick(", ", " CROSS JOIN ", " LEFT JOIN ")
    on = " ON TRUE" if form == " LEFT JOIN " else ""
    start = joined(rows.text, form, "UNNEST(", array.text, ")")
    if draw.chance(0.5):
        text = Choice(joined(start, f" WITH ORDINALITY AS {alias}(e, o){on}"), (rows.text,))
        return Rows(text, (*rows.columns, element, place), (*rows.unique, place), rows.distinct)
    # Rows with equal elements of one array are the same in everything.
    text = Choice(joined(start, f" AS {alias}(e){on}"), (rows.text,))
    return Rows(text, (*rows.columns, element), (*rows.unique, element), False)


# -- subqueries -----------------------------------------------------------------------------------------------------


def subquery_conditions(draw: Draw, derived: Derived, columns: Sequence[Value], depth: int) -> Sequence[Condition]:
    if depth <= 0:
        return ()
    return (
        lambda: _exists(draw, derived, columns, depth),
        lambda: _among(draw, derived, columns, depth),
        lambda: _compared(draw, derived, columns, depth),
    )


def _exists(draw: Draw, derived: Derived, columns: Sequence[Value], depth: int) -> Text:
    inner = source(draw, derived, depth - 1)
    return joined(
        draw.pick("", "NOT "), "EXISTS (SELECT 1 FROM ", inner.text, _correlated(draw, inner, columns, 0.9), ")"
    )


def _among(draw: Draw, derived: Derived, columns: Sequence[Value], depth: int) -> Text:
    inner = source(draw, derived, depth - 1)
    shared = [kind for kind in (Kind.NUMBER, Kind.NUMBER, Kind.TEXT, Kind.TIME, Kind.WILD) if of_kind(columns, kind)]
    kind = draw.one_of([each for each in shared if of_kind(inner.columns, each)])
    item = _key(draw, inner.columns, kind).text
    forms = ["IN", "NOT IN"]
    if kind is not Kind.WILD and draw.chance(0.3):
        forms = [f"{operator} {quantifier}" for operator in _COMPARISONS for quantifier in ("ANY", "ALL")]
    return joined(
        _key(draw, columns, kind).text, f" {draw.one_of(forms)} (SELECT ", item, " FROM ", inner.text,
        _correlated(draw, inner, columns, 0.3), ")",
    )  # fmt: skip


def _compared(draw: Draw, derived: Derived, columns: Sequence[Value], depth: int) -> Text:
    one = scalar(draw, derived, columns, depth, exact=True)
    operator = f" {draw.one_of(_COMPARISONS)} "
    fitting = of_kind(columns, one.kind)
    if not fitting:
        return joined(one.text, " IS NOT NULL")
    return joined(draw.one_of(fitting).text, operator, one.text)


def scalar(draw: Draw, derived: Derived, columns: Sequence[Value], depth: int, exact: bool) -> Value:
    """A scalar subquery: an aggregate, or the first row of an order; usually correlated."""
    inner = source(draw, derived, depth - 1)
    correlated = _correlated(draw, inner, columns, 0.8)
    if draw.chance(0.25):
        found = draw.one_of(plain(inner.columns))
        first = order(draw, plain(inner.columns), inner.unique, 1)
        item: Text = joined("SELECT ", found.text, " FROM ", inner.text, correlated, " ORDER BY ", first, " LIMIT 1")
    else:
        found = aggregate(draw, inner.columns, inner.unique, exact)
        item = joined("SELECT ", found.text, " FROM ", inner.text, correlated)
    return Value(joined("(", item, ")"), found.kind, found.whole)


def _correlated(draw: Draw, inner: Rows, columns: Sequence[Value], probability: float) -> Text:
    """WHERE: an equality with the row outside, and perhaps more."""
    if not draw.chance(probability):
        return where(draw, inner.columns, ())
    terms: list[Text] = [" WHERE ", _equality_with(draw, inner.columns, columns)]
    if draw.chance(0.3):
        terms.append(Optional(joined(" AND ", comparison(draw, inner.columns, 1))))
    if draw.chance(0.15):
        terms.append(Optional(joined(" AND ", _inequality_with(draw, inner.columns, columns))))
    return Optional(joined(*terms))


def _equality_with(draw: Draw, inner: Sequence[Value], outer: Sequence[Value]) -> Text:
    return joined(_key(draw, inner, Kind.NUMBER).text, " = ", _key(draw, outer, Kind.NUMBER).text)


def _inequality_with(draw: Draw, inner: Sequence[Value], outer: Sequence[Value]) -> Text:
    one, other = draw.one_of(of_kind(inner, Kind.NUMBER)), draw.one_of(of_kind(outer, Kind.NUMBER))
    return joined(one.text, draw.pick(" < ", " > ", " <> "), other.text)


def now(draw: Draw) -> Text:
    return Pair("CURRENT_TIMESTAMP", "getvariable('now')")
