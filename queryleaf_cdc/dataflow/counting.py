"""A number that grows with what was emitted, kept with the state that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator

from queryleaf_cdc.dataflow.by_moment import KEYS, ONLY
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.state import Cell, Found, State, StateChange


class Counter:
    def __init__(self, state: State) -> None:
        self._cells = state.cells(_Codec())

    def take(self, count: int) -> range:
        """The next numbers."""
        self._cells.fetch(KEYS)
        value = self._cells.change(ONLY).value
        first = value[0]
        value[0] += count
        return range(first, first + count)


class _Codec:
    """Documents: ``n`` the next number."""

    def new(self, key: Row) -> list[int]:
        return [0]

    def load(self, key: Row, id: bytes, found: Found) -> list[int]:
        return [int(found[id]["n"])]

    def changes(self, cell: Cell[list[int]]) -> Iterator[StateChange]:
        yield StateChange(cell.id, {"n": cell.value[0]}, not cell.is_stored)

    def stored(self, value: list[int]) -> None:
        pass

    def size(self, value: list[int]) -> int:
        return 1
