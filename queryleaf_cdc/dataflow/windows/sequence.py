"""A stretch of a partition, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Rows
from functools import cached_property
from itertools import accumulate
from typing import Any

from queryleaf_cdc.dataflow.partitions import Order
from queryleaf_cdc.dataflow.rows import Row

Entry = tuple[Row, int, int]
"""A row, how often it was there, and how often it will be."""


class Sequence:
    """Consecutive rows of a partition, duplicates one by one.

    ``base`` rows stand before them, and ``total`` rows are in the partition (both only where a function knows
    positions). ``head`` are the partition's first rows, where the stretch does not begin with them; ``carried`` is
    then, for each function that runs on from there, what it has made of the rows before the stretch."""

    def __init__(
        self, rows: list[Row], order: Order, base: int, total: int, head: Rows[Row], carried: Mapping[object, Any]
    ) -> None:
        self.rows = rows
        self.base = base
        self.total = total
        self.head = head
        self.carried = carried
        self._order = order

    @cached_property
    def orders(self) -> list[bytes]:
        """The bytes of each row's ORDER BY."""
        return list(map(self._order, self.rows))

    @cached_property
    def group_starts(self) -> list[int]:
        """Where each group of peers begins."""
        orders = self.orders
        return [at for at, order in enumerate(orders) if not at or order != orders[at - 1]]

    @cached_property
    def group_of(self) -> list[int]:
        """The number of each row's group."""
        flags = [0] * len(self.rows)
        for start in self.group_starts[1:]:
            flags[start] = 1
        return list(accumulate(flags))

    def group_start(self, group: int) -> int:
        """Where a group begins; beyond the last one, the end."""
        starts = self.group_starts
        return starts[max(group, 0)] if group < len(starts) else len(self.rows)
