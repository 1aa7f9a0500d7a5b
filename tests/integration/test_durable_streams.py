"""Sinks and triggers over streams that remember, and over named streams: with a worker, and over its restarts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from queryleaf_cdc import CompileError, InputError, QueryLeaf

Db = Database[dict[str, Any]]
PAID = (
    "CREATE VIEW paid AS SELECT _id AS order_id, customer, total, CHANGE_TIMESTAMP() AS at "
    "FROM orders WHERE CHANGE_DETECTED() AND status = 'paid'"
)
STEPS = (
    "CREATE SINK steps AS SELECT order_id, total - LAG(total) OVER (PARTITION BY customer ORDER BY at) AS step "
    "FROM paid INTO order_steps"
)


def wait_until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(600):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError("it did not come")


@pytest.fixture
def ql(db: Db) -> Iterator[QueryLeaf]:
    each = QueryLeaf(client=db.client, database=db.name)
    yield each
    each.close()


def pay(db: Db, first: int, last: int) -> None:
    db.orders.insert_many(
        [
            {"_id": n, "customer": n % 3, "total": n * n, "status": "paid" if n % 5 else "open"}
            for n in range(first, last)
        ]
    )


def steps(last: int) -> dict[int, int | None]:
    """order → difference to the customer's order before."""
    before: dict[int, int] = {}
    found: dict[int, int | None] = {}
    for n in range(last):
        if n % 5:
            found[n] = n * n - before[n % 3] if n % 3 in before else None
            before[n % 3] = n * n
    return found


def test_what_a_sink_remembers_outlives_its_worker(ql: QueryLeaf, db: Db) -> None:
    ql.execute(f"{PAID}; {STEPS}")
    for at in range(0, 60, 10):
        pay(db, at, at + 10)
        with ql:
            ql.drain()
    assert {each["order_id"]: each["step"] for each in db.order_steps.find()} == steps(60)


def test_a_named_stream_in_a_query(ql: QueryLeaf, db: Db) -> None:
    ql.execute(PAID)
    with ql.stream("SELECT order_id, total FROM paid WHERE total > 3") as rows:
        pay(db, 1, 5)
        assert [dict(next(rows)) for _ in range(3)] == [{"order_id": n, "total": n * n} for n in (2, 3, 4)]


def test_a_trigger_on_a_stream(ql: QueryLeaf, db: Db) -> None:
    ql.execute(PAID)
    body = "INSERT INTO big_orders (order_id, total) VALUES (NEW.order_id, NEW.total)"
    ql.execute(f"CREATE TRIGGER big AFTER INSERT ON paid WHEN (NEW.total > 100) BEGIN {body}; END")
    with ql:
        pay(db, 0, 20)
        ql.drain()
    found = sorted((each["order_id"], each["total"]) for each in db.big_orders.find())
    assert found == [(n, n * n) for n in range(11, 20) if n % 5]


def test_groups_of_emit_changes_are_kept_up_to_date(ql: QueryLeaf, db: Db) -> None:
    ql.execute(PAID)
    ql.execute(
        "CREATE SINK counts AS SELECT customer, COUNT(*) AS n FROM paid GROUP BY customer EMIT CHANGES INTO sums"
    )
    with ql:
        pay(db, 0, 31)
        ql.drain()
    expected = {c: sum(1 for n in range(31) if n % 5 and n % 3 == c) for c in range(3)}
    assert {each["customer"]: each["n"] for each in db.sums.find()} == expected


def test_a_window_ends_without_any_further_change(ql: QueryLeaf, db: Db) -> None:
    ql.execute(PAID)
    ql.execute(
        "CREATE SINK per_second AS SELECT COUNT(*) AS n FROM paid GROUP BY TUMBLE(at, INTERVAL '1 second') INTO seconds"
    )
    with ql, db.watch() as watching:
        pay(db, 0, 20)
        ql.drain()
        counted = 0
        while counted < 16:
            change = watching.next()
            if change["ns"]["coll"] == "seconds":
                counted += change["fullDocument"]["n"]
    assert counted == 16


