"""Window functions along a stream: each row is computed once, when it comes, from the rows that came before it.

Of a partition whose rows come in the order of ORDER BY only what frames reach is kept: what functions that run on from
the first row have made of those that are forgotten, is kept beside."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.partitions import Order, order_of, partition_identity
from queryleaf_cdc.dataflow.row_log import PageWriter, RowLog, pages_of, read_log
from queryleaf_cdc.dataflow.rows import Delta, Row, projection
from queryleaf_cdc.dataflow.state import Cell, Found, StateChange
from queryleaf_cdc.dataflow.windows.column import Running
from queryleaf_cdc.dataflow.windows.columns import column
from queryleaf_cdc.dataflow.windows.reach import together
from queryleaf_cdc.dataflow.windows.sequence import Sequence as Stretch
from queryleaf_cdc.lowering.views.relation import columns_read
from queryleaf_cdc.plans.dataflow import Along
from queryleaf_cdc.values import Document

_SLACK = 32
"""rows beyond what frames reach, before a partition is shortened"""


class AlongStream:
    """State: for each partition the rows that frames may still reach, in order."""

    def __init__(self, node: Along, context: Context) -> None:
        self._in_order = node.in_order
        self._key = projection([context.row(each) for each in node.partition_by])
        self._identity = partition_identity(len(node.partition_by))
        self._order: Order = order_of(node.order_by, context)
        self._columns = [column(each, node.order_by, self._order, context) for each in node.functions]
        self._running = [each for each in self._columns if isinstance(each, Running)]
        self._reach = together(each.reach for each in self._columns)
        self._before = self._reach.reads_before.walk()
        self._sees_peers = bool(self._reach.reads_after.rules)
        self._read = _columns_read(node)
        self._partitions = context.state.cells(_Codec(self._running, self._order), _pages)

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        (delta,) = inputs
        keys: dict[Hashable, Row] = {}
        arrivals: dict[Hashable, list[int]] = {}
        key_of, identity_of = self._key, self._identity
        for at, (row, _) in enumerate(delta):
            key = key_of(row)
            identity = identity_of(key)
            if identity in arrivals:
                arrivals[identity].append(at)
            else:
                keys[identity] = key
                arrivals[identity] = [at]
        self._partitions.fetch(keys)
        found: list[Row] = [()] * len(delta)
        for identity, places in arrivals.items():
            rows = [delta[at][0] for at in places]
            for at, values in zip(places, self._come(self._partitions.change(identity).value, rows), strict=True):
                found[at] = values
        return [(row + values, weight) for (row, weight), values in zip(delta, found, strict=True)]

    def _come(self, partition: _Partition, rows: list[Row]) -> Iterator[Row]:
        """The functions' values for rows that come one after the other."""
        order = self._order
        at = 0
        while at < len(rows):
            stop = self._run(partition, rows, at)
            place = len(partition.rows)
            if stop == at:  # it sorts before a row that is there
                stop, place = at + 1, self._place(partition, order(rows[at]))
            yield from self._values(partition, rows[at:stop], place)
            at = stop
        if self._in_order:
            self._shorten(partition)

    def _place(self, partition: _Partition, order: bytes) -> int:
        """Where a row belongs that sorts before one that is there. Where rows come in order that is a clock gone back:
        behind all that is forgotten or carried on, which came before it."""
        place = bisect_right(partition.orders, order)
        return max(place, partition.memo) if self._in_order else place

    def _run(self, partition: _Partition, rows: list[Row], start: int) -> int:
        """How far rows come in order, and (where functions see peers) without any of the same order."""
        last = partition.orders[-1] if partition.orders else b""
        at = start
        while at < len(rows):
            order = self._order(rows[at])
            if order < last or (self._sees_peers and at > start and order == last):
                break
            last = order
            at += 1
        return at

    def _values(self, partition: _Partition, rows: list[Row], place: int) -> list[Row]:
        """Puts rows in at a place, and gives their values, for which the rows behind them are not there."""
        start = self._first_read(partition, rows[0], place)
        head = partition.head(self._reach.head) if partition.base + start else ()
        stretch = Stretch(
            [*partition.rows[start:place], *rows], self._order, partition.base + start, 0, head, partition.carried
        )
        first, end = place - start, place - start + len(rows)
        values = list(zip(*[each.values(stretch, first, end) for each in self._columns], strict=True))
        partition.put(place, list(map(self._kept, rows)), list(map(self._order, rows)))
        came_last = place == len(partition.rows) - len(rows)
        if self._running and came_last and len(partition.rows) - partition.memo >= 2 * _SLACK:
            self._move_memo(partition, self._keep_from(partition))
        return values

    def _kept(self, row: Row) -> Row:
        """What is only passed on is not kept: it may be large."""
        read = self._read
        return tuple([value if at in read else None for at, value in enumerate(row)])

    def _first_read(self, partition: _Partition, row: Row, place: int) -> int:
        """From which row on functions read, for one that is put in at this place."""
        if not self._running:
            start = self._start(partition, row, place)
            return start if partition.base + start >= self._reach.head else 0
        if not self._in_order and self._start(partition, row, place) < partition.memo:
            partition.memo, partition.carried = 0, {}  # it is late: what runs on begins anew
        return partition.memo

    def _start(self, partition: _Partition, row: Row, place: int) -> int:
        """The first row within reach."""
        reached = self._before(row)
        start = place
        while start and reached(partition.rows[start - 1], 1):
            start -= 1
        return start

    def _move_memo(self, partition: _Partition, at: int) -> None:
        """What runs on need not read the rows before this one again, unless it is one of the first that all read."""
        if at > partition.memo and partition.base + at >= self._reach.head:
            rows = partition.rows[partition.memo :]
            stretch = Stretch(rows, self._order, partition.base + partition.memo, 0, (), partition.carried)
            partition.carried = {each: each.carry(stretch, at - partition.memo) for each in self._running}
            partition.memo = at

    def _keep_from(self, partition: _Partition) -> int:
        """The first row that one which comes last may reach; not in the middle of peers."""
        last = len(partition.rows) - 1
        at = self._start(partition, partition.rows[last], last)
        if not self._in_order:
            at = min(at, max(last - _SLACK, 0))
        while at and partition.orders[at - 1] == partition.orders[at]:
            at -= 1
        return at

    def _shorten(self, partition: _Partition) -> None:
        if len(partition.rows) < partition.enough:
            return
        at = self._keep_from(partition)
        if self._running:
            self._move_memo(partition, at)
            at = partition.memo
        if at and partition.base + at >= self._reach.head:
            partition.drop(at, self._reach.head)
        partition.enough = 2 * len(partition.rows) + _SLACK


