"""LAG and LEAD."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from queryleaf_cdc.dataflow.windows.reach import EVERYTHING, Reach, reading, rows
from queryleaf_cdc.dataflow.windows.sequence import Sequence
from queryleaf_cdc.lowering.worker_face import Evaluator
from queryleaf_cdc.values import Value


class Neighbour:
    """The value in the row ``offset`` rows further (before, where it is negative); where there is none, the default,
    computed from the row itself."""

    def __init__(self, value: Evaluator, offset: int, default: Evaluator) -> None:
        self._value = value
        self._offset = offset
        self._default = default
        self.reach = reading(rows(-offset), rows(offset))

    def values(self, sequence: Sequence, start: int, stop: int) -> list[Value]:
        found, offset, value, default = sequence.rows, self._offset, self._value, self._default
        size = len(found)
        return [
            value(found[at + offset]) if 0 <= at + offset < size else default(found[at]) for at in range(start, stop)
        ]


class ComputedNeighbour:
    """The same with an offset that is computed from the row; NULL where it is no integer."""

    reach: Reach = reading(EVERYTHING, EVERYTHING)

    def __init__(self, value: Evaluator, offset: Evaluator, sign: int, default: Evaluator) -> None:
        self._value = value
        self._offset = offset
        self._sign = sign
        self._default = default

    def values(self, sequence: Sequence, start: int, stop: int) -> list[Value]:
        return [self._of(sequence.rows, at) for at in range(start, stop)]

    def _of(self, found: list[tuple[Value, ...]], at: int) -> Value:
        offset = self._offset(found[at])
        if not isinstance(offset, int) or isinstance(offset, bool):
            return None
        there = at + self._sign * offset
        return self._value(found[there]) if 0 <= there < len(found) else self._default(found[at])


class KnownNeighbour:
    """The value of the row so many rows further whose value is no NULL; those with NULL do not count."""

    reach: Reach = reading(EVERYTHING, EVERYTHING)

    def __init__(self, value: Evaluator, offset: Evaluator, sign: int, default: Evaluator) -> None:
        self._value = value
        self._offset = offset
        self._sign = sign
        self._default = default

    def values(self, sequence: Sequence, start: int, stop: int) -> list[Value]:
        rows, value = sequence.rows, self._value
        known = [at for at, row in enumerate(rows) if value(row) is not None]
        return [self._of(rows, known, at) for at in range(start, stop)]

    def _of(self, rows: list[tuple[Value, ...]], known: list[int], at: int) -> Value:
        offset = self._offset(rows[at])
        if not isinstance(offset, int) or isinstance(offset, bool):
            return None
        further = self._sign * offset
        if not further:
            return self._value(rows[at])
        there = bisect_right(known, at) + further - 1 if further > 0 else bisect_left(known, at) + further
        return self._value(rows[known[there]]) if 0 <= there < len(known) else self._default(rows[at])
