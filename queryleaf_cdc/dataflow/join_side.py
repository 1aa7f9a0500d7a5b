"""One side of a join: its rows by key, and what a batch changes of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence

from queryleaf_cdc.dataflow.arranged import Arranged
from queryleaf_cdc.dataflow.arrangement import Arrangement
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.ordering import encode_value
from queryleaf_cdc.dataflow.places import placed
from queryleaf_cdc.dataflow.rows import Delta, Row, exact, identity, projection
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.syntax.expressions import Expr

Changes = list[tuple[bytes, Row, int]]
"""(place, row, weight): each row once, no weight 0."""

_ORDER_BYTES = 16


@frozen
class Arriving:
    """A delta by key, consolidated."""

    keys: dict[Hashable, Row]
    by_key: dict[Hashable, Changes]
    unkeyed: Delta
    """rows with a NULL in their key: they match nothing, so nothing is kept of them"""


class Side:
    """The rows that have a key, arranged by it. A key is compared as SQL compares values: 1 = 1.0."""

    def __init__(self, keys: Sequence[Expr], null_safe: Sequence[bool], context: Context) -> None:
        self.rows = Arrangement(context.state, _order)
        self._key = projection([context.row(key) for key in keys])
        self._identity = key_identity(null_safe)

    def arriving(self, delta: Delta) -> Arriving:
        found: dict[bytes, tuple[Row, int]] = {}
        for row, weight in delta:
            place = placed(_order(row), exact(row))
            if place in found:
                weight += found[place][1]
            found[place] = (row, weight)
        key_of, identity_of = self._key, self._identity
        keys: dict[Hashable, Row] = {}
        by_key: dict[Hashable, Changes] = {}
        unkeyed: Delta = []
        for place, (row, weight) in found.items():
            if not weight:
                continue
            key = key_of(row)
            name = identity_of(key)
            if name is None:
                unkeyed.append((row, weight))
            elif name in by_key:
                by_key[name].append((place, row, weight))
            else:
                keys[name] = key
                by_key[name] = [(place, row, weight)]
        return Arriving(keys, by_key, unkeyed)

    def read(
        self, keys: Collection[Hashable], changes: Mapping[Hashable, Changes], needs_all: Callable[[Hashable], bool]
    ) -> None:
        """Has the pages of these keys at hand, which were fetched: all of them, or those of rows that change."""
        wanted: list[tuple[Arranged, set[int]]] = []
        for name, arranged in self.rows.partial(keys):
            if needs_all(name):
                wanted.append((arranged, arranged.wanted_between()))
            else:
                wanted.append((arranged, arranged.wanted([place for place, _, _ in changes.get(name, ())])))
        self.rows.read(wanted)

    def apply(self, key: Hashable, changes: Changes) -> None:
        """The key, and the pages of its rows that change, must be at hand."""
        add = self.rows.change(key).add_at
        for place, row, weight in changes:
            add(place, row, weight)


def _order(row: Row) -> bytes:
    """Rows that follow each other in their first column, often their number or time, share pages: fewer are written."""
    return encode_value(row[0])[:_ORDER_BYTES] if row else b""


def key_identity(null_safe: Sequence[bool]) -> Callable[[Row], Hashable]:
    """From a key to its identity, which is None when the key matches nothing."""
    if len(null_safe) == 1 and not null_safe[0]:
        return lambda key: identity(key[0])
    unsafe = [at for at, safe in enumerate(null_safe) if not safe]

    def identities(key: Row) -> Hashable:
        for at in unsafe:
            if key[at] is None:
                return None
        return tuple(map(identity, key))

    return identities
