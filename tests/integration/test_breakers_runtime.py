"""What broke a worker once: real SQL, real server, and somebody who means harm."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fake_program import sql
from pymongo import MongoClient
from pymongo.database import Database

from queryleaf_cdc import QueryLeaf
from queryleaf_cdc.mongo.catalog import Catalog

Db = Database[dict[str, Any]]


@pytest.fixture
def ql(client: MongoClient[dict[str, Any]], db: Db) -> Iterator[QueryLeaf]:
    leaf = QueryLeaf(client=client, database=db.name)
    yield leaf
    leaf.close()


def rows(db: Db, collection: str) -> list[dict[str, Any]]:
    return list(db[collection].find({}, {"_id": 0}).sort("$natural", 1))


def letters(db: Db) -> list[tuple[Any, ...]]:
    found = db["_queryleaf.dead_letters"].find().sort("resume_token._data", 1)
    return [(each["trigger"], each["code"], each["key"]["_id"]) for each in found]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# -- catching up -----------------------------------------------------------------------------------------------------

_COPY = "CREATE TRIGGER copy AFTER INSERT ON orders BEGIN INSERT INTO log (n) VALUES (NEW._id); END;"


@pytest.mark.parametrize(
    "interruption",
    ["PAUSE", "CREATE TRIGGER other AFTER INSERT ON others BEGIN INSERT INTO log (n) VALUES (-1); END;"],
)
def test_an_interrupted_catch_up_goes_on_where_it_was(ql: QueryLeaf, db: Db, interruption: str) -> None:
    ql.execute(_COPY)
    ql.pause("copy")
    db.orders.insert_many({"_id": i} for i in range(20_000))
    with ql:
        ql.drain()
        ql.resume("copy")
        until(lambda: db.log.estimated_document_count() > 0)
        if interruption == "PAUSE":
            ql.pause("copy")
            ql.resume("copy")
        else:
            ql.execute(interruption)
        ql.drain(20)
    assert db.log.count_documents({}) == 20_000


def test_a_poison_event_met_while_catching_up_leaves_a_letter(ql: QueryLeaf, db: Db) -> None:
    ql.execute("CREATE TRIGGER a AFTER UPDATE ON orders BEGIN INSERT INTO log (k, v) VALUES (NEW._id, OLD.v); END;")
    ql.pause("a")
    db.orders.insert_many([{"_id": 1, "v": 1}, {"_id": 2, "v": 1, "fill": "x" * 9_000_000}])
    for key in (1, 2, 1):
        db.orders.update_one({"_id": key}, {"$inc": {"v": 1}})
    with ql:
        ql.drain()
        ql.resume("a")
        ql.drain()
    assert rows(db, "log") == [{"k": 1, "v": 1}, {"k": 1, "v": 2}]
    assert letters(db) == [(None, "QL605", 2)]


# -- refused effects -------------------------------------------------------------------------------------------------


def test_a_write_that_is_refused_when_a_later_statement_reads(ql: QueryLeaf, db: Db) -> None:
    ql.execute(
        "CREATE TRIGGER a AFTER INSERT ON orders WITH (max_retries = 0) BEGIN "
        "DECLARE c INT; INSERT INTO log (_id) VALUES (NEW.k); SELECT COUNT(*) INTO c FROM log; END;"
    )
    with ql:
        db.orders.insert_many([{"_id": 1, "k": 1}, {"_id": 2, "k": 1}, {"_id": 3, "k": 2}])
        ql.drain()
    assert [row["_id"] for row in db.log.find()] == [1, 2]
    assert letters(db) == [("a", "QL602", 2)]


@pytest.mark.parametrize("body", ["INSERT INTO log (v) VALUES (ODD(NEW._id));", "CALL KEEP(ODD(NEW._id));"])
@pytest.mark.parametrize("odd", [2**70, {1, 2}, "\ud800", object()], ids=["long", "set", "surrogate", "object"])
def test_a_value_that_cannot_be_stored_is_blamed_on_its_event(ql: QueryLeaf, db: Db, body: str, odd: Any) -> None:
    kept = []
    ql.procedure("KEEP")(lambda value, change: kept.append(value))
    ql.function("ODD")(lambda key: odd if key == 2 else key)
    ql.execute(f"CREATE TRIGGER a AFTER INSERT ON orders WITH (max_retries = 0) BEGIN {body} END;")
    with ql:
        db.orders.insert_many([{"_id": 1}, {"_id": 2}, {"_id": 3}])
        ql.drain()
    assert [row["v"] for row in rows(db, "log")] + kept == [1, 3]
    assert letters(db) == [("a", "QL602", 2)]


@pytest.mark.parametrize("text", ["\ud800", "x" * 17_000_000], ids=["surrogate", "large"])
def test_an_error_message_that_cannot_be_stored(ql: QueryLeaf, db: Db, text: str) -> None:
    def fail(key: int) -> int:
        raise ValueError(text)

    ql.function("FAIL")(fail)
    ql.execute(
        "CREATE TRIGGER a AFTER INSERT ON orders WITH (on_error = 'dead_letter') BEGIN "
        "INSERT INTO log (v) VALUES (FAIL(NEW._id)); END;"
    )
    with ql:
        db.orders.insert_one({"_id": 1})
        ql.drain()
    assert letters(db) == [("a", "QL603", 1)]


# -- calls -----------------------------------------------------------------------------------------------------------


def test_calls_of_one_change_follow_the_order_of_the_triggers(ql: QueryLeaf, db: Db) -> None:
    called: list[str] = []
    ql.procedure("NOTE")(lambda name, change: called.append(name))
    for name in ("a", "a1", "a_"):
        ql.execute(f"CREATE TRIGGER {name} AFTER INSERT ON orders BEGIN CALL NOTE('{name}'); END;")
    with ql:
        db.orders.insert_one({})
        ql.drain()
    assert called == ["a", "a1", "a_"]


@pytest.mark.parametrize("error", [SystemExit(1), ValueError("\ud800")], ids=["exit", "surrogate"])
def test_a_procedure_cannot_end_the_delivery(ql: QueryLeaf, db: Db, error: BaseException) -> None:
    called = []

    @ql.procedure("NOTE")
    def note(key: int, *, change: Any) -> None:
        if key == 1 and change.attempt == 1:
            raise error
        called.append(key)

    ql.execute("CREATE TRIGGER a AFTER INSERT ON orders BEGIN CALL NOTE(NEW._id); END;")
    with ql:
        db.orders.insert_many([{"_id": 1}, {"_id": 2}])
        ql.drain()
    assert sorted(called) == [1, 2]


# -- batches ---------------------------------------------------------------------------------------------------------


def test_a_batch_that_takes_long_makes_the_next_ones_smaller(db: Db, catalog: Catalog, make_worker: Any) -> None:
    """Each commit is progress that a crash does not undo, and sets the locks free."""
    catalog.register("a", sql(on="orders", reads=1))
    db.orders.insert_many({"_id": i} for i in range(1000))
    worker = make_worker(target_batch_seconds=0.01)
    worker.drain()
    assert worker.metrics.transactions > 8
