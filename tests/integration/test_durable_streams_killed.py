"""Sinks of streams that remember, and views over them, under SIGKILL at any moment: each row once, and right."""

from __future__ import annotations

import threading
from random import Random
from typing import Any

import pytest
from nursery import nursery
from pymongo.database import Database

from queryleaf_cdc import QueryLeaf

Db = Database[dict[str, Any]]

KILLED = 8
KEYS = 5
_WORKER = """
import sys
from queryleaf_cdc import QueryLeaf
from queryleaf_cdc.dataflow import row_log
from queryleaf_cdc.runtime.limits import Limits
from queryleaf_cdc.runtime.worker import Worker
row_log._PAGE = 4
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
CREATE SINK sums AS SELECT k, COUNT(*) AS n, SUM(v) AS v FROM readings GROUP BY k EMIT CHANGES INTO totals;
CREATE VIEW answered AS SELECT _id AS n, CHANGE_TIMESTAMP() AS at FROM answers WHERE CHANGE_DETECTED();
CREATE VIEW paired AS
SELECT r.n, a.n AS answer FROM readings r
LEFT JOIN answered a ON a.n = r.n AND a.at BETWEEN r.at AND r.at + INTERVAL '2 seconds';
CREATE SINK pairs AS SELECT n, answer FROM paired INTO answered_readings;
CREATE MATERIALIZED VIEW answer_counts AS SELECT COUNT(*) AS n, COUNT(answer) AS answered FROM paired;
CREATE VIEW tenth AS
SELECT k, COUNT(*) AS n, SUM(v) AS v FROM readings GROUP BY k, TUMBLE(at, INTERVAL '100 milliseconds');
CREATE SINK windows AS SELECT k, n, v FROM tenth INTO tenths;
CREATE MATERIALIZED VIEW tenths_by_key AS SELECT k, SUM(n) AS n, SUM(v) AS v FROM tenth GROUP BY k;
CREATE SINK visits AS
SELECT k, COUNT(*) AS n, SUM(v) AS v FROM readings GROUP BY k, SESSION(at, INTERVAL '10 milliseconds') INTO sessions
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_any_moment(db: Db, mongo_uri: str, seed: int) -> None:
    ql, random = QueryLeaf(client=db.client, database=db.name), Random(seed)
    ql.execute(_SQL)
    with ql:
        ql.drain()  # views hold what comes once they are there
    stop = threading.Event()
    load = threading.Thread(target=write, args=(db, stop, seed))
    load.start()
    try:
        with nursery(_WORKER, mongo_uri, db.name) as workers:
            for _ in range(KILLED):
                worker = workers.start()
                wait_for_more(db)
                threading.Event().wait(random.random() / 20)
                workers.end(worker)
    finally:
        stop.set()
        load.join()
    with ql:
        ql.drain(60)
        wait_for_time(db)
    written = list(db.source.find().sort("_id", 1))
    assert list(db.target.find({}, {"_id": 0}).sort("n", 1)) == expected(written)
    by_key = {k: [each["v"] for each in written if each["k"] == k] for k in range(KEYS)}
    totals = {k: (len(values), sum(values)) for k, values in by_key.items()}
    assert {each["k"]: (each["n"], each["v"]) for each in db.totals.find()} == totals
    for windows in (db.tenths, db.sessions):
        summed = windows.aggregate([{"$group": {"_id": "$k", "n": {"$sum": "$n"}, "v": {"$sum": "$v"}}}])
        assert {each["_id"]: (each["n"], each["v"]) for each in summed} == totals
    assert {each["k"]: (each["n"], each["v"]) for each in db.tenths_by_key.find()} == totals
    counts = [(each["n"], each["answered"]) for each in db.answer_counts.find()]
    assert counts == [(len(written), len(written) // 2)]
    pairs = [(each["n"], each["answer"]) for each in db.answered_readings.find().sort("n", 1)]
    assert pairs == [(n, n if n % 2 else None) for n in range(len(written))]


def write(db: Db, stop: threading.Event, seed: int) -> None:
    random, n = Random(seed), 0
    while not stop.wait(0.005):
        db.source.insert_one({"_id": n, "k": random.randrange(KEYS), "v": random.randrange(100)})
        if n % 2:
            db.answers.insert_one({"_id": n})
        n += 1


def wait_for_more(db: Db) -> None:
    """Until a worker is in the midst of it."""
    pause, before = threading.Event(), db.target.count_documents({})
    for _ in range(1500):
        if db.target.count_documents({}) > before + 30:
            return
        pause.wait(0.02)
    raise AssertionError("the worker does nothing")


def wait_for_time(db: Db) -> None:
    """Until all has come that comes with the time alone."""
    pause, count = threading.Event(), db.source.count_documents({})
    for _ in range(600):
        grouped = [sum(each["n"] for each in windows.find()) for windows in (db.tenths, db.sessions)]
        if [*grouped, db.answered_readings.count_documents({})] == [count] * 3:
            return
        pause.wait(0.05)
    raise AssertionError("some rows did not come")


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
