"""Three nodes, whose primary goes, gently or with a bang: views are right, effects happen once, nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import random
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError
from three_nodes import ThreeNodes, three_nodes
from views import QUICK, TOTALS, QuickLeaf, change, expected_totals, leftovers, state, totals, wait_for

from queryleaf_cdc import QueryLeaf

pytestmark = pytest.mark.xdist_group("three_nodes")  # one server for all of them
Db = Database[dict[str, Any]]

SIZES = "CREATE MATERIALIZED VIEW sizes AS SELECT n, COUNT(*) AS k FROM totals GROUP BY n"
NOTE = "CREATE TRIGGER note AFTER INSERT ON events BEGIN INSERT INTO log (k) VALUES (NEW._id); END"
STREAMS = """
CREATE VIEW happened AS
SELECT _id AS k, CHANGE_TIMESTAMP() AS at FROM events WHERE CHANGE_DETECTED();
CREATE SINK in_order AS
SELECT k, k - LAG(k) OVER (ORDER BY at) AS step, COUNT(*) OVER (ORDER BY at ROWS UNBOUNDED PRECEDING) AS nth
FROM happened INTO events_in_order;
CREATE SINK counts AS
SELECT window_start, COUNT(*) AS n FROM happened GROUP BY TUMBLE(at, INTERVAL '100 milliseconds') INTO tenths
"""


@pytest.fixture(scope="module")
def nodes() -> Iterator[ThreeNodes]:
    with three_nodes() as each:
        yield each


@contextlib.contextmanager
def writing(nodes: ThreeNodes, name: str) -> Iterator[set[int]]:
    """Writes at w: majority all the time. Yields the keys of the events that the server has confirmed."""
    end = threading.Event()
    confirmed: set[int] = set()

    def work() -> None:
        chance, key = random.Random(1), 0
        with MongoClient[dict[str, Any]](nodes.uri, w="majority") as client:
            while not end.wait(0.005):
                key += 1
                with contextlib.suppress(PyMongoError):
                    change(client[name], chance, 200)
                    client[name].events.insert_one({"_id": key})
                    confirmed.add(key)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield confirmed
    finally:
        end.set()
        thread.join()


@contextlib.contextmanager
def reading(ql: QueryLeaf) -> Iterator[list[list[int]]]:
    """Readers of events in this process: yields what each has got so far, which is complete in the end."""
    sql = "SELECT _id AS k, COUNT(*) OVER (ORDER BY CHANGE_TIMESTAMP()) AS nth FROM events WHERE CHANGE_DETECTED()"
    rows, changes = ql.stream(sql), ql.stream("SELECT _id AS k FROM events EMIT CHANGES")
    found: list[list[int]] = [[], [], []]

    def follow(rows: Iterable[dict[str, Any]], keys: list[int]) -> None:
        keys.extend(row["k"] for row in rows)

    async def follow_too(keys: list[int]) -> None:
        async with ql.astream(sql) as rows:
            opened.set()
            async for row in rows:
                keys.append(row["k"])

    opened = threading.Event()
    works = [
        threading.Thread(target=follow, args=(rows, found[0])),
        threading.Thread(target=follow, args=(changes, found[1])),
        threading.Thread(target=lambda: asyncio.run(follow_too(found[2]))),
    ]
    for work in works:
        work.start()
    opened.wait(30)
    try:
        yield found
    finally:
        rows.close()
        changes.close()
        ql.close()
        for work in works:
            work.join()


def test_the_primary_goes_again_and_again(nodes: ThreeNodes) -> None:
    ql = QuickLeaf(nodes.uri, "shop")
    db = ql.database
    db.orders.insert_many({"_id": n, "c": n % 7, "v": n} for n in range(300))
    ql.limits = dataclasses.replace(QUICK, first_piece_rows=10, piece_rows=10, max_batch_events=20)
    ql.execute(f"{TOTALS}; {SIZES}; {NOTE}")
    with ql:
        with writing(nodes, "shop") as confirmed:
            nodes.step_down()  # while the views are built
            wait_for(lambda: len(confirmed) > 20)
            gone = nodes.primary()
            nodes.kill(gone)
            wait_for(lambda: nodes.primary() != gone)
            nodes.start(gone)
            ql.execute("REFRESH MATERIALIZED VIEW totals")
            seen = len(confirmed)
            wait_for(lambda: len(confirmed) > seen + 20)
            nodes.step_down()
            time.sleep(0.5)
        ql.drain(30)
        assert (state(ql), totals(db)) == ("running", expected_totals(db))
        counts = [count for count, _, _ in expected_totals(db).values()]
        assert {each["n"]: each["k"] for each in db.sizes.find()} == {n: counts.count(n) for n in counts}
        log = [each["k"] for each in db.log.find()]
        assert sorted(log) == sorted(each["_id"] for each in db.events.find())
        assert set(log) >= confirmed
        assert leftovers(db) == set()
    ql.close()


def test_what_a_stream_remembers_goes_on_with_another_primary(nodes: ThreeNodes) -> None:
    """One client inserts one key after the other, so their order is that of the commits."""
    ql = QuickLeaf(nodes.uri, "streams")
    db = ql.database
    ql.limits = dataclasses.replace(QUICK, max_batch_events=20)
    ql.execute(STREAMS)
    with reading(QuickLeaf(nodes.uri, "streams")) as found, ql:
        with writing(nodes, "streams") as confirmed:
            wait_for(lambda: len(confirmed) > 20)
            nodes.step_down()
            seen = len(confirmed)
            wait_for(lambda: len(confirmed) > seen + 20)
            gone = nodes.primary()
            nodes.kill(gone)
            wait_for(lambda: nodes.primary() != gone)
            nodes.start(gone)
            seen = len(confirmed)
            wait_for(lambda: len(confirmed) > seen + 20)
        ql.drain(30)
        keys = sorted(each["_id"] for each in db.events.find())
        wait_for(lambda: sum(each["n"] for each in db.tenths.find()) == len(keys))
        wait_for(lambda: found == [keys] * 3)
    steps = [None, *(after - before for before, after in itertools.pairwise(keys))]
    assert [(each["k"], each["nth"], each["step"]) for each in db.events_in_order.find().sort("nth", 1)] == [
        (key, nth, step) for nth, (key, step) in enumerate(zip(keys, steps, strict=True), 1)
    ]
    assert set(keys) >= confirmed
    ql.close()


def test_a_user_who_prefers_to_read_elsewhere(nodes: ThreeNodes) -> None:
    """What the worker must know it reads from the primary, whatever the URI says: here a node that has stood still."""
    ql = QuickLeaf(f"{nodes.uri}&readPreference=secondary&readPreferenceTags=lags:yes&readConcernLevel=local", "still")
    with MongoClient[dict[str, Any]](nodes.uri) as client, nodes.node(nodes.ports[2]) as third:
        db = client.still
        db.orders.insert_many({"_id": n, "c": n % 7, "v": n} for n in range(100))
        nodes.chain(False)  # nobody waits for what this node has not got
        third.admin.command("configureFailPoint", "rsSyncApplyStop", mode="alwaysOn")
        try:
            ql.execute(f"{TOTALS}; {NOTE}")
            for _ in range(2):
                with ql:
                    db.orders.update_many({}, {"$inc": {"v": 1}})
                    ql.drain(10)
                    assert totals(db) == expected_totals(db)
        finally:
            third.admin.command("configureFailPoint", "rsSyncApplyStop", mode="off")
            nodes.chain(True)
    ql.close()
