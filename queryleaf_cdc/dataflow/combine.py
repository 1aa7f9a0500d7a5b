"""DISTINCT, INTERSECT and EXCEPT: how often a row is in the output follows from how often it is in each input."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import datetime

from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.rows import Delta, Row, row_identity
from queryleaf_cdc.dataflow.state import Cell, Found, NegativeWeight, StateChange
from queryleaf_cdc.plans.dataflow import Combine

Counts = list[int]
"""How often a row is in each input."""


class Combined:
    """State: the counts of each row. Rows that SQL holds equal (1 and 1.0) are one row, which the output shows as it
    came first, until none of them is left."""

    def __init__(self, node: Combine, context: Context) -> None:
        self._inputs = len(node.inputs)
        self._output = _output_of(node)
        self._counted = context.state.cells(_Codec(self._inputs))

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        rows, changes = self._net(inputs)
        self._counted.fetch(rows)
        output: Delta = []
        for identity, row in rows.items():
            counted = self._counted.change(identity).value
            if not any(counted.counts):
                counted.row = row
            before = self._output(counted.counts)
            counted.add(changes[identity])
            after = self._output(counted.counts)
            if after != before:
                output.append((counted.row, after - before))
        return output

    def _net(self, inputs: Sequence[Delta]) -> tuple[dict[Hashable, Row], dict[Hashable, Counts]]:
        """The rows whose counts change (of several equal ones, one that came), and how."""
        rows: dict[Hashable, Row] = {}
        changes: dict[Hashable, Counts] = {}
        for number, delta in enumerate(inputs):
            for row, weight in delta:
                identity = row_identity(row)
                change = changes.get(identity)
                if change is None:
                    change = changes[identity] = [0] * self._inputs
                    rows[identity] = row
                elif weight > 0:
                    rows[identity] = row
                change[number] += weight
        return {identity: row for identity, row in rows.items() if any(changes[identity])}, changes


class _Counted:
    __slots__ = ("counts", "row")

    def __init__(self, row: Row, counts: Counts) -> None:
        self.row = row
        """as the output shows it"""
        self.counts = counts

    def add(self, change: Counts) -> None:
        self.counts = [count + more for count, more in zip(self.counts, change, strict=True)]
        if min(self.counts) < 0:
            raise NegativeWeight(repr(self.row))


class _Codec:
    """Documents: ``r`` the row, ``n`` its counts."""

    def __init__(self, inputs: int) -> None:
        self._none = [0] * inputs

    def new(self, key: Row) -> _Counted:
        return _Counted(key, self._none)

    def load(self, key: Row, id: bytes, found: Found) -> _Counted:
        return _Counted(tuple(found[id]["r"]), found[id]["n"])

    def changes(self, cell: Cell[_Counted]) -> Iterator[StateChange]:
        counted = cell.value
        if any(counted.counts):
            yield StateChange(cell.id, {"r": counted.row, "n": counted.counts}, not cell.is_stored)
        elif cell.is_stored:
            yield StateChange(cell.id, None, False)

    def stored(self, value: _Counted) -> None:
        pass

    def size(self, value: _Counted) -> int:
        return 1 if any(value.counts) else 0


def _output_of(node: Combine) -> Callable[[Counts], int]:
    """From the counts in the inputs to the count in the output."""
    match node.kind, node.all:
        case "DISTINCT", _:
            return lambda counts: min(counts[0], 1)
        case "INTERSECT", True:
            return min
        case "INTERSECT", False:
            return lambda counts: min(1, *counts)
        case "EXCEPT", True:
            return lambda counts: max(0, counts[0] - sum(counts[1:]))
        case "EXCEPT", False:
            return lambda counts: 1 if counts[0] and not any(counts[1:]) else 0
        case _:
            raise AssertionError(node.kind)
