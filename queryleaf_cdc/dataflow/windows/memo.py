"""What running functions have made of a partition's first rows: rows that are appended need not read them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from queryleaf_cdc.dataflow.windows.column import Running
from queryleaf_cdc.dataflow.windows.sequence import Sequence as Stretch
from queryleaf_cdc.frozen import frozen

_LONG = 32
_KEPT = 8
"""rows that stay after the memo's place: what comes a little late is still after it"""


@frozen
class Memo:
    """Of all rows before ``place``, for each function."""

    place: bytes
    carried: Mapping[object, Any]


def moved_on(memo: Memo | None, stretch: Stretch, columns: Sequence[Running]) -> Memo | None:
    """The memo for a partition that ends with this stretch, which begins where ``memo`` stands."""
    if len(stretch.rows) < _LONG:
        return memo
    at = stretch.group_starts[stretch.group_of[-_KEPT]]
    if not at:
        return memo
    return Memo(stretch.orders[at], {column: column.carry(stretch, at) for column in columns})
