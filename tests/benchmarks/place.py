"""Where everything is measured: one embedded server, a database of its own for each run."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bson.timestamp import Timestamp
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database

from queryleaf_cdc import QueryLeaf, start_embedded

Rows = list[dict[str, Any]]
_IMAGES = {"full_document": "whenAvailable", "full_document_before_change": "whenAvailable"}
_OPLOG_MB = 4096
_TIMEOUT = 300.0


@dataclass
class Place:
    uri: str
    client: MongoClient[dict[str, Any]]
    server_version: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def database(self) -> Iterator[QueryLeaf]:
        """A fresh database, dropped at the end."""
        ql = QueryLeaf(self.uri, database=f"bench_{next(self._numbers)}")
        try:
            yield ql
        finally:
            ql.stop()
            ql.client.drop_database(ql.database.name)
            ql.close()

    def now(self) -> Timestamp:
        time_: Timestamp = self.client.admin.command("ping")["operationTime"]
        return Timestamp(time_.time, time_.inc + 1)


@contextmanager
def open_place() -> Iterator[Place]:
    with start_embedded(oplog_mb=_OPLOG_MB) as uri, MongoClient[dict[str, Any]](uri) as client:
        yield Place(uri, client, client.server_info()["version"])


def insert(collection: Collection[dict[str, Any]], rows: Rows) -> None:
    for start in range(0, len(rows), 10_000):
        collection.insert_many(rows[start : start + 10_000], ordered=True)


def read_all(
    database: Database[dict[str, Any]],
    collection: str,
    start: Timestamp,
    count: int,
    pipeline: Rows | None = None,
    *,
    images: bool = False,
) -> float:
    """Seconds until a bare pymongo loop has seen ``count`` events."""
    options: dict[str, Any] = _IMAGES if images else {}
    began = time.perf_counter()
    with database[collection].watch(pipeline or [], start_at_operation_time=start, **options) as stream:
        for seen, _ in enumerate(stream, 1):
            if seen == count:
                break
    return time.perf_counter() - began


def work_off(ql: QueryLeaf) -> float:
    """Seconds until a worker, started now, has done everything that was committed."""
    began = time.perf_counter()
    ql.start()
    ql.drain(_TIMEOUT)
    seconds = time.perf_counter() - began
    ql.stop()
    return seconds


def expect(ql: QueryLeaf, collection: str, count: int) -> None:
    """A figure for work that was not done is no figure."""
    found = ql.database[collection].count_documents({})
    if found != count:
        raise AssertionError(f"{collection} holds {found} documents, not {count}")
