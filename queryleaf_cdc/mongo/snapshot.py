"""Reads a collection piece by piece in the order of ``_id``, each piece as of one cluster time.

One scan of a large collection would outlive the history of snapshots that the server keeps (300 s by default), so each
piece has a time of its own; a change of a document belongs to its piece, or comes after it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import bson
from bson import Int64, ObjectId
from bson.errors import InvalidBSON
from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS, RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.database import Database
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from queryleaf_cdc.collector import without_collections
from queryleaf_cdc.errors import RunError
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.mongo.decoding import OPTIONS
from queryleaf_cdc.mongo.deployment import cluster_now
from queryleaf_cdc.mongo.faults import BatchRefused, Unreachable, WorkerFault, operation_fault, said
from queryleaf_cdc.values import Document

_BATCH = 10_000
_SNAPSHOT_GONE = frozenset({239, 246})
"""SnapshotTooOld, and SnapshotUnavailable: the collection itself was changed meanwhile"""


class SnapshotGone(Exception):
    """This piece must be read again, at a later time."""


@frozen
class Piece:
    """Documents with ``_id`` after ``after`` and up to ``to``: each a tuple of the value, ``()`` for no bound."""

    collection: str
    after: tuple[Any, ...]
    to: tuple[Any, ...]
    count: int
    """documents, about"""

    def stages(self) -> list[Document]:
        """As an expression where a bound is open or the bounds are of different types: it compares across types as
        ``_id``'s index does. A query operator looks at one type only, and costs half as much per document."""
        if self.after and self.to and _bracket(self.after[0]) == _bracket(self.to[0]) is not None:
            return [{"$match": {"_id": {"$gt": self.after[0], "$lte": self.to[0]}}}]
        tests = [{"$gt": ["$_id", {"$literal": each}]} for each in self.after]
        tests += [{"$lte": ["$_id", {"$literal": each}]} for each in self.to]
        return [{"$match": {"$expr": {"$and": tests}}}] if tests else []


def _bracket(value: Any) -> type | None:
    """Values of one bracket are all that a query operator compares with each other; None for types of no great use."""
    kind = type(value)
    if kind in (int, float, Int64):
        return float if value == value else None
    return kind if kind in (str, ObjectId, datetime) else None


def next_piece(database: Database[dict[str, Any]], collection: str, after: tuple[Any, ...], most: int) -> Piece:
    """The next ``most`` documents, or all that are left."""
    documents = database.get_collection(collection, OPTIONS)
    match = Piece(collection, after, (), 0).stages()
    pipeline = [*match, {"$sort": {"_id": 1}}, {"$skip": most - 1}, {"$limit": 1}, {"$project": {"_id": 1}}]
    try:
        with documents.aggregate(pipeline, collation={"locale": "simple"}, allowDiskUse=True) as cursor:
            last = next(iter(cursor), None)
    except PyMongoError as error:
        raise _fault(error) from error
    return Piece(collection, after, (last["_id"],) if last is not None else (), most)


def estimated(database: Database[dict[str, Any]], collection: str) -> int:
    try:
        return int(database[collection].estimated_document_count())
    except PyMongoError as error:
        raise _fault(error) from error


def rows_within(database: Database[dict[str, Any]], collection: str, size: int, most: int) -> int:
    """How many documents of the collection take about ``size`` bytes; ``most`` at most."""
    try:
        average = database.command("collStats", collection).get("avgObjSize", 0)
    except OperationFailure:
        return most
    except PyMongoError as error:
        raise _fault(error) from error
    return int(max(1, min(most, size // max(1, average))))


def read_piece(
    database: Database[dict[str, Any]], piece: Piece, pipeline: list[Document]
) -> tuple[Timestamp, Iterator[list[Document]]]:
    """The time as of which it is read, and its rows, batch after batch; while one is worked on, the next is read.

    The iterator raises SnapshotGone, a WorkerFault, or RunError (QL604) for a document that cannot be decoded: the copy
    would be wrong without it."""
    time = cluster_now(database)
    return time, _ahead(_batches(database, piece, pipeline, time))


def _batches(
    database: Database[dict[str, Any]], piece: Piece, pipeline: list[Document], time: Timestamp
) -> Iterator[list[Document]]:
    with database.client.start_session(causal_consistency=False) as session:
        try:
            raw: RawBSONDocument = database.command(
                "aggregate",
                piece.collection,
                pipeline=[*piece.stages(), *pipeline],
                cursor={"batchSize": _BATCH},
                readConcern={"level": "snapshot", "atClusterTime": time},
                collation={"locale": "simple"},
                session=session,
                codec_options=DEFAULT_RAW_BSON_OPTIONS,
            )
            field = "firstBatch"
            while True:
                cursor = _decoded(raw, piece.collection)["cursor"]
                yield cursor[field]
                if not cursor["id"]:
                    return
                field = "nextBatch"
                raw = database.command(
                    "getMore",
                    cursor["id"],
                    collection=piece.collection,
                    batchSize=_BATCH,
                    session=session,
                    codec_options=DEFAULT_RAW_BSON_OPTIONS,
                )
        except PyMongoError as error:
            if isinstance(error, OperationFailure) and error.code in _SNAPSHOT_GONE:
                raise SnapshotGone(said(error)) from error
            raise _fault(error) from error


def _decoded(reply: RawBSONDocument, collection: str) -> Document:
    try:
        with without_collections():
            return bson.decode(reply.raw, OPTIONS)
    except InvalidBSON as error:
        raise RunError("QL604", f"a document of {collection} cannot be decoded: {error}") from error


def _ahead(batches: Iterator[list[Document]]) -> Iterator[list[Document]]:
    with ThreadPoolExecutor(1, "queryleaf-snapshot") as pool:
        waiting = pool.submit(next, batches, None)
        while (batch := waiting.result()) is not None:
            waiting = pool.submit(next, batches, None)
            yield batch


def _fault(error: PyMongoError) -> WorkerFault:
    if isinstance(error, OperationFailure):
        return operation_fault(error)
    return Unreachable(said(error)) if isinstance(error, ConnectionFailure) else BatchRefused(said(error))
