"""The grammar of random streaming SELECTs: chains of filters, windows, UNNEST, lookups, meetings, UNION ALL and groups.

Avoided beside what ``tests.views.expressions`` avoids: windows over rows that do not come in the order of the times
which the window goes by, as what was given out is not revised; DuckDB is asked about such elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from tests.streams.looking_back import Back, call_back, number_back
from tests.streams.queries import Question
from tests.streams.recorded import Recorded
from tests.views.aggregates import aggregate
from tests.views.documents import Collection
from tests.views.drawing import Draw, Kind, Relation, Value, of_kind, plain
from tests.views.expressions import Condition, comparison, condition, direction, literal, order, value, variant
from tests.views.texts import Items, Optional, Pair, Text, duckdb, joined, listed, ours
from tests.views.windows import Window, window_function

_KINDS = (Kind.NUMBER, Kind.NUMBER, Kind.TEXT, Kind.TIME, Kind.BOOL)
_SPANS = (0, 1, 10, 60)


@dataclass(frozen=True)
class Flow:
    """What stands in FROM. ``terms`` belong into WHERE. ``time``: the commit time by which rows come in order. Rows
    that agree in ``unique`` are one row: the times of the changes, and what tells several rows of one apart."""

    text: Text
    columns: tuple[Value, ...]
    unique: tuple[Value, ...]
    time: Value | None
    terms: tuple[Text, ...] = ()
    times: tuple[Value, ...] = ()
    """of a meeting: the commit times of both sides"""

    @property
    def is_total(self) -> bool:
        return self.unique == (self.time,)


@dataclass(frozen=True)
class Staged:
    """A SELECT whose columns are c0, c1, ...: ``unique`` and ``time`` are places."""

    text: Text
    columns: tuple[Value, ...]
    unique: tuple[int, ...]
    time: int | None


@dataclass(frozen=True)
class Grammar:
    draw: Draw
    recorded: Recorded
    named: list[tuple[str, Text]] = field(default_factory=list)

    # -- sources ---------------------------------------------------------------------------------------------------

    @property
    def streams(self) -> list[Collection]:
        return [each for each in self.recorded.collections if each.name not in self.recorded.documents]

    def direct(self) -> Flow:
        """A collection's changes as they are."""
        draw, alias = self.draw, self.draw.alias()
        collection = draw.one_of(self.streams)
        known = Relation.of_collection(collection).rows(alias).columns
        old = tuple(
            Value(Pair(f"OLD.{each.path}", f"{alias}.old_{each.name}"), known[at].kind, known[at].whole, True)
            for at, each in enumerate(collection.columns)
        )
        kind = Value(Pair("CHANGE_TYPE()", f"{alias}.op"), Kind.TEXT, False, True)
        time = Value(Pair("CHANGE_TIMESTAMP()", f"{alias}.moment"), Kind.TIME, False, True)
        columns = (*known, *(each for each in old if draw.chance(0.3)), kind, time)
        detected = self._detected(collection, alias)
        return Flow(f"{collection.name} AS {alias}", columns, (time,), time, (detected,))

    def _detected(self, collection: Collection, alias: str) -> Text:
        if not self.draw.chance(0.25):
            return Pair("CHANGE_DETECTED()", "TRUE")
        columns = self.draw.some([each for each in collection.columns if each.path != "_id"], 1, 2)
        changed = " OR ".join(f"{alias}.{each.name} IS DISTINCT FROM {alias}.old_{each.name}" for each in columns)
        mine = ", ".join(self.draw.pick("", f"{alias}.") + each.path for each in columns)
        return Pair(f"CHANGE_DETECTED({mine})", f"({alias}.op <> 'UPDATE' OR {changed})")

    def read(self, staged: Staged) -> Flow:
        """The query as a derived table, a CTE, or a stream with a name."""
        alias = self.draw.alias()
        columns = tuple(Value(f"{alias}.c{at}", each.kind, each.whole, True) for at, each in enumerate(staged.columns))
        time = columns[staged.time] if staged.time is not None else None
        unique = tuple(columns[at] for at in staged.unique)
        if self.draw.chance(0.5):
            return Flow(joined("(", staged.text, f") AS {alias}"), columns, unique, time)
        name = f"s{len(self.named)}"
        self.named.append((name, staged.text))
        return Flow(f"{name} AS {alias}", columns, unique, time)

    def flow(self, depth: int) -> Flow:
        """With a time by which it goes in order, or none."""
        found = self.direct() if depth <= 0 or self.draw.chance(0.3) else self.read(self.staged(depth))
        match self.draw.random.randrange(10):
            case 0 | 1:
                return self._unnested(found)
            case 2 | 3:
                return self._looked_up(found)
            case _:
                return found

    def _unnested(self, flow: Flow) -> Flow:
        arrays = of_kind(flow.columns, Kind.TEXTS, Kind.INTS)
        if not arrays:
            return flow
        array, alias = self.draw.one_of(arrays), self.draw.alias()
        kind = Kind.TEXT if array.kind is Kind.TEXTS else Kind.NUMBER
        element = Value(f"{alias}.e", kind, kind is Kind.NUMBER, True)
        place = Value(f"{alias}.o", Kind.NUMBER, True, True)
        form, on = self.draw.pick((", ", ""), (" CROSS JOIN ", ""), (" LEFT JOIN ", " ON TRUE"))
        text = joined(flow.text, form, "UNNEST(", array.text, f") WITH ORDINALITY AS {alias}(e, o){on}")
        return replace(
            flow,
            text=text,
            columns=(*flow.columns, element, place),
            unique=(*flow.unique, place) if flow.unique else (),
        )

    def _looked_up(self, flow: Flow) -> Flow:
        """Joined with a collection that does not change."""
        table = self.recorded.collections[-1]
        rows = Relation.of_collection(table).rows(self.draw.alias())
        mine = [each for each in of_kind(flow.columns, Kind.NUMBER) if each.whole]
        theirs = [each for each in of_kind(rows.columns, Kind.NUMBER) if each.whole]
        if not mine:
            return flow
        one, other = self.draw.one_of(mine).text, self.draw.one_of(theirs).text
        terms: list[Text] = [joined(*self.draw.pick((one, " = ", other), (other, " = ", one)))]
        if self.draw.chance(0.3):
            terms.append(comparison(self.draw, (*flow.columns, *rows.columns), 1))
        kind = self.draw.pick(" JOIN ", " LEFT JOIN ")
        text = joined(flow.text, kind, rows.text, " ON ", listed(terms, " AND "))
        unique = (*flow.unique, *rows.unique) if flow.unique else ()
        return replace(flow, text=text, columns=(*flow.columns, *rows.columns), unique=unique)

    def meeting(self, depth: int) -> Flow:
        """Two streams within a bound of time, or a stream with itself."""
        left, right = (self.read(self._plain(depth - 1, timed=True)) for _ in range(2))
        kind = self.draw.pick(" JOIN ", " JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL OUTER JOIN ")
        assert left.time is not None and right.time is not None
        one, other = left.time.text, right.time.text
        before, after = self.draw.one_of(_SPANS), self.draw.one_of(_SPANS)
        bound = joined(
            one, " BETWEEN ", other, f" - INTERVAL '{before} seconds' AND ", other, f" + INTERVAL '{after} seconds'"
        )
        terms: list[Text] = [bound]
        for number in (Kind.NUMBER, Kind.TEXT, Kind.WILD):
            pair = [of_kind(each.columns, number) for each in (left, right)]
            if all(pair) and self.draw.chance(0.5):
                terms.append(joined(self.draw.one_of(pair[0]).text, " = ", self.draw.one_of(pair[1]).text))
        columns = (*left.columns, *right.columns)
        if "FULL" not in kind and self.draw.chance(0.3):
            terms.append(comparison(self.draw, columns, 1))
        self.draw.random.shuffle(terms)
        text = joined(left.text, kind, right.text, " ON ", listed(terms, " AND "))
        return Flow(text, columns, (*left.unique, *right.unique), None, (), (left.time, right.time))

    # -- stages ----------------------------------------------------------------------------------------------------

    def staged(self, depth: int) -> Staged:
        shapes = (self._plain, self._plain, self._windowed, self._windowed, self._united)
        return self.draw.one_of(shapes)(depth - 1)

    def _where(self, flow: Flow, probability: float = 0.25, subqueries: tuple[Condition, ...] | None = None) -> Text:
        """Without ``subqueries`` there are those into the collection that does not change."""
        terms = list(flow.terms)
        if self.draw.chance(probability):
            found = self._subqueries(flow) if subqueries is None else subqueries
            terms.append(joined("(", condition(self.draw, flow.columns, found, 1), ")"))
        self.draw.random.shuffle(terms)
        return joined(" WHERE ", listed(terms, " AND ")) if terms else ""

    def _subqueries(self, flow: Flow) -> tuple[Condition, ...]:
        """Into the collection that does not change, by an equality."""
        rows = Relation.of_collection(self.recorded.collections[-1]).rows(self.draw.alias())
        mine = [each for each in of_kind(flow.columns, Kind.NUMBER) if each.whole]
        theirs = [each for each in of_kind(rows.columns, Kind.NUMBER) if each.whole and each.column]
        if not mine:
            return ()
        one, other = self.draw.one_of(mine).text, self.draw.one_of(theirs).text
        inner = Optional(joined(" AND ", comparison(self.draw, rows.columns, 1)))
        tied = joined(" FROM ", rows.text, " WHERE ", other, " = ", one, inner if self.draw.chance(0.5) else "")
        found = aggregate(self.draw, rows.columns, rows.unique, True)
        return (
            lambda: joined(one, self.draw.pick(" IN (", " NOT IN ("), "SELECT ", other, " FROM ", rows.text, ")"),
            lambda: joined(self.draw.pick("", "NOT "), "EXISTS (SELECT 1", tied, ")"),
            lambda: joined("(SELECT ", found.text, tied, ") ", self.draw.pick("<>", ">", "IS NOT DISTINCT FROM"), " ",
                           literal(self.draw, found.kind).text),
        )  # fmt: skip

    def _plain(self, depth: int, timed: bool = False) -> Staged:
        """Filter and columns."""
        flow = self.flow(depth)
        while timed and flow.time is None:
            flow = self.flow(depth)
        return self._select(flow, self._items(flow), joined(" FROM ", flow.text, self._where(flow)))

    def _items(self, flow: Flow) -> list[Value]:
        found = [value(self.draw, Kind.NUMBER, flow.columns)]
        for _ in range(self.draw.random.randint(1, 3)):
            found.append(value(self.draw, self.draw.one_of(_KINDS), flow.columns))
        others = [each for each in flow.columns if each.column and each not in found]
        return found + self.draw.some(others, 0, 3)

    def _select(self, flow: Flow, items: Sequence[Value], rest: Text) -> Staged:
        """With the columns that tell rows apart, if they are not there yet."""
        columns = list(items)
        columns += _missing((*flow.unique, flow.time), columns)
        listed_columns = tuple(joined(each.text, f" AS c{at}") for at, each in enumerate(columns))
        unique = tuple(columns.index(each) for each in flow.unique)
        time = columns.index(flow.time) if flow.time is not None else None
        return Staged(joined("SELECT ", Items(listed_columns), rest), tuple(columns), unique, time)

    def _windowed(self, depth: int, exact: bool = True) -> Staged:
        flow = self.flow(depth)
        if flow.time is None or not flow.unique:
            return self._plain(depth)
        windows = [self._window(flow) for _ in range(self.draw.pick(1, 1, 2))]
        named = flow.is_total and self.draw.chance(0.3)
        items = self._items(flow)
        for number, each in enumerate(windows):
            for _ in range(self.draw.random.randint(1, 2)):
                name = f"w{number}" if named else None
                items.append(call_back(self.draw, flow.columns, each, name, exact))
        defined = listed([joined(f"w{number} AS (", each.text, ")") for number, each in enumerate(windows)])
        rest = joined(" FROM ", flow.text, self._where(flow), joined(" WINDOW ", defined) if named else "")
        if self.draw.chance(0.25):
            test = number_back(self.draw, self._window(flow))
            rest = joined(
                rest, " QUALIFY ", test, self.draw.pick(" <= ", " > ", " % 2 = "), self.draw.pick("1", "0", "3")
            )
        return self._select(flow, items, rest)

    def _window(self, flow: Flow) -> Back:
        assert flow.time is not None
        partition: Text = ""
        if self.draw.chance(0.75):
            keys = [variant(self.draw, each, [each]).text for each in self.draw.some(plain(flow.columns), 1, 2)]
            partition = joined("PARTITION BY ", listed(keys))
        gap = " " if partition else ""
        if self.draw.chance(0.1) and flow.is_total:
            # Without ORDER BY: all that have come.
            order = Pair(ours(partition), f"{duckdb(partition)}{gap}ORDER BY {duckdb(flow.time.text)}")
            return Back(order, flow.is_total, False)
        peers = joined(partition, gap, "ORDER BY ", flow.time.text)
        order = ", ".join(duckdb(each.text) for each in flow.unique)
        text = Pair(ours(peers), f"{duckdb(partition)}{gap}ORDER BY {order}")
        return Back(text, flow.is_total, True, peers)

    def _united(self, depth: int) -> Staged:
        """UNION ALL of different collections and kinds, whose times are all different."""
        branches = [self.draw.one_of((self._plain, self._windowed))(depth) for _ in range(self.draw.pick(2, 2, 3))]
        if any(each.time is None or each.unique != (each.time,) for each in branches):
            return branches[0]
        kinds = [Kind.NUMBER, *self.draw.some(_KINDS, 1, 2)]
        parts, columns = [], []
        for each in branches:
            flow = self.read(each)
            assert flow.time is not None
            items = [value(self.draw, kind, flow.columns, 1) for kind in kinds]
            columns.append(items)
            texts = tuple(joined(item.text, f" AS c{at}") for at, item in enumerate((*items, flow.time)))
            parts.append(joined("SELECT ", Items(texts), " FROM ", flow.text, self._where(flow)))
        together = tuple(
            Value(f"c{at}", kind, all(items[at].whole for items in columns)) for at, kind in enumerate(kinds)
        )
        number = Value(f"c{len(kinds)}", Kind.TIME)
        # A change may come in several parts: only together with what it says it is one of the rows.
        return Staged(listed(parts, " UNION ALL "), (*together, number), (), len(kinds))

    # -- what ends a query -----------------------------------------------------------------------------------------

    def last(self) -> Text:
        shapes = (self._last_plain, self._last_windowed, self._last_windowed, self._met, self._met, self._closed)
        shape = self.draw.one_of((*shapes, self._closed, self._every_change, self._united_last))
        return shape()

    def _last_plain(self) -> Text:
        """One change at a time is a query of the server's: with ORDER BY it takes the way of the others."""
        return joined(self._plain(2).text, Pair(" ORDER BY 1", ""))

    def one_by_one(self) -> Text:
        """Filter and columns of one collection's changes."""
        flow = self.direct()
        return self._select(flow, self._items(flow), joined(" FROM ", flow.text, self._where(flow, 0.6, ()))).text

    def _last_windowed(self) -> Text:
        return self._windowed(2, exact=False).text

    def _united_last(self) -> Text:
        return self._united(1).text

    def _met(self) -> Text:
        flow = self.meeting(2)
        return self._select(flow, self._items(flow), joined(" FROM ", flow.text, self._where(flow, 0.3))).text

    def _grouped(self, flow: Flow) -> tuple[list[Value], list[Value], Text]:
        """Keys, aggregates and HAVING."""
        keys = [variant(self.draw, each, [each]) for each in self.draw.some(plain(flow.columns), 0, 2)]
        unique = flow.unique or tuple(plain(flow.columns))
        calls = [aggregate(self.draw, flow.columns, unique, False) for _ in range(self.draw.pick(1, 2, 2))]
        having: Text = ""
        if self.draw.chance(0.3):
            one = aggregate(self.draw, flow.columns, unique, True)
            having = joined(
                " HAVING ", one.text, self.draw.pick(" > ", " <= ", " <> "), literal(self.draw, one.kind).text
            )
        return keys, calls, having

    def _closed(self) -> Text:
        groups = self._closed_groups()
        return groups[0] if groups is not None else self._last_plain()

    def ranked(self) -> Text:
        """Windows over the groups of each window of time: rows of a partition come together, as in a view."""
        groups = self._closed_groups()
        if groups is None or not of_kind(groups[1], Kind.NUMBER):
            return self.ranked()
        text, known, keys = groups
        alias = self.draw.alias()
        named = [f"g{at}" for at in range(len(known))]
        columns = [
            Value(f"{alias}.{name}", each.kind, each.whole, True) for name, each in zip(named, known, strict=True)
        ]
        first = Value(f"{alias}.first", Kind.TIME, False, True)
        unique = (*columns[:keys], first)
        items = [f"{alias}.{name} AS {name}" for name in named]
        calls = [
            window_function(self.draw, (*columns, first), self._ranking(first, columns, unique), None, False)
            for _ in range(self.draw.pick(1, 2, 3))
        ]
        listed_columns = [
            *items,
            f"{alias}.first AS first",
            *(joined(e.text, f" AS w{n}") for n, e in enumerate(calls)),
        ]
        return joined("SELECT ", listed(listed_columns), " FROM (", text, f") AS {alias}")

    def _ranking(self, first: Value, columns: Sequence[Value], unique: Sequence[Value]) -> Window:
        partition = joined("PARTITION BY ", first.text)
        match self.draw.random.randrange(4):
            case 0:
                return Window(partition, False, False, None)
            case 1:
                one = self.draw.one_of([*plain(columns), first])
                return Window(joined(partition, " ORDER BY ", one.text, direction(self.draw)), False, True, None)
            case _:
                by = order(self.draw, [*plain(columns), first], unique)
                return Window(joined(partition, " ORDER BY ", by), True, True, None)

    def _closed_groups(self) -> tuple[Text, list[Value], int] | None:
        """The query, its columns but the last one, ``first``, and how many of them are keys."""
        flow = self.meeting(2) if self.draw.chance(0.3) else self.flow(2)
        time = self.draw.one_of(flow.times) if flow.times else flow.time
        if time is None:
            return None
        if flow.times:
            flow = replace(flow, terms=(joined(time.text, " IS NOT NULL"),))
        keys, calls, having = self._grouped(flow)
        window, starts = self._window_of_time(time)
        listed_columns = [joined(each.text, f" AS g{at}") for at, each in enumerate((*keys, *calls))]
        text = joined(
            "SELECT ", listed([*listed_columns, Pair("window_start AS first", "starting AS first")]), " FROM ",
            Pair(ours(flow.text), f"{duckdb(flow.text)}{starts}"), self._where(flow), " GROUP BY ",
            listed([*(each.text for each in keys), window]), having,
        )  # fmt: skip
        return text, [*keys, *calls], len(keys)

    def _window_of_time(self, time: Value) -> tuple[Text, str]:
        """For GROUP BY, and what DuckDB's FROM has besides."""
        size = self.draw.pick(10, 60, 300)
        slide = self.draw.pick(size, size, size // 2, size // 5)
        start = f"time_bucket(INTERVAL '{slide} seconds', {duckdb(time.text)}, TIMESTAMP '2000-01-01')"
        start = f"SELECT {start} - n * INTERVAL '{slide} seconds' AS starting FROM range({size // slide}) r(n)"
        mine = f"TUMBLE({ours(time.text)}, INTERVAL '{size} seconds')"
        if slide != size:
            mine = f"HOP({ours(time.text)}, INTERVAL '{slide} seconds', INTERVAL '{size} seconds')"
        return Pair(mine, "starting"), f", LATERAL ({start}) windows"

    def _every_change(self) -> Text:
        """Groups with each change: DuckDB is asked for running aggregates."""
        flow = self.flow(2)
        if flow.time is None or not flow.is_total:
            return self._last_plain()
        keys = [variant(self.draw, each, [each]) for each in self.draw.some(plain(flow.columns), 0, 2)]
        partition = joined("PARTITION BY ", listed([each.text for each in keys]), " ") if keys else ""
        window = Back(joined(partition, "ORDER BY ", flow.time.text), True, True)
        calls = [
            call_back(self.draw, flow.columns, window, None, False, grouped=True) for _ in range(self.draw.pick(1, 2))
        ]
        over = f" OVER ({duckdb(window.text)})"
        mine = [joined(each.text, f" AS g{at}") for at, each in enumerate(keys)]
        mine += [joined(Pair(ours(each.text), duckdb(each.text) + over), f" AS a{at}") for at, each in enumerate(calls)]
        by = ", ".join(ours(each.text) for each in keys)
        end = f"{' GROUP BY ' + by if keys else ''} EMIT CHANGES"
        return joined("SELECT ", Items(tuple(mine)), " FROM ", flow.text, self._where(flow), Pair(end, ""))


def draw_one_by_one(random: Random, recorded: Recorded) -> Question:
    text = Grammar(Draw(random, (), False, [0]), recorded).one_by_one()
    return Question(ours(text), duckdb(text))


def draw_any(random: Random, recorded: Recorded) -> Question:
    return _drawn(random, recorded, Grammar.last)


def draw_ranked(random: Random, recorded: Recorded) -> Question:
    return _drawn(random, recorded, Grammar.ranked)


def _drawn(random: Random, recorded: Recorded, shape: Callable[[Grammar], Text]) -> Question:
    grammar = Grammar(Draw(random, (), False, [0]), recorded)
    text = shape(grammar)
    named = grammar.named
    theirs = _with(named, duckdb) + duckdb(text)
    if random.random() < 0.4:
        views = "".join(f"CREATE VIEW {name} AS {ours(each)};\n" for name, each in named)
        return Question(views + ours(text), theirs)
    return Question(_with(named, ours) + ours(text), theirs)


def _with(named: Sequence[tuple[str, Text]], render: object) -> str:
    assert callable(render)
    parts = ", ".join(f"{name} AS ({render(text)})" for name, text in named)
    return f"WITH {parts} " if parts else ""


def _missing(wanted: Sequence[Value | None], columns: Sequence[Value]) -> list[Value]:
    found = dict.fromkeys(each for each in wanted if each is not None)
    return [each for each in found if each not in columns]
