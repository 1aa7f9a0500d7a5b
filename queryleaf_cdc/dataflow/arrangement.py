"""An ordered multiset of rows for each key: what joins, MIN and MAX, windows and top-N keep.

Of a key with many rows only the pages that a batch touches are read and written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence

from queryleaf_cdc.dataflow.arranged import Arranged
from queryleaf_cdc.dataflow.places import Order, place_by
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.state import Cell, Cells, Found, State, StateChange, fetch


class _Codec:
    def __init__(self, state: State, order: Order) -> None:
        self._state = state
        self._order = order
        self.id_of: Callable[[Row], bytes]

    def new(self, key: Row) -> Arranged:
        return Arranged(self.id_of(key), self._state.store, self._order)

    def load(self, key: Row, id: bytes, found: Found) -> Arranged:
        arranged = Arranged(id, self._state.store, self._order)
        arranged.load(found[id])
        return arranged

    def changes(self, cell: Cell[Arranged]) -> Iterator[StateChange]:
        return cell.value.changes(cell.is_stored)

    def stored(self, value: Arranged) -> None:
        value.stored()

    def size(self, value: Arranged) -> int:
        return value.in_memory


class Arrangement:
    """An operator's arranged rows, by key, in ``order``; rows that it holds equal stand in the order of their bytes."""

    def __init__(self, state: State, order: Order) -> None:
        codec = _Codec(state, order)
        self._cells: Cells[Arranged] = state.cells(codec)
        codec.id_of = self._cells.id_of
        self._fetched: Iterable[Hashable] = ()
        self._store = state.store
        self.place = place_by(order)

    def fetch(self, keys: Mapping[Hashable, Row], touched: Mapping[Hashable, Sequence[Row]] | None = None) -> None:
        """Has the keys (identity → key) at hand, and the pages where these rows of theirs belong: two reads at most."""
        fetch([self.wanting(keys)])
        wanted: list[tuple[Arranged, set[int]]] = []
        for identity, rows in (touched or {}).items():
            arranged = self._cells.get(identity)
            if not arranged.is_loaded:
                wanted.append((arranged, arranged.wanted(map(self.place, rows))))
        self.read(wanted)

    def wanting(self, keys: Mapping[Hashable, Row]) -> tuple[Cells[Arranged], Mapping[Hashable, Row]]:
        """What ``state.fetch`` is to have at hand."""
        self._fetched = keys
        return self._cells, keys

    def read(self, wanted: Sequence[tuple[Arranged, set[int]]]) -> None:
        """Has these pages of these keys, which were fetched last, at hand, by one read."""
        ids = [arranged.page_id(number) for arranged, numbers in wanted for number in numbers]
        if ids:
            documents = self._store.load(ids)
            for arranged, numbers in wanted:
                arranged.give(numbers, documents)
            self._cells.recount(self._fetched)

    def partial(self, identities: Collection[Hashable]) -> list[tuple[Hashable, Arranged]]:
        """Those of these keys that are not in memory as a whole. They must be fetched."""
        found = zip(identities, self._cells.values(identities), strict=True)
        return [(identity, each) for identity, each in found if each.pages[0].number and not each.is_loaded]

    def get(self, identity: Hashable) -> Arranged:
        """For reading; the key must be fetched."""
        return self._cells.get(identity)

    def change(self, identity: Hashable) -> Arranged:
        """For changing; the key must be fetched."""
        return self._cells.change(identity).value
