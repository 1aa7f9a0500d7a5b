"""Walking away from a row for as far as it matters."""

from __future__ import annotations

from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.windows.reach import Reached, Side


class Walk:
    """Through what the first side reaches from the origin, then through what the second one reaches from there, and so
    on. ``phase`` is the number of the side within whose reach the last row was."""

    __slots__ = ("_last", "_reached", "_sides", "phase")

    def __init__(self, *sides: Side) -> None:
        self._sides = sides
        self.phase = 0
        self._last: Row
        self._reached: Reached

    def begin(self, origin: Row) -> None:
        self._last = origin
        self._enter(0)

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
        self._reached = self._sides[phase].begin(self._last)
