"""How far windows of time have been given out: what would belong to one of them is late."""

from __future__ import annotations

from collections.abc import Iterator

from bson import Int64

from queryleaf_cdc.dataflow.by_moment import KEYS, LONG, ONLY
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.state import Cell, Cells, State, StateChange
from queryleaf_cdc.values import Document


class Passed:
    """``moment``: milliseconds up to which windows have been given out. ``late``: how many rows were left out."""

    __slots__ = ("late", "moment")

    def __init__(self) -> None:
        self.moment = -LONG
        self.late = 0


class Watermark:
    """State: one ``Passed``. It moves only when a window is given out, and is written only then, and for a late row."""

    def __init__(self, state: State) -> None:
        self.cells: Cells[Passed] = state.cells(_Codec())

    @property
    def late(self) -> int:
        self.cells.fetch(KEYS)
        return self.cells.get(ONLY).late

    def has_passed(self, moment: int) -> bool:
        """To be asked when ``cells`` were fetched."""
        return moment <= self.cells.get(ONLY).moment

    def pass_to(self, moment: int) -> None:
        if not self.has_passed(moment):
            self.cells.change(ONLY).value.moment = moment

    def leave_out(self) -> None:
        """A row that is late."""
        self.cells.change(ONLY).value.late += 1


class _Codec:
    """Documents: ``t`` the moment, ``n`` the number of late rows."""

    def new(self, key: Row) -> Passed:
        return Passed()

    def load(self, key: Row, id: bytes, document: Document) -> Passed:
        found = Passed()
        found.moment, found.late = document["t"], document["n"]
        return found

    def changes(self, cell: Cell[Passed]) -> Iterator[StateChange]:
        yield StateChange(cell.id, {"t": Int64(cell.value.moment), "n": Int64(cell.value.late)}, not cell.is_stored)

    def stored(self, value: Passed) -> None:
        pass

    def size(self, value: Passed) -> int:
        return 1
