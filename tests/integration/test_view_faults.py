"""When the ground moves under a materialized view: it is marked, and built again by itself, or stopped."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from nursery import nursery
from pymongo import MongoClient
from pymongo.database import Database
from views import QUICK, TOTALS, QuickLeaf, change, expected_totals, leftovers, state, totals, wait_for, writing

from queryleaf_cdc.dataflow import join_rules
from queryleaf_cdc.mongo.embedded import start_embedded
from queryleaf_cdc.mongo.faults import BatchRefused, Unreachable
from queryleaf_cdc.mongo.view_state import swap
from queryleaf_cdc.runtime import view_work

Db = Database[dict[str, Any]]

STOPPING = TOTALS.replace(" AS SELECT", " WITH (on_error = 'stop') AS SELECT", 1)


@pytest.fixture
def ql(db: Db) -> Iterator[QuickLeaf]:
    db.orders.insert_many({"_id": n, "c": n % 7, "v": n} for n in range(200))
    each = QuickLeaf(client=db.client, database=db.name)
    yield each
    each.close()


@pytest.fixture
def said(db: Db) -> Iterator[set[str]]:
    """What a view's entry says of its trouble, as the worker writes it."""
    found: set[str] = set()
    stop, ready = threading.Event(), threading.Event()

    def watch() -> None:
        with db["_queryleaf.active"].watch() as stream:
            ready.set()
            while not stop.is_set() and stream.alive:
                event = stream.try_next()
                if event is not None and (event.get("fullDocument") or {}).get("reason"):
                    found.add(event["fullDocument"]["reason"])

    thread = threading.Thread(target=watch)
    thread.start()
    assert ready.wait(5)
    yield found
    stop.set()
    thread.join()


def is_right(ql: QuickLeaf, db: Db) -> bool:
    ql.drain(20)
    assert (state(ql), ql.status()["totals"]["reason"]) == ("running", None)
    assert totals(db) == expected_totals(db)
    return not leftovers(db)


# -- sources ----------------------------------------------------------------------------------------------------------


def test_a_dropped_source_gives_the_empty_view(ql: QuickLeaf, db: Db, said: set[str]) -> None:
    ql.execute(TOTALS)
    with ql:
        ql.drain()
        db.orders.drop()
        wait_for(lambda: totals(db) == {})
        assert is_right(ql, db)
        wait_for(lambda: any(each.startswith("QL611") for each in said))
        db.orders.insert_one({"_id": 1, "c": 1, "v": 1})
        db.orders.update_one({"_id": 1}, {"$inc": {"v": 1}})
        assert is_right(ql, db)


def test_a_source_that_is_renamed_away_and_another_that_takes_its_place(ql: QuickLeaf, db: Db) -> None:
    ql.execute(TOTALS)
    with ql:
        ql.drain()
        db.orders.rename("old_orders")
        db.fresh.insert_many({"_id": n, "c": n, "v": 1} for n in range(5))
        assert is_right(ql, db)
        db.fresh.rename("orders", dropTarget=True)
        wait_for(lambda: len(totals(db)) == 5)
        assert is_right(ql, db)


def test_it_is_dropped_while_no_worker_runs(ql: QuickLeaf, db: Db) -> None:
    ql.execute(TOTALS)
    with ql:
        ql.drain()
    db.orders.drop()
    db.orders.insert_one({"_id": 1, "c": 1, "v": 1})
    with ql:
        assert is_right(ql, db)


def test_it_is_dropped_while_the_view_is_built(ql: QuickLeaf, db: Db) -> None:
    ql.limits = dataclasses.replace(QUICK, piece_rows=5)
    ql.execute(TOTALS)
    with ql:
        wait_for(lambda: (ql.status()["totals"]["progress"] or {}).get("rows", 0) > 20)
        db.orders.drop()
        db.orders.insert_one({"_id": 100, "c": 1, "v": 1})
        assert is_right(ql, db)


