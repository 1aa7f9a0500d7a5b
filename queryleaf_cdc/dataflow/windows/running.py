"""What runs on from a partition's first row, and can be carried on from a later one without the rows before that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any, Protocol

from queryleaf_cdc.aggregates.ordered import Lasting, Read, SortedValues
from queryleaf_cdc.aggregates.picks import only_last
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.windows.contents import Item
from queryleaf_cdc.dataflow.windows.framed import Contents, FramedAggregate
from queryleaf_cdc.dataflow.windows.frames import Bounds
from queryleaf_cdc.dataflow.windows.reach import EVERYTHING
from queryleaf_cdc.dataflow.windows.sequence import Sequence as Stretch
from queryleaf_cdc.lowering.worker_face import Evaluator
from queryleaf_cdc.values import Value


class Carried(Contents, Protocol):
    """Contents of a frame that rows only enter, of the same size however many they are."""

    def document(self) -> Value:
        """As BSON."""


class RunningAggregate(FramedAggregate):
    """Over frames that begin with the partition."""

    def __init__(
        self,
        empty: Callable[[], Carried],
        load: Callable[[Any], Carried],
        read: Callable[[list[Row]], list[Any]],
        result: Callable[[Any], Value],
        frame: Bounds,
    ) -> None:
        super().__init__(empty, read, result, frame)
        self._make, self._load = empty, load
        self.reach = replace(frame.reach_of_end, concerns_after=EVERYTHING, running=True)

    def carry(self, sequence: Stretch, at: int) -> Any:
        contents = self._first(sequence)
        contents.add(self._read(sequence.rows[:at]), 1)
        return contents.document()

    def _first(self, sequence: Stretch) -> Carried:
        carried = sequence.carried.get(self)
        return self._make() if carried is None else self._load(carried)


class Lastings:
    """The few values that tell the result: those at ``lasting`` of all that have come, in the order of their bytes."""

    def __init__(self, lasting: Lasting, items: Sequence[Item] = ()) -> None:
        self._lasting = lasting
        self._items = list(items)

    def add(self, items: Sequence[Item | None], weight: int) -> None:
        assert weight > 0, "rows only enter"
        found = sorted([*self._items, *(each for each in items if each is not None)], key=itemgetter(0))
        self._items = [found[at] for at in self._lasting([value for _, value in found])]

    def document(self) -> Value:
        return self._items

    @property
    def values(self) -> SortedValues:
        return SortedValues([value for _, value in self._items])


def running_pick(
    lasting: Lasting, read: Callable[[list[Row]], list[Item | None]], result: Read, frame: Bounds
) -> RunningAggregate:
    def load(document: Any) -> Lastings:
        return Lastings(lasting, [(bytes(order), value) for order, value in document])

    return RunningAggregate(lambda: Lastings(lasting), load, read, lambda contents: result(contents.values), frame)


def running_known(value: Evaluator, nth: int, frame: Bounds) -> RunningAggregate:
    """The ``nth`` value that is not NULL, from 1."""

    def first_ones(values: Sequence[Value]) -> list[int]:
        return list(range(min(nth, len(values))))

    return running_pick(
        first_ones, _known(value), lambda found: found.at(nth - 1) if found.total >= nth else None, frame
    )


def running_last_known(value: Evaluator, frame: Bounds) -> RunningAggregate:
    """The last value that is not NULL."""
    return running_pick(only_last, _known(value), lambda found: next(found.backwards(), None), frame)


def _known(value: Evaluator) -> Callable[[list[Row]], list[Item | None]]:
    """In the order of the rows."""
    return lambda rows: [None if each is None else (b"", each) for each in map(value, rows)]
