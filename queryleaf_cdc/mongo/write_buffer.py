"""The effects of one batch: buffered per collection, written in few commands, inside the batch's transaction.

Implements ``events.Effects``. Inserting is one list append; everything else is paid per batch, not per event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import bson
from bson.binary import Binary
from bson.errors import BSONError
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DocumentTooLarge

from queryleaf_cdc.events import Event, Origin
from queryleaf_cdc.mongo import names
from queryleaf_cdc.mongo.decoding import OPTIONS
from queryleaf_cdc.mongo.faults import BatchRefused, BatchTooLarge, ReadRefused, WriteFailed, batch_faults
from queryleaf_cdc.mongo.outbox import outbox_row, sink_row
from queryleaf_cdc.mongo.transaction import begin_again
from queryleaf_cdc.values import Document, Value

_VERBS = (("insert", "documents"), ("update", "updates"), ("delete", "deletes"))
INSERT, UPDATE, DELETE = range(3)
_MAX_PER_COMMAND = 100_000
_TOO_LARGE_DOCUMENT, _BAD_VALUE, NO_SUCH_KEY = 10334, 2, 4
OTHER_COLLECTION = 361
_TRANSACTION_TOO_LARGE = 388
_UNSTORABLE = (BSONError, OverflowError, UnicodeError, TypeError, ValueError, RecursionError)
"""what encoding raises: a number of more than 64 bits, a text with half of a surrogate pair, an object of Python"""

Op = tuple[int, str, Document, Origin | None]
"""(verb, collection, document or update or delete statement, what caused it)"""


class WriteBuffer:
    """Effects of one transaction. ``ordered`` are the collections between which the order of writes matters (those
    that triggers watch); with at most one of them among the written ones, writes are grouped by collection."""

    def __init__(
        self,
        database: Database[dict[str, Any]],
        session: ClientSession,
        ordered: frozenset[str] = frozenset(),
    ) -> None:
        self._database = database
        self._session = session
        self._ordered = ordered
        self.ops: list[Op] = []
        self._calling = ("", "")
        self._ordinal = 0
        self.calls = 0
        self.flushed = 0
        """how many of ``ops`` the server has"""
        self.has_read = False
        self.begun = False
        """the server knows of the transaction"""
        self._waiting: set[str] = set()
        self.exact: dict[str, Binary | None] = {}
        """collections in which every update and delete must find its document: those of views; and the UUID, where only
        that very collection is meant"""
        self._noted = 0
        """``_waiting`` holds the collections of the effects up to here that the server does not have"""

    # -- what a firing may do ----------------------------------------------------------------------------------

    def insert(self, collection: str, document: Document, origin: Origin) -> None:
        self.ops.append((INSERT, collection, document, origin))

    def update(
        self,
        collection: str,
        filter: Document,
        update: list[Document] | Document,
        origin: Origin,
        *,
        upsert: bool = False,
        many: bool = True,
    ) -> None:
        statement = {"q": filter, "u": update, "upsert": upsert, "multi": many}
        self.ops.append((UPDATE, collection, statement, origin))

    def delete(self, collection: str, filter: Document, origin: Origin, *, many: bool = True) -> None:
        self.ops.append((DELETE, collection, {"q": filter, "limit": 0 if many else 1}, origin))

    def aggregate(self, collection: str, pipeline: list[Document], origin: Origin) -> list[Document]:
        """Sees the writes so far. Without a collection (``""``) the pipeline begins with ``$documents``."""
        self.has_read = True
        if self.flushed < len(self.ops):
            touched = {collection, *collections_read(pipeline)}
            if not touched.isdisjoint(self._unsent()):
                self.flush()
        database = self._database.with_options(OPTIONS)
        reader: Collection[Document] | Database[Document] = database[collection] if collection else database
        try:
            with batch_faults(), reader.aggregate(pipeline, session=self._session) as cursor:
                self.begun = True
                return list(cursor)
        except BatchRefused as refused:
            raise ReadRefused(str(refused)) from refused

    def call(self, procedure: str, args: Sequence[Value], event: Event, origin: Origin) -> None:
        ordinal = self._next_ordinal(event, origin)
        self.insert(names.OUTBOX, outbox_row(procedure, args, event, origin, ordinal), origin)

    def deliver(self, destination: Document, retries: int, row: Document, event: Event, origin: Origin) -> None:
        ordinal = self._next_ordinal(event, origin)
        self.insert(names.OUTBOX, sink_row(destination, retries, row, event, origin, ordinal), origin)

    def _next_ordinal(self, event: Event, origin: Origin) -> int:
        firing = (event["_id"]["_data"], origin.trigger)
        self._ordinal = self._ordinal + 1 if firing == self._calling else 0
        self._calling = firing
        self.calls += 1
        return self._ordinal

    def dead_letters(self, letters: Iterable[Document]) -> None:
        for letter in letters:
            self.dead_letter(letter)

    def dead_letter(self, letter: Document) -> None:
        """Upserted: the same event may be given up again after a replay."""
        replacement = {"q": {"_id": letter["_id"]}, "u": letter, "upsert": True, "multi": False}
        self.ops.append((UPDATE, names.DEAD_LETTERS, replacement, None))

    # -- what the worker does ----------------------------------------------------------------------------------

    def rollback(self, mark: int) -> None:
        """Discards what was buffered since ``ops`` had this length. The server must not have any of it."""
        assert self.flushed <= mark
        del self.ops[mark:]
        self._noted = min(self._noted, mark)
        self._calling = ("", "")

    def flush(self) -> None:
        """Sends what is not yet sent. Raises WriteFailed with the index of the refused effect, or another fault."""
        pending = range(self.flushed, len(self.ops))
        for verb, collection, indexes in self._runs(pending):
            for start in range(0, len(indexes), _MAX_PER_COMMAND):
                self._send(verb, collection, indexes[start : start + _MAX_PER_COMMAND])
        self.flushed = len(self.ops)

    def rewind(self) -> None:
        """After an abort: everything is to be sent again. Only right when nothing was read."""
        self.flushed = self._noted = 0
        self.begun = False

    def _unsent(self) -> set[str]:
        """Collections with writes that the server does not have (at least; a rollback may leave one too many).

        Each effect is looked at once, however often a batch reads. (A batch of 4,000 reads and 12,000 writes took 22
        million looks, a quarter of its time, when every read looked through all that was waiting.)"""
        if self._noted <= self.flushed:
            self._waiting.clear()
            self._noted = self.flushed
        self._waiting.update(op[1] for op in self.ops[self._noted :])
        self._noted = len(self.ops)
        return self._waiting

    def collections_written(self) -> set[str]:
        return {op[1] for op in self.ops}

    def _runs(self, pending: Iterable[int]) -> list[tuple[int, str, list[int]]]:
        """Consecutive writes of one kind to one collection, as (verb, collection, indexes of effects)."""
        ops = self.ops
        runs: list[tuple[int, str, list[int]]] = []
        if len(self._ordered.intersection({ops[i][1] for i in pending})) > 1:
            for i in pending:
                verb, collection, _, _ = ops[i]
                if not runs or runs[-1][0] != verb or runs[-1][1] != collection:
                    runs.append((verb, collection, []))
                runs[-1][2].append(i)
            return runs
        last: dict[str, tuple[int, str, list[int]]] = {}
        for i in pending:
            verb, collection, _, _ = ops[i]
            run = last.get(collection)
            if run is None or run[0] != verb:
                run = last[collection] = (verb, collection, [])
                runs.append(run)
            run[2].append(i)
        return runs

    def _send(self, verb: int, collection: str, indexes: list[int]) -> None:
        """One command. Its size is not known before it is encoded: one that is too large is sent in halves."""
        command, field = _VERBS[verb]
        ops = self.ops
        statements = [ops[i][2] for i in indexes]
        same = self.exact.get(collection)
        try:
            whole = {command: collection, field: statements, "ordered": True}
            reply = self._command(whole if same is None else {**whole, "collectionUUID": same})
        except DocumentTooLarge as error:
            if len(indexes) == 1:
                raise WriteFailed(indexes[0], _TOO_LARGE_DOCUMENT, str(error)) from error
            if not self.begun:
                begin_again(self._session)
            half = len(indexes) // 2
            self._send(verb, collection, indexes[:half])
            self._send(verb, collection, indexes[half:])
            return
        except _UNSTORABLE as error:
            self._blame_unstorable(indexes)
            raise BatchRefused(f"{type(error).__name__}: {error}") from error
        if reply.get("writeErrors"):
            first = reply["writeErrors"][0]
            if first["code"] == _TRANSACTION_TOO_LARGE:
                raise BatchTooLarge(first["errmsg"])
            raise WriteFailed(indexes[first["index"]], first["code"], first["errmsg"])
        if collection in self.exact and reply["n"] != len(indexes):
            gone = len(indexes) - reply["n"]
            raise WriteFailed(indexes[0], NO_SUCH_KEY, f"{gone} documents of {collection} are not there any more")

    def _blame_unstorable(self, indexes: Iterable[int]) -> None:
        """Only a user's function can make such values, so looking for it may cost something."""
        for index in indexes:
            try:
                bson.encode(self.ops[index][2])
            except _UNSTORABLE as error:
                raise WriteFailed(index, _BAD_VALUE, f"{type(error).__name__}: {error}") from error

    def _command(self, command: Document) -> Document:
        with batch_faults():
            reply = self._database.command(command, session=self._session)
        self.begun = True
        return reply


def collections_read(pipeline: Any) -> set[str]:
    """The collections that $lookup, $graphLookup and $unionWith in a pipeline read, at any depth."""
    found: set[str] = set()
    if isinstance(pipeline, dict):
        for name, value in pipeline.items():
            if name in ("$lookup", "$graphLookup") and isinstance(value, dict):
                found.add(value.get("from", ""))
            elif name == "$unionWith":
                found.add(value if isinstance(value, str) else value.get("coll", ""))
            found |= collections_read(value)
    elif isinstance(pipeline, list):
        for each in pipeline:
            found |= collections_read(each)
    return found
