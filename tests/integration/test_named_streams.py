"""CREATE VIEW over a stream: a name in the catalog, and nothing for a worker to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from bson import Timestamp
from pymongo.database import Database

from queryleaf_cdc import InputError, QueryLeaf
from queryleaf_cdc.mongo.catalog import Catalog
from queryleaf_cdc.mongo.positions import Position

Db = Database[dict[str, Any]]
VIEW = "CREATE VIEW paid AS SELECT _id FROM orders WHERE CHANGE_DETECTED() AND status = 'paid'"


@pytest.fixture
def ql(db: Db) -> Iterator[QueryLeaf]:
    each = QueryLeaf(client=db.client, database=db.name)
    yield each
    each.close()


def test_it_is_listed(ql: QueryLeaf) -> None:
    assert ql.execute(VIEW).status == "created"
    assert [(each.name, each.kind, each.sql) for each in ql.registered()] == [("paid", "view", VIEW)]


def test_its_name_is_taken(ql: QueryLeaf) -> None:
    ql.execute(VIEW)
    with pytest.raises(InputError, match="view paid exists"):
        ql.execute(VIEW)


def test_it_is_replaced(ql: QueryLeaf) -> None:
    ql.execute(VIEW)
    assert ql.apply(VIEW.replace("'paid'", "'sent'")) == [("paid", "replaced")]


def test_it_is_dropped(ql: QueryLeaf) -> None:
    ql.execute(VIEW)
    assert (ql.execute("DROP VIEW paid").status, ql.registered()) == ("dropped", [])


def test_another_kind_has_another_drop(ql: QueryLeaf) -> None:
    ql.execute(VIEW)
    with pytest.raises(InputError, match="did you mean DROP VIEW"):
        ql.execute("DROP MATERIALIZED VIEW paid")


def test_a_collection_of_its_name_is_warned_of(ql: QueryLeaf, db: Db) -> None:
    assert ql.compile(VIEW).diagnostics == ()
    db.paid.insert_one({"_id": 1})
    (found,) = ql.compile(VIEW).diagnostics
    assert (found.code, found.severity) == ("QL260", "warning")
    assert ql.execute(VIEW).status == "created"


def test_nothing_runs_for_it_that_could_lag(ql: QueryLeaf, db: Db) -> None:
    ql.execute(VIEW)
    ql.execute("CREATE SINK copies AS SELECT status FROM orders WHERE CHANGE_DETECTED() INTO order_copies")
    with ql:
        ql.drain()
    db["_queryleaf.checkpoint"].update_one({}, {"$set": {"position": Position(at=Timestamp(1, 1)).document()}})
    status = ql.status()
    assert (status["paid"]["lag_seconds"], status["copies"]["lag_seconds"] > 0) == (0.0, True)


def test_a_worker_goes_on_beside_it(ql: QueryLeaf, db: Db) -> None:
    ql.execute("CREATE SINK copies AS SELECT status FROM orders WHERE CHANGE_DETECTED() INTO order_copies")
    with ql:
        ql.execute(VIEW)
        db.orders.insert_one({"_id": 1, "status": "paid"})
        ql.drain()
        states = {name: each["state"] for name, each in ql.status().items()}
    assert (db.order_copies.count_documents({}), states) == (1, {"copies": "running", "paid": "running"})


@pytest.mark.parametrize("act", ["pause", "resume"])
def test_there_is_nothing_to_pause(ql: QueryLeaf, act: str) -> None:
    ql.execute(VIEW)
    with pytest.raises(InputError, match="QL417"):
        getattr(ql, act)("paid")


def test_replacing_goes_on_where_it_was_interrupted(ql: QueryLeaf, monkeypatch: pytest.MonkeyPatch) -> None:
    """What reads a stream is replaced after the stream, one by one; and not when nothing has changed."""
    names = ("CREATE VIEW late AS SELECT _id FROM paid;", "CREATE SINK a AS SELECT _id AS id FROM paid INTO x;\n")
    ql.execute(f"{VIEW};{''.join(names)} CREATE SINK b AS SELECT COUNT(*) OVER (ORDER BY _id) AS n FROM late INTO y")
    register = Catalog.register

    def fails(self: Catalog, name: str, sql: str, **options: Any) -> str:
        if name == "b":
            raise KeyboardInterrupt
        return register(self, name, sql, **options)

    other = VIEW.replace("CREATE", "CREATE OR REPLACE").replace("'paid'", "'sent'")
    monkeypatch.setattr(Catalog, "register", fails)
    with pytest.raises(KeyboardInterrupt):
        ql.execute(other)
    monkeypatch.undo()
    assert [each.name for each in ql.registered() if "'paid'" in each.sql] == ["b"]
    assert (ql.execute(other).status, ql.execute(other).status) == ("replaced", "unchanged")
    assert not [each.name for each in ql.registered() if "'paid'" in each.sql]
