"""Rows of a collection by a field, as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo.database import Database

from queryleaf_cdc.mongo.one_shot import run_query
from queryleaf_cdc.values import Document

_KEYS = 10_000
"""of one question"""


def lookup(
    database: Database[dict[str, Any]], collection: str, path: str, keys: Sequence[object], pipeline: list[Document]
) -> list[Document]:
    """What the pipeline makes of the documents whose field is one of the keys, or an array that holds one."""
    found: list[Document] = []
    for start in range(0, len(keys), _KEYS):
        wanted = {"$match": {path: {"$in": list(keys[start : start + _KEYS])}}}
        found += run_query(database, collection, [wanted, *pipeline])
    return found
