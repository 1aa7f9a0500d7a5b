"""What is in a frame, for aggregates that no tally of a fixed size can tell."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Sequence

from queryleaf_cdc.aggregates import Linear
from queryleaf_cdc.dataflow.rows import exact, identity
from queryleaf_cdc.values import Value

Item = tuple[bytes, Value]
"""A value, with the bytes that it is ordered by, which are different for values that differ in anything."""


class InRowOrder:
    """Values in the order of the window: ``aggregates.Values``."""

    def __init__(self) -> None:
        self._values: deque[Value] = deque()

    def add(self, items: Sequence[Item | None], weight: int) -> None:
        counting = [item[1] for item in items if item is not None]
        if weight > 0:
            self._values.extend(counting)
        else:
            for _ in counting:
                self._values.popleft()

    @property
    def total(self) -> int:
        return len(self._values)

    def at(self, position: int) -> Value:
        return self._values[position]

    def weighted(self) -> Iterable[tuple[Value, int]]:
        return [(value, 1) for value in self._values]

    def backwards(self) -> Iterator[Value]:
        return reversed(self._values)


class InOrder:
    """Values in an order of their own: ``aggregates.Values``."""

    def __init__(self) -> None:
        self._keys: list[bytes] = []
        self._values: dict[bytes, Value] = {}

    def add(self, items: Sequence[Item | None], weight: int) -> None:
        keys = self._keys
        for item in items:
            if item is None:
                continue
            key, value = item
            if weight > 0:
                self._values[key] = value
                insort(keys, key)
            else:
                del keys[bisect_left(keys, key)]

    @property
    def total(self) -> int:
        return len(self._keys)

    def at(self, position: int) -> Value:
        return self._values[self._keys[position]]

    def weighted(self) -> Iterable[tuple[Value, int]]:
        return [(self._values[key], 1) for key in self._keys]

    def backwards(self) -> Iterator[Value]:
        return (self._values[key] for key in reversed(self._keys))


class Distinct:
    """A linear aggregate of each value once. Of values that are equal but not the same (1 and 1.0) the one with the
    lowest bytes counts, so that it does not matter which came first."""

    def __init__(self, spec: Linear) -> None:
        self._spec = spec
        self._tally = spec.tally()
        self._equal: dict[Hashable, dict[bytes, tuple[Value, int]]] = {}

    def add(self, items: Sequence[Value], weight: int) -> None:
        for value in items:
            if value is not None:
                self._add(value, weight)

    def _add(self, value: Value, weight: int) -> None:
        equal = self._equal.setdefault(identity(value), {})
        old = _lowest(equal)
        key = exact((value,))
        count = equal[key][1] + weight if key in equal else weight
        if count:
            equal[key] = value, count
        else:
            del equal[key]
        new = _lowest(equal)
        if old is None or new is None or old[0] != new[0]:
            for each, change in ((old, -1), (new, 1)):
                if each is not None:
                    self._tally.add([each[1]], change)

    def result(self) -> Value:
        return self._spec.result(self._tally)


def _lowest(equal: dict[bytes, tuple[Value, int]]) -> tuple[bytes, Value] | None:
    if not equal:
        return None
    key = min(equal)
    return key, equal[key][0]
