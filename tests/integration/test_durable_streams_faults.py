"""Durable streams when things go wrong: batches that are cut, streams that are replaced, a server that goes away."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from pymongo.database import Database
from views import QUICK, QuickLeaf, wait_for

from queryleaf_cdc.mongo.change_source import ChangeBatch, ChangeSource, StreamFault
from queryleaf_cdc.mongo.faults import BatchTooLarge, Todo, Unreachable
from queryleaf_cdc.mongo.view_state import MongoStateStore
from queryleaf_cdc.mongo.write_buffer import WriteBuffer
from queryleaf_cdc.runtime import flow_work

Db = Database[dict[str, Any]]

READINGS = "CREATE VIEW readings AS SELECT _id AS n, k, CHANGE_TIMESTAMP() AS at FROM source WHERE CHANGE_DETECTED()"
WINDOWS = (
    "CREATE SINK windows AS SELECT COUNT(*) AS n FROM readings "
    "GROUP BY TUMBLE(at, INTERVAL '100 milliseconds') INTO tenths"
)


@pytest.fixture
def ql(db: Db) -> Iterator[QuickLeaf]:
    each = QuickLeaf(client=db.client, database=db.name)
    yield each
    each.close()


def counted(db: Db) -> int:
    return sum(each["n"] for each in db.tenths.find())


def test_the_first_half_of_a_batch_knows_nothing_of_the_time_of_the_second(ql: QuickLeaf, db: Db) -> None:
    """One trigger fails in the middle of a batch: it is cut there."""
    body = "IF NEW._id = 1 THEN INSERT INTO log (_id) VALUES (1); END IF"
    ql.execute(
        f"{READINGS}; {WINDOWS}; CREATE TRIGGER t AFTER INSERT ON source WITH (max_retries = 1) BEGIN {body}; END"
    )
    db.log.insert_one({"_id": 1})
    pause = threading.Event()
    for n in range(10):
        db.source.insert_one({"_id": n, "k": 0})
        pause.wait(0.2)
    with ql:
        ql.drain()
        db.source.insert_one({"_id": 10, "k": 0})
        wait_for(lambda: counted(db) >= 11, 5)
    assert counted(db) == 11


def test_windows_end_while_others_write_all_the_time(ql: QuickLeaf, db: Db) -> None:
    ql.execute(f"{READINGS}; {WINDOWS}")
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.002):
            db.elsewhere.insert_one({})

    neighbour = threading.Thread(target=write)
    with ql:
        neighbour.start()
        try:
            db.source.insert_one({"k": 0})
            wait_for(lambda: counted(db) == 1, 6)
        finally:
            stop.set()
            neighbour.join()


def test_no_idempotency_key_comes_again_for_another_row(ql: QuickLeaf, db: Db) -> None:
    keys: list[str] = []
    ql.procedure("TELL")(lambda row, *, change: keys.append(change.idempotency_key))
    counts = "SINK counts AS SELECT k, COUNT(*) AS n FROM readings GROUP BY k EMIT CHANGES INTO PROCEDURE tell"
    ql.execute(f"{READINGS}; CREATE {counts}")
    with ql:
        db.source.insert_many([{"k": 0} for _ in range(3)])
        ql.drain()
        ql.execute("CREATE OR REPLACE " + counts.replace("AS n", "AS m"))
        db.source.insert_many([{"k": 0} for _ in range(3)])
        ql.drain()
    assert (len(keys), len(set(keys))) == (6, 6)


def test_a_server_that_does_not_answer_when_asked_what_comes_next(
    ql: QuickLeaf, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    ql.execute(f"{READINGS}; {WINDOWS}")
    with ql:
        db.source.insert_one({"k": 0})
        ql.drain()
    load, failures = MongoStateStore.load, iter(range(4))

    def failing(self: MongoStateStore, ids: Sequence[bytes]) -> Mapping[bytes, dict[str, Any]]:
        if next(failures, None) is not None:
            raise Unreachable("not now")
        return load(self, ids)

    monkeypatch.setattr(MongoStateStore, "load", failing)
    with ql:
        wait_for(lambda: counted(db) == 1)
        ql.drain()
    assert next(failures, None) is None


def test_who_is_to_blame_for_what_comes_with_the_time(ql: QuickLeaf, db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event that tells the time is of another collection, and harmless."""
    body = "INSERT INTO log (_id) VALUES (NEW._id)"
    ql.execute(f"{READINGS}; {WINDOWS}; CREATE TRIGGER t AFTER INSERT ON other BEGIN {body}; END")
    send = WriteBuffer._send

    def sent(self: WriteBuffer, verb: int, collection: str, indexes: list[int]) -> None:
        if collection == "tenths":
            raise BatchTooLarge("it does not fit")
        send(self, verb, collection, indexes)

    monkeypatch.setattr(WriteBuffer, "_send", sent)
    db.source.insert_one({"k": 0})
    threading.Event().wait(1.2)
    db.other.insert_one({"_id": 1})
    with ql:
        ql.drain()
        status = ql.status()
    assert (status["windows"]["state"], status["t"]["dead_letters"], status["t"]["state"]) == ("failed", 0, "running")
    assert [each["_id"] for each in db.log.find()] == [1]


