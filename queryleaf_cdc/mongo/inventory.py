"""The collections of a database, as SHOW COLLECTIONS lists them."""

from __future__ import annotations

from typing import Any

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.mongo import names
from queryleaf_cdc.mongo.handles import Db

_HIDDEN = (names.PREFIX, "system.")


@frozen
class CollectionFacts:
    """``kind`` is collection, capped, timeseries or view (one of MongoDB's); ``documents`` are estimated, None for a
    view; ``images`` tells whether it records documents as they were."""

    name: str
    kind: str
    documents: int | None
    images: bool


def list_collections(database: Db) -> list[CollectionFacts]:
    """In order of names, without what is internal."""
    found = [each for each in database.list_collections() if not each["name"].startswith(_HIDDEN)]
    return [_facts(database, each) for each in sorted(found, key=lambda each: str(each["name"]))]


def _facts(database: Db, found: Any) -> CollectionFacts:
    name, kind, options = found["name"], found["type"], found.get("options", {})
    documents = None if kind == "view" else database[name].estimated_document_count()
    if kind == "collection" and options.get("capped"):
        kind = "capped"
    return CollectionFacts(name, kind, documents, bool(options.get("changeStreamPreAndPostImages", {}).get("enabled")))
