"""Unit tests for triggers, without a server.

    from queryleaf_cdc.testing import OfflineDatabase

    def test_low_stock_is_reordered() -> None:
        with OfflineDatabase(open("triggers.sql").read()) as db:
            db.seed({"inventory": [{"_id": "tea", "quantity": 12}]})
            db.insert("orders", {"_id": 1, "product": "tea", "quantity": 5})
            assert db["inventory"].find_one({"_id": "tea"})["quantity"] == 7
            assert [call.args for call in db.calls] == [("tea", 7)]

Each change makes the event that a change stream with pre- and post-images would deliver; the triggers fire in the order
of their names, and their writes fire triggers in turn. Everything is evaluated in Python, on an in-memory database
(mongomock, the extra ``testing``). What is different from a server:

- A firing that fails is not tried again: it is a dead letter at once.
- Rows come in the order of their insertion where the SQL does not say in which.
- Filters and updates that *you* write are mongomock's, which knows fewer operators than MongoDB. The triggers' SQL does
  not depend on them.
- What streams remember begins with their triggers, and what comes of them with the time alone comes with ``pass_time``,
  or before the next change.
- ``_id`` values of documents inserted without one are ObjectIds counted from 1.

Errors of the SQL raise CompileError as always; what needs a server raises InputError with a code from QL420 on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

from queryleaf_cdc.compiler import compile_sql
from queryleaf_cdc.logical.schema import Schema
from queryleaf_cdc.offline.effects import Call, DeadLetter, Effect, Row, Write, effect_json
from queryleaf_cdc.offline.mock_database import MockDatabase
from queryleaf_cdc.offline.store import Store
from queryleaf_cdc.offline.worker import OfflineWorker
from queryleaf_cdc.sinks.procedure import Change, Procedure
from queryleaf_cdc.values import Document, Value


class FixedClock:
    """A clock that stands still until it is told to advance."""

    def __init__(self, now: datetime = datetime(2025, 1, 1)) -> None:
        self._now = now

    def now(self) -> datetime:
        """UTC, without a time zone, as documents hold it."""
        return self._now

    def advance(self, step: timedelta) -> None:
        self._now += step


class OfflineDatabase:
    """An in-memory database with the triggers of ``sql``.

    ``functions`` and ``procedures`` are what ``@ql.function`` and ``@ql.procedure`` register, by name. A CALL of a
    procedure that is not there is recorded and goes nowhere. ``clock`` gives the commit times (``wallTime``,
    CURRENT_TIMESTAMP). ``name`` names the SQL in messages, ``schema`` is as in ``compile_sql``."""

    def __init__(
        self,
        sql: str = "",
        *,
        functions: Mapping[str, Callable[..., Value]] | None = None,
        procedures: Mapping[str, Procedure] | None = None,
        clock: FixedClock | None = None,
        database: str = "test",
        name: str = "<sql>",
        schema: Schema | None = None,
    ) -> None:
        self.clock = clock or FixedClock()
        self._functions = {key.upper(): function for key, function in (functions or {}).items()}
        self._mock = MockDatabase(database)
        self._store = Store(self._mock)
        self._worker = OfflineWorker(self._store, self.clock, database, self._functions, procedures or {})
        self._schema = schema or Schema()
        self._name = name
        if sql:
            self.execute(sql)

    def __enter__(self) -> OfflineDatabase:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close: the database goes with this object."""

    def __getitem__(self, collection: str) -> Any:
        """The mongomock collection: ``find``, ``create_index(..., unique=True)``. Writes to it fire no trigger."""
        return self._mock.database[collection]

    # -- changes: each returns the effects of the triggers that it fired --------------------------------------------

    def seed(self, data: Mapping[str, Iterable[Document]]) -> None:
        """Documents that are there from the beginning: no trigger sees them come."""
        self._store.forget()
        for collection, documents in data.items():
            for document in documents:
                self._store.insert(collection, document, self._worker.now())
        self._store.take()

    def insert(self, collection: str, *documents: Document) -> list[Effect]:
        """Raises RunError QL602 where the server would refuse a document; then none is inserted."""

        def write() -> None:
            for document in documents:
                self._store.insert(collection, document, self._worker.now())

        return self._change(write)

    def update(
        self, collection: str, filter: Document, update: Document, *, many: bool = True, upsert: bool = False
    ) -> list[Effect]:
        """``update_many`` (``update_one`` without ``many``). A document that stays as it is makes no event."""

        def write() -> None:
            found = self._mock.matching(collection, filter, many)
            for document in found:
                before = self._stored(collection, document)
                self._store.replace(collection, before, self._mock.updated(before, update))
            if upsert and not found:
                self._upsert(collection, filter, update)

        return self._change(write)

    def replace(self, collection: str, filter: Document, document: Document, *, upsert: bool = False) -> list[Effect]:
        """``replace_one``: always an event, also when nothing changes."""

        def write() -> None:
            found = self._mock.matching(collection, filter, many=False)
            for each in found:
                self._store.replace(collection, self._stored(collection, each), document)
            if upsert and not found:
                key = {"_id": filter["_id"]} if "_id" in filter else {}
                self._store.insert(collection, {**key, **document}, self._worker.now())

        return self._change(write, whole=True)

    def delete(self, collection: str, filter: Document, *, many: bool = True) -> list[Effect]:
        """``delete_many`` (``delete_one`` without ``many``)."""

        def write() -> None:
            for document in self._mock.matching(collection, filter, many):
                self._store.remove(collection, self._stored(collection, document))

        return self._change(write)

    def pass_time(self, step: timedelta | None = None) -> list[Effect]:
        """What comes of streams with the time alone (windows that end, outer joins), by the clock. A ``step`` advances
        a ``FixedClock`` first. Also before each change such rows come first."""
        self._store.forget()
        before = len(self._worker.effects)
        if step is not None:
            self.clock.advance(step)
        self._worker.passed()
        return self._worker.effects[before:]

    def execute(self, sql: str) -> list[Document]:
        """Creates and drops triggers, runs one-shot INSERT, UPDATE, DELETE, CALL and SELECT; the last SELECT's rows."""
        self._store.forget()
        streams = self._worker.named.sql
        program = compile_sql(sql, name=self._name, schema=self._schema, functions=self._functions, streams=streams)
        self._schema = program.schema
        return self._worker.execute(program)

    # -- what came of it --------------------------------------------------------------------------------------------

    @property
    def effects(self) -> list[Effect]:
        """All effects since the beginning, or since ``clear``, in order."""
        return list(self._worker.effects)

    @property
    def writes(self) -> list[Write]:
        return [each for each in self._worker.effects if isinstance(each, Write)]

    @property
    def calls(self) -> list[Call]:
        return [each for each in self._worker.effects if isinstance(each, Call)]

    @property
    def rows(self) -> list[Row]:
        """Rows of streaming SELECTs."""
        return [each for each in self._worker.effects if isinstance(each, Row)]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        return [each for each in self._worker.effects if isinstance(each, DeadLetter)]

    def clear(self) -> None:
        """Forgets the effects so far; the documents stay."""
        self._worker.effects.clear()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _change(self, write: Callable[[], None], *, whole: bool = False) -> list[Effect]:
        """All of the write or nothing, then the triggers."""
        self._store.forget()
        before = len(self._worker.effects)
        try:
            write()
        except Exception:
            self._store.roll_back()
            raise
        self._worker.changed(whole=whole)
        return self._worker.effects[before:]

    def _stored(self, collection: str, document: Document) -> Document:
        found = self._store.find(collection, document["_id"])
        assert found is not None
        return found

    def _upsert(self, collection: str, filter: Document, update: Document) -> None:
        document = self._mock.upserted(filter, update)
        given = "_id" in filter or any("_id" in fields for fields in update.values())
        kept = document if given else {name: value for name, value in document.items() if name != "_id"}
        self._store.insert(collection, kept, self._worker.now())


__all__ = [
    "Call",
    "Change",
    "DeadLetter",
    "Effect",
    "FixedClock",
    "OfflineDatabase",
    "Row",
    "Write",
    "effect_json",
]
