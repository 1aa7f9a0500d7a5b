"""How far the time of a stream has come, as far as an operator has forgotten something for it."""

from __future__ import annotations

from collections.abc import Iterator

from bson import Int64

from queryleaf_cdc.dataflow.by_moment import KEYS, LONG, ONLY
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.state import Cell, Cells, Found, State, StateChange


class Passed:
    """``moment``, in milliseconds: what was due until then is forgotten. ``late``: how many rows were left out."""

    __slots__ = ("late", "moment")

    def __init__(self) -> None:
        self.moment = -LONG
        self.late = 0


class Watermark:
    """State: one ``Passed``. It is written only when it moves, and for a late row."""

    def __init__(self, state: State) -> None:
        self.cells: Cells[Passed] = state.cells(_Codec())

    @property
    def late(self) -> int:
        self.cells.fetch(KEYS)
        return self.cells.get(ONLY).late

    @property
    def moment(self) -> int:
        """To be asked when ``cells`` were fetched."""
        return self.cells.get(ONLY).moment

    def has_passed(self, moment: int) -> bool:
        """The same."""
        return moment <= self.moment

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

    def load(self, key: Row, id: bytes, found: Found) -> Passed:
        passed = Passed()
        passed.moment, passed.late = found[id]["t"], found[id]["n"]
        return passed

    def changes(self, cell: Cell[Passed]) -> Iterator[StateChange]:
        yield StateChange(cell.id, {"t": Int64(cell.value.moment), "n": Int64(cell.value.late)}, not cell.is_stored)

    def stored(self, value: Passed) -> None:
        pass

    def size(self, value: Passed) -> int:
        return 1