def test_late_rows_are_told(ql: QueryLeaf, db: Db) -> None:
    ql.execute(
        "CREATE SINK per_minute AS SELECT COUNT(*) AS n FROM readings WHERE CHANGE_DETECTED() "
        "GROUP BY TUMBLE(at, INTERVAL '1 minute') INTO minutes"
    )
    ql.execute(
        "CREATE VIEW each_minute AS SELECT COUNT(*) AS n FROM readings WHERE CHANGE_DETECTED() "
        "GROUP BY TUMBLE(at, INTERVAL '1 minute');"
        "CREATE MATERIALIZED VIEW minutes_kept AS SELECT SUM(n) AS n FROM each_minute"
    )
    noon = datetime(2025, 3, 5, 12)
    with ql:
        db.readings.insert_many([{"at": noon}, {"at": noon + timedelta(hours=1)}])
        ql.drain()
        db.readings.insert_many([{"at": noon}, {"at": noon + timedelta(seconds=1)}])
        ql.drain()
        assert ql.status()["per_minute"]["late"] == 2
        assert ql.status()["minutes_kept"]["late"] == 2
    assert ql.status()["per_minute"]["late"] == 2
    with ql:  # a worker that begins anew goes on counting
        db.readings.insert_one({"at": noon})
        ql.drain()
    assert {"property": "late", "value": 3} in ql.execute("DESCRIBE per_minute")
    assert [each["late"] for each in ql.execute("SHOW SINKS")] == [3]


def test_a_paused_sink_goes_on_where_it_was(ql: QueryLeaf, db: Db) -> None:
    ql.execute(f"{PAID}; {STEPS}")
    with ql:
        pay(db, 0, 10)
        ql.drain()
        ql.pause("steps")
        pay(db, 10, 20)
        ql.drain()
        ql.resume("steps")
        pay(db, 20, 30)
        ql.drain()
    assert {each["order_id"]: each["step"] for each in db.order_steps.find()} == steps(30)


def test_a_view_over_a_stream(ql: QueryLeaf, db: Db) -> None:
    ql.execute(PAID)
    ql.execute("CREATE MATERIALIZED VIEW totals AS SELECT customer, SUM(total) AS total FROM paid GROUP BY customer")
    with ql:
        ql.drain()
        pay(db, 0, 20)
        ql.drain()
        db.orders.update_one({"_id": 1}, {"$set": {"total": 7}})
        ql.drain()
    expected = {c: sum(n * n for n in range(20) if n % 5 and n % 3 == c) + 7 * (c == 1) for c in range(3)}
    assert {each["customer"]: each["total"] for each in db.totals.find()} == expected


