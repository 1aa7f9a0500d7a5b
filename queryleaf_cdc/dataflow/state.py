"""Keyed state of operators: cached within a bound, read in bulk, written once per batch.

What an operator keeps for one key is a cell. Cells change in memory while a batch is computed; then ``changes`` says
what to write, and ``commit`` or ``rollback`` tells how it went. After a rollback the changed cells are read anew.

A state that began with an empty store knows which keys may be stored and not in memory. All others are new: they are
not asked for."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from queryleaf_cdc.dataflow.filters import Filter
from queryleaf_cdc.dataflow.ordering import encode, encode_value
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.values import Document

_LONGEST_ID = 512
_HASHED = b"\x00"
"""begins no encoded value"""

T = TypeVar("T")


Found = Mapping[bytes, Document]
"""Documents of the store, by their ids"""

Pages = Callable[[bytes, Document], Iterable[bytes]]
"""From the id of a cell and its document to the ids of further documents, without which it cannot be loaded"""


class NegativeWeight(Exception):
    """More of a row went than ever came: the state does not belong to the data."""


class StateStore(Protocol):
    """Where state is kept: documents by binary ids, as of the last commit."""

    @property
    def is_empty(self) -> bool:
        """Whether it is known to hold nothing. Asked when a state begins."""

    def load(self, ids: Sequence[bytes]) -> Mapping[bytes, Document]:
        """The documents that exist, without their ``_id``. Asked for many at once."""


@frozen
class StateChange:
    """``document`` (without ``_id``) replaces what is stored under ``id``; None removes it."""

    id: bytes
    document: Document | None
    is_new: bool


class Codec(Protocol[T]):
    """How a cell's value is made and stored."""

    def new(self, key: Row) -> T: ...

    def load(self, key: Row, id: bytes, found: Found) -> T:
        """``found`` has the cell's document under ``id``, and the pages that go with it."""

    def changes(self, cell: Cell[T]) -> Iterator[StateChange]:
        """What differs from what is stored."""

    def stored(self, value: T) -> None:
        """The changes are committed."""

    def size(self, value: T) -> int:
        """Rows in memory, at least 1; 0 when nothing is left of it."""


class Cell(Generic[T]):
    __slots__ = ("counted", "id", "is_stored", "key", "value")

    def __init__(self, key: Row, id: bytes, value: T, is_stored: bool) -> None:
        self.key = key
        self.id = id
        self.value = value
        self.is_stored = is_stored
        self.counted = 0
        """rows, as they count towards the cache's bound; a key that has none counts as one"""


class State:
    """The state of one view: its operators' ``Cells``, and the bound that they share."""

    def __init__(self, store: StateStore, cache_rows: int) -> None:
        self.store = store
        self.cache_rows = cache_rows
        self.rows = 0
        self.began_empty = store.is_empty
        self._all: list[Cells[object]] = []

    def cells(self, codec: Codec[T], pages: Pages | None = None) -> Cells[T]:
        """The state of one more operator. Operators must ask in the same order every time."""
        made = Cells(self, len(self._all), codec, pages)
        self._all.append(made)  # type: ignore[arg-type]
        return made

    def changes(self) -> list[StateChange]:
        """What the batch has changed. To be called once, when it is computed."""
        return [change for cells in self._all for change in cells.changes()]

    def commit(self) -> None:
        for cells in self._all:
            cells.commit()
        if self.rows > self.cache_rows:
            most = self.cache_rows * 9 // 10
            for cells in sorted(self._all, key=lambda each: -each.rows):
                cells.evict(self.rows - most)

    def rollback(self) -> None:
        for cells in self._all:
            cells.rollback()


