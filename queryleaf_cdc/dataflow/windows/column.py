"""What a window function is to the operator."""

from __future__ import annotations

from typing import Protocol

from queryleaf_cdc.dataflow.windows.reach import Reach
from queryleaf_cdc.dataflow.windows.sequence import Sequence
from queryleaf_cdc.values import Value


class Column(Protocol):
    reach: Reach

    def values(self, sequence: Sequence, start: int, stop: int) -> list[Value]:
        """Of the rows from ``start`` up to ``stop``, of which there is at least one. Whatever the function reads
        around them is in the sequence, unless the partition ends. Equal rows give equal values, in kind too."""
