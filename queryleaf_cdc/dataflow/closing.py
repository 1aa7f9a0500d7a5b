"""Groups of a stream by windows of time: a group comes when the time has passed its window, and is then forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from bson import Int64

from queryleaf_cdc.aggregates import AGGREGATES, Linear, Tally
from queryleaf_cdc.dataflow.arrangement import Arrangement
from queryleaf_cdc.dataflow.by_moment import KEYS, LONG, ONLY, moment_order, up_to
from queryleaf_cdc.dataflow.group_feeds import Feeds
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.rows import Delta, Row, identity_of
from queryleaf_cdc.dataflow.state import Cell, StateChange
from queryleaf_cdc.dataflow.windows.framed_aggregates import aggregate
from queryleaf_cdc.dataflow.windows.frames import bounds
from queryleaf_cdc.dataflow.windows.sequence import Sequence as Stretch
from queryleaf_cdc.functions.bson_order import milliseconds
from queryleaf_cdc.functions.moments import from_ms
from queryleaf_cdc.plans.dataflow import Closing, WindowFunction
from queryleaf_cdc.syntax.expressions import Aggregate
from queryleaf_cdc.values import Document, Value

Result = Callable[["_Open"], Value]


class _Open:
    """A group whose window has not ended: its key, how many rows it has, its tallies, and, where an aggregate needs
    them, the rows themselves."""

    __slots__ = ("count", "key", "rows", "tallies")

    def __init__(self, key: Row, tallies: list[Tally]) -> None:
        self.key = key
        self.count = 0
        self.tallies = tallies
        self.rows: list[Row] = []


class WindowGroups:
    """State: the open groups, and when each of them ends. ``late`` counts the rows that were left out."""

    def __init__(self, node: Closing, context: Context) -> None:
        self._keys, self._start, self._size, self._every = node.keys, node.start, node.size, node.every_change
        self._group_of = identity_of(node.keys)
        feeds = Feeds(context)
        self._keeps_rows = False
        self._results = [self._result(each, feeds, context) for each in node.aggregates]
        self._feeds = [(feed.values, feed.places) for feed in feeds.all(distinct=False)]
        self._groups = context.state.cells(_Codec(feeds.tallies))
        self._ends = Arrangement(context.state, moment_order)
        self._passed = -LONG
        self.late = 0

    def _result(self, node: Aggregate, feeds: Feeds, context: Context) -> Result:
        if node.name == "COUNT" and not node.args and node.filter is None:
            return lambda group: group.count
        spec = AGGREGATES[node.name]
        if isinstance(spec, Linear) and not node.distinct:
            position, result = feeds.position(node, spec), spec.result
            return lambda group: result(group.tallies[position])
        self._keeps_rows = True
        of_all = WindowFunction(node.name, node.args, node.distinct, node.filter, node.order_by, None, node.span)
        function = aggregate(of_all, bounds(None, (), _no_order, context), context)
        return lambda group: function.values(Stretch(group.rows, _no_order, 0, 0, (), {}), 0, 1)[0]

    @property
    def next_due(self) -> datetime | None:
        """When a window ends next."""
        self._ends.fetch(KEYS)
        first = self._ends.get(ONLY).first_place()
        return from_ms(int.from_bytes(first[:8], "big") - LONG) if first is not None else None

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        (delta,) = inputs
        clock = milliseconds(now)
        rows = [row for row, weight in delta for _ in range(weight) if self._is_open(row)]
        due = self._due(clock) if self._size else []
        keys = {self._group_of(row): row[: self._keys] for row in (*rows, *due)}
        self._groups.fetch(keys)
        output: Delta = []
        for row in rows:
            group = self._join(row)
            if self._every:
                output.append((self._row(group), 1))
        if self._size:
            self._close(clock, output)
        self._passed = max(self._passed, clock)
        return output

    def _is_open(self, row: Row) -> bool:
        if not self._size:
            return True
        start = row[self._start]
        if not isinstance(start, datetime):
            return False
        if milliseconds(start) + self._size > self._passed:
            return True
        self.late += 1
        return False

    def _join(self, row: Row) -> _Open:
        name = self._group_of(row)
        group = self._groups.change(name).value
        if not group.count and self._size:
            self._ends.fetch(KEYS)
            self._ends.change(ONLY).add((Int64(self._end(row)), *row[: self._keys]), 1)
        group.count += 1
        for values_of, positions in self._feeds:
            values = values_of([row])
            for position in positions:
                group.tallies[position].add(values, 1)
        if self._keeps_rows:
            group.rows.append(row)
        return group

    def _end(self, row: Row) -> int:
        return milliseconds(row[self._start]) + self._size

    def _due(self, clock: int) -> list[Row]:
        """Keys of the windows that have ended."""
        self._ends.fetch(KEYS)
        return [entry[1:] for _, entry, _ in up_to(self._ends.get(ONLY).entries(), clock)]

    def _close(self, clock: int, output: Delta) -> None:
        """Also those that began in this batch."""
        entries = list(up_to(self._ends.get(ONLY).entries(), clock))
        for place, entry, _ in entries:
            self._ends.change(ONLY).add_at(place, entry, -1)
            group = self._groups.change(self._group_of(entry[1:])).value
            if not self._every:
                output.append((self._row(group), 1))
            group.count = 0

    def _row(self, group: _Open) -> Row:
        return (*group.key, *[result(group) for result in self._results])


class _Codec:
    """Documents: ``k`` the key, ``n`` the number of rows, ``a`` the tallies, ``r`` the rows."""

    def __init__(self, tallies: Sequence[type[Tally]]) -> None:
        self._tallies = tallies

    def new(self, key: Row) -> _Open:
        return _Open(key, [make() for make in self._tallies])

    def load(self, key: Row, id: bytes, document: Document) -> _Open:
        tallies = [kind.load(each) for kind, each in zip(self._tallies, document["a"], strict=True)]
        found = _Open(tuple(document["k"]), tallies)
        found.count, found.rows = document["n"], list(map(tuple, document["r"]))
        return found

    def changes(self, cell: Cell[_Open]) -> Iterator[StateChange]:
        group = cell.value
        if group.count:
            tallies = [tally.document() for tally in group.tallies]
            document = {"k": group.key, "n": group.count, "a": tallies, "r": group.rows}
            yield StateChange(cell.id, document, not cell.is_stored)
        elif cell.is_stored:
            yield StateChange(cell.id, None, False)

    def stored(self, value: _Open) -> None:
        pass

    def size(self, value: _Open) -> int:
        return max(1, len(value.rows)) if value.count else 0


def _no_order(row: Row) -> bytes:
    return b""
