"""What fields collections have: their JSON-schema validator, else some documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bson.errors import BSONError
from pymongo.database import Database
from pymongo.errors import ConnectionFailure, PyMongoError

from queryleaf_cdc.logical.schema import Table
from queryleaf_cdc.mongo.decoding import OPTIONS

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