def test_images_that_are_switched_off_are_switched_on_again(ql: QuickLeaf, db: Db, said: set[str]) -> None:
    ql.execute(TOTALS)
    with ql:
        ql.drain()
        db.command("collMod", "orders", changeStreamPreAndPostImages={"enabled": False})
        db.orders.update_one({"_id": 1}, {"$set": {"c": 3}})
        assert is_right(ql, db)
        assert any(each.startswith("QL607") for each in said)
        db.orders.update_one({"_id": 1}, {"$set": {"c": 4}})
        assert is_right(ql, db)


def test_a_document_that_cannot_be_decoded(ql: QuickLeaf, db: Db) -> None:
    ql.execute(TOTALS)
    with ql:
        ql.drain()
        broken = bson.encode({"_id": 1000, "c": "abc", "v": 1}).replace(b"abc", b"a\xffc")
        db.command({"insert": "orders", "documents": [RawBSONDocument(broken)]})
        wait_for(lambda: state(ql) in ("rebuilding", "failed"))
        db.orders.delete_one({"_id": 1000})
        wait_for(lambda: state(ql) in ("running", "failed"))
        if state(ql) == "failed":
            ql.execute("REFRESH MATERIALIZED VIEW totals")
        assert is_right(ql, db)


def test_a_change_over_16_mb(ql: QuickLeaf, db: Db, said: set[str]) -> None:
    db.orders.insert_one({"_id": 1000, "c": 1, "v": 1, "text": "x" * 9_000_000})
    ql.execute(TOTALS)
    with ql:
        ql.drain(20)
        db.orders.update_one({"_id": 1000}, {"$set": {"text": "y" * 9_000_000, "c": 2}})
        db.orders.update_one({"_id": 1}, {"$set": {"c": 2}})
        ql.drain(30)
        assert is_right(ql, db)
        assert said and all(each.startswith("QL605") for each in said)


# -- what is ours -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["row removed", "row in the way", "state removed", "target dropped"])
def test_tampering(ql: QuickLeaf, db: Db, how: str) -> None:
    ql.execute(TOTALS)
    with ql:
        ql.drain()
        [uid] = [each["live"]["uid"] for each in db["_queryleaf.active"].find()]
        if how == "row removed":
            db.totals.delete_one({"c": 1})
        elif how == "row in the way":
            db.totals.insert_one({"_id": 77, "c": 77})
            db.orders.insert_one({"_id": 5000, "c": 77, "v": 1})
        elif how == "state removed":
            db[f"_queryleaf.state.{uid}"].delete_many({})
        else:
            db.totals.drop()
        db.orders.update_one({"_id": 1}, {"$inc": {"v": 1}})
        assert is_right(ql, db)


def test_another_writer_of_a_row_only_costs_time(ql: QuickLeaf, db: Db) -> None:
    ql.execute(TOTALS)
    with ql:
        ql.drain()
        with writing(db, keys=200):
            for n in range(200):
                db.totals.update_one({"c": 1}, {"$set": {"other": n}})
        ql.drain()
        db.orders.update_many({}, {"$inc": {"v": 1}})
        ql.drain()
        assert totals(db) == expected_totals(db)


def test_a_function_that_raises(ql: QuickLeaf, db: Db) -> None:
    broken = {150}

    @ql.function("CHECKED", repeatable=True)
    def checked(value: int) -> int:
        if value in broken:
            raise ValueError(f"no {value}")
        return value

    ql.execute("CREATE MATERIALIZED VIEW totals AS SELECT c, COUNT(*) AS n, SUM(CHECKED(v)) AS s, AVG(v) AS a FROM orders GROUP BY c")  # noqa: E501  # fmt: skip
    with ql:
        wait_for(lambda: state(ql) == "failed", 30)
        assert "no 150" in ql.status()["totals"]["reason"]
        broken.clear()
        ql.resume("totals")
        assert is_right(ql, db)
        broken.add(1000)
        db.orders.insert_one({"_id": 1000, "c": 1, "v": 1000})
        wait_for(lambda: state(ql) != "running")
        db.orders.delete_one({"_id": 1000})
        assert is_right(ql, db)


