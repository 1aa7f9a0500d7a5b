"""Events per second: the bare read, one trigger, a filtering trigger."""

from __future__ import annotations

import time
from typing import Any

from pymongo import MongoClient
from pymongo.write_concern import WriteConcern

from queryleaf_cdc import QueryLeaf, compile_sql
from tests.benchmarks.place import Place, Rows, expect, insert, read_all, work_off
from tests.benchmarks.rows import RUNS, Row, at_least, rate, ratios

EVENTS = 60_000
FILTERED_EVENTS = 500_000
BY_HAND_EVENTS = 400

ONE_INSERT = """CREATE TRIGGER copy AFTER INSERT ON src
BEGIN INSERT INTO out (a, b, at) VALUES (NEW.a, NEW.b, CURRENT_TIMESTAMP); END;"""

ONE_PERCENT = """CREATE TRIGGER rare AFTER INSERT ON src WHEN (NEW.c.d = 99)
BEGIN INSERT INTO out (a, b, at) VALUES (NEW.a, NEW.b, CURRENT_TIMESTAMP); END;"""


def documents(count: int) -> Rows:
    return [{"a": i, "b": "x" * 50, "c": {"d": i % 100}} for i in range(count)]


def _register(ql: QueryLeaf, sql: str) -> None:
    """And have a worker take notice of it, so that what is measured later is work and not the first start."""
    ql.execute(sql)
    work_off(ql)


def raw_updates(place: Place) -> list[Row]:
    """The ceiling for updates: both images, nothing done with them."""
    seconds = []
    for _ in range(RUNS):
        with place.database() as ql:
            db = ql.database
            db.create_collection("src", changeStreamPreAndPostImages={"enabled": True})
            insert(db.src, documents(EVENTS // 2))
            start = place.now()
            db.src.update_many({}, {"$inc": {"a": 1}})
            seconds.append(read_all(db, "src", start, EVENTS // 2, images=True))
    return [Row("raw read of updates, both images", rate(EVENTS // 2, seconds))]


def one_trigger(place: Place) -> list[Row]:
    """One INSERT per event, exactly once; between a bare read and a loop by hand of the same events."""
    raw, by_hand, trigger = [], [], []
    for _ in range(RUNS):
        with place.database() as ql:
            _register(ql, ONE_INSERT)
            start = place.now()
            insert(ql.database.src, documents(EVENTS))
            raw.append(read_all(ql.database, "src", start, EVENTS))
            trigger.append(work_off(ql))
            expect(ql, "out", EVENTS)
            by_hand.append(loop_by_hand(place, ql.database.name, start) * EVENTS / BY_HAND_EVENTS)
    figure = rate(EVENTS, trigger)
    return [
        Row("raw read of inserts", rate(EVENTS, raw)),
        at_least("trigger, one INSERT per event", figure, ratios(raw, trigger), 0.5, "the raw read"),
        Row("loop by hand: an insert, then the token", rate(EVENTS, by_hand)),
        at_least("trigger, one INSERT per event", figure, ratios(by_hand, trigger), 50, "the loop by hand"),
    ]


def loop_by_hand(place: Place, database: str, start: Any) -> float:
    """Seconds for what people write today: per event one insert and one upsert of the token."""
    client = MongoClient[dict[str, Any]](place.uri)
    db = client.get_database(database, write_concern=WriteConcern("majority"))
    began = time.perf_counter()
    with db.src.watch(start_at_operation_time=start) as stream:
        for seen, event in enumerate(stream, 1):
            row = event["fullDocument"]
            db.by_hand.insert_one({"a": row["a"], "b": row["b"], "at": event["wallTime"]})
            db.tokens.update_one({"_id": "by_hand"}, {"$set": {"token": event["_id"]}}, upsert=True)
            if seen == BY_HAND_EVENTS:
                break
    seconds = time.perf_counter() - began
    client.close()
    return seconds


def filtering_trigger(place: Place) -> list[Row]:
    """A condition that drops 99 of 100 events, against a bare loop over the trigger's own compiled pipeline."""
    watch = compile_sql(ONE_PERCENT).to_json()["statements"][0]["watch"]
    kept = FILTERED_EVENTS // 100
    raw, trigger = [], []
    for _ in range(RUNS):
        with place.database() as ql:
            _register(ql, ONE_PERCENT)
            start = place.now()
            insert(ql.database.src, documents(FILTERED_EVENTS))
            raw.append(read_all(ql.database, "src", start, kept, watch["pipeline"]))
            trigger.append(work_off(ql))
            expect(ql, "out", kept)
    figure = rate(FILTERED_EVENTS, trigger)
    return [
        Row("raw read through the compiled pipeline, 1 % pass", rate(FILTERED_EVENTS, raw)),
        at_least("trigger, 1 % pass its condition", figure, ratios(raw, trigger), 0.9, "that read"),
    ]