class Cells(Generic[T]):
    """One operator's cells by the identity of their keys."""

    def __init__(self, state: State, number: int, codec: Codec[T], pages: Pages | None) -> None:
        self._state = state
        self._prefix = bytes((number >> 8, number & 255))
        self._codec = codec
        self._pages = pages
        self._cached: OrderedDict[Hashable, Cell[T]] = OrderedDict()
        self._dirty: dict[Hashable, Cell[T]] = {}
        self._elsewhere = Filter()
        """keys that may be stored and are not in memory, if the state began empty"""
        self.rows = 0

    def fetch(self, keys: Mapping[Hashable, Row]) -> None:
        """Has the cells of these keys (identity → key) at hand; what is not in memory is read at once."""
        fetch([(self, keys)])

    def missing(self, keys: Mapping[Hashable, Row]) -> dict[Hashable, bytes]:
        """The keys that are not in memory, with their ids; the others are now those that were used last."""
        cached, missing = self._cached, {}
        for identity, key in keys.items():
            if identity in cached:
                cached.move_to_end(identity)
            else:
                missing[identity] = self.id_of(key)
        return missing

    def stored_among(self, missing: Mapping[Hashable, bytes]) -> Iterable[bytes]:
        """The ids that may be stored."""
        if not self._state.began_empty:
            return missing.values()
        may_be_there = self._elsewhere.may_hold
        return [id for identity, id in missing.items() if may_be_there(identity)]

    def load(self, ids: Sequence[bytes]) -> Found:
        return self._state.store.load(ids)

    def pages_of(self, missing: Mapping[Hashable, bytes], found: Found) -> Iterable[bytes]:
        """What else is needed of the cells whose documents were found."""
        if self._pages is not None:
            for id in missing.values():
                if id in found:
                    yield from self._pages(id, found[id])

    def take_in(self, keys: Mapping[Hashable, Row], missing: Mapping[Hashable, bytes], found: Found) -> None:
        """Makes the cells that were missing from what the store has of them."""
        cached, codec = self._cached, self._codec
        for identity, id in missing.items():
            key = keys[identity]
            value = codec.load(key, id, found) if id in found else codec.new(key)
            cell = cached[identity] = Cell(key, id, value, id in found)
            cell.counted = codec.size(value) or 1
            self._count(cell.counted)

    def get(self, identity: Hashable) -> T:
        """The value, for reading. The key must have been fetched for this batch."""
        return self._cached[identity].value

    def values(self, identities: Iterable[Hashable]) -> list[T]:
        """The values, for reading. The keys must have been fetched for this batch."""
        cached = self._cached
        return [cached[identity].value for identity in identities]

    def change(self, identity: Hashable) -> Cell[T]:
        """The cell, to be changed. The key must have been fetched for this batch."""
        cell = self._cached[identity]
        self._dirty[identity] = cell
        return cell

    def id_of(self, key: Row) -> bytes:
        encoded = self._prefix + (encode_value(key[0]) if len(key) == 1 else encode(key))
        if len(encoded) > _LONGEST_ID:
            return self._prefix + _HASHED + hashlib.sha256(encoded).digest()
        return encoded

    def changes(self) -> Iterator[StateChange]:
        for cell in self._dirty.values():
            yield from self._codec.changes(cell)

    def recount(self, identities: Iterable[Hashable]) -> None:
        """More of these values may be in memory than when they were fetched."""
        for identity in identities:
            if (cell := self._cached.get(identity)) is not None:
                self._recount(cell)

    def commit(self) -> None:
        for identity, cell in self._dirty.items():
            size = self._codec.size(cell.value)
            cell.is_stored = size > 0
            if size:
                self._codec.stored(cell.value)
                self._recount(cell)
            else:
                self._forget(identity, cell)
        self._dirty.clear()

    def rollback(self) -> None:
        for identity, cell in self._dirty.items():
            self._forget(identity, cell)
            self._may_be_stored(identity)  # also what is new: the transaction may have succeeded for all that
        self._dirty.clear()

    def evict(self, rows: int) -> None:
        """Forgets what was not used for longest, about this many rows of it."""
        least = self.rows - rows
        while self._cached and self.rows > least:
            identity, cell = self._cached.popitem(last=False)
            self._count(-cell.counted)
            if cell.is_stored:
                self._may_be_stored(identity)

    def _forget(self, identity: Hashable, cell: Cell[T]) -> None:
        if self._cached.pop(identity, None) is not None:
            self._count(-cell.counted)

    def _may_be_stored(self, identity: Hashable) -> None:
        if self._state.began_empty:
            self._elsewhere.add(identity)

    def _recount(self, cell: Cell[T]) -> None:
        size = self._codec.size(cell.value) or 1
        self._count(size - cell.counted)
        cell.counted = size

    def _count(self, rows: int) -> None:
        self.rows += rows
        self._state.rows += rows


def fetch(wanted: Iterable[tuple[Cells[Any], Mapping[Hashable, Row]]]) -> None:
    """``Cells.fetch`` for the cells of several operators of one state, by one read, and a second one for pages: each
    costs a way to the server."""
    missing = [(cells, keys, gone) for cells, keys in wanted if (gone := cells.missing(keys))]
    ids = [id for cells, _, gone in missing for id in cells.stored_among(gone)]
    found = missing[0][0].load(ids) if ids else {}
    pages = [id for cells, _, gone in missing for id in cells.pages_of(gone, found)] if found else []
    if pages:
        found = {**found, **missing[0][0].load(pages)}
    for cells, keys, gone in missing:
        cells.take_in(keys, gone, found)


class NoStore:
    """Nothing is ever stored."""

    def __init__(self, is_empty: bool = True) -> None:
        self.is_empty = is_empty

    def load(self, ids: Sequence[bytes]) -> Mapping[bytes, Document]:
        return {}


class MemoryStore:
    """A store in memory; ``write`` is what a transaction does."""

    def __init__(self) -> None:
        self.documents: dict[bytes, Document] = {}

    @property
    def is_empty(self) -> bool:
        return not self.documents

    def load(self, ids: Sequence[bytes]) -> dict[bytes, Document]:
        return {id: self.documents[id] for id in ids if id in self.documents}

    def write(self, changes: Sequence[StateChange]) -> None:
        for change in changes:
            assert change.is_new == (change.id not in self.documents), change
            if change.document is None:
                del self.documents[change.id]
            else:
                self.documents[change.id] = change.document
