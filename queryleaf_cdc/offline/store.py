"""Collections in memory, and a journal of what was done to them.

Documents are kept as the server would keep them (a round trip through BSON), and never changed in place."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

import bson
from bson import ObjectId
from bson.errors import BSONError

from queryleaf_cdc.dataflow.rows import identity
from queryleaf_cdc.errors import RunError
from queryleaf_cdc.events import Origin
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.mongo.decoding import OPTIONS
from queryleaf_cdc.values import Document, Value

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024


class Backing(Protocol):
    """A database that follows the store. It may refuse a write with RunError QL602 (a unique index)."""

    def load(self, collection: str) -> Iterable[Document]: ...

    def insert(self, collection: str, document: Document) -> None: ...

    def replace(self, collection: str, document: Document) -> None:
        """The document with the same ``_id``."""

    def remove(self, collection: str, document: Document) -> None: ...


@frozen
class Written:
    """A document before and after a write; one of the two may be None. Without ``origin`` no trigger wrote it."""

    collection: str
    before: Document | None
    after: Document | None
    origin: Origin | None

    @property
    def key(self) -> Value:
        document = self.after if self.after is not None else self.before
        assert document is not None
        return document["_id"]


class Store:
    """All collections by name. ``journal`` grows with each write; whoever reads it empties it."""

    def __init__(self, backing: Backing | None = None) -> None:
        self.journal: list[Written] = []
        self._backing = backing
        self._known: dict[str, dict[Hashable, Document]] = {}
        self._ids = 0

    def forget(self) -> None:
        """Reads the backing database anew from now on: somebody else may have written there."""
        if self._backing is not None:
            self._known.clear()

    def documents(self, collection: str) -> list[Document]:
        return list(self._collection(collection).values())

    def find(self, collection: str, key: Value) -> Document | None:
        """The document with this ``_id``."""
        return self._collection(collection).get(identity(key))

    def new_id(self, now: datetime) -> ObjectId:
        """ObjectIds in a row: the same in every run."""
        self._ids += 1
        seconds = int((now - datetime(1970, 1, 1)).total_seconds()) & 0xFFFFFFFF
        return ObjectId(seconds.to_bytes(4, "big") + self._ids.to_bytes(8, "big"))

    # -- writes: each raises RunError QL602 where the server would refuse, and then has done nothing ------------

    def insert(self, collection: str, document: Document, now: datetime, origin: Origin | None = None) -> None:
        key = document["_id"] if "_id" in document else self.new_id(now)
        known = self._collection(collection)
        with _at(origin):
            after = stored({"_id": key, **document})
            if identity(after["_id"]) in known:
                raise RunError("QL602", f"write refused: {collection} has a document with _id {after['_id']!r}")
            if self._backing is not None:
                self._backing.insert(collection, after)
        known[identity(after["_id"])] = after
        self.journal.append(Written(collection, None, after, origin))

    def replace(self, collection: str, before: Document, document: Document, origin: Origin | None = None) -> None:
        """``before`` is the stored document. Records the write also when nothing changes."""
        with _at(origin):
            after = stored({"_id": before["_id"], **document})
            if identity(after["_id"]) != identity(before["_id"]):
                raise RunError("QL602", "write refused: _id cannot be changed")
            if self._backing is not None:
                self._backing.replace(collection, after)
        self._collection(collection)[identity(after["_id"])] = after
        self.journal.append(Written(collection, before, after, origin))

    def remove(self, collection: str, before: Document, origin: Origin | None = None) -> None:
        if self._backing is not None:
            self._backing.remove(collection, before)
        del self._collection(collection)[identity(before["_id"])]
        self.journal.append(Written(collection, before, None, origin))

    def roll_back(self) -> None:
        """Undoes what the journal holds, the last first."""
        journal, self.journal = self.journal, []
        for each in reversed(journal):
            self._undo(each)

    def take(self) -> list[Written]:
        """The journal's entries, which it then no longer holds."""
        journal, self.journal = self.journal, []
        return journal

    def _undo(self, written: Written) -> None:
        known, key = self._collection(written.collection), identity(written.key)
        backing = self._backing
        if written.before is None:
            assert written.after is not None
            del known[key]
            if backing is not None:
                backing.remove(written.collection, written.after)
            return
        known[key] = written.before
        if backing is not None:
            (backing.insert if written.after is None else backing.replace)(written.collection, written.before)

    def _collection(self, name: str) -> dict[Hashable, Document]:
        if name not in self._known:
            loaded = self._backing.load(name) if self._backing is not None else ()
            self._known[name] = {identity(each["_id"]): each for each in map(stored, loaded)}
        return self._known[name]


@contextmanager
def _at(origin: Origin | None) -> Iterator[None]:
    """A refusal gets the place of the statement behind it."""
    try:
        yield
    except RunError as error:
        error.span = origin.span if origin is not None else None
        raise


def stored(document: Document) -> Document:
    """The document as it reads back from a server, sharing nothing with what was given. Raises RunError QL602."""
    try:
        encoded = bson.encode(document)
    except (BSONError, OverflowError, TypeError, ValueError, RecursionError) as error:
        raise RunError("QL602", f"write refused: {error}") from None
    if len(encoded) > MAX_DOCUMENT_BYTES:
        raise RunError("QL602", f"write refused: the document has {len(encoded)} bytes, more than 16 MB")
    if isinstance(document.get("_id"), list):
        raise RunError("QL602", "write refused: _id cannot be an array")
    return bson.decode(encoded, OPTIONS)