def test_a_position_that_was_lost_while_a_sink_was_paused(
    ql: QuickLeaf, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins anew: what it remembers is of before the gap."""
    numbers = "SELECT n, COUNT(*) OVER (ORDER BY at ROWS UNBOUNDED PRECEDING) AS nth FROM readings"
    ql.execute(f"{READINGS}; CREATE SINK nths AS {numbers} INTO numbered")
    with ql:
        db.source.insert_many([{"_id": n} for n in range(5)])
        ql.drain()
        ql.pause("nths")
        ql.drain()
        held = db["_queryleaf.active"].find_one({"_id": "nths"})
    assert held is not None
    next_batch = ChangeSource.next_batch

    def lost(self: ChangeSource) -> ChangeBatch:
        if self.position.token == held["held_at"]["token"]:
            raise StreamFault(Todo.POSITION_LOST, Exception("the oplog does not reach back"))
        return next_batch(self)

    with ql:
        db.source.insert_one({"_id": 5})
        ql.drain()
        monkeypatch.setattr(ChangeSource, "next_batch", lost)
        ql.resume("nths")
        wait_for(lambda: "QL509" in (ql.status()["nths"]["reason"] or ""))
        ql.resume("nths")
        ql.drain()
        db.source.insert_one({"_id": 6})
        ql.drain()
    assert [(each["n"], each["nth"]) for each in db.numbered.find().sort("_id", 1)][5:] == [(6, 1)]


def test_a_worker_that_is_behind_takes_each_definition_for_its_time(ql: QuickLeaf, db: Db) -> None:
    kept = (
        "SINK kept AS SELECT n, COUNT(*) OVER (ORDER BY at ROWS UNBOUNDED PRECEDING) AS {} FROM readings INTO numbered"
    )
    ql.execute(f"{READINGS}; {WINDOWS}; CREATE TRIGGER t AFTER INSERT ON other BEGIN DELETE FROM log; END")
    with ql:
        ql.drain()
    db.source.insert_one({"_id": 0})
    ql.execute(f"CREATE {kept.format('first')}")
    db.source.insert_one({"_id": 1})
    ql.execute(f"CREATE OR REPLACE {kept.format('second')}")
    db.source.insert_one({"_id": 2})
    ql.execute("DROP SINK kept")
    db.source.insert_one({"_id": 3})
    ql.execute(f"CREATE {kept.format('third')}")
    db.source.insert_one({"_id": 4})
    with ql:
        ql.drain()
    found = list(db.numbered.find({}, {"_id": 0}).sort("_id", 1))
    assert found == [{"n": 1, "first": 1}, {"n": 2, "second": 1}, {"n": 4, "third": 1}]


def test_what_a_resumed_sink_writes_has_come_to_its_readers_when_all_is_drained(ql: QuickLeaf, db: Db) -> None:
    ql.execute(f"{READINGS}; CREATE SINK first AS SELECT n FROM readings INTO hop_1")
    numbers = "COUNT(*) OVER (ORDER BY CHANGE_TIMESTAMP() ROWS UNBOUNDED PRECEDING) AS nth"
    ql.execute(f"CREATE SINK second AS SELECT n, {numbers} FROM hop_1 WHERE CHANGE_DETECTED() INTO hop_2")
    with ql:
        ql.pause("first")
        ql.drain()
        db.source.insert_many([{} for _ in range(300)])
        ql.drain()
        ql.resume("first")
        ql.drain()
        assert db.hop_2.count_documents({}) == 300


def test_a_worker_that_was_frozen_cannot_drop_what_its_successor_remembers(
    ql: QuickLeaf, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The successor has a definition again that was there before."""
    numbers = (
        "CREATE SINK nths AS SELECT n, COUNT(*) OVER (ORDER BY at) AS nth FROM readings WHERE k = {} INTO numbered"
    )
    ql.limits = dataclasses.replace(QUICK, lease_seconds=0.5)
    ql.execute(f"{READINGS}; {numbers.format(0)}")
    successor = QuickLeaf(client=db.client, database=db.name)
    frozen, thawed, dropped = threading.Event(), threading.Event(), threading.Event()
    drop = flow_work.drop_collections

    def slowly(database: Db, collections: Sequence[str]) -> None:
        if frozen.is_set():
            drop(database, collections)
            return
        frozen.set()
        assert thawed.wait(30)
        drop(database, collections)
        dropped.set()

    with ql:
        db.source.insert_one({"k": 0})
        ql.drain()
        monkeypatch.setattr(flow_work, "drop_collections", slowly)
        ql.apply(numbers.format(1))
        assert frozen.wait(10)
        with successor:
            wait_for(lambda: successor.worker.state == "running")
            successor.apply(numbers.format(0))
            db.source.insert_many([{"k": 0} for _ in range(3)])
            successor.drain()
            thawed.set()
            assert dropped.wait(10)
            wait_for(lambda: ql.worker.state == "standby")
        ql.drain()
        db.source.insert_one({"k": 0})
        ql.drain()
        states = ql.status()["nths"]["state"]
    successor.close()
    assert ([each["nth"] for each in db.numbered.find().sort("_id", 1)], states) == ([1, 1, 2, 3, 4], "running")
