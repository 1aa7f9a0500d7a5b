"""Random expressions over the columns of a row.

Avoided, since DuckDB differs by design: division by a column (x/0 is NULL here), numbers as text (1 and 1.0 are one
value in two spellings), comparisons of different kinds (unequal or NULL here, errors there), casts that can fail, and
decimals that would overflow DuckDB's. ``x = ANY(NULL)`` is NULL here, as in PostgreSQL, and FALSE there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.views.drawing import PLAIN, Draw, Kind, Value, of_kind
from tests.views.texts import Choice, Items, Optional, Pair, Text, duckdb, joined, ours

Condition = Callable[[], Text]

_LITERALS: dict[Kind, tuple[Text, ...]] = {
    Kind.NUMBER: ("0", "1", "2", "3", "-1", "7", Pair("1.5", "1.5::DOUBLE"), Pair("-0.25", "-0.25::DOUBLE")),
    Kind.TEXT: ("'a'", "'b'", "'ab'", "''", "'é'"),
    Kind.BOOL: ("TRUE", "FALSE"),
    Kind.WILD: (Pair("1.5", "1.5::DOUBLE"), Pair("2", "2::DOUBLE")),
    Kind.TIME: ("TIMESTAMP '2025-03-01 02:00:00'", "TIMESTAMP '2025-03-01 06:40:00'"),
}


def literal(draw: Draw, kind: Kind) -> Value:
    text = draw.one_of(_LITERALS[kind])
    return Value(text, kind, kind is Kind.NUMBER and isinstance(text, str))


def value(draw: Draw, kind: Kind, columns: Sequence[Value], depth: int = 2) -> Value:
    """Of one of the plain kinds: often a column, else something computed from columns."""
    fitting = of_kind(columns, kind)
    if not fitting or draw.chance(0.08):
        if kind is Kind.BOOL and columns and depth > 0:
            return Value(joined("(", comparison(draw, columns, depth - 1), ")"), kind)
        return literal(draw, kind)
    return variant(draw, draw.one_of(fitting), columns, depth)


def variant(draw: Draw, one: Value, columns: Sequence[Value], depth: int = 1) -> Value:
    """The value itself, or something computed from it; no literal."""
    if depth <= 0 or draw.chance(0.6):
        return one
    other = value(draw, one.kind, columns, depth - 1)
    found = _computed(draw, one.kind, one, other, columns, depth)
    return Value(Choice(found.text, (one.text,)), one.kind, found.whole)


def _computed(draw: Draw, kind: Kind, one: Value, other: Value, columns: Sequence[Value], depth: int) -> Value:
    whole = one.whole and other.whole
    match draw.random.randrange(5):
        case 0:
            return Value(joined("COALESCE(", one.text, ", ", other.text, ")"), kind, whole)
        case 1:
            test = comparison(draw, columns, depth - 1)
            return Value(joined("CASE WHEN ", test, " THEN ", one.text, " ELSE ", other.text, " END"), kind, whole)
        case 2:
            return Value(joined("NULLIF(", one.text, ", ", other.text, ")"), kind, one.whole)
        case _:
            return _COMPUTED[kind](draw, one, other, columns)


def _number(draw: Draw, one: Value, other: Value, columns: Sequence[Value]) -> Value:
    whole = one.whole and other.whole
    texts, times = of_kind(columns, Kind.TEXT), of_kind(columns, Kind.TIME)
    arrays = of_kind(columns, Kind.TEXTS, Kind.INTS)
    match draw.random.randrange(9):
        case 0 | 1:
            return Value(joined("(", one.text, draw.pick(" + ", " - "), other.text, ")"), Kind.NUMBER, whole)
        case 2:
            return Value(joined("(", one.text, " * ", draw.pick("2", "-1", "3"), ")"), Kind.NUMBER, one.whole)
        case 3:
            return Value(joined(draw.pick("ABS(", "(-"), one.text, ")"), Kind.NUMBER, one.whole)
        case 4 if one.whole:
            return Value(joined("(", one.text, " % ", draw.pick("2", "3"), ")"), Kind.NUMBER, True)
        case 5 if texts:
            return Value(joined("LENGTH(", draw.one_of(texts).text, ")"), Kind.NUMBER, True)
        case 6 if times:
            return Value(joined("EXTRACT(HOUR FROM ", draw.one_of(times).text, ")"), Kind.NUMBER, True)
        case 7 if arrays:
            array = draw.one_of(arrays).text
            return Value(joined(Pair("ARRAY_LENGTH(", "len("), array, ")"), Kind.NUMBER, True)
        case _:
            return Value(joined(draw.pick("GREATEST(", "LEAST("), one.text, ", ", other.text, ")"), Kind.NUMBER, whole)


def _text(draw: Draw, one: Value, other: Value, columns: Sequence[Value]) -> Value:
    match draw.random.randrange(3):
        case 0:
            return Value(joined("(", one.text, " || ", other.text, ")"), Kind.TEXT)
        case 1:
            return Value(joined(draw.pick("UPPER(", "LOWER("), one.text, ")"), Kind.TEXT)
        case _:
            return Value(joined("SUBSTRING(", one.text, ", 1, 1)"), Kind.TEXT)


def _bool(draw: Draw, one: Value, other: Value, columns: Sequence[Value]) -> Value:
    match draw.random.randrange(2):
        case 0:
            return Value(joined("(NOT ", one.text, ")"), Kind.BOOL)
        case _:
            return Value(joined("(", one.text, draw.pick(" AND ", " OR "), other.text, ")"), Kind.BOOL)


def _time(draw: Draw, one: Value, other: Value, columns: Sequence[Value]) -> Value:
    match draw.random.randrange(2):
        case 0:
            return Value(joined("DATE_TRUNC('", draw.pick("hour", "day"), "', ", one.text, ")"), Kind.TIME)
        case _:
            sign, span = draw.pick(" + ", " - "), draw.pick("20 minutes", "1 hour", "1 month")
            return Value(joined("(", one.text, sign, f"INTERVAL '{span}')"), Kind.TIME)


def _wild(draw: Draw, one: Value, other: Value, columns: Sequence[Value]) -> Value:
    return Value(joined(draw.pick("GREATEST(", "LEAST("), one.text, ", ", other.text, ")"), Kind.WILD)


_COMPUTED = {Kind.WILD: _wild, Kind.NUMBER: _number, Kind.TEXT: _text, Kind.BOOL: _bool, Kind.TIME: _time}


# -- conditions -----------------------------------------------------------------------------------------------------


def condition(draw: Draw, columns: Sequence[Value], more: Sequence[Condition] = (), depth: int = 2) -> Text:
    """``more`` draws conditions of other sorts: those with subqueries."""
    if depth > 0 and draw.chance(0.3):
        parts = tuple(condition(draw, columns, more, depth - 1) for _ in range(2))
        return joined("(", Items(parts, draw.pick(" AND ", " OR ")), ")")
    if depth > 0 and draw.chance(0.1):
        inner = condition(draw, columns, more, depth - 1)
        return Choice(joined("NOT (", inner, ")"), (inner,))
    if more and draw.chance(0.35):
        return draw.one_of(more)()
    return comparison(draw, columns, 1)


def comparison(draw: Draw, columns: Sequence[Value], depth: int = 1) -> Text:
    """One condition on the columns, without subqueries."""
    kinds = [kind for kind in PLAIN if of_kind(columns, kind)] or [Kind.NUMBER]
    kind = draw.one_of(kinds)
    left = value(draw, kind, columns, depth).text
    texts, lists = of_kind(columns, Kind.TEXT), of_kind(columns, Kind.TEXTS)
    match draw.random.randrange(10):
        case 0:
            return joined(left, " IS ", draw.pick("", "NOT "), "NULL")
        case 1:
            options = [literal(draw, kind).text, literal(draw, kind).text, draw.pick("NULL", literal(draw, kind).text)]
            return joined(left, draw.pick("", " NOT"), " IN (", Items(tuple(options)), ")")
        case 2 if kind is not Kind.BOOL:
            low, high = literal(draw, kind).text, literal(draw, kind).text
            return joined(left, draw.pick("", " NOT"), " BETWEEN ", low, " AND ", high)
        case 3:
            right = value(draw, kind, columns, depth).text
            return joined(left, " IS ", draw.pick("", "NOT "), "DISTINCT FROM ", right)
        case 4 if kind is Kind.BOOL:
            return left
        case 5 if texts:
            return joined(draw.one_of(texts).text, draw.pick(" LIKE ", " NOT LIKE "), draw.pick("'a%'", "'%b'", "'_'"))
        case 6 if lists:
            one = draw.one_of(lists)
            item = draw.pick("'a'", "'b'")
            return Pair(f"{item} = ANY({ours(one.text)})", f"list_contains({duckdb(one.text)}, {item})")
        case _:
            operator = draw.pick(" = ", " <> ", " < ", " <= ", " > ", " >= ")
            return joined(left, operator, value(draw, kind, columns, depth).text)


def where(draw: Draw, columns: Sequence[Value], more: Sequence[Condition], probability: float = 0.35) -> Text:
    if not draw.chance(probability):
        return ""
    return Optional(joined(" WHERE ", condition(draw, columns, more)))


# -- orders ---------------------------------------------------------------------------------------------------------


_DIRECTIONS: tuple[Text, ...] = (
    Pair("", " NULLS LAST"), Pair("", " ASC NULLS LAST"), Pair(" DESC", " DESC NULLS FIRST"), " DESC NULLS LAST",
    " NULLS FIRST",
)  # fmt: skip


def direction(draw: Draw) -> Text:
    """Where NULLs go is PostgreSQL's default here, and always written out for DuckDB."""
    return draw.one_of(_DIRECTIONS)


def order(draw: Draw, columns: Sequence[Value], unique: Sequence[Value], most: int = 2) -> Text:
    """ORDER BY's terms: total, as the unique columns come last."""
    first = [
        Optional(joined(variant(draw, each, [each]).text, direction(draw), ", "))
        for each in draw.some(columns, 0, most)
    ]
    return joined(*first, total(draw, unique))


def total(draw: Draw, unique: Sequence[Value]) -> Text:
    terms: list[Text] = []
    for each in unique:
        terms += [", "] if terms else []
        terms += [each.text, direction(draw)]
    return joined(*terms) if terms else "1"
