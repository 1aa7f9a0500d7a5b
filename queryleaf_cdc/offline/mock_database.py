"""mongomock as the database that follows a store, for tests to look into."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from bson.errors import BSONError

from queryleaf_cdc.errors import InputError, RunError
from queryleaf_cdc.values import Document

try:
    import mongomock
    from mongomock import PyMongoError  # type: ignore[attr-defined]
except ImportError:
    raise InputError(
        "QL426",
        "queryleaf_cdc.testing needs the package mongomock",
        hint="pip install 'queryleaf-cdc[testing]'",
    ) from None

Collection = Any
"""mongomock has no types."""


class MockDatabase:
    """Implements ``store.Backing``. ``database`` is the mongomock database."""

    def __init__(self, name: str) -> None:
        self.database: Any = mongomock.MongoClient()[name]

    def load(self, collection: str) -> Iterable[Document]:
        found: list[Document] = list(self.database[collection].find())
        return found

    def insert(self, collection: str, document: Document) -> None:
        with _refusals(collection):
            self.database[collection].insert_one(dict(document))

    def replace(self, collection: str, document: Document) -> None:
        with _refusals(collection):
            self.database[collection].replace_one({"_id": document["_id"]}, dict(document))

    def remove(self, collection: str, document: Document) -> None:
        with _refusals(collection):
            self.database[collection].delete_one({"_id": document["_id"]})

    def matching(self, collection: str, filter: Document, many: bool) -> list[Document]:
        """The documents that a find filter matches."""
        with _limits(collection):
            found = list(self.database[collection].find(filter))
        return found if many else found[:1]

    def updated(self, document: Document, update: Document) -> Document:
        """The document after an update document."""
        return self._in_scratch(lambda scratch: scratch.insert_one(dict(document)), {}, update, False)

    def upserted(self, filter: Document, update: Document) -> Document:
        """The new document of an upsert that found nothing; mongomock makes an ``_id`` if nobody gives one."""
        return self._in_scratch(lambda scratch: None, filter, update, True)

    def _in_scratch(
        self, prepare: Callable[[Collection], object], filter: Document, update: Document, upsert: bool
    ) -> Document:
        scratch: Collection = mongomock.MongoClient()["scratch"]["scratch"]
        with _limits("an update"):
            prepare(scratch)
            scratch.update_one(filter, update, upsert=upsert)
            found: Document = scratch.find_one()
        return found


@contextmanager
def _refusals(collection: str) -> Iterator[None]:
    try:
        with _limits(collection):
            yield
    except mongomock.DuplicateKeyError as error:
        raise RunError("QL602", f"write refused: {collection}: {error}") from None


@contextmanager
def _limits(what: str) -> Iterator[None]:
    """What mongomock cannot do is no failure of a trigger."""
    try:
        yield
    except mongomock.DuplicateKeyError:
        raise
    except (PyMongoError, BSONError, NotImplementedError, TypeError, ValueError) as error:
        raise InputError("QL427", f"mongomock cannot do this ({what}): {error}") from None
