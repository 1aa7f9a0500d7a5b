"""What triggers do while they run, fail, are paused, replaced and dropped."""

from __future__ import annotations

from typing import Any

import pytest
from fake_program import sql
from pymongo.database import Database

from queryleaf_cdc.errors import InputError
from queryleaf_cdc.mongo.catalog import Catalog, CatalogEntry
from queryleaf_cdc.runtime.worker import Worker

Db = Database[dict[str, Any]]


def keys(db: Db, collection: str = "log", **query: Any) -> list[Any]:
    return [row["key"] for row in db[collection].find({"key": {"$exists": True}, **query}).sort("$natural", 1)]


def letters(db: Db) -> list[dict[str, Any]]:
    return list(db["_queryleaf.dead_letters"].find().sort("resume_token._data", 1))


def test_registered_before_the_first_worker_nothing_is_missed(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("a", sql(on="orders"))
    db.orders.insert_many({"_id": i} for i in range(50))
    make_worker().drain()
    assert keys(db) == list(range(50))


def test_what_was_before_the_registration_fires_nothing(db: Db, catalog: Catalog, make_worker: Any) -> None:
    worker: Worker = make_worker()
    db.orders.insert_one({"_id": 1})
    catalog.register("a", sql(on="orders"))
    db.orders.insert_one({"_id": 2})
    worker.drain()
    assert keys(db) == [2]


def test_start_at_the_beginning_takes_what_the_oplog_has(db: Db, catalog: Catalog, make_worker: Any) -> None:
    worker: Worker = make_worker()
    db.orders.insert_many([{"_id": 1}, {"_id": 2}])
    catalog.register("a", sql(on="orders"), start="beginning")
    db.orders.insert_one({"_id": 3})
    worker.drain()
    assert keys(db) == [1, 2, 3]


def test_registering_tells_what_it_did(catalog: Catalog) -> None:
    text = sql(on="orders")
    assert catalog.register("a", text) == "created"
    assert catalog.register("a", text, or_replace=True) == "unchanged"
    assert catalog.register("a", sql(on="orders", tag=2), or_replace=True) == "replaced"
    assert catalog.register("a", text, if_not_exists=True) == "unchanged"
    with pytest.raises(InputError) as caught:
        catalog.register("a", text)
    assert caught.value.code == "QL410"


@pytest.mark.parametrize(("other", "said", "state"), [("pause", "replaced", "paused"), ("drop", "created", "running")])
def test_registering_while_somebody_else_changes_it(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, other: str, said: str, state: str
) -> None:
    """Neither change is lost."""
    catalog.register("a", sql(on="orders"))
    read = catalog.get

    def read_slowly(name: str) -> CatalogEntry | None:
        monkeypatch.undo()
        found = read(name)
        getattr(catalog, other)(name)
        return found

    monkeypatch.setattr(catalog, "get", read_slowly)
    assert catalog.register("a", sql(on="orders", tag=2), or_replace=True) == said
    assert [(each.sql, each.state) for each in catalog.list()] == [(sql(on="orders", tag=2), state)]


def test_replacing_takes_effect_between_two_events(db: Db, catalog: Catalog, make_worker: Any) -> None:
    """Without a worker at work: the point is that of the registration, not that of the start."""
    catalog.register("a", sql(on="orders", tag=1))
    db.orders.insert_many({"_id": i} for i in range(10))
    catalog.register("a", sql(on="orders", tag=2), or_replace=True)
    db.orders.insert_many({"_id": i} for i in range(10, 20))
    make_worker().drain()
    assert keys(db, tag=1) == list(range(10))
    assert keys(db, tag=2) == list(range(10, 20))


def test_dropping_takes_effect_between_two_events(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("a", sql(on="orders"))
    db.orders.insert_one({"_id": 1})
    assert catalog.drop("a")
    db.orders.insert_one({"_id": 2})
    worker: Worker = make_worker()
    worker.drain()
    assert keys(db) == [1]
    assert worker.status() == {}


def test_a_paused_trigger_holds_its_position(db: Db, catalog: Catalog, make_worker: Any) -> None:
    worker: Worker = make_worker()
    catalog.register("a", sql(on="orders", into="log_a"))
    catalog.register("b", sql(on="orders", into="log_b"))
    db.orders.insert_one({"_id": 1})
    catalog.pause("a")
    db.orders.insert_one({"_id": 2})
    worker.drain()
    assert (keys(db, "log_a"), keys(db, "log_b")) == ([1], [1, 2])
    assert worker.status()["a"]["state"] == "paused"
    catalog.resume("a")
    db.orders.insert_one({"_id": 3})
    worker.drain()
    assert (keys(db, "log_a"), keys(db, "log_b")) == ([1, 2, 3], [1, 2, 3])
    assert worker.status()["a"]["state"] == "running"


def test_a_held_position_survives_restarts(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("a", sql(on="orders"))
    catalog.pause("a")
    db.orders.insert_many({"_id": i} for i in range(5))
    for _ in range(2):
        worker: Worker = make_worker()
        worker.drain()
        worker.stop()
    catalog.resume("a")
    make_worker().drain()
    assert keys(db) == list(range(5))


@pytest.mark.parametrize("spec", [{"raises": [3]}, {"fails": [3], "on_error": "dead_letter"}, {"fails": [3]}])
@pytest.mark.parametrize("reads", [0, 1])
def test_a_failing_event_leaves_its_neighbours_alone(
    db: Db, catalog: Catalog, make_worker: Any, spec: dict[str, Any], reads: int
) -> None:
    catalog.register("bad", sql(on="orders", into="log_bad", reads=reads, **spec))
    catalog.register("good", sql(on="orders", into="log_good"))
    db.orders.insert_many({"_id": i} for i in range(6))
    make_worker().drain()
    assert keys(db, "log_bad") == [0, 1, 2, 4, 5]
    assert keys(db, "log_good") == list(range(6))
    [letter] = letters(db)
    assert (letter["trigger"], letter["collection"], letter["key"]) == ("bad", "orders", {"_id": 3})
    assert letter["operation"] == "INSERT"
    assert letter["attempts"] == (1 if "raises" in spec or "on_error" in spec else 3)
    assert letter["code"] == ("QL601" if "raises" in spec else "QL603")


def test_a_raise_names_its_statement(db: Db, catalog: Catalog, make_worker: Any) -> None:
    text = sql(on="orders", raises=[1])
    catalog.register("a", text)
    db.orders.insert_one({"_id": 1})
    worker: Worker = make_worker()
    worker.drain()
    assert letters(db)[0]["statement"] == {"start": 0, "end": 5, "text": text[:5]}
    assert worker.status()["a"]["dead_letters"] == 1


def test_a_refused_write_is_blamed_on_its_event(db: Db, catalog: Catalog, make_worker: Any) -> None:
    db.log_a.insert_one({"_id": "a:3"})
    catalog.register("a", sql(on="orders", into="log_a", once=True))
    db.orders.insert_many({"_id": i} for i in range(6))
    make_worker().drain()
    assert keys(db, "log_a") == [0, 1, 2, 4, 5]
    [letter] = letters(db)
    assert letter["code"] == "QL602"
    assert "duplicate key" in letter["error"]


def test_on_error_stop_holds_the_position_until_resumed(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("a", sql(on="orders", into="log_a", fails=[3], on_error="stop"))
    catalog.register("b", sql(on="orders", into="log_b"))
    db.orders.insert_many({"_id": i} for i in range(6))
    worker: Worker = make_worker()
    worker.drain()
    assert (keys(db, "log_a"), keys(db, "log_b")) == ([0, 1, 2], list(range(6)))
    status = worker.status()
    assert (status["a"]["state"], status["b"]["state"]) == ("failed", "running")
    assert "cannot work on 3" in status["a"]["reason"]
    catalog.register("a", sql(on="orders", into="log_a"), or_replace=True)
    worker.drain()
    assert keys(db, "log_a") == list(range(6))


def test_a_missing_image_stops_only_the_trigger_that_needs_it(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("needs", sql(on="orders", into="log_a", images=True))
    catalog.register("plain", sql(on="orders", into="log_b"))
    db.orders.insert_one({"_id": 1})
    db.orders.update_one({"_id": 1}, {"$set": {"x": 1}})
    worker: Worker = make_worker()
    worker.drain()
    assert (keys(db, "log_a"), keys(db, "log_b")) == ([1], [1, 1])
    assert worker.status()["needs"]["state"] == "failed"
    assert "QL607" in worker.status()["needs"]["reason"]


def test_registration_turns_images_on(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("needs", sql(on="orders", images=True), images=["orders", "fresh"])
    db.orders.insert_one({"_id": 1})
    db.orders.update_one({"_id": 1}, {"$set": {"x": 1}})
    make_worker().drain()
    assert keys(db) == [1, 1]
    assert db.fresh.options()["changeStreamPreAndPostImages"] == {"enabled": True}


def test_a_pipeline_that_the_server_rejects_stops_its_trigger(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("bad", sql(on="orders", stages=[{"$project": {"_id": 0}}]))
    catalog.register("good", sql(on="orders"))
    db.orders.insert_one({"_id": 1})
    worker: Worker = make_worker()
    worker.drain()
    assert keys(db) == [1]
    assert worker.status()["bad"]["state"] == "failed"


def test_a_trigger_that_does_not_compile_here_stops_alone(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("bad", "{}")
    catalog.register("good", sql(on="orders"))
    db.orders.insert_one({"_id": 1})
    worker: Worker = make_worker()
    worker.drain()
    assert keys(db) == [1]
    assert worker.status()["bad"]["state"] == "failed"


def test_an_endless_chain_ends_with_a_letter_that_shows_it(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("ping", sql(on="orders", into="log", depth=True))
    catalog.register("pong", sql(on="log", into="orders", depth=True))
    worker: Worker = make_worker()
    db.orders.insert_one({"_id": 1})
    worker.drain(20)
    assert sorted(row.get("depth", 0) for row in db.log.find()) == list(range(0, 17, 2))
    [letter] = letters(db)
    assert letter["code"] == "QL608"
    assert letter["error"].count("ping → pong") == 8
