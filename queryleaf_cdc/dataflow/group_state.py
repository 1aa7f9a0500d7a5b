"""What GROUP BY keeps of a group: its key as first seen, how many rows it has, and a tally for each linear part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from queryleaf_cdc.aggregates import Tally
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.state import Cell, Found, StateChange
from queryleaf_cdc.values import Document


class Kept:
    """One group. ``row`` is what the output holds of it, where that is known; ``is_out`` says whether it holds any."""

    __slots__ = ("is_out", "key", "row", "rows", "tallies")

    def __init__(self, key: Row, tallies: tuple[Tally, ...]) -> None:
        self.key = key
        self.tallies = tallies
        self.rows = 0
        self.row: Row | None = None
        self.is_out = False


class GroupCodec:
    """Groups as documents: ``k`` the key, ``n`` the number of rows, ``a`` the tallies.

    The one group of a query without GROUP BY has a row also when nothing is left: with ``always`` its document stays,
    and says that the row is out."""

    def __init__(self, tallies: Sequence[type[Tally]], always: bool) -> None:
        self._make: tuple[Callable[[], Tally], ...] = tuple(tallies)
        self._load = tuple(tally.load for tally in tallies)
        self._always = always

    def new(self, key: Row) -> Kept:
        return Kept(key, tuple([make() for make in self._make]))

    def load(self, key: Row, id: bytes, found: Found) -> Kept:
        document = found[id]
        tallies = [load(each) for load, each in zip(self._load, document.get("a", ()), strict=True)]
        kept = Kept(tuple(document.get("k", ())), tuple(tallies))
        kept.rows = document["n"]
        kept.is_out = True
        return kept

    def changes(self, cell: Cell[Kept]) -> Iterator[StateChange]:
        kept = cell.value
        if self.size(kept):
            yield StateChange(cell.id, self._document(kept), not cell.is_stored)
        elif cell.is_stored:
            yield StateChange(cell.id, None, False)

    def _document(self, kept: Kept) -> Document:
        found: Document = {"n": kept.rows}
        if kept.key:
            found["k"] = kept.key
        if kept.tallies:
            found["a"] = tuple([tally.document() for tally in kept.tallies])
        return found

    def stored(self, value: Kept) -> None:
        pass

    def size(self, value: Kept) -> int:
        return 1 if value.rows or (self._always and value.is_out) else 0
