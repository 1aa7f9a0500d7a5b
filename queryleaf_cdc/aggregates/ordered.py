"""What an aggregate is that reads its values in an order: the first, the last, one in the middle, or all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.syntax.expressions import Aggregate, Expr, OrderItem
from queryleaf_cdc.values import Value


class Values(Protocol):
    """The values of a group in order."""

    @property
    def total(self) -> int:
        """How many, duplicates counted."""

    def at(self, position: int) -> Value:
        """From 0."""

    def weighted(self) -> Iterable[tuple[Value, int]]:
        """Each with the number of its duplicates that stand beside it."""

    def backwards(self) -> Iterator[Value]:
        """From the last one."""


Read = Callable[[Values], Value]
Positions = Callable[[int], list[int]]
"""From the number of values to the positions of those that are read."""
Lasting = Callable[[Sequence[Value]], list[int]]
"""From values in order to the positions of those that tell the result, also of these and any that come later."""


@frozen
class Ordered:
    """``read`` makes the function from values to the result; raises CompileError for arguments that make none.

    ``positions``: None if all values are read. ``keeps`` tells which values count; ``order`` may be empty, if none is
    given and the aggregate needs none."""

    name: str
    keeps: Callable[[Value], bool]
    value: Callable[[Aggregate], Expr]
    order: Callable[[Aggregate], tuple[OrderItem, ...]]
    read: Callable[[Aggregate], Read]
    positions: Callable[[Aggregate], Positions | None]
    lasting: Lasting | None = None
    """None if any value may count, whatever comes later"""


class SortedValues:
    """Values that are all at hand."""

    def __init__(self, values: Sequence[Value]) -> None:
        self._values = values

    @property
    def total(self) -> int:
        return len(self._values)

    def at(self, position: int) -> Value:
        return self._values[position]

    def weighted(self) -> Iterable[tuple[Value, int]]:
        return [(value, 1) for value in self._values]

    def backwards(self) -> Iterator[Value]:
        return reversed(self._values)
