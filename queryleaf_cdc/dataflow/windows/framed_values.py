"""FIRST_VALUE, LAST_VALUE and NTH_VALUE: the value in one row of the frame; NULL where the frame has no such row."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.dataflow.windows.frames import Bounds
from queryleaf_cdc.dataflow.windows.reach import EVERYTHING
from queryleaf_cdc.dataflow.windows.sequence import Sequence
from queryleaf_cdc.lowering.worker_face import Evaluator
from queryleaf_cdc.values import Value


class NthValue:
    """Counted from 1. Of frames that begin with the partition it needs only the first rows and where they end."""

    def __init__(self, value: Evaluator, nth: int, frame: Bounds) -> None:
        self._value, self._nth, self._frame = value, nth, frame
        self.reach = frame.reach
        if frame.is_from_the_first_row:
            self.reach = replace(frame.reach_of_end, concerns_after=EVERYTHING, head=nth)

    def values(self, sequence: Sequence, start: int, stop: int) -> list[Value]:
        if (
            sequence.head and self._frame.is_from_the_first_row
        ):  # so many rows stand before the stretch that every frame has this one
            return [self._value(sequence.head[self._nth - 1])] * (stop - start)
        rows, value, nth = sequence.rows, self._value, self._nth
        return [
            value(rows[first + nth - 1]) if first + nth <= end else None
            for first, end in self._frame.of(sequence, start, stop)
        ]


class LastValue:
    def __init__(self, value: Evaluator, frame: Bounds) -> None:
        self._value, self._frame = value, frame
        self.reach = frame.reach_of_last

    def values(self, sequence: Sequence, start: int, stop: int) -> list[Value]:
        rows, value = sequence.rows, self._value
        return [value(rows[end - 1]) if first < end else None for first, end in self._frame.of(sequence, start, stop)]
