"""What people do today for the same COUNT and SUM by group, in the same run on the same machine.

None of them is exactly once: a crash between the effect and the token repeats the effect, and Pathway keeps its state
in memory here."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from typing import Any

from pymongo import MongoClient

from tests.benchmarks.place import Place, insert, work_off
from tests.benchmarks.rows import Row, at_least, rate
from tests.benchmarks.views import EVENTS, GROUPS, documents

BY_HAND_EVENTS = 400
REFRESHED = 1_000_000
_VIEW = "CREATE MATERIALIZED VIEW v AS SELECT g, COUNT(*) AS n, SUM(amount) AS total FROM src GROUP BY g"
_MERGE: list[dict[str, Any]] = [
    {"$group": {"_id": "$g", "n": {"$sum": 1}, "total": {"$sum": "$amount"}}},
    {"$merge": {"into": "merged", "whenMatched": "replace"}},
]


def alternatives(place: Place) -> list[Row]:
    with place.database() as ql:
        ql.execute(_VIEW)
        work_off(ql)
        start = place.now()
        insert(ql.database.src, documents(EVENTS))
        view = work_off(ql)
        by_hand = _loop_by_hand(place, ql.database.name, start) * EVENTS / BY_HAND_EVENTS
        pathway = _pathway(place, ql.database.name, start)
    figure = rate(EVENTS, [view])
    rows = [
        Row("loop by hand: $inc, then the token", rate(EVENTS, [by_hand])),
        at_least("view: COUNT and SUM by 1,000 groups", figure, [by_hand / view], 1, "the loop by hand"),
    ]
    if pathway is not None:
        rows.append(Row("Pathway, the same events and sums, nothing durable", rate(EVENTS, [pathway])))
        rows.append(at_least("view: COUNT and SUM by 1,000 groups", figure, [pathway / view], 1, "Pathway"))
    return rows + _refresh(place)


def _loop_by_hand(place: Place, database: str, start: Any) -> float:
    client = MongoClient[dict[str, Any]](place.uri)
    db = client[database]
    began = time.perf_counter()
    with db.src.watch(start_at_operation_time=start) as stream:
        for seen, event in enumerate(stream, 1):
            row = event["fullDocument"]
            db.by_hand.update_one({"_id": row["g"]}, {"$inc": {"n": 1, "total": row["amount"]}}, upsert=True)
            db.tokens.update_one({"_id": "by_hand"}, {"$set": {"token": event["_id"]}}, upsert=True)
            if seen == BY_HAND_EVENTS:
                break
    seconds = time.perf_counter() - began
    client.close()
    return seconds


def _pathway(place: Place, database: str, start: Any) -> float | None:
    """Seconds by its own clock, imports left out; None where it is not installed."""
    if importlib.util.find_spec("pathway") is None:
        return None
    args = [place.uri, database, str(start.time), str(start.inc), str(EVENTS), str(GROUPS)]
    run = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.pathway_groups", *args],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if run.returncode:
        raise AssertionError(run.stderr[-2000:])
    return float(run.stdout.split()[-1])


def _refresh(place: Place) -> list[Row]:
    """One refresh of the whole, and a view's share of the same second: freshness is what a refresh takes at least."""
    with place.database() as ql:
        for at in range(0, REFRESHED, 50_000):
            insert(ql.database.src, documents(50_000, at))
        ql.execute(_VIEW)
        work_off(ql)
        seconds = []
        for _ in range(3):
            before = _server_seconds(place)
            began = time.perf_counter()
            list(ql.database.src.aggregate(_MERGE))
            seconds.append((time.perf_counter() - began, _server_seconds(place) - before))
        ql.database.src.update_many({"k": {"$lt": 500}}, {"$inc": {"amount": 1}})
        before, own = _server_seconds(place), time.process_time()
        took = work_off(ql)
        cost = _server_seconds(place) - before + time.process_time() - own
    refresh, cpu = min(seconds)
    return [
        Row(
            f"$merge of {REFRESHED:,} documents, once",
            f"{refresh:.2f} s",
            f"{cpu:.2f} s of processor time; each second, that is {cpu:.1f} cores",
        ),
        Row(
            "view: a second's 500 changes among them, from a worker's cold start",
            f"{took:.2f} s",
            f"{cost:.2f} s of processor time, server and worker",
        ),
    ]


def _server_seconds(place: Place) -> float:
    """Processor time of the server."""
    usage = place.client.admin.command("serverStatus")["extra_info"]
    return float(usage["user_time_us"] + usage["system_time_us"]) / 1e6
