"""Keyed state of operators: cached within a bound, read in bulk, written once per batch.

What an operator keeps for one key is a cell. Cells change in memory while a batch is computed; then ``changes`` says
what to write, and ``commit`` or ``rollback`` tells how it went. After a rollback the changed cells are read anew.

A state that began with an empty store knows which keys may be stored and not in memory. All others are new: they are
not asked for."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from queryleaf_cdc.dataflow.filters import Filter
from queryleaf_cdc.dataflow.ordering import encode, encode_value
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.values import Document

_LONGEST_ID = 512
_HASHED = b"\x00"
"""begins no encoded value"""

T = TypeVar("T")


class NegativeWeight(Exception):
    """More of a row went than ever came: the state does not belong to the data."""


class StateStore(Protocol):
    """Where state is kept: documents by binary ids, as of the last commit."""

    @property
    def is_empty(self) -> bool:
        """Whether it is known to hold nothing. Asked once, before anything is loaded."""

    def load(self, ids: Sequence[bytes]) -> Mapping[bytes, Document]:
        """The documents that exist, without their ``_id``. Asked for many at once."""


@dataclass(frozen=True, slots=True)
class StateChange:
    """``document`` (without ``_id``) replaces what is stored under ``id``; None removes it."""

    id: bytes
    document: Document | None
    is_new: bool


class Codec(Protocol[T]):
    """How a cell's value is made and stored."""

    def new(self, key: Row) -> T: ...

    def load(self, key: Row, id: bytes, document: Document) -> T: ...

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
        self._all: list[Cells[object]] = []
        self._began_empty: bool | None = None

    @property
    def began_empty(self) -> bool:
        if self._began_empty is None:
            self._began_empty = self.store.is_empty
        return self._began_empty

    def cells(self, codec: Codec[T]) -> Cells[T]:
        """The state of one more operator. Operators must ask in the same order every time."""
        made = Cells(self, len(self._all), codec)
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

    def __init__(self, state: State, number: int, codec: Codec[T]) -> None:
        self._state = state
        self._prefix = bytes((number >> 8, number & 255))
        self._codec = codec
        self._cached: OrderedDict[Hashable, Cell[T]] = OrderedDict()
        self._dirty: dict[Hashable, Cell[T]] = {}
        self._elsewhere = Filter()
        """keys that may be stored and are not in memory, if the state began empty"""
        self.rows = 0

    def fetch(self, keys: Mapping[Hashable, Row]) -> None:
        """Has the cells of these keys (identity → key) at hand; what is not in memory is read at once."""
        cached, missing = self._cached, []
        for identity in keys:
            if identity in cached:
                cached.move_to_end(identity)
            else:
                missing.append(identity)
        if not missing:
            return
        ids = [self.id_of(keys[identity]) for identity in missing]
        found = self._load(missing, ids)
        codec = self._codec
        for identity, id in zip(missing, ids, strict=True):
            document = found.get(id)
            key = keys[identity]
            value = codec.new(key) if document is None else codec.load(key, id, document)
            cell = cached[identity] = Cell(key, id, value, document is not None)
            cell.counted = codec.size(value) or 1
            self._count(cell.counted)

    def _load(self, missing: list[Hashable], ids: list[bytes]) -> Mapping[bytes, Document]:
        if self._state.began_empty:
            may_be_there = self._elsewhere.may_hold
            ids = [id for identity, id in zip(missing, ids, strict=True) if may_be_there(identity)]
        return self._state.store.load(ids) if ids else {}

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
