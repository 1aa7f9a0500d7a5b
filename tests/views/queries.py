"""The grammar of random views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tests.views.aggregates import aggregate
from tests.views.drawing import Draw, Kind, Query, Relation, Rows, Value, of_kind, plain
from tests.views.expressions import comparison, condition, direction, literal, order, value, variant, where
from tests.views.histories import History
from tests.views.sources import now, scalar, sources, subquery_conditions
from tests.views.texts import Choice, Items, Optional, Text, duckdb, joined, listed, ours
from tests.views.windows import draw_window, number_function, window_function

_KINDS = (Kind.NUMBER, Kind.NUMBER, Kind.TEXT, Kind.TIME, Kind.BOOL)
_DEPTH = 2


@dataclass(frozen=True)
class View:
    name: str
    text: Text

    @property
    def sql(self) -> str:
        return ours(self.text)

    @property
    def duckdb(self) -> str:
        return duckdb(self.text)


def draw_views(random: Random, history: History, name: str, clock: bool = True) -> tuple[View, ...]:
    """A view, or now and then two, of which the second reads the first. ``clock``: with filters that time passes."""
    draw = Draw(random, tuple(map(Relation.of_collection, history.collections)), clock, [0])
    if draw.chance(0.12):
        first = _derived(draw)
        relation = Relation.of_query(f"{name}_base", first)
        return View(relation.name, first.text), View(name, _view(draw.knowing(relation).knowing(relation)))
    return (View(name, _view(draw)),)


def _view(draw: Draw) -> Text:
    if draw.chance(0.12):
        cte = _derived(draw)
        inside = draw.knowing(Relation.of_query("w", cte))
        return joined("WITH w AS (", cte.text, ") ", _body(inside))
    return _body(draw)


def _body(draw: Draw) -> Text:
    shapes = (_plain, _plain, _grouped, _grouped, _grouped, _grouping_sets, _windowed, _windowed, _top, _set_operation)
    shape = draw.one_of(
        (*shapes, _distinct, _distinct_on, _windowed_groups, _star, _temporal if draw.clock else _plain)
    )
    return shape(draw, _DEPTH, False).text


def _derived(draw: Draw) -> Query:
    """A query for FROM: columns of plain kinds, the first one a number."""
    shape = draw.pick(_plain, _grouped, _grouped, _windowed, _top, _set_operation, _distinct)
    return shape(draw, 0, True)


def _select(columns: Sequence[Value], rest: Text, distinct: Text = "") -> Text:
    items = tuple(joined(each.text, f" AS c{number}") for number, each in enumerate(columns))
    return joined("SELECT ", distinct, Items(items), rest)


def _everything(columns: Sequence[Value]) -> tuple[int, ...]:
    return tuple(range(len(columns)))


def _items(draw: Draw, rows: Rows, depth: int, exact: bool) -> tuple[list[Value], tuple[int, ...]]:
    """Columns of a SELECT, and which of them identify a row, if any. The first one is a number."""
    if draw.chance(0.5):
        columns = [*rows.unique]
        if not of_kind(columns[:1], Kind.NUMBER):
            columns.insert(0, value(draw, Kind.NUMBER, rows.columns))
        unique = tuple(columns.index(each) for each in rows.unique)
    else:
        columns, unique = [value(draw, Kind.NUMBER, rows.columns)], ()
    for _ in range(draw.random.randint(1, 3)):
        if depth > 0 and draw.chance(0.2):
            columns.append(scalar(draw, _derived, rows.columns, depth, exact))
        elif not exact and draw.chance(0.05):
            columns.append(draw.one_of(rows.columns))
        else:
            columns.append(value(draw, draw.one_of(_KINDS), rows.columns))
    return columns, unique


def _from_where(draw: Draw, rows: Rows, depth: int) -> Text:
    more = subquery_conditions(draw, _derived, rows.columns, depth)
    return joined(" FROM ", rows.text, where(draw, rows.columns, more))


def _plain(draw: Draw, depth: int, exact: bool) -> Query:
    rows = sources(draw, _derived, depth)
    columns, unique = _items(draw, rows, depth, exact)
    return _with_items(_select(columns, _from_where(draw, rows, depth)), columns, unique, rows)


def _with_items(text: Text, columns: Sequence[Value], unique: tuple[int, ...], rows: Rows) -> Query:
    return Query(text, tuple(columns), unique or _everything(columns), bool(unique) and rows.distinct)


def _distinct(draw: Draw, depth: int, exact: bool) -> Query:
    rows = sources(draw, _derived, depth)
    kinds = (Kind.NUMBER, *draw.some(_KINDS, 0, 2))
    columns = tuple(value(draw, kind, rows.columns, 1) for kind in kinds)
    return Query(_select(columns, _from_where(draw, rows, depth), "DISTINCT "), columns, _everything(columns), True)


def _distinct_on(draw: Draw, depth: int, exact: bool) -> Query:
    """The first row of each group."""
    rows = sources(draw, _derived, depth)
    key = draw.one_of(of_kind(rows.columns, Kind.NUMBER))
    columns = (key, *(value(draw, draw.one_of(_KINDS), rows.columns) for _ in range(2)))
    by = joined(" ORDER BY ", key.text, direction(draw), ", ", order(draw, plain(rows.columns), rows.unique, 1))
    text = joined("DISTINCT ON (", key.text, ") ")
    return Query(_select(columns, joined(_from_where(draw, rows, depth), by), text), columns, (0,), True)


def _star(draw: Draw, depth: int, exact: bool) -> Query:
    query, alias = _derived(draw), draw.alias()
    named = Relation.of_query("", query).rows(alias)
    filtered = where(draw, named.columns, (), 0.7)
    text = joined("SELECT * FROM (", query.text, f") AS {alias}", filtered)
    return Query(Choice(text, (query.text,)), query.columns, query.unique, query.distinct)


def _temporal(draw: Draw, depth: int, exact: bool) -> Query:
    """Rows that leave when time passes."""
    rows = sources(draw, _derived, depth)
    times = [each for each in of_kind(rows.columns, Kind.TIME) if each.column]
    if not times:
        return _grouped(draw, depth, exact)
    span = draw.pick("1 hour", "4 hours", "90 minutes")
    moment = joined(now(draw), draw.pick(" - ", " - ", " + "), f"INTERVAL '{span}'")
    limit = joined(" WHERE ", draw.one_of(times).text, draw.pick(" >= ", " > ", " >= ", " < ", " <= "), moment)
    if draw.chance(0.3):
        limit = joined(limit, Optional(joined(" AND ", comparison(draw, rows.columns))))
    if draw.chance(0.5):
        columns, unique = _items(draw, rows, 0, exact)
        return _with_items(_select(columns, joined(" FROM ", rows.text, limit)), columns, unique, rows)
    columns = [aggregate(draw, rows.columns, rows.unique, exact) for _ in range(2)]
    keys = [draw.one_of(of_kind(rows.columns, Kind.NUMBER))] if draw.chance(0.6) else []
    by = joined(" GROUP BY ", keys[0].text) if keys else ""
    return Query(_select([*keys, *columns], joined(" FROM ", rows.text, limit, by)), (*keys, *columns), (0,), True)


# -- groups ---------------------------------------------------------------------------------------------------------


def _keys(draw: Draw, rows: Rows, least: int, most: int) -> list[Value]:
    """Different from each other, so that each can be named."""
    columns = draw.some(plain(rows.columns), least, most)
    return [variant(draw, each, [each]) for each in columns]


def _grouped(draw: Draw, depth: int, exact: bool) -> Query:
    rows = sources(draw, _derived, depth)
    keys = _keys(draw, rows, 0, 2)
    if exact and (not keys or keys[0].kind is not Kind.NUMBER):
        keys.insert(0, draw.one_of(of_kind(rows.columns, Kind.NUMBER)))
    calls = [aggregate(draw, rows.columns, rows.unique, exact) for _ in range(draw.random.randint(1, 3))]
    places = draw.chance(0.3)
    by = [f"{number + 1}" if places else each.text for number, each in enumerate(keys)]
    having = _having(draw, rows, keys, depth) if draw.chance(0.3) else ""
    if places or not keys:
        having = Optional(joined(" HAVING ", _aggregate_test(draw, rows))) if having else ""
    rest = joined(_from_where(draw, rows, depth), " GROUP BY " if keys else "", listed(by), having)
    columns = (*keys, *calls)
    return Query(_select(columns, rest), columns, tuple(range(len(keys))) or (0,), True)


def _aggregate_test(draw: Draw, rows: Rows) -> Text:
    one = aggregate(draw, rows.columns, rows.unique, True)
    return joined(one.text, draw.pick(" > ", " <= ", " <> "), literal(draw, one.kind).text)


def _having(draw: Draw, rows: Rows, keys: Sequence[Value], depth: int) -> Text:
    tests = [_aggregate_test(draw, rows)]
    columns = [each for each in keys if each.column]
    if keys and draw.chance(0.4):
        tests.append(condition(draw, columns or [keys[0]], (), 0))
    if of_kind(columns, Kind.NUMBER) and draw.chance(0.4):
        tests.append(condition(draw, columns, subquery_conditions(draw, _derived, columns, depth), 0))
    return Optional(joined(" HAVING ", Items(tuple(tests), draw.pick(" AND ", " OR "))))


def _grouping_sets(draw: Draw, depth: int, exact: bool) -> Query:
    rows = sources(draw, _derived, depth)
    keys = [each for each in _keys(draw, rows, 1, 3) if each.column] or [
        draw.one_of(of_kind(rows.columns, Kind.NUMBER))
    ]
    calls = [aggregate(draw, rows.columns, rows.unique, exact) for _ in range(draw.random.randint(1, 2))]
    names = [each.text for each in keys]
    match draw.random.randrange(3):
        case 0:
            by: Text = joined("ROLLUP (", listed(names), ")")
        case 1:
            by = joined("CUBE (", listed(names), ")")
        case _:
            sets = [_set(draw, names) for _ in range(draw.random.randint(0, 2))]
            sets.insert(draw.random.randint(0, len(sets)), joined("(", listed(names), ")"))
            by = joined("GROUPING SETS (", listed(sets), ")")
    having = Optional(joined(" HAVING ", _aggregate_test(draw, rows))) if draw.chance(0.2) else ""
    columns = (*keys, *calls)
    return Query(
        _select(columns, joined(_from_where(draw, rows, depth), " GROUP BY ", by, having)),
        columns,
        _everything(columns),
    )


def _set(draw: Draw, names: Sequence[Text]) -> Text:
    return joined("(", listed(draw.some(names, 0, len(names))), ")")


# -- windows --------------------------------------------------------------------------------------------------------


def _windowed(draw: Draw, depth: int, exact: bool) -> Query:
    rows = sources(draw, _derived, depth)
    unique = rows.unique
    columns, places = _items(draw, rows, 0, True)
    # What is the same in everything may come in one order here and in another there: then there is one order only.
    windows = [draw_window(draw, rows.columns, unique) for _ in range(draw.pick(1, 1, 2) if rows.distinct else 1)]
    named = draw.chance(0.3)
    for number, window in enumerate(windows):
        for _ in range(draw.random.randint(1, 2)):
            name = f"w{number}" if named else None
            columns.append(window_function(draw, rows.columns, window, name, exact))
    clause = listed([joined(f"w{number} AS (", window.text, ")") for number, window in enumerate(windows)])
    rest = joined(_from_where(draw, rows, depth), joined(" WINDOW ", clause) if named else "")
    if draw.chance(0.3):
        window = draw_window(draw, rows.columns, unique)
        rest = joined(
            rest, Optional(joined(" QUALIFY ", number_function(draw, window), " <= ", draw.pick("1", "2", "3")))
        )
    return _with_items(_select(columns, rest), columns, places, rows)


def _windowed_groups(draw: Draw, depth: int, exact: bool) -> Query:
    """Windows over groups: SUM(SUM(x)) OVER ..."""
    rows = sources(draw, _derived, depth)
    keys = [each for each in _keys(draw, rows, 1, 2) if each.column] or [
        draw.one_of(of_kind(rows.columns, Kind.NUMBER))
    ]
    calls = [_sum_or_count(draw, rows), aggregate(draw, rows.columns, rows.unique, True)]
    cells = [*keys, *calls]
    columns = [*cells]
    for _ in range(draw.random.randint(1, 2)):
        window = draw_window(draw, cells, keys)
        columns.append(window_function(draw, cells, window, None, exact))
    by = joined(" GROUP BY ", listed([each.text for each in keys]))
    having = Optional(joined(" HAVING ", _aggregate_test(draw, rows))) if draw.chance(0.2) else ""
    rest = joined(_from_where(draw, rows, depth), by, having)
    return Query(_select(columns, rest), tuple(columns), tuple(range(len(keys))), True)


def _sum_or_count(draw: Draw, rows: Rows) -> Value:
    """A number, for the windows."""
    one = draw.one_of(of_kind(rows.columns, Kind.NUMBER))
    call = draw.one_of((joined("SUM(", one.text, ")"), joined("COUNT(", one.text, ")")))
    return Value(call, Kind.NUMBER, one.whole)


# -- orders and sets ------------------------------------------------------------------------------------------------


def _top(draw: Draw, depth: int, exact: bool) -> Query:
    rows = sources(draw, _derived, depth)
    columns, places = _items(draw, rows, depth, True)
    unique = places or _everything(columns)
    limit = draw.pick(" LIMIT 1", " LIMIT 3", " LIMIT 5", " LIMIT 2 OFFSET 1", " LIMIT 4 OFFSET 3", " OFFSET 2")
    by = _output_order(draw, columns, unique)
    text = _select(columns, joined(_from_where(draw, rows, depth), " ORDER BY ", by, limit))
    return _with_items(text, columns, places, rows)


def _output_order(draw: Draw, columns: Sequence[Value], unique: Sequence[int]) -> Text:
    """By names or places of the columns; total."""
    first = draw.some(range(len(columns)), 0, 1)
    terms: list[Text] = []
    for each in (*first, *(place for place in unique if place not in first)):
        terms.append(joined(f"{each + 1}" if draw.chance(0.3) else f"c{each}", direction(draw)))
    return listed(terms)


def _set_operation(draw: Draw, depth: int, exact: bool) -> Query:
    kinds = (Kind.NUMBER, *draw.some(_KINDS, 0, 2))
    left = _branch(draw, kinds, depth)
    columns = left.columns
    text = left.text
    for _ in range(draw.pick(1, 1, 2)):
        word = draw.pick("UNION", "UNION ALL", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL", "INTERSECT ALL")
        right = _branch(draw, kinds, depth)
        text = Choice(joined("(", text, f") {word} (", right.text, ")"), (text, right.text))
        columns = tuple(
            Value(one.text, one.kind, one.whole and other.whole)
            for one, other in zip(columns, right.columns, strict=True)
        )
    if draw.chance(0.2):
        by = listed([joined(f"c{each}", direction(draw)) for each in range(len(kinds))])
        alias = draw.alias()
        limit = draw.pick(" LIMIT 3", " LIMIT 2 OFFSET 1")
        text = Choice(joined("SELECT * FROM (", text, f") AS {alias} ORDER BY ", by, limit), (text,))
    return Query(text, columns, _everything(columns))


def _branch(draw: Draw, kinds: Sequence[Kind], depth: int) -> Query:
    rows = sources(draw, _derived, depth)
    if draw.chance(0.25):
        keys = [draw.one_of([each for each in of_kind(rows.columns, kinds[0]) if each.column])]
        columns = (*keys, *(_of_kind(draw, rows, kind) for kind in kinds[1:]))
        text = _select(columns, joined(_from_where(draw, rows, depth), " GROUP BY ", keys[0].text))
        return Query(text, columns, (0,), True)
    columns = tuple(value(draw, kind, rows.columns, 1) for kind in kinds)
    return Query(_select(columns, _from_where(draw, rows, depth)), columns, _everything(columns))


def _of_kind(draw: Draw, rows: Rows, kind: Kind) -> Value:
    argument = value(draw, kind, rows.columns, 0)
    names = ("BOOL_AND(", "BOOL_OR(") if kind is Kind.BOOL else ("MIN(", "MAX(")
    return Value(joined(draw.one_of(names), argument.text, ")"), kind, argument.whole)
