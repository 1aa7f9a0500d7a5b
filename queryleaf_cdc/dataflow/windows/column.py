"""What a window function is to the operator."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from queryleaf_cdc.dataflow.windows.reach import Reach
from queryleaf_cdc.dataflow.windows.sequence import Sequence
from queryleaf_cdc.values import Value


class Column(Protocol):
    reach: Reach

    def values(self, sequence: Sequence, start: int, stop: int) -> list[Value]:
        """Of the rows from ``start`` up to ``stop``, of which there is at least one. Whatever the function reads
        around them is in the sequence, unless the partition ends."""


@runtime_checkable
class Running(Column, Protocol):
    """A function that runs on from the partition's first row, and can be carried on from a later one."""

    def carry(self, sequence: Sequence, at: int) -> Any:
        """What it makes of all rows before this one, which is the first of its peers."""
