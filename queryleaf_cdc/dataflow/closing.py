"""Groups of a stream by windows of time: a group comes when the time has passed its window, and is then forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from bson import Int64

from queryleaf_cdc.dataflow.arrangement import Arrangement
from queryleaf_cdc.dataflow.by_moment import KEYS, LONG, ONLY, moment_order, up_to
from queryleaf_cdc.dataflow.open_groups import Aggregates, OpenGroup, pages_of_group
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.row_log import PageWriter
from queryleaf_cdc.dataflow.rows import Delta, Row, identity_of
from queryleaf_cdc.dataflow.state import Cell, Found, StateChange, fetch
from queryleaf_cdc.dataflow.watermark import Watermark
from queryleaf_cdc.functions.bson_order import milliseconds
from queryleaf_cdc.functions.moments import from_ms
from queryleaf_cdc.plans.dataflow import Closing


class WindowGroups:
    """State: the open groups by their keys, when each of them ends, and how far windows were given out."""

    def __init__(self, node: Closing, context: Context) -> None:
        self._keys, self._start, self._size, self._every = node.keys, node.start, node.size, node.every_change
        self._lag = node.lag
        self._group_of = identity_of(node.keys)
        self._aggregates = Aggregates(node.aggregates, context)
        self._groups = context.state.cells(_Codec(self._aggregates), pages_of_group)
        self._ends = Arrangement(context.state, moment_order)
        self._watermark = Watermark(context.state)

    @property
    def late(self) -> int:
        """How many rows were left out."""
        return self._watermark.late

    @property
    def next_due(self) -> datetime | None:
        """When a window ends next."""
        self._ends.fetch(KEYS)
        first = self._ends.get(ONLY).first_place()
        return from_ms(int.from_bytes(first[:8], "big") - LONG + self._lag) if first is not None else None

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        (delta,) = inputs
        clock = milliseconds(now) - self._lag
        fetch([self._ends.wanting(KEYS), (self._watermark.cells, KEYS)])
        rows = [row for row, weight in delta for _ in range(weight) if self._is_open(row)]
        keys = {self._group_of(row): row[: self._keys] for row in (*rows, *self._due(clock))}
        self._groups.fetch(keys)
        output: Delta = []
        for row in rows:
            group = self._join(row)
            if self._every:
                output.append((self._row(group), 1))
        if self._size:
            self._close(clock, output)
        return output

    def _is_open(self, row: Row) -> bool:
        if not self._size:
            return True
        if not isinstance(row[self._start], datetime):
            return False
        if self._watermark.has_passed(self._end(row)):
            self._watermark.leave_out()
            return False
        return True

    def _join(self, row: Row) -> OpenGroup:
        group = self._groups.change(self._group_of(row)).value
        if not group.count and self._size:
            self._ends.change(ONLY).add((Int64(self._end(row)), *row[: self._keys]), 1)
        self._aggregates.add(group, [row])
        return group

    def _end(self, row: Row) -> int:
        return milliseconds(row[self._start]) + self._size

    def _due(self, clock: int) -> list[Row]:
        """Keys of the windows that have ended."""
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
            group.log.clear()
        if entries:
            self._watermark.pass_to(clock)

    def _row(self, group: OpenGroup) -> Row:
        return (*group.key, *self._aggregates.values(group))


class _Codec:
    """Documents as ``Aggregates`` makes them; none of a group that has been given out."""

    def __init__(self, aggregates: Aggregates) -> None:
        self._aggregates = aggregates

    def new(self, key: Row) -> OpenGroup:
        return self._aggregates.new(key)

    def load(self, key: Row, id: bytes, found: Found) -> OpenGroup:
        return self._aggregates.load(id, found[id], found)

    def changes(self, cell: Cell[OpenGroup]) -> Iterator[StateChange]:
        group = cell.value
        pages = PageWriter(cell.id, [group.log])
        document = self._aggregates.document(group, pages) if group.count else None
        yield from pages.changes
        if document is not None or cell.is_stored:
            yield StateChange(cell.id, document, not cell.is_stored)

    def stored(self, value: OpenGroup) -> None:
        pass

    def size(self, value: OpenGroup) -> int:
        return max(1, len(value.log.rows)) if value.count else 0