# -- views that read views ---------------------------------------------------------------------------------------------

ALL = "CREATE OR REPLACE MATERIALIZED VIEW base AS SELECT _id AS k, v FROM orders"
SUMS = "CREATE MATERIALIZED VIEW totals AS SELECT COUNT(*) AS n, SUM(v) AS s FROM base"


def sums(db: Db) -> tuple[int, int]:
    [row] = db.totals.find()
    return row["n"], row["s"]


def test_what_a_view_reads_is_replaced_while_it_is_built(ql: QuickLeaf, db: Db) -> None:
    """What it has copied of the old rows is worth nothing."""
    ql.limits = dataclasses.replace(QUICK, first_piece_rows=5, piece_rows=5)
    ql.execute(ALL)
    with ql:
        ql.drain(30)
        ql.execute(SUMS)
        wait_for(lambda: (ql.status()["totals"]["progress"] or {}).get("rows", 0) > 20)
        ql.execute(f"{ALL} WHERE v % 2 = 0")
        ql.drain(30)
        assert sums(db) == (100, sum(range(0, 200, 2)))
        assert leftovers(db) == set()


@pytest.mark.parametrize("trouble", ["refresh", "position"])
def test_a_paused_view_stays_as_it_is(ql: QuickLeaf, db: Db, trouble: str) -> None:
    """Whatever happens to what it reads."""
    ql.execute(f"{ALL}; {SUMS}")
    with ql:
        ql.drain()
        ql.pause("totals")
        db.orders.delete_many({"c": 1})
        ql.drain()
    if trouble == "position":
        db["_queryleaf.checkpoint"].drop()
    with ql:
        ql.execute("REFRESH MATERIALIZED VIEW base")
        ql.drain()
        assert (state(ql), sums(db)) == ("paused", (200, sum(range(200))))
        assert db["_queryleaf.active"].find_one({"_id": "totals"})["state"] == "paused"  # type: ignore[index]
        ql.resume("totals")
        ql.drain()
        assert sums(db) == (len(kept := [n for n in range(200) if n % 7 != 1]), sum(kept))
        assert leftovers(db) == set()


def test_a_view_of_one_that_cannot_be_built(ql: QuickLeaf, db: Db) -> None:
    """It says what it waits for, and nobody else waits for it."""
    works: set[bool] = set()

    @ql.function("SHAKY", repeatable=True)
    def shaky(value: int) -> int:
        if not works:
            raise ValueError("not yet")
        return value

    ql.execute(f"{ALL.replace('v FROM', 'SHAKY(v) AS v FROM')}; {SUMS}")
    with ql:
        wait_for(lambda: state(ql, "base") == "failed")
        db.orders.insert_one({"_id": 1000, "c": 1, "v": 1000})
        ql.drain()
        assert (state(ql), ql.status()["totals"]["reason"]) == ("backfilling", "it waits for base (failed)")
        works.add(True)
        ql.execute("REFRESH MATERIALIZED VIEW base")
        ql.drain()
        assert (state(ql), sums(db)) == ("running", (201, sum(range(200)) + 1000))


# -- what is not ours -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows_to_come", [0, 20])
def test_a_name_is_free_when_its_view_is_dropped(ql: QuickLeaf, db: Db, rows_to_come: int) -> None:
    """Also when the worker hears of it later: then somebody else's documents lie there."""
    ql.execute(TOTALS)
    with ql:
        ql.drain()
    if rows_to_come:
        db.orders.insert_many({"_id": n, "c": n, "v": n} for n in range(300, 300 + rows_to_come))
    ql.execute("DROP MATERIALIZED VIEW totals")
    db.totals.insert_one({"precious": True})
    with ql:
        ql.drain()
        assert [each.get("precious") for each in db.totals.find()] == [True]
        assert leftovers(db) == set()


