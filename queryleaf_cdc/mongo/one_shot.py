"""One-shot statements on the server: a query, or writes in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConfigurationError, InvalidURI

from queryleaf_cdc.errors import RunError, ServerError
from queryleaf_cdc.events import Effects
from queryleaf_cdc.mongo.decoding import OPTIONS
from queryleaf_cdc.mongo.deployment import require_replica_set
from queryleaf_cdc.mongo.faults import Conflict, WriteFailed, server_errors
from queryleaf_cdc.mongo.transaction import BatchTransaction
from queryleaf_cdc.mongo.write_buffer import WriteBuffer
from queryleaf_cdc.values import Document

_ATTEMPTS = 20


def connect(uri: str, timeout_ms: int = 5000) -> MongoClient[dict[str, Any]]:
    """A client; the server is asked by the first command. The timeout is that for finding a server, where the URI names
    none. Raises ServerError QL520 for a URI that is none."""
    timeout: dict[str, Any] = (
        {} if "serverselectiontimeoutms=" in uri.lower() else {"serverSelectionTimeoutMS": timeout_ms}
    )
    try:
        return MongoClient(uri, appname="queryleaf-cdc", **timeout)
    except (InvalidURI, ConfigurationError, ValueError) as error:
        raise ServerError("QL520", f"the connection string cannot be used: {error}") from None


def default_database(client: MongoClient[dict[str, Any]]) -> str | None:
    """The database that the URI names."""
    try:
        return str(client.get_default_database().name)
    except ConfigurationError:
        return None


def run_query(database: Database[dict[str, Any]], collection: str | None, pipeline: list[Document]) -> list[Document]:
    """All rows. ``collection`` None: a pipeline that makes its own rows."""
    source = database if collection is None else database.get_collection(collection, OPTIONS)
    with server_errors("run the query", f"find on {database.name}"), source.aggregate(pipeline) as cursor:
        return list(cursor)


class _Counting(WriteBuffer):
    """Counts the rows that the commands inserted, matched or deleted."""

    affected = 0

    def _command(self, command: Document) -> Document:
        reply = super()._command(command)
        self.affected += int(reply.get("n", 0))
        return reply


def run_writes(database: Database[dict[str, Any]], work: Callable[[Effects], object]) -> int:
    """Runs ``work`` in one transaction, again after a conflict. Returns the number of rows written.

    Raises RunError QL602 for a write that the server refuses, ServerError when it cannot do it at all."""
    with server_errors("write", f"readWrite on {database.name}"):
        require_replica_set(database.client)
        transaction = BatchTransaction(database.client)
        try:
            for attempt in range(_ATTEMPTS):
                try:
                    return _attempt(database, transaction, work)
                except Conflict:
                    transaction.abort()
                    if attempt + 1 == _ATTEMPTS:
                        raise
            raise AssertionError
        except WriteFailed as error:
            raise RunError("QL602", f"the server refused the write: {error}") from None
        except Conflict as error:
            raise RunError("QL603", f"other writers kept this from being committed: {error}") from None
        finally:
            transaction.close()


def _attempt(
    database: Database[dict[str, Any]], transaction: BatchTransaction, work: Callable[[Effects], object]
) -> int:
    transaction.begin()
    buffer = _Counting(database, transaction.session)
    work(buffer)
    buffer.flush()
    transaction.commit()
    return buffer.affected