def test_a_view_over_streams_that_wait_and_look_up(ql: QueryLeaf, db: Db) -> None:
    db.customers.insert_many([{"_id": 0, "city": "Bern"}, {"_id": 1, "city": "Chur"}])
    ql.execute(PAID)
    ql.execute("CREATE VIEW placed AS SELECT p.*, c.city FROM paid p LEFT JOIN customers c ON c._id = p.customer")
    ql.execute("CREATE VIEW shipped AS SELECT _id, CHANGE_TIMESTAMP() AS at FROM parcels WHERE CHANGE_DETECTED()")
    ql.execute(
        "CREATE VIEW sent AS SELECT p.order_id, p.customer, s._id AS parcel FROM paid p "
        "LEFT JOIN shipped s ON s._id = p.order_id AND s.at BETWEEN p.at AND p.at + INTERVAL '1 second'; "
        "CREATE VIEW tenths AS SELECT customer, COUNT(*) AS n, SUM(total) AS total FROM paid "
        "GROUP BY customer, TUMBLE(at, INTERVAL '100 milliseconds')"
    )
    ql.execute(
        "CREATE MATERIALIZED VIEW cities AS SELECT city, COUNT(*) AS n FROM placed GROUP BY city; "
        "CREATE MATERIALIZED VIEW waiting AS "
        "SELECT s.order_id, o.total FROM sent s JOIN orders o ON o._id = s.order_id WHERE s.parcel IS NULL; "
        "CREATE MATERIALIZED VIEW sums AS SELECT customer, SUM(n) AS n, SUM(total) AS total "
        "FROM tenths GROUP BY customer"
    )
    with ql:
        ql.drain()
        pay(db, 0, 20)
        db.parcels.insert_many([{"_id": n} for n in range(0, 20, 2)])
        ql.drain()
    with ql:
        pay(db, 20, 30)
        ql.drain()
        odd = [n for n in range(30) if n % 5 and (n % 2 or n >= 20)]
        wait_until(lambda: db.waiting.count_documents({}) == len(odd))
        wait_until(lambda: sum(each["n"] for each in db.sums.find()) == 24)
        db.orders.update_one({"_id": 1}, {"$set": {"status": "sent", "total": -1}})
        ql.drain()
    expected = {c: sum(n * n for n in range(30) if n % 5 and n % 3 == c) for c in range(3)}
    assert {each["city"]: each["n"] for each in db.cities.find()} == {"Bern": 8, "Chur": 8, None: 8}
    assert {each["order_id"]: each["total"] for each in db.waiting.find()} == {n: n * n if n != 1 else -1 for n in odd}
    assert {each["customer"]: each["total"] for each in db.sums.find()} == expected


def test_what_it_remembers_goes_with_it(ql: QueryLeaf, db: Db) -> None:
    ql.execute(f"{PAID}; {STEPS}")
    with ql:
        pay(db, 0, 10)
        ql.drain()
        ql.execute("DROP SINK steps")
        ql.drain()
    assert not [name for name in db.list_collection_names() if name.startswith("_queryleaf.state.")]


def test_a_row_that_fails_becomes_a_dead_letter_and_the_others_go_on(ql: QueryLeaf, db: Db) -> None:
    ql.execute(PAID)
    body = "IF NEW.order_id = 7 THEN RAISE 'seven'; END IF; INSERT INTO kept (order_id) VALUES (NEW.order_id)"
    ql.execute(f"CREATE TRIGGER keep AFTER INSERT ON paid BEGIN {body}; END")
    with ql:
        pay(db, 6, 10)
        ql.drain()
    assert sorted(each["order_id"] for each in db.kept.find()) == [6, 8, 9]
    assert [each["trigger"] for each in db["_queryleaf.dead_letters"].find()] == ["keep"]


def test_replacing_a_stream_replaces_what_reads_it(ql: QueryLeaf, db: Db) -> None:
    ql.execute(f"{PAID}; CREATE SINK copies AS SELECT order_id FROM paid INTO paid_copies")
    ql.execute(PAID.replace("CREATE", "CREATE OR REPLACE").replace("'paid'", "'open'"))
    with ql:
        pay(db, 0, 11)
        ql.drain()
    assert sorted(each["order_id"] for each in db.paid_copies.find()) == [0, 5, 10]


