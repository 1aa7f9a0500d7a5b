"""A sink of a stream that remembers, under SIGKILL at any moment: each row once, and right."""

from __future__ import annotations

import subprocess
import sys
import threading
from random import Random
from typing import Any

import pytest
from pymongo.database import Database

from queryleaf_cdc import QueryLeaf

Db = Database[dict[str, Any]]

KILLED = 12
KEYS = 5
_WORKER = """
import sys
from queryleaf_cdc import QueryLeaf
from queryleaf_cdc.runtime.limits import Limits
from queryleaf_cdc.runtime.worker import Worker
ql = QueryLeaf(sys.argv[1], database=sys.argv[2])
limits = Limits(max_batch_events=20, standby_poll_seconds=0.02)
ql._make_worker = lambda: Worker(ql.client, ql.database.name, ql._build, ql._procedures, limits=limits)
ql.run()
"""
_SQL = """
CREATE VIEW readings AS
SELECT _id AS n, k, v, CHANGE_TIMESTAMP() AS at FROM source WHERE CHANGE_DETECTED();
CREATE SINK steps AS
SELECT n, k, v - LAG(v) OVER (PARTITION BY k ORDER BY at) AS step,
       COUNT(*) OVER (PARTITION BY k ORDER BY at ROWS UNBOUNDED PRECEDING) AS nth
FROM readings INTO target;
CREATE SINK sums AS SELECT k, COUNT(*) AS n, SUM(v) AS v FROM readings GROUP BY k EMIT CHANGES INTO totals
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_any_moment(db: Db, mongo_uri: str, seed: int) -> None:
    ql, random = QueryLeaf(client=db.client, database=db.name), Random(seed)
    ql.execute(_SQL)
    stop = threading.Event()
    load = threading.Thread(target=write, args=(db, stop, seed))
    load.start()
    try:
        for _ in range(KILLED):
            process = subprocess.Popen([sys.executable, "-c", _WORKER, mongo_uri, db.name])
            try:
                wait_for_more(db)
                threading.Event().wait(random.random() / 20)
            finally:
                process.kill()
                process.wait()
    finally:
        stop.set()
        load.join()
    with ql:
        ql.drain(60)
    written = list(db.source.find().sort("_id", 1))
    assert list(db.target.find({}, {"_id": 0}).sort("n", 1)) == expected(written)
    totals = {k: [each["v"] for each in written if each["k"] == k] for k in range(KEYS)}
    assert {each["k"]: (each["n"], each["v"]) for each in db.totals.find()} == {
        k: (len(values), sum(values)) for k, values in totals.items()
    }


def write(db: Db, stop: threading.Event, seed: int) -> None:
    random, n = Random(seed), 0
    while not stop.wait(0.002):
        db.source.insert_one({"_id": n, "k": random.randrange(KEYS), "v": random.randrange(100)})
        n += 1


def wait_for_more(db: Db) -> None:
    """Until a worker is in the midst of it."""
    pause, before = threading.Event(), db.target.count_documents({})
    for _ in range(1500):
        if db.target.count_documents({}) > before + 30:
            return
        pause.wait(0.02)
    raise AssertionError("the worker does nothing")


def expected(written: list[dict[str, Any]]) -> list[dict[str, Any]]:
    last: dict[int, int] = {}
    count = dict.fromkeys(range(KEYS), 0)
    rows = []
    for each in written:
        k = each["k"]
        count[k] += 1
        rows.append({"n": each["_id"], "k": k, "step": each["v"] - last[k] if k in last else None, "nth": count[k]})
        last[k] = each["v"]
    return rows
