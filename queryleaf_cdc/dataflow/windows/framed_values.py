"""FIRST_VALUE, LAST_VALUE and NTH_VALUE: the value in one row of the frame; NULL where the frame has no such row."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence as Places
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


class PickedValue:
    """The ``nth`` one from the frame's beginning, or from its end, where rows do not count: those that EXCLUDE leaves
    out, and with ``known`` those whose value is NULL."""

    def __init__(self, value: Evaluator, nth: int, backwards: bool, known: bool, frame: Bounds) -> None:
        self._value, self._nth, self._backwards, self._known, self._frame = value, nth, backwards, known, frame
        self.reach = frame.reach

    def values(self, sequence: Sequence, start: int, stop: int) -> list[Value]:
        rows, value = sequence.rows, self._value
        parts = self._frame.parts(sequence, start, stop)
        places: Places[int] = range(len(rows))
        if self._known:
            first = min(begin for each in parts for begin, _ in each)
            until = max(end for each in parts for _, end in each)
            places = [at for at in range(first, until) if value(rows[at]) is not None]
        found = [self._place(places, each) for each in parts]
        return [value(rows[at]) if at is not None else None for at in found]

    def _place(self, places: Places[int], parts: list[tuple[int, int]]) -> int | None:
        left = self._nth
        for begin, end in reversed(parts) if self._backwards else parts:
            low, high = bisect_left(places, begin), bisect_left(places, end)
            if left <= high - low:
                return places[high - left if self._backwards else low + left - 1]
            left -= high - low
        return None