def test_a_stream_that_is_read_stays(ql: QueryLeaf) -> None:
    ql.execute(f"{PAID}; CREATE SINK copies AS SELECT order_id FROM paid INTO paid_copies")
    with pytest.raises(InputError, match=r"QL414.*read by copies"):
        ql.execute("DROP VIEW paid")
    with pytest.raises(InputError, match=r"QL418.*copies"):
        ql.execute(PAID.replace("CREATE", "CREATE OR REPLACE").replace("_id AS order_id", "_id AS id"))


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("CREATE TRIGGER t AFTER DELETE ON paid BEGIN DELETE FROM x; END", "QL258"),
        ("CREATE TRIGGER t AFTER INSERT ON paid BEGIN UPDATE orders SET a = 1; END", "QL259"),
        ("INSERT INTO paid (x) VALUES (1)", "QL257"),
        ("CREATE MATERIALIZED VIEW v AS SELECT n FROM counts", "QL303.*come again with EMIT CHANGES"),
        ("CREATE VIEW paid AS SELECT _id AS id FROM orders WHERE CHANGE_DETECTED()", "QL410"),
        ("CREATE TRIGGER t AFTER INSERT ON paid BEGIN INSERT INTO l (x) VALUES (NEW.y); END", "unknown column 'y'"),
        ("CREATE OR REPLACE VIEW paid AS SELECT * FROM paid WHERE total > 1", "QL239"),
    ],
)  # fmt: skip
def test_what_is_refused(ql: QueryLeaf, sql: str, message: str) -> None:
    grouped = "SELECT customer, COUNT(*) AS n FROM paid GROUP BY customer, SESSION(at, INTERVAL '1 minute')"
    ql.execute(f"{PAID}; CREATE VIEW counts AS {grouped} EMIT CHANGES")
    with pytest.raises((CompileError, InputError), match=message):
        ql.execute(sql)


def test_a_row_that_the_target_refuses_is_tried_again_and_then_a_dead_letter(ql: QueryLeaf, db: Db) -> None:
    db.create_collection("order_steps", validator={"order_id": {"$ne": 7}})
    retried = STEPS.replace("SINK steps AS", "SINK steps WITH (max_retries = 1) AS")
    ql.execute(f"{PAID}; {retried}")
    with ql:
        pay(db, 0, 12)
        ql.drain()
        status = ql.status()["steps"]
    assert {each["order_id"]: each["step"] for each in db.order_steps.find()} == {
        n: step for n, step in steps(12).items() if n != 7
    }
    (letter,) = db["_queryleaf.dead_letters"].find()
    assert (letter["trigger"], letter["code"], status["dead_letters"]) == ("steps", "QL602", 1)


