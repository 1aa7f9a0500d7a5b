"""The one transaction of a batch."""

from __future__ import annotations

import contextlib
from typing import Any

from bson.binary import Binary
from pymongo import MongoClient, ReadPreference
from pymongo.client_session import ClientSession
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from queryleaf_cdc.mongo.faults import Conflict, Unreachable, operation_fault, said

_UNKNOWN_RESULT = "UnknownTransactionCommitResult"
_COMMIT_ATTEMPTS = 10


class BatchTransaction:
    """Transactions one after another in one server session, whose id stands beside the checkpoint: a successor can
    end it (``killSessions``), and the stream shows it on the events that we cause ourselves."""

    def __init__(self, client: MongoClient[dict[str, Any]]) -> None:
        self.session = client.start_session(causal_consistency=False)

    @property
    def session_id(self) -> Binary:
        identity: Binary = self.session.session_id["id"]
        return identity

    @property
    def number(self) -> int:
        """txnNumber of the transaction begun last. pymongo has no public name for it."""
        return int(self.session._transaction_id)

    def begin(self) -> None:
        """Costs nothing: the server hears of the transaction with its first command."""
        _begin(self.session)

    def commit(self) -> None:
        """Raises Conflict when the server aborted, Unreachable when it cannot be known (the checkpoint tells)."""
        for attempt in range(_COMMIT_ATTEMPTS):
            try:
                self.session.commit_transaction()
                return
            except (OperationFailure, ConnectionFailure) as error:
                if error.has_error_label(_UNKNOWN_RESULT) and attempt + 1 < _COMMIT_ATTEMPTS:
                    continue  # repeat the commit, never the batch: it may be committed
                if error.has_error_label("TransientTransactionError"):
                    raise Conflict(said(error)) from error
                if isinstance(error, OperationFailure) and not error.has_error_label(_UNKNOWN_RESULT):
                    raise operation_fault(error) from error
                raise Unreachable(said(error)) from error

    def abort(self) -> None:
        """Never fails; a transaction that the server does not hear of again ends by itself."""
        if self.session.in_transaction:
            with contextlib.suppress(PyMongoError):
                self.session.abort_transaction()

    def close(self) -> None:
        self.abort()
        with contextlib.suppress(PyMongoError):
            self.session.end_session()


def begin_again(session: ClientSession) -> None:
    """After a transaction's first command was too large to be sent: pymongo takes the transaction for begun, and would
    not tell the server of it with the next command either."""
    session.abort_transaction()
    _begin(session)


def _begin(session: ClientSession) -> None:
    session.start_transaction(
        read_concern=ReadConcern("snapshot"),
        write_concern=WriteConcern("majority", j=True),
        read_preference=ReadPreference.PRIMARY,
    )
