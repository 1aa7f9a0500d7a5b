"""DISTINCT, INTERSECT and EXCEPT: how often a row is there, of how often it is there in the inputs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import datetime

from queryleaf_cdc.dataflow.arrangement import NegativeWeight
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.rows import Delta, Row, row_identity
from queryleaf_cdc.dataflow.state import Cell, Cells, StateChange
from queryleaf_cdc.plans.dataflow import Combine
from queryleaf_cdc.values import Document

Counts = list[int]

_WEIGHTS: dict[tuple[str, bool], Callable[[Counts], int]] = {
    ("DISTINCT", False): lambda counts: int(counts[0] > 0),
    ("INTERSECT", False): lambda counts: int(min(counts) > 0),
    ("INTERSECT", True): min,
    ("EXCEPT", False): lambda counts: int(counts[0] > 0 and counts[1] == 0),
    ("EXCEPT", True): lambda counts: max(0, counts[0] - counts[1]),
}


class _Known:
    """A row as it was first seen (SQL's equality makes 1 and 1.0 one row), and how often each input has it."""

    __slots__ = ("counts", "row")

    def __init__(self, row: Row, counts: Counts) -> None:
        self.row = row
        self.counts = counts


class _Codec:
    def __init__(self, inputs: int) -> None:
        self._inputs = inputs

    def new(self, key: Row) -> _Known:
        return _Known(key, [0] * self._inputs)

    def load(self, key: Row, id: bytes, document: Document) -> _Known:
        return _Known(tuple(document["r"]), list(document["n"]))

    def changes(self, cell: Cell[_Known]) -> Iterator[StateChange]:
        known = cell.value
        if any(known.counts):
            yield StateChange(cell.id, {"r": list(known.row), "n": list(known.counts)}, not cell.is_stored)
        elif cell.is_stored:
            yield StateChange(cell.id, None, False)

    def stored(self, value: _Known) -> None:
        pass

    def size(self, value: _Known) -> int:
        return int(any(value.counts))


class Combined:
    def __init__(self, node: Combine, context: Context) -> None:
        self._weight = _WEIGHTS[node.kind, node.all]
        self._cells: Cells[_Known] = context.state.cells(_Codec(len(node.inputs)))

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        keys: dict[Hashable, Row] = {}
        changes: dict[Hashable, Counts] = {}
        for number, delta in enumerate(inputs):
            for row, weight in delta:
                identity = row_identity(row)
                keys.setdefault(identity, row)
                changes.setdefault(identity, [0] * len(inputs))[number] += weight
        touched = {identity: key for identity, key in keys.items() if any(changes[identity])}
        self._cells.fetch(touched)
        output: Delta = []
        for identity in touched:
            known = self._cells.change(identity).value
            before = self._weight(known.counts)
            known.counts = [count + change for count, change in zip(known.counts, changes[identity], strict=True)]
            if min(known.counts) < 0:
                raise NegativeWeight(repr(known.row))
            change = self._weight(known.counts) - before
            if change:
                output.append((known.row, change))
        return output
