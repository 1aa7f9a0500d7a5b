"""A number that grows with what was emitted, kept with the state that it belongs to.

It begins with the time: another state that takes this one's place later must not count through the same numbers once
more, since dead letters and those who get rows tell them apart by these."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from bson import Int64

from queryleaf_cdc.dataflow.by_moment import KEYS, ONLY
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.state import Cell, Found, State, StateChange
from queryleaf_cdc.functions.bson_order import milliseconds

_PER_MILLISECOND = 1_000_000
"""more rows than a stream gives out in that time"""


class Counter:
    def __init__(self, state: State) -> None:
        self._cells = state.cells(_Codec())

    def take(self, count: int, now: datetime) -> range:
        """The next numbers."""
        self._cells.fetch(KEYS)
        value = self._cells.change(ONLY).value
        first = value[0] or max(milliseconds(now), 0) * _PER_MILLISECOND
        value[0] = first + count
        return range(first, first + count)


class _Codec:
    """Documents: ``n`` the next number."""

    def new(self, key: Row) -> list[int]:
        return [0]

    def load(self, key: Row, id: bytes, found: Found) -> list[int]:
        return [int(found[id]["n"])]

    def changes(self, cell: Cell[list[int]]) -> Iterator[StateChange]:
        yield StateChange(cell.id, {"n": Int64(cell.value[0])}, not cell.is_stored)

    def stored(self, value: list[int]) -> None:
        pass

    def size(self, value: list[int]) -> int:
        return 1
