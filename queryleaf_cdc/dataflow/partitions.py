"""The rows of each partition in order: what windows and top-N keep, and what a delta changes in it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from queryleaf_cdc.dataflow.arranged import Arranged
from queryleaf_cdc.dataflow.arrangement import Arrangement
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.ordering import sort_key, term
from queryleaf_cdc.dataflow.rows import Delta, Row, identity, projection, row_identity
from queryleaf_cdc.syntax.expressions import Expr, OrderItem

Order = Callable[[Row], bytes]
"""The bytes of a row's ORDER BY; equal for peers."""

Placed = tuple[bytes, Row, int]
"""(place, row, weight)"""


class Partition:
    """One partition that a delta touches: its rows as they were before, and what changes, in order, each place once."""

    __slots__ = ("arranged", "changes")

    def __init__(self, arranged: Arranged, changes: list[Placed]) -> None:
        self.arranged = arranged
        self.changes = changes

    def apply(self) -> None:
        add = self.arranged.add_at
        for place, row, weight in self.changes:
            add(place, row, weight)


class Partitions:
    """An operator's rows by partition, in the order of ORDER BY, then of the rows themselves."""

    def __init__(self, partition_by: Sequence[Expr], order_by: Sequence[OrderItem], context: Context) -> None:
        self.order = order_of(order_by, context)
        self._arrangement = Arrangement(context.state, self.order)
        self._key = projection([context.row(each) for each in partition_by])
        self._identity = partition_identity(len(partition_by))

    def touched(self, delta: Delta, wanted: Callable[[Partition], set[int]] | None = None) -> list[Partition]:
        """The partitions whose rows change, with the pages where rows change, and those that are ``wanted`` (by
        number), at hand."""
        keys, changes = self._sorted_out(delta)
        arrangement = self._arrangement
        arrangement.fetch(keys)
        found = [Partition(arrangement.change(key), rows) for key, rows in changes.items()]
        pages: list[tuple[Arranged, set[int]]] = []
        for partition in found:
            arranged = partition.arranged
            if not arranged.is_loaded:
                numbers = arranged.wanted([place for place, _, _ in partition.changes])
                pages.append((arranged, numbers | wanted(partition) if wanted else numbers))
        if pages:
            arrangement.read(pages)
        return found

    def _sorted_out(self, delta: Delta) -> tuple[dict[Hashable, Row], dict[Hashable, list[Placed]]]:
        keys: dict[Hashable, Row] = {}
        found: dict[Hashable, dict[bytes, tuple[Row, int]]] = {}
        key_of, identity_of, place_of = self._key, self._identity, self._arrangement.place
        for row, weight in delta:
            key = key_of(row)
            identity = identity_of(key)
            place = place_of(row)
            known = found.get(identity)
            if known is None:
                keys[identity] = key
                found[identity] = {place: (row, weight)}
            elif place in known:
                known[place] = (row, known[place][1] + weight)
            else:
                known[place] = (row, weight)
        changes = {
            identity: sorted([(place, row, weight) for place, (row, weight) in rows.items() if weight])
            for identity, rows in found.items()
        }
        changes = {identity: rows for identity, rows in changes.items() if rows}
        return {identity: keys[identity] for identity in changes}, changes


def order_of(order_by: Sequence[OrderItem], context: Context) -> Order:
    """Without ORDER BY all rows are peers."""
    if not order_by:
        return lambda row: b""
    return sort_key([(context.row(item.expr), term(item)) for item in order_by])


def partition_identity(columns: int) -> Callable[[Row], Hashable]:
    """The identity of a partition's key."""
    if columns == 1:
        return lambda key: identity(key[0])
    return row_identity
