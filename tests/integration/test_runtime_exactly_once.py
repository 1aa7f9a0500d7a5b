"""Effects happen once: under SIGKILL, with two workers, and against a zombie."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_program import build_fake, sql
from nursery import nursery
from pymongo import MongoClient
from pymongo.database import Database

from queryleaf_cdc.mongo.catalog import Catalog
from queryleaf_cdc.mongo.checkpoint import CheckpointStore
from queryleaf_cdc.mongo.deployment import ensure_internal_collections
from queryleaf_cdc.mongo.faults import Conflict, Fenced
from queryleaf_cdc.mongo.transaction import BatchTransaction
from queryleaf_cdc.mongo.worker_identity import this_process
from queryleaf_cdc.mongo.write_buffer import WriteBuffer
from queryleaf_cdc.runtime.worker import Worker

Db = Database[dict[str, Any]]
Client = MongoClient[dict[str, Any]]

_WORKER = """
import sys
sys.path.insert(0, sys.argv[3])
from fake_program import build_fake
from pymongo import MongoClient
from queryleaf_cdc.runtime.limits import Limits
from queryleaf_cdc.runtime.worker import Worker
limits = Limits(max_batch_events=40, standby_poll_seconds=0.02, lease_seconds=30)
Worker(MongoClient(sys.argv[1]), sys.argv[2], build_fake, limits=limits).run()
"""


class Load:
    """Writes all the time once started; ``keys`` grows with what is committed."""

    def __init__(self, db: Db) -> None:
        self._db = db
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.keys: list[int] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> list[int]:
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()
        return self.keys

    def _write(self) -> None:
        while not self._end.wait(0.006):
            first = len(self.keys)
            self._db.orders.insert_many({"_id": first + n} for n in range(15))
            self.keys.extend(range(first, first + 15))


@pytest.fixture
def load(db: Db) -> Iterator[Load]:
    load = Load(db)
    yield load
    load.stop()


def check_once(db: Db, keys: list[int]) -> None:
    for collection in ("log", "second"):
        found = [row["key"] for row in db[collection].find({}, {"key": 1})]
        assert len(found) == len(set(found)), f"{collection}: doubled"
        assert set(found) >= set(keys), f"{collection}: lost {len(set(keys) - set(found))}"


def test_killed_at_fifty_moments(mongo_uri: str, db: Db, catalog: Catalog, load: Load, make_worker: Any) -> None:
    """Workers are started one after the other, each killed a random time after it took over."""
    chance = random.Random(20251123)
    catalog.register("a", sql(on="orders", into="log"))
    catalog.register("b", sql(on="orders", into="second", reads=10))
    load.start()
    moments = [chance.uniform(0.0, 0.25) for _ in range(50)]
    with nursery(_WORKER, mongo_uri, db.name, str(Path(__file__).parent.parent)) as workers:
        workers.start()  # one works, the other waits as standby
        for moment in moments:
            workers.start()
            victim = workers.at_work(db)
            time.sleep(moment)
            workers.end(victim)
    checkpoint = db["_queryleaf.checkpoint"].find_one()
    assert checkpoint is not None
    assert checkpoint["seq"] >= 50  # every kill hit a worker that had taken the lease
    keys = load.stop()
    make_worker().drain(30)
    check_once(db, keys)


def test_two_workers_never_double(db: Db, catalog: Catalog, load: Load, make_worker: Any) -> None:
    catalog.register("a", sql(on="orders", into="log"))
    catalog.register("b", sql(on="orders", into="second"))
    load.start()
    first: Worker = make_worker(max_batch_events=10)
    second: Worker = make_worker(max_batch_events=10)
    for _ in range(5):
        time.sleep(0.15)
        # Takes the lease away from whoever has it, which goes on working until its next commit.
        db["_queryleaf.checkpoint"].update_one({"_id": "stream"}, {"$set": {"released": True}, "$inc": {"seq": 1}})
    keys = load.stop()
    deadline = time.monotonic() + 10
    while db.second.count_documents({}) < len(keys) and time.monotonic() < deadline:
        time.sleep(0.05)
    check_once(db, keys)
    assert sorted([first.state, second.state]) == ["running", "standby"]


def test_a_standby_takes_over_when_the_lease_expires(db: Db, catalog: Catalog, make_worker: Any) -> None:
    """The holder seems to be on another host, so nobody can see that it is dead."""
    catalog.register("a", sql(on="orders"))
    first: Worker = make_worker()
    first.drain()
    first.stop()
    change = {"$set": {"released": False, "worker.host": "elsewhere", "lease_seconds": 0.5}}
    db["_queryleaf.checkpoint"].update_one({"_id": "stream"}, {**change, "$currentDate": {"renewed": True}})
    started = time.monotonic()
    second: Worker = make_worker()
    db.orders.insert_one({"_id": 1})
    second.drain()
    assert 0.3 < time.monotonic() - started < 3
    assert db.log.count_documents({}) == 1


def test_the_locks_of_a_dead_worker_are_taken_away(client: Client, db: Db, catalog: Catalog, make_worker: Any) -> None:
    """Its open transaction holds the checkpoint; without killSessions the successor would wait for a minute."""
    catalog.register("a", sql(on="orders"))
    make_worker(start=False)
    dead = BatchTransaction(client)
    store = CheckpointStore(db, this_process(), dead.session_id, 0.2)
    assert store.acquire() is not None
    dead.begin()
    store.save({}, dead.session)
    time.sleep(0.3)
    started = time.monotonic()
    worker: Worker = make_worker()
    worker.drain()
    assert time.monotonic() - started < 2
    with pytest.raises((Fenced, Conflict)):
        dead.commit()


def test_a_zombie_cannot_commit(client: Client, db: Db, catalog: Catalog) -> None:
    ensure_internal_collections(db)
    zombie, heir = BatchTransaction(client), BatchTransaction(client)
    first = CheckpointStore(db, this_process(), zombie.session_id, 0.05)
    second = CheckpointStore(db, this_process(), heir.session_id, 10)
    assert first.acquire() is not None
    assert second.acquire() is None
    time.sleep(0.1)
    assert second.acquire() is not None
    zombie.begin()
    db.log.insert_one({"by": "zombie"}, session=zombie.session)
    with pytest.raises(Fenced):
        first.save({}, zombie.session)
    zombie.abort()
    assert db.log.count_documents({}) == 0


def test_a_zombie_does_not_begin_again(
    db: Db, catalog: Catalog, make_worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transaction was ended by whoever took over: the same writes once more would only hold locks."""
    catalog.register("a", sql(on="orders"))
    make_worker().drain()
    sent: list[int] = []
    flush = WriteBuffer.flush

    def flush_and_lose_the_lease(buffer: WriteBuffer) -> None:
        flush(buffer)
        sent.append(len(buffer.ops))
        if len(sent) == 1:
            found = db["_queryleaf.checkpoint"].find_one_and_update({"_id": "stream"}, {"$inc": {"seq": 1}})
            db.client.admin.command("killSessions", [{"id": found["session"]}])  # type: ignore[index]

    monkeypatch.setattr(WriteBuffer, "flush", flush_and_lose_the_lease)
    db.orders.insert_one({"_id": 1})
    deadline = time.monotonic() + 10
    while db.log.count_documents({}) == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert (db.log.count_documents({}), len(sent)) == (1, 2)  # the second time with a lease of its own again


