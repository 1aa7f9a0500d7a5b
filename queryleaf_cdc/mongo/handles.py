"""What a client and a database are called outside of this folder, where pymongo is not imported."""

from __future__ import annotations

from typing import Any, TypeAlias

from pymongo import MongoClient, ReadPreference
from pymongo.database import Database
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

Client: TypeAlias = MongoClient[dict[str, Any]]
Db: TypeAlias = Database[dict[str, Any]]


def reliable(database: Db) -> Db:
    """The database for our own records, whatever the user's client prefers: a secondary may lag behind what the worker
    has committed, and what is not written to a majority may be rolled back."""
    return database.with_options(
        read_preference=ReadPreference.PRIMARY,
        read_concern=ReadConcern("local"),
        write_concern=WriteConcern("majority", j=True),
    )
