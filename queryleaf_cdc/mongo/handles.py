"""What a client and a database are called outside of this folder, where pymongo is not imported."""

from __future__ import annotations

from typing import Any, TypeAlias

from pymongo import MongoClient
from pymongo.database import Database

Client: TypeAlias = MongoClient[dict[str, Any]]
Db: TypeAlias = Database[dict[str, Any]]