def test_rows_that_leave_the_database(ql: QueryLeaf, db: Db, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    into_file = STEPS.replace("INTO order_steps", "INTO FILE 'steps.jsonl'")
    ql.execute(f"{PAID}; {into_file}")
    with ql:
        pay(db, 0, 10)
        ql.drain()
    rows = [json.loads(line)["row"] for line in (tmp_path / "steps.jsonl").read_text().splitlines()]
    assert {each["order_id"]: each["step"] for each in rows} == steps(10)


def test_another_definition_begins_anew_where_the_old_one_was(ql: QueryLeaf, db: Db) -> None:
    ql.execute(f"{PAID}; {STEPS}")
    with ql:
        pay(db, 0, 10)
        ql.drain()
        ql.execute(STEPS.replace("CREATE SINK", "CREATE OR REPLACE SINK").replace("LAG(total)", "LAG(total, 1)"))
        pay(db, 10, 20)
        ql.drain()
    found = {each["order_id"]: each["step"] for each in db.order_steps.find()}
    later = {n: step if n > 13 else None for n, step in steps(20).items() if n >= 10}
    assert found == {**steps(10), **later}
    states = [name for name in db.list_collection_names() if name.startswith("_queryleaf.state.")]
    assert len(states) == 1


def test_a_sink_that_begins_with_what_the_oplog_has(ql: QueryLeaf, db: Db) -> None:
    db.create_collection("orders", changeStreamPreAndPostImages={"enabled": True})
    pay(db, 0, 20)
    from_the_start = STEPS.replace("SINK steps AS", "SINK steps WITH (start = 'beginning') AS")
    ql.execute(f"{PAID}; {from_the_start}")
    with ql:
        pay(db, 20, 30)
        ql.drain()
    assert {each["order_id"]: each["step"] for each in db.order_steps.find()} == steps(30)


def test_no_change_of_many_clients_is_late(ql: QueryLeaf, db: Db) -> None:
    """Their times are not quite in the order of the stream."""
    ql.execute(
        "CREATE SINK rates AS SELECT window_start, COUNT(*) AS n FROM clicks WHERE CHANGE_DETECTED() "
        "GROUP BY TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 milliseconds') INTO click_rates"
    )
    db.create_collection("clicks", changeStreamPreAndPostImages={"enabled": True})
    writers = [
        threading.Thread(target=lambda: [db.clicks.insert_one({}) for _ in range(300)], daemon=True) for _ in range(8)
    ]
    with ql:
        for each in writers:
            each.start()
        for each in writers:
            each.join()
        ql.drain()
        pause, counted = threading.Event(), 0
        for _ in range(300):
            counted = sum(each["n"] for each in db.click_rates.find())
            if counted == 2400:
                break
            pause.wait(0.05)
    assert counted == 2400


THERE = "CREATE VIEW there AS SELECT n FROM a WHERE CHANGE_DETECTED();"
BACK = "CREATE VIEW back AS SELECT n FROM b WHERE CHANGE_DETECTED();"
PING = "CREATE TRIGGER ping AFTER INSERT ON there BEGIN INSERT INTO b (n) VALUES (TRIGGER_DEPTH()); END;"
PONG = "CREATE TRIGGER pong AFTER INSERT ON {} BEGIN INSERT INTO a (n) VALUES (1); END;"


@pytest.mark.parametrize(
    "sql",
    [
        THERE + PING + PONG.format("b"),
        THERE + BACK + PING + PONG.format("back"),
        THERE.replace("n FROM", "COUNT(*) OVER (ORDER BY CHANGE_TIMESTAMP()) AS n FROM")
        + BACK
        + PING
        + PONG.format("back"),
        THERE + BACK.replace("()", "() GROUP BY n EMIT CHANGES") + PING + PONG.format("back"),
        THERE + BACK + PING + "CREATE SINK pong AS SELECT n, COUNT(*) OVER (ORDER BY n) AS m FROM back INTO a",
    ],
    ids=["a stream and a collection", "two streams", "a window", "groups", "a sink"],
)
def test_a_loop_through_streams_ends_with_a_letter_that_shows_it(ql: QueryLeaf, db: Db, sql: str) -> None:
    ql.execute(sql)
    with ql:
        db.a.insert_one({"n": 0})
        ql.drain(timeout=30)
    assert sorted(each["n"] for each in db.b.find()) == list(range(0, 17, 2))
    (letter,) = db["_queryleaf.dead_letters"].find()
    assert (letter["trigger"], letter["code"], letter["error"].count("ping → pong")) == ("pong", "QL608", 8)


MET = """
CREATE TRIGGER make AFTER INSERT ON start BEGIN INSERT INTO a (k) VALUES (NEW._id); END;
CREATE VIEW met AS SELECT a.k
FROM (SELECT k, CHANGE_TIMESTAMP() AS at FROM a WHERE CHANGE_DETECTED()) a
JOIN (SELECT k, CHANGE_TIMESTAMP() AS at FROM b WHERE CHANGE_DETECTED()) b
  ON b.k = a.k AND b.at BETWEEN a.at - INTERVAL '1 minute' AND a.at + INTERVAL '1 minute';
CREATE TRIGGER note AFTER INSERT ON met BEGIN INSERT INTO log (k, depth) VALUES (NEW.k, TRIGGER_DEPTH()); END;
CREATE TRIGGER next AFTER INSERT ON log BEGIN INSERT INTO later (k, depth) VALUES (NEW.k, TRIGGER_DEPTH()); END;
"""


@pytest.mark.parametrize("order", [("start", "b"), ("b", "start")])
def test_a_row_is_as_deep_as_the_deepest_of_its_changes(ql: QueryLeaf, db: Db, order: tuple[str, str]) -> None:
    ql.execute(MET)
    with ql:
        for name in order:
            db[name].insert_one({"_id": 1, "k": 1})
            ql.drain()
    assert [each["depth"] for each in (*db.log.find(), *db.later.find())] == [1, 2]
