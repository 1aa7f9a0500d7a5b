"""What a change stream does to a worker in production, one line of it per test."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from fake_program import build_fake, sql
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from queryleaf_cdc import QueryLeaf
from queryleaf_cdc.errors import ServerError
from queryleaf_cdc.mongo.catalog import Catalog
from queryleaf_cdc.mongo.embedded import start_embedded
from queryleaf_cdc.mongo.sampling import SampledTables
from queryleaf_cdc.runtime.limits import Limits
from queryleaf_cdc.runtime.worker import Worker

Db = Database[dict[str, Any]]


def keys(db: Db) -> list[Any]:
    return [row["key"] for row in db.log.find({"key": {"$exists": True}}).sort("$natural", 1)]


def letters(db: Db) -> list[dict[str, Any]]:
    return list(db["_queryleaf.dead_letters"].find())


# -- poison -----------------------------------------------------------------------------------------------------------


def test_an_event_over_16_mb_is_dead_lettered_and_passed(db: Db, catalog: Catalog, make_worker: Any) -> None:
    db.orders.insert_one({"_id": 2, "text": "x" * 9_000_000})
    condition = {"$match": {"$expr": {"$ne": ["$fullDocument.n", "$fullDocumentBeforeChange.n"]}}}
    catalog.register("a", sql(on="orders", images=True, stages=[condition]), images=["orders"])
    db.orders.insert_one({"_id": 1, "n": 1})
    db.orders.update_one({"_id": 1}, {"$set": {"other": 1}})
    db.orders.update_one({"_id": 2}, {"$set": {"text": "y" * 9_000_000, "n": 1}})
    db.orders.insert_one({"_id": 3, "n": 1})
    make_worker().drain(20)
    assert keys(db) == [1, 3]
    [letter] = letters(db)
    assert (letter["code"], letter["key"], letter["operation"]) == ("QL605", {"_id": 2}, "UPDATE")


def test_invalid_utf8_is_dead_lettered_and_passed(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("a", sql(on="orders"))
    broken = bson.encode({"_id": 2, "text": "abc"}).replace(b"abc", b"a\xffc")
    db.orders.insert_one({"_id": 1})
    db.command({"insert": "orders", "documents": [RawBSONDocument(broken)]})
    db.orders.insert_one({"_id": 3})
    make_worker().drain()
    assert keys(db) == [1, 3]
    [letter] = letters(db)
    assert (letter["code"], letter["key"]) == ("QL604", {"_id": 2})


def test_a_date_in_the_year_60000_is_an_ordinary_value(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("a", sql(on="orders"))
    late = bson.datetime_ms.DatetimeMS(1_831_000_000_000_000)
    db.orders.insert_one({"_id": 1, "at": late})
    make_worker().drain()
    assert keys(db) == [1]
    assert letters(db) == []


# -- life of a collection ---------------------------------------------------------------------------------------------


def test_drop_and_rename_of_a_collection_are_survived(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("a", sql(on="orders"))
    worker: Worker = make_worker()
    db.orders.insert_one({"_id": 1})
    db.orders.drop()
    db.orders.insert_one({"_id": 2})
    db.orders.rename("old_orders")
    db.orders.insert_one({"_id": 3})
    db.create_collection("view_source", viewOn="orders", pipeline=[])
    worker.drain()
    assert keys(db) == [1, 2, 3]


def test_dropping_the_database_stops_the_worker_clearly(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("a", sql(on="orders"))
    worker: Worker = make_worker()
    worker.drain()
    db.client.drop_database(db.name)
    deadline = time.monotonic() + 5
    while worker.state == "running" and time.monotonic() < deadline:
        time.sleep(0.01)
    with pytest.raises(ServerError) as caught:
        worker.drain(5)
    assert caught.value.code == "QL511"


def test_dropping_the_catalog_drops_the_triggers(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("a", sql(on="orders"))
    worker: Worker = make_worker()
    db["_queryleaf.catalog"].drop()
    db.orders.insert_one({"_id": 1})
    worker.drain()
    assert keys(db) == []
    assert worker.state == "running"


# -- position ---------------------------------------------------------------------------------------------------------


def _with_position(db: Db, position: dict[str, Any]) -> None:
    db["_queryleaf.checkpoint"].update_one({"_id": "stream"}, {"$set": {"position": position}})


def _settled(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("a", sql(on="orders"))
    worker: Worker = make_worker()
    worker.drain()
    worker.stop()


def _refusal(worker: Worker) -> ServerError:
    with pytest.raises(ServerError) as caught:
        worker.run()
    return caught.value


def test_a_position_from_the_future_is_refused(db: Db, catalog: Catalog, make_worker: Any) -> None:
    _settled(db, catalog, make_worker)
    _with_position(db, {"token": None, "at": Timestamp(int(time.time()) + 3600, 1)})
    assert _refusal(make_worker(start=False)).code == "QL507"
    token = dict(db["_queryleaf.checkpoint"].find_one()["position"])  # type: ignore[index,arg-type]
    with db.watch() as stream:
        data = stream.resume_token["_data"]  # type: ignore[index]
    token["token"] = {"_data": data[:2] + "FFFFFF00" + data[10:]}
    _with_position(db, {"token": token["token"], "at": None})
    assert _refusal(make_worker(start=False)).code == "QL507"


def test_a_checkpoint_of_another_deployment_is_refused(db: Db, catalog: Catalog, make_worker: Any) -> None:
    """As after mongodump and mongorestore: the same documents in a collection with another UUID."""
    _settled(db, catalog, make_worker)
    dumped = list(db["_queryleaf.checkpoint"].find())
    db["_queryleaf.checkpoint"].drop()
    db["_queryleaf.checkpoint"].insert_many(dumped)
    assert _refusal(make_worker(start=False)).code == "QL508"


def test_a_garbled_token_is_refused(db: Db, catalog: Catalog, make_worker: Any) -> None:
    _settled(db, catalog, make_worker)
    _with_position(db, {"token": {"_data": "82zz"}, "at": None})
    assert _refusal(make_worker(start=False)).code == "QL508"


def test_a_lost_position_fails_the_trigger_until_it_is_resumed() -> None:
    """The real thing: an oplog of a few megabytes, truncated while no worker runs."""
    with start_embedded(oplog_mb=1, extra_args=("--syncdelay=1",)) as uri, MongoClient(uri) as client:
        db = client.shop
        Catalog(db).register("a", sql(on="orders"))
        worker = Worker(client, "shop", build_fake)
        worker.start()
        worker.drain()
        worker.stop()
        db.orders.insert_one({"_id": 1})
        held = db["_queryleaf.checkpoint"].find_one()["position"]["token"]  # type: ignore[index]
        deadline = time.monotonic() + 60
        while _can_resume(db, held) and time.monotonic() < deadline:
            db.filler.insert_many({"text": "x" * 500_000} for _ in range(20))
            db.filler.delete_many({})
            time.sleep(0.2)
        worker.start()
        worker.drain()
        status = worker.status()["a"]
        assert status["state"] == "failed"
        assert "position is lost" in status["reason"]
        assert keys(db) == []
        Catalog(db).resume("a")
        db.orders.insert_one({"_id": 2})
        worker.drain()
        assert keys(db) == [2]
        worker.stop()


def _can_resume(db: Db, token: dict[str, Any]) -> bool:
    try:
        with db.watch(start_after=token):
            return True
    except OperationFailure as error:
        assert error.code == 286
        return False


def test_an_idle_position_moves_with_busy_neighbours(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("a", sql(on="orders"))
    worker: Worker = make_worker(heartbeat_seconds=0.05)
    worker.drain()
    db.other.insert_many({"n": n} for n in range(100))
    operation_time = db.command("ping")["operationTime"]
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        token = db["_queryleaf.checkpoint"].find_one()["position"]["token"]["_data"]  # type: ignore[index]
        if Timestamp(int(token[2:10], 16), int(token[10:18], 16)) >= operation_time:
            return
        time.sleep(0.02)
    pytest.fail("the saved position does not move")


def test_a_stand_alone_server_is_refused(tmp_path: Any) -> None:
    import subprocess

    from queryleaf_cdc.mongo.embedded import find_mongod

    server = subprocess.Popen(
        [find_mongod(), "--dbpath", tmp_path, "--port", "0", "--bind_ip", "127.0.0.1", "--nounixsocket"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        line = next(line for line in server.stdout if "Waiting for connections" in line)
        port = bson.json_util.loads(line)["attr"]["port"]
        with MongoClient(f"mongodb://127.0.0.1:{port}/?directConnection=true") as client:
            with pytest.raises(ServerError) as caught:
                Worker(client, "shop", build_fake).start()
            assert caught.value.code == "QL504"
            with pytest.raises(ServerError):
                Catalog(client.shop).register("a", sql(on="orders"))
            ql = QueryLeaf(client=client, database="shop")
            view = "CREATE MATERIALIZED VIEW v AS SELECT a FROM orders"
            for ask in (ql.status, lambda: ql.plan_registration(view)):
                with pytest.raises(ServerError) as caught:
                    ask()
                assert caught.value.code == "QL504"
    finally:
        server.kill()
        server.wait()
        server.stdout.close()  # type: ignore[union-attr]


def test_an_unreachable_server_is_one_sentence() -> None:
    client: MongoClient[dict[str, Any]] = MongoClient("mongodb://127.0.0.1:1/", serverSelectionTimeoutMS=100)
    with client, pytest.raises(ServerError) as caught:
        Worker(client, "shop", build_fake).start()
    assert caught.value.code == "QL503"
    assert "127.0.0.1:1" in caught.value.message
    assert len(caught.value.message) < 150


def test_an_unreachable_server_is_asked_once_what_it_has() -> None:
    with MongoClient[dict[str, Any]]("mongodb://127.0.0.1:1/", serverSelectionTimeoutMS=200) as client:
        tables = SampledTables(client.shop)
        began = time.monotonic()
        assert [name for name in "abcdef" if name in tables] == []
        assert time.monotonic() - began < 0.8


def test_a_server_that_restarts_is_waited_for(tmp_path: Any) -> None:
    with start_embedded(tmp_path) as uri:
        client: MongoClient[dict[str, Any]] = MongoClient(uri, serverSelectionTimeoutMS=300)
        db = client.shop
        db.create_collection("log")
        Catalog(db).register("a", sql(on="orders"))
        worker = Worker(client, "shop", build_fake, limits=Limits(reconnect_seconds=0.02, max_reconnect_seconds=0.2))
        worker.start()
        db.orders.insert_one({"_id": 1})
        worker.drain()
    time.sleep(0.5)
    assert worker.state == "running"
    with start_embedded(tmp_path):
        db.orders.insert_one({"_id": 2})
        worker.drain(20)
        assert keys(db) == [1, 2]
        worker.stop()
        client.close()


# -- calls ------------------------------------------------------------------------------------------------------------


class Recorder:
    """A procedure that remembers its calls and fails when told to."""

    def __init__(self, **failures: int) -> None:
        self.calls: list[tuple[Any, int, str]] = []
        self.failures = {int(key[1:]): times for key, times in failures.items()}

    def __call__(self, key: Any, *, change: Any) -> None:
        self.calls.append((key, change.attempt, change.idempotency_key))
        if self.failures.get(key, 0) >= change.attempt:
            raise ConnectionError("the mail server is away")


def test_calls_are_delivered_in_order_with_their_keys(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("a", sql(on="orders", call="NOTIFY"))
    recorder = Recorder()
    worker: Worker = make_worker({"NOTIFY": recorder})
    for n in range(20):
        db.orders.update_one({"_id": n % 4}, {"$set": {"n": n}}, upsert=True)
    worker.drain()
    assert [key for key, _, _ in recorder.calls] == [n % 4 for n in range(20)]
    assert len({key for _, _, key in recorder.calls}) == 20


def test_a_failing_call_blocks_its_own_key_only(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("a", sql(on="orders", call="notify"))
    recorder = Recorder(_1=2)
    worker: Worker = make_worker({"NOTIFY": recorder})
    db.orders.insert_many([{"_id": 1}, {"_id": 2}])
    db.orders.update_one({"_id": 1}, {"$set": {"n": 1}})
    worker.drain()
    of_one = [(attempt, key) for each, attempt, key in recorder.calls if each == 1]
    assert [attempt for attempt, _ in of_one] == [1, 2, 3, 1, 2, 3]
    assert len({key for _, key in of_one}) == 2
    assert recorder.calls[1][0] == 2


def test_a_call_that_never_succeeds_becomes_a_dead_letter(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("a", sql(on="orders", call="NOTIFY"))
    recorder = Recorder(_1=99)
    worker: Worker = make_worker({"NOTIFY": recorder}, call_attempts=3)
    db.orders.insert_one({"_id": 1})
    worker.drain()
    assert len(recorder.calls) == 3
    [letter] = letters(db)
    assert (letter["kind"], letter["procedure"], letter["attempts"]) == ("call", "NOTIFY", 3)
    assert isinstance(letter["last_at"], datetime)


def test_a_discarded_firing_calls_nothing(db: Db, catalog: Catalog, make_worker: Any) -> None:
    catalog.register("a", sql(on="orders", call="NOTIFY", raises=[2]))
    recorder = Recorder()
    worker: Worker = make_worker({"NOTIFY": recorder})
    db.orders.insert_many([{"_id": 1}, {"_id": 2}, {"_id": 3}])
    worker.drain()
    assert [key for key, _, _ in recorder.calls] == [1, 3]


def test_a_restart_right_after_a_large_event_passes_it(db: Db, catalog: Catalog, make_worker: Any) -> None:
    db.orders.insert_one({"_id": 2, "text": "x" * 9_000_000})
    catalog.register("a", sql(on="orders", images=True), images=["orders"])
    db.orders.update_one({"_id": 2}, {"$set": {"text": "y" * 9_000_000}})
    db.orders.update_one({"_id": 2}, {"$set": {"text": "z" * 9_000_000}})
    for _ in range(2):
        worker: Worker = make_worker()
        worker.drain()
        worker.stop()
    assert len(letters(db)) == 2
    db.orders.insert_one({"_id": 3})
    make_worker().drain()
    assert keys(db) == [3]
