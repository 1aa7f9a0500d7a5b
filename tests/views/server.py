"""Views on a real server: a worker follows what other clients write."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.database import Database

from queryleaf_cdc import QueryLeaf
from queryleaf_cdc.logical.schema import Schema
from tests.views.documents import START, Document
from tests.views.histories import Batch, Change, History, Transaction
from tests.views.memory import compiled, stored_at_first
from tests.views.queries import View

_PATIENCE = 60.0


class ServerEngine:
    """A database of its own, dropped at the end."""

    schema: Schema | None = None
    """what the views are compiled with"""

    def __init__(self, client: MongoClient[dict[str, Any]], name: str, history: History) -> None:
        self.client = client
        self.database: Database[dict[str, Any]] = client[name]
        client.drop_database(name)
        for collection in history.collections:
            self.database.create_collection(collection.name)
        self.queryleaf = QueryLeaf(client=client, database=name)
        self.queryleaf.start()

    def apply(self, batch: Batch) -> None:
        for transaction in batch.transactions:
            self._commit(transaction)
        self.queryleaf.drain(_PATIENCE)

    def _commit(self, transaction: Transaction) -> None:
        if len(transaction) == 1:
            self._write(transaction[0], None)
            return
        with self.client.start_session() as session:
            session.with_transaction(lambda each: self._write_all(transaction, each))

    def _write_all(self, transaction: Transaction, session: ClientSession) -> None:
        """Inserts that follow each other go together: a transaction of thousands of commands may outlive its time."""
        for inserts, changes in groupby(transaction, lambda change: change.kind == "insert" and change.collection):
            if inserts:
                documents = [dict(each.after or {}) for each in changes]
                self.database[str(inserts)].insert_many(documents, session=session)
            else:
                for change in changes:
                    self._write(change, session)

    def _write(self, change: Change, session: ClientSession | None) -> None:
        collection, which = self.database[change.collection], {"_id": change.key}
        match change:
            case Change(kind="insert", after=dict() as after):
                collection.insert_one(dict(after), session=session)
            case Change(kind="delete"):
                collection.delete_one(which, session=session)
            case Change(kind="update", before=dict() as before, after=dict() as after):
                collection.update_one(which, _update(before, after), session=session)
            case Change(after=dict() as after):
                collection.replace_one(which, after, session=session)

    def create(self, view: View) -> None:
        self.queryleaf.execute(f"CREATE MATERIALIZED VIEW {view.name} AS {view.sql}")
        self.queryleaf.drain(_PATIENCE)

    def rows(self, view: View) -> list[Document]:
        return list(self.database[view.name].find({}, {"_id": 0}))

    def leftovers(self, view: View) -> str | None:
        (entry,) = self.database["_queryleaf.active"].find({"_id": view.name})
        state = self.database[f"_queryleaf.state.{entry['live']['uid']}"]
        at_first = stored_at_first(compiled(view, self.schema).dataflow, START)
        left = [each for each in state.find() if each["_id"] not in at_first]
        return str(left) if left else None

    def close(self) -> None:
        self.queryleaf.stop()
        self.client.drop_database(self.database.name)


def _update(before: Document, after: Document) -> dict[str, Any]:
    """Operators that make one document of the other; at least one, though it may change nothing."""
    gone = {name: "" for name in before if name not in after}
    put = {name: value for name, value in after.items() if name not in before or before[name] is not value}
    update: dict[str, Any] = {"$set": {name: value for name, value in put.items() if name != "_id"}}
    if gone:
        update["$unset"] = gone
    return {name: fields for name, fields in update.items() if fields} or {"$set": {"_id": after["_id"]}}