def test_a_worker_stops_cleanly_and_its_successor_need_not_wait(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("a", sql(on="orders"))
    first: Worker = make_worker(lease_seconds=60.0)
    db.orders.insert_one({"_id": 1})
    first.drain()
    first.stop()
    started = time.monotonic()
    make_worker().drain()
    assert time.monotonic() - started < 1
    assert db.log.count_documents({}) == 1


def test_the_session_of_a_clean_stop_is_left_alone(client: Client, db: Db, catalog: Catalog, make_worker: Any) -> None:
    """The driver's pool gives the server session to the next user, whom a restart must not interrupt."""
    worker: Worker = make_worker()
    worker.drain()
    worker.stop()
    checkpoint = db["_queryleaf.checkpoint"].find_one()
    assert checkpoint is not None
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(client.start_session()) for _ in range(20)]
        [reused] = [each for each in sessions if each.session_id["id"] == checkpoint["session"]]
        reused.start_transaction()
        db.log.insert_one({"_id": 1}, session=reused)
        make_worker().drain()
        reused.commit_transaction()
    assert db.log.count_documents({}) == 1


def test_conflicting_writers_only_cost_time(db: Db, catalog: Catalog, make_worker: Any) -> None:
    """Another client writes the documents that the trigger writes, in transactions of its own."""
    from queryleaf_cdc.events import Effects, Event, Origin

    class Counting:
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        def fire(self, event: Event, effects: Effects) -> None:
            origin = Origin(self._inner.name, self._inner.origin.span)
            effects.update("totals", {"_id": 1}, {"$inc": {"n": 1}}, origin, upsert=True, many=False)

    def build(active: Any, maintained: Any) -> Any:
        program: Any = build_fake(active)
        program.triggers = [Counting(each) for each in program.triggers]
        return program

    catalog.register("a", sql(on="orders"))
    db.totals.insert_one({"_id": 1, "n": 0})
    worker: Worker = make_worker(start=False, max_batch_events=5)
    worker._build_program = build
    worker.start()
    db.orders.insert_many({"_id": n} for n in range(200))
    for _ in range(100):
        db.totals.update_one({"_id": 1}, {"$inc": {"others": 1}})
    worker.drain(20)
    assert db.totals.find_one() == {"_id": 1, "n": 200, "others": 100}