def test_a_target_that_somebody_takes_while_the_view_is_built(ql: QuickLeaf, db: Db) -> None:
    ql.limits = dataclasses.replace(QUICK, first_piece_rows=5, piece_rows=5)
    ql.execute(TOTALS)
    with ql:
        wait_for(lambda: (ql.status()["totals"]["progress"] or {}).get("rows", 0) > 20)
        db.totals.insert_one({"precious": True})
        wait_for(lambda: state(ql) == "failed")
        assert ql.status()["totals"]["reason"].startswith("QL412: totals exists")
        assert db.totals.count_documents({"precious": True}) == 1
        db.totals.drop()
        ql.execute("REFRESH MATERIALIZED VIEW totals")
        assert is_right(ql, db)
        ql.execute("DROP MATERIALIZED VIEW totals")
        db.totals.insert_one({"precious": True})
        ql.drain()
        assert db.totals.count_documents({}) == 1


def test_dropping_the_catalog_drops_the_views(ql: QuickLeaf, db: Db) -> None:
    ql.execute(TOTALS)
    with ql:
        ql.drain()
        db["_queryleaf.catalog"].drop()
        wait_for(lambda: "totals" not in db.list_collection_names() and not leftovers(db))
        ql.execute(TOTALS)
        assert is_right(ql, db)


# -- on_error = 'stop' ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alone", [True, False])
def test_too_much_goes_at_once_by_the_clock(
    ql: QuickLeaf, db: Db, said: set[str], monkeypatch: pytest.MonkeyPatch, alone: bool
) -> None:
    """With the time alone, or in one transaction with a change of something else."""
    monkeypatch.setattr(join_rules, "_MAX_PAIRS", 2)
    if not alone:
        monkeypatch.setattr(view_work.ViewWork, "_tick", lambda self: None)
    db.names.insert_one({"_id": 1, "k": 1})
    ql.execute("""CREATE MATERIALIZED VIEW recent AS
        SELECT o.n, names.k FROM names JOIN
        (SELECT n, k FROM offers WHERE until >= CURRENT_TIMESTAMP) o ON names.k = o.k""")
    ql.execute(TOTALS)
    with ql:
        ql.drain(30)
        until = datetime.now(UTC) + timedelta(seconds=1.5)
        db.offers.insert_many({"_id": n, "n": n, "k": 1, "until": until} for n in range(3))
        ql.drain(30)
        assert db.recent.count_documents({}) == 3
        time.sleep(1.7)
        db.orders.insert_one({"_id": 1000, "c": 1, "v": 1})
        wait_for(lambda: db.recent.count_documents({}) == 0)
        ql.drain(30)
        assert totals(db) == expected_totals(db)
        assert {state(ql, name) for name in ("recent", "totals")} == {"running"}
    assert any(reason.startswith("QL606") for reason in said)


def test_an_index_that_order_by_makes_already(ql: QuickLeaf, db: Db) -> None:
    ql.execute("CREATE MATERIALIZED VIEW v WITH (index = 'c; c; _id, c') AS SELECT c FROM orders ORDER BY c")
    with ql:
        ql.drain(30)
    assert sorted(db.v.index_information()) == ["_id_", "_id_1_c_1", "c_1"]


