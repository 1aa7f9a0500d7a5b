"""What fields collections have: their JSON-schema validator, else some documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bson.errors import BSONError
from pymongo.database import Database
from pymongo.errors import ConnectionFailure, PyMongoError

from queryleaf_cdc.logical.schema import Table
from queryleaf_cdc.mongo.decoding import OPTIONS
from queryleaf_cdc.mongo.faults import server_errors
from queryleaf_cdc.mongo.names import PREFIX

SAMPLE = 50
"""documents looked at, from the newest"""
_NAMES = {"_id": 0, "names": {"$map": {"input": {"$objectToArray": "$$ROOT"}, "in": "$$this.k"}}}
"""Of each only its fields' names: the values may be large, or such that they cannot be decoded."""


class SampledTables(Mapping[str, Table]):
    """Collection → fields, looked up when first asked for. Never closed: a document may have any field.

    A server that does not answer counts as nothing known, and is not asked again; whatever needs it will say so
    better."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = database
        self._known: dict[str, Table | None] = {}
        self._answers = True

    def __getitem__(self, name: str) -> Table:
        if name not in self._known:
            columns: frozenset[str] = frozenset()
            try:
                if self._answers:
                    columns = self._validated(name) | self._sampled(name)
            except ConnectionFailure:
                self._answers = False
            except (PyMongoError, BSONError):
                pass
            self._known[name] = Table(columns, False) if columns else None
        found = self._known[name]
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def _validated(self, name: str) -> frozenset[str]:
        found = self._database.command("listCollections", filter={"name": name})["cursor"]["firstBatch"]
        validator = found[0].get("options", {}).get("validator", {}) if found else {}
        return frozenset(validator.get("$jsonSchema", {}).get("properties", {}))

    def _sampled(self, name: str) -> frozenset[str]:
        documents = self._database.get_collection(name, OPTIONS).find({}, _NAMES).sort("$natural", -1).limit(SAMPLE)
        return frozenset(field for document in documents for field in document["names"])


def collection_names(database: Database[dict[str, Any]]) -> list[str]:
    """The user's own collections, in order. Raises ServerError."""
    with server_errors("list the collections", f"listCollections on {database.name}"):
        found = database.list_collection_names(authorizedCollections=True, filter={"type": {"$ne": "view"}})
    return sorted(each for each in found if not each.startswith((PREFIX, "system.")))


def collection_sizes(database: Database[dict[str, Any]]) -> dict[str, int]:
    """The user's own collections with how many documents they have, roughly. Raises ServerError."""
    names = collection_names(database)
    with server_errors("count documents", f"find on {database.name}"):
        return {name: database[name].estimated_document_count() for name in names}


def sampled_paths(database: Database[dict[str, Any]], name: str) -> dict[str, frozenset[str]]:
    """``{"address.city": {"string"}, ...}``: the fields of some documents, with their BSON types, in the order in which
    they appear; also nested ones and, as ``items.sku``, those in arrays. As above, no value leaves the server. Raises
    ServerError."""
    found: dict[str, set[str]] = {}
    with server_errors("look at documents", f"find on {database.name}"):
        documents = database.get_collection(name, OPTIONS).find({}, {"_id": 0, "fields": _fields("$$ROOT", NESTED)})
        for document in documents.sort("$natural", -1).limit(SAMPLE):
            _collect(document["fields"], "", found)
    return {path: frozenset(types) for path, types in found.items()}


NESTED = 3
"""levels of documents in documents that are looked at"""
_MOST_FIELDS = 500
"""of one level: a document may use values as names"""
_ELEMENTS = 10
"""of an array that are looked at"""


def _fields(document: str, levels: int) -> dict[str, Any]:
    """An expression: ``[{k: name, t: type, f: fields of a document, or of the documents of an array}, ...]``."""
    each = f"each{levels}"
    value = f"$${each}.v"
    described: dict[str, Any] = {"k": f"$${each}.k", "t": {"$type": value}}
    if levels > 1:
        described["f"] = {
            "$switch": {
                "branches": [
                    {"case": {"$eq": [{"$type": value}, "object"]}, "then": _fields(value, levels - 1)},
                    {"case": {"$isArray": value}, "then": _fields_of_elements(value, levels - 1)},
                ],
                "default": [],
            }
        }
    some = {"$slice": [{"$objectToArray": document}, _MOST_FIELDS]}
    return {"$map": {"input": some, "as": each, "in": described}}


def _fields_of_elements(array: str, levels: int) -> dict[str, Any]:
    """Those of its documents, one behind the other."""
    inner = {"$cond": [{"$eq": [{"$type": "$$this"}, "object"]}, _fields("$$this", levels), []]}
    joined = {"$concatArrays": ["$$value", inner]}
    return {"$reduce": {"input": {"$slice": [array, _ELEMENTS]}, "initialValue": [], "in": joined}}


def _collect(fields: list[dict[str, Any]], prefix: str, found: dict[str, set[str]]) -> None:
    for each in fields:
        path = prefix + each["k"]
        found.setdefault(path, set()).add(each["t"])
        _collect(each.get("f", []), f"{path}.", found)
