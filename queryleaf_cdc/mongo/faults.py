"""What a failed command means for the worker: one table from error code to what to do.

The classes below are what the rest of the project sees; pymongo's own errors stay inside ``mongo/``."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterator

from bson.errors import InvalidBSON
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
)

from queryleaf_cdc.errors import RunError, ServerError


class Todo(enum.Enum):
    """What a change stream's failure asks for."""

    RESUME = "reopen from the last token, with backoff"
    POSITION_LOST = "the history from here on is gone; never go on silently"
    BAD_POSITION = "the server does not know this position"
    TOO_LARGE = "an event over 16 MB: find and isolate it"
    UNDECODABLE = "an event that the driver cannot decode: isolate it"
    INVALIDATED = "reopen with startAfter"
    STAND_ALONE = "no replica set"
    UNAUTHORIZED = "a privilege is missing"
    REJECTED = "the server does not accept the pipeline"


_BY_CODE = {
    6: Todo.RESUME, 7: Todo.RESUME, 43: Todo.RESUME, 63: Todo.RESUME, 89: Todo.RESUME, 91: Todo.RESUME,
    133: Todo.RESUME, 150: Todo.RESUME, 189: Todo.RESUME, 234: Todo.RESUME, 237: Todo.RESUME,
    262: Todo.RESUME, 9001: Todo.RESUME, 10107: Todo.RESUME, 11600: Todo.RESUME, 11602: Todo.RESUME,
    13388: Todo.RESUME, 13435: Todo.RESUME, 13436: Todo.RESUME, 175: Todo.RESUME,
    136: Todo.RESUME,  # a live cursor fell behind the oplog: reopening answers 286 when it is really lost
    286: Todo.POSITION_LOST,
    280: Todo.BAD_POSITION, 9: Todo.BAD_POSITION, 15: Todo.BAD_POSITION, 40647: Todo.BAD_POSITION,
    260: Todo.BAD_POSITION, 50811: Todo.BAD_POSITION, 40649: Todo.BAD_POSITION,
    10334: Todo.TOO_LARGE,
    40573: Todo.STAND_ALONE,
    13: Todo.UNAUTHORIZED, 18: Todo.UNAUTHORIZED,
}  # fmt: skip
"""error code → what to do; 9 and 15 are a garbled token, or a pipeline that is no pipeline (then the text tells)"""


def stream_todo(error: PyMongoError | InvalidBSON) -> Todo:
    if isinstance(error, InvalidBSON):
        return Todo.UNDECODABLE
    if isinstance(error, OperationFailure) and not isinstance(error, ExecutionTimeout):
        if error.has_error_label("ResumableChangeStreamError"):
            return Todo.RESUME
        found = _BY_CODE.get(error.code or 0, Todo.REJECTED)
        if found is Todo.BAD_POSITION and error.code in (9, 15) and "resume" not in str(error).lower():
            return Todo.BAD_POSITION if "token" in str(error).lower() else Todo.REJECTED
        return found
    return Todo.RESUME


def said(error: Exception) -> str:
    """The server's own words; pymongo appends the whole reply to them."""
    if isinstance(error, OperationFailure):
        return str((error.details or {}).get("errmsg") or error)
    return str(error).split(", Timeout:")[0].split(" (configured timeouts")[0]


class WorkerFault(Exception):
    """Base of what the worker handles by itself."""


class Unreachable(WorkerFault):
    """The server does not answer, or fails over; try again later."""


class Conflict(WorkerFault):
    """The transaction was aborted by a passing cause; the same writes may be tried again."""


class BatchTooLarge(WorkerFault):
    """The transaction does not fit; a smaller batch may."""


class Fenced(WorkerFault):
    """Another worker owns the checkpoint, or this batch has been committed before."""


class WriteFailed(WorkerFault):
    """One buffered write was refused. ``index`` counts the buffered effects of the batch."""

    def __init__(self, index: int, code: int, message: str) -> None:
        super().__init__(message)
        self.index = index
        self.code = code
        self.message = message


class BatchRefused(WorkerFault):
    """The server refused the batch for a reason that no single write explains."""


class ReadRefused(BatchRefused):
    """The server refused a read of one firing."""


class PositionLost(WorkerFault):
    """The oplog no longer reaches back to the position."""


_TOO_LARGE = frozenset({
    388,  # TransactionTooLargeForCache
    225,  # TransactionTooOld, after it ran into a limit
    257,  # TransactionTooLarge
    10334,  # BSONObjectTooLarge
    290,  # TransactionExceededLifetimeLimitSeconds
})  # fmt: skip
_PASSING = frozenset({24, 112, 244, 246, 251, 46, 225})


@contextlib.contextmanager
def batch_faults() -> Iterator[None]:
    """Turns pymongo's errors inside a batch's transaction into ours."""
    try:
        yield
    except DocumentTooLarge:
        raise  # the writer knows how to halve a command
    except OperationFailure as error:
        raise operation_fault(error) from error
    except (ConnectionFailure, ConfigurationError) as error:
        raise Unreachable(said(error)) from error
    except PyMongoError as error:
        raise BatchRefused(said(error)) from error


def operation_fault(error: OperationFailure) -> WorkerFault:
    if error.code in _TOO_LARGE:
        return BatchTooLarge(said(error))
    if error.has_error_label("TransientTransactionError") or error.code in _PASSING:
        return Conflict(said(error))
    if error.code is not None and _BY_CODE.get(error.code) is Todo.RESUME:
        return Unreachable(said(error))
    return BatchRefused(said(error))


_UNAUTHORIZED = 13
_AUTHENTICATION_FAILED = 18
_CREDENTIALS = "are the name and the password in --uri right, and authSource?"


@contextlib.contextmanager
def server_errors(doing: str, privilege: str | None = None) -> Iterator[None]:
    """For what a user asked for directly: pymongo's errors become a ServerError in one sentence."""
    try:
        yield
    except OperationFailure as error:
        raise server_error(error, doing, privilege) from error
    except ConnectionFailure as error:
        raise unreachable(error) from error
    except InvalidBSON as error:
        raise RunError("QL604", f"a document cannot be decoded: {doing}: {error}") from error


def server_error(error: OperationFailure, doing: str, privilege: str | None = None) -> ServerError:
    if error.code == _AUTHENTICATION_FAILED:
        return ServerError("QL503", f"cannot reach the server: {said(error)}", hint=_CREDENTIALS)
    if error.code == _UNAUTHORIZED:
        hint = f"grant {privilege}" if privilege else None
        return ServerError("QL505", f"not authorized: {doing}", hint=hint)
    return ServerError("QL506", f"the server refused: {doing}: {said(error)}")


def unreachable(error: Exception) -> ServerError:
    return ServerError(
        "QL503", f"cannot reach the server: {said(error)}", hint="is mongod running, and is --uri right?"
    )