def test_collections_that_the_server_refuses_end_no_worker(
    ql: QuickLeaf, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does without the privilege to create an index."""
    create = view_work.create_collections

    def refuse(database: Db, uid: str, indexes: Any) -> None:
        if indexes:
            raise BatchRefused("not authorized")
        create(database, uid, indexes)

    monkeypatch.setattr(view_work, "create_collections", refuse)
    ql.execute("CREATE MATERIALIZED VIEW v WITH (index = 'c') AS SELECT c FROM orders")
    ql.execute(TOTALS)
    with ql:
        wait_for(lambda: state(ql, "v") == "failed")
        assert ql.status()["v"]["reason"].startswith("QL602: ")
        ql.drain(30)
        assert totals(db) == expected_totals(db)
        monkeypatch.setattr(view_work, "create_collections", create)
        ql.execute("REFRESH MATERIALIZED VIEW v")
        ql.drain(30)
        assert state(ql, "v") == "running"


def test_a_view_that_stops_says_why(ql: QuickLeaf, db: Db) -> None:
    ql.execute(STOPPING)
    with ql:
        ql.drain()
        before = totals(db)
        db.orders.drop()
        wait_for(lambda: state(ql) == "stopped")
        assert ql.status()["totals"]["reason"].startswith("QL611")
        assert totals(db) == before
        ql.drain()
        ql.execute("REFRESH MATERIALIZED VIEW totals")
        assert is_right(ql, db)


# -- positions and workers --------------------------------------------------------------------------------------------


def test_a_lost_position_rebuilds_the_views() -> None:
    """What was registered, replaced and dropped in what is lost, is known from the catalog."""
    note = "CREATE TRIGGER {0} AFTER INSERT ON orders BEGIN INSERT INTO {0}_log (k) VALUES (NEW._id); END"
    with start_embedded(oplog_mb=1, extra_args=("--syncdelay=1",)) as uri, MongoClient[Any](uri) as client:
        db = client.shop
        db.orders.insert_many({"_id": n, "c": n % 7, "v": n} for n in range(200))
        ql = QuickLeaf(client=client, database="shop")
        ql.execute(TOTALS)
        ql.execute("; ".join(TOTALS.replace("totals", each, 1) for each in ("paused", "replaced", "dropped")))
        ql.execute("; ".join(note.format(each) for each in ("kept", "gone")))
        with ql:
            ql.drain()
            ql.pause("paused")
            ql.drain()
        db.orders.delete_many({"c": 1})
        ql.execute("DROP MATERIALIZED VIEW dropped; DROP TRIGGER gone")
        ql.execute("CREATE OR REPLACE MATERIALIZED VIEW replaced AS SELECT COUNT(*) AS n FROM orders")
        ql.execute(TOTALS.replace("totals", "created", 1))
        held = db["_queryleaf.checkpoint"].find_one()["position"]["token"]  # type: ignore[index]
        deadline = time.monotonic() + 60
        while _can_resume(db, held) and time.monotonic() < deadline:
            db.filler.insert_many({"text": "x" * 500_000} for _ in range(20))
            db.filler.delete_many({})
            time.sleep(0.2)
        with ql:
            assert is_right(ql, db)
            assert totals(db, "created") == expected_totals(db)
            assert [each["n"] for each in db.replaced.find()] == [db.orders.count_documents({})]
            assert (state(ql, "paused"), db.paused.count_documents({})) == ("paused", 7)
            assert sorted(ql.status()) == ["created", "kept", "paused", "replaced", "totals"]
            assert (state(ql, "kept"), db.dropped.count_documents({})) == ("failed", 0)
            db.orders.insert_one({"_id": 1000, "c": 1, "v": 1})
            ql.drain()
            assert db.gone_log.count_documents({}) == 0
        ql.close()


def _can_resume(db: Db, token: dict[str, Any]) -> bool:
    from pymongo.errors import OperationFailure

    try:
        with db.watch(start_after=token):
            return True
    except OperationFailure:
        return False


_WORKER = """
import sys
sys.path.insert(0, sys.argv[3])
import dataclasses
from views import QUICK, QuickLeaf
ql = QuickLeaf(sys.argv[1], sys.argv[2])
ql.limits = dataclasses.replace(QUICK, max_batch_events=10, piece_rows=30, lease_seconds=30, standby_poll_seconds=0.02)
ql.run()
"""


def test_killed_at_fifty_moments(mongo_uri: str, ql: QuickLeaf, db: Db) -> None:
    """While views are built, kept, refreshed and replaced; others write all the time."""
    chance = random.Random(20261123)
    over = "CREATE MATERIALIZED VIEW sizes AS SELECT n, COUNT(*) AS k FROM totals GROUP BY n"
    ql.execute(f"{TOTALS}; {over}")
    with nursery(_WORKER, mongo_uri, db.name, str(Path(__file__).parent)) as workers, writing(db, keys=200):
        workers.start()
        for moment in range(50):
            workers.start()
            victim = workers.at_work(db)
            time.sleep(chance.uniform(0.0, 0.3))
            if moment % 4 == 1:
                ql.execute("REFRESH MATERIALIZED VIEW totals")
            workers.end(victim)
    checkpoint = db["_queryleaf.checkpoint"].find_one()
    assert checkpoint is not None
    assert checkpoint["seq"] >= 50
    with ql:
        ql.drain(60)
        assert totals(db) == expected_totals(db)
        counts = [count for count, _, _ in expected_totals(db).values()]
        assert {each["n"]: each["k"] for each in db.sizes.find()} == {n: counts.count(n) for n in counts}
        assert leftovers(db) == set()
        db.orders.delete_many({})
        ql.drain(30)
        assert all(db[name].count_documents({}) == 0 for name in db.list_collection_names() if ".state." in name)


def test_a_run_that_takes_longer_than_the_lease(ql: QuickLeaf, db: Db) -> None:
    """Another worker waits, and does not take it over: it would only begin it again."""
    second = QuickLeaf(client=db.client, database=db.name)
    for each in (ql, second):
        each.limits = dataclasses.replace(QUICK, lease_seconds=0.6)
        each.function("SLOWLY", repeatable=True)(lambda value: (time.sleep(0.01), value)[1])
    ql.execute(TOTALS.replace("SUM(v)", "SUM(SLOWLY(v))"))
    with ql, second:
        wait_for(lambda: totals(db) == expected_totals(db))
        db.orders.update_many({}, {"$inc": {"v": 1}})
        wait_for(lambda: totals(db) == expected_totals(db))
        assert sorted([ql.worker.state, second.worker.state]) == ["running", "standby"]
    second.close()


def test_workers_take_turns(ql: QuickLeaf, db: Db) -> None:
    """The lease is taken away from whoever has it, in the middle of its work."""
    second = QuickLeaf(client=db.client, database=db.name)
    ql.limits = second.limits = dataclasses.replace(QUICK, piece_rows=10, max_batch_events=3)
    ql.execute(TOTALS)
    chance = random.Random(7)
    with ql, second:
        for _ in range(8):
            for _ in range(30):
                change(db, chance, 200)
            taken = {"$set": {"released": True}, "$inc": {"seq": 1}}
            db["_queryleaf.checkpoint"].update_one({"_id": "stream"}, taken)
            time.sleep(0.1)
        wait_for(lambda: totals(db) == expected_totals(db) and state(ql) == "running" and not leftovers(db))
        time.sleep(0.3)
        assert totals(db) == expected_totals(db)
    second.close()


# -- the server goes away in the middle --------------------------------------------------------------------------------


def test_the_answer_to_a_swap_is_lost(ql: QuickLeaf, db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    """It happened, but the worker does not know. What is written meanwhile must wait until that is clear."""
    lost: list[str] = []

    def swap_and_lose(database: Db, uid: str, target: str) -> None:
        swap(database, uid, target)
        if not lost:
            lost.append(uid)
            db.orders.insert_one({"_id": 1000, "c": 1000, "v": 1})
            time.sleep(0.3)
            raise Unreachable("connection closed")

    monkeypatch.setattr(view_work, "swap", swap_and_lose)
    ql.execute(TOTALS)
    with ql:
        wait_for(lambda: lost)
        assert is_right(ql, db)


def test_the_checkpoint_is_dropped(ql: QuickLeaf, db: Db) -> None:
    """As errors advise to give a position up: then the stream begins with what the views have already."""
    ql.execute(TOTALS)
    with ql:
        ql.drain()
        for n in range(100):
            db.orders.update_one({"_id": n}, {"$inc": {"v": 1}})
        ql.drain()
    db["_queryleaf.checkpoint"].drop()
    with ql:
        assert is_right(ql, db)
