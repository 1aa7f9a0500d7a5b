"""Rows of a collection by a field, as they are now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson import Regex
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
        wanted = {"$match": _is_one_of(path, keys[start : start + _KEYS])}
        found += run_query(database, collection, [wanted, *pipeline])
    return found


def _is_one_of(path: str, keys: Sequence[object]) -> Document:
    plain = {path: {"$in": [key for key in keys if not _is_read_otherwise(key)]}}
    others = [{path: {"$eq": key}} for key in keys if _is_read_otherwise(key)]
    return {"$or": [plain, *others]} if others else plain


def _is_read_otherwise(key: object) -> bool:
    """Among the values of $in a regular expression is a pattern, and a document whose field begins with $ an error."""
    return isinstance(key, Regex) or (isinstance(key, Mapping) and next(iter(key), "").startswith("$"))