def _columns_read(node: Along) -> frozenset[int]:
    """Of a row, when later ones come."""
    read = [item.expr for item in node.order_by]
    for each in node.functions:
        read += [*each.args, *(item.expr for item in each.order_by)]
        read += [each.filter] if each.filter is not None else []
    return frozenset(at for expr in read for at in columns_read(expr))


class _Partition:
    """``base`` rows came before ``rows`` and are forgotten, but for the ``first`` ones, if functions read these;
    ``carried`` is what each running function has made of all rows before ``rows[memo]``."""

    __slots__ = ("base", "carried", "enough", "first", "log", "memo", "orders", "rows")

    def __init__(self, log: RowLog, orders: list[bytes]) -> None:
        self.base = 0
        self.log = log
        self.rows = log.rows
        self.orders = orders
        self.first: RowLog | None = None
        self.memo = 0
        self.carried: Mapping[object, Any] = {}
        self.enough = _SLACK

    def head(self, count: int) -> list[Row]:
        """So many of the first rows."""
        return self.rows[:count] if self.first is None else self.first.rows

    def put(self, place: int, rows: list[Row], orders: list[bytes]) -> None:
        self.log.put(place, rows)
        self.orders[place:place] = orders

    def drop(self, count: int, head: int) -> None:
        """Forgets rows, of which ``head`` are read for ever."""
        if head and self.first is None:
            self.first = RowLog()
            self.first.rows += self.rows[:head]
        self.log.drop(count)
        del self.orders[:count]
        self.base += count
        self.memo = max(self.memo - count, 0)


class _Codec:
    """Documents: ``r`` the rows, ``b`` how many came before them, ``h`` the first ones of all, ``m`` the memo's place,
    and ``c`` what running functions carry, in the order of the functions."""

    def __init__(self, running: Sequence[Running], order: Order) -> None:
        self._running = running
        self._order = order

    def new(self, key: Row) -> _Partition:
        return _Partition(RowLog(), [])

    def load(self, key: Row, id: bytes, found: Found) -> _Partition:
        document = found[id]
        log = read_log(id, document["r"], found)
        partition = _Partition(log, list(map(self._order, log.rows)))
        partition.base, partition.memo = document["b"], document["m"]
        if "h" in document:
            partition.first = read_log(id, document["h"], found)
        if "c" in document:
            partition.carried = dict(zip(self._running, document["c"], strict=True))
        return partition

    def changes(self, cell: Cell[_Partition]) -> Iterator[StateChange]:
        partition = cell.value
        first = partition.first
        pages = PageWriter(cell.id, [partition.log] if first is None else [partition.log, first])
        document = {"r": pages.document(partition.log), "b": partition.base, "m": partition.memo}
        if first is not None:
            document["h"] = pages.document(first)
        if partition.carried:
            document["c"] = [partition.carried[each] for each in self._running]
        yield from pages.changes
        yield StateChange(cell.id, document, not cell.is_stored)

    def stored(self, value: _Partition) -> None:
        pass

    def size(self, value: _Partition) -> int:
        return len(value.rows) or 1


def _pages(id: bytes, document: Document) -> list[bytes]:
    return [*pages_of(id, document["r"]), *pages_of(id, document.get("h", {}))]
