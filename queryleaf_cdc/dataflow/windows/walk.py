"""Walking away from a row for as far as it matters."""

from __future__ import annotations

from collections.abc import Sequence

from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.windows.reach import Begin, Reached


class Walk:
    """Through what the first side reaches from the origin, then through what the second one reaches from there, and so
    on. ``phase`` is the number of the side within whose reach the last row was."""

    __slots__ = ("_last", "_reached", "_sides", "phase")

    def __init__(self, sides: Sequence[Begin], origin: Row) -> None:
        self._sides = sides
        self.begin(origin)

    def begin(self, origin: Row) -> None:
        """Starts anew from this row."""
        self._last = origin
        self.phase = 0
        self._reached: Reached = self._sides[0](origin)

    def reaches(self, row: Row, weight: int, phases: int = 2) -> bool:
        """Whether one of the first so many sides still reaches the row. To be asked for one after the other, until it
        says no."""
        while not self._reached(row, weight):
            if self.phase + 1 >= phases:
                return False
            self._enter(self.phase + 1)
        self._last = row
        return True

    def leave_first(self) -> None:
        """The first side reaches no further than the last row."""
        if self.phase == 0:
            self._enter(1)

    def _enter(self, phase: int) -> None:
        self.phase = phase
        self._reached = self._sides[phase](self._last)
