"""OfflineDatabase and replay: triggers over streams with a name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import Timestamp

from queryleaf_cdc.errors import InputError
from queryleaf_cdc.offline.replay import replay
from queryleaf_cdc.offline.worker import MAX_DEPTH
from queryleaf_cdc.testing import Call, FixedClock, OfflineDatabase

PAID = """CREATE VIEW paid AS SELECT _id AS order_id, customer, total, CHANGE_TIMESTAMP() AS at
    FROM orders WHERE CHANGE_DETECTED(status) AND status = 'paid';"""
STEPS = """CREATE VIEW steps AS SELECT order_id, total - LAG(total) OVER (PARTITION BY customer ORDER BY at) AS step
    FROM paid;"""
HOURS = """CREATE VIEW hours AS SELECT customer, COUNT(*) AS n, window_start FROM paid
    GROUP BY customer, TUMBLE(at, INTERVAL '1 hour');"""


def keeping(stream: str, values: str, name: str = "keep", into: str = "kept", more: str = "") -> str:
    columns = ", ".join(each.partition(".")[2] for each in values.split(", "))
    body = f"INSERT INTO {into} ({columns}) VALUES ({values});"
    return f"CREATE TRIGGER {name} AFTER INSERT ON {stream} {more} BEGIN {body} END;"


def kept(db: OfflineDatabase, collection: str = "kept") -> list[dict[str, Any]]:
    return [{name: value for name, value in each.items() if name != "_id"} for each in db[collection].find()]


def order(key: int, total: float, customer: str = "a") -> dict[str, Any]:
    return {"_id": key, "customer": customer, "total": total, "status": "paid"}


def test_it_fires_for_each_row_of_a_stream() -> None:
    with OfflineDatabase(PAID + keeping("paid", "NEW.order_id, NEW.total", more="WHEN (NEW.total > 5)")) as db:
        db.insert("orders", order(1, 9), order(2, 3), {**order(3, 9), "status": "open"})
        assert kept(db) == [{"order_id": 1, "total": 9}]
        db.update("orders", {"_id": 3}, {"$set": {"status": "paid"}})
        db.update("orders", {"_id": 3}, {"$set": {"customer": "b"}})
        assert kept(db) == [{"order_id": 1, "total": 9}, {"order_id": 3, "total": 9}]
        assert db.dead_letters == []


def test_it_is_told_of_the_change_behind_the_row() -> None:
    body = "CALL TELL(CHANGE_TYPE(), CHANGE_COLLECTION(), CHANGE_TIMESTAMP(), TRIGGER_DEPTH())"
    clock = FixedClock(datetime(2025, 3, 4))
    with OfflineDatabase(f"{PAID} CREATE TRIGGER t AFTER INSERT ON paid BEGIN {body}; END", clock=clock) as db:
        (call,) = db.insert("orders", order(1, 9))
        assert isinstance(call, Call)
        assert call.args == ("INSERT", "orders", datetime(2025, 3, 4), 0)


def test_a_stream_remembers() -> None:
    with OfflineDatabase(PAID + STEPS + keeping("steps", "NEW.order_id, NEW.step")) as db:
        db.insert("orders", order(1, 9), order(2, 3, "b"))
        db.insert("orders", order(3, 4))
        assert kept(db) == [
            {"order_id": 1, "step": None},
            {"order_id": 2, "step": None},
            {"order_id": 3, "step": -5},
        ]


def test_rows_are_looked_up_as_they_are_now() -> None:
    named = "CREATE VIEW named AS SELECT p.order_id, c.name FROM paid p LEFT JOIN customers c ON c._id = p.customer;"
    with OfflineDatabase(PAID + named + keeping("named", "NEW.order_id, NEW.name")) as db:
        db.seed({"customers": [{"_id": "a", "name": "Ann"}, {"_id": "b", "name": "Bob"}]})
        db.insert("orders", order(1, 9, "b"))
        db.update("customers", {"_id": "b"}, {"$set": {"name": "Bert"}})
        db.insert("orders", order(2, 9, "b"), order(3, 9, "c"))
        assert [each["name"] for each in kept(db)] == ["Bob", "Bert", None]


def test_windows_end_with_the_time() -> None:
    with OfflineDatabase(PAID + HOURS + keeping("hours", "NEW.customer, NEW.n, NEW.window_start")) as db:
        db.insert("orders", order(1, 9), order(2, 3))
        assert db.pass_time(timedelta(minutes=59)) == []
        (write,) = db.pass_time(timedelta(minutes=1))
        assert write.event == 2
        assert kept(db) == [{"customer": "a", "n": 2, "window_start": datetime(2025, 1, 1)}]


def test_a_change_tells_the_time_and_is_in_the_next_window() -> None:
    with OfflineDatabase(PAID + HOURS + keeping("hours", "NEW.n, NEW.window_start")) as db:
        db.insert("orders", order(1, 9))
        db.clock.advance(timedelta(hours=1))
        db.insert("orders", order(2, 9))
        db.pass_time(timedelta(hours=1))
        assert kept(db) == [
            {"n": 1, "window_start": datetime(2025, 1, 1, 0)},
            {"n": 1, "window_start": datetime(2025, 1, 1, 1)},
        ]


def test_streams_come_behind_other_triggers_in_the_order_of_names() -> None:
    noting = "CREATE TRIGGER {0} AFTER INSERT ON {1} BEGIN INSERT INTO log (t) VALUES ('{0}'); END;"
    made = [noting.format(name, on) for name, on in (("b", "paid"), ("a", "paid"), ("z", "orders"))]
    with OfflineDatabase(PAID + "".join(made)) as db:
        db.insert("orders", order(1, 9))
        assert [each["t"] for each in kept(db, "log")] == ["z", "a", "b"]


def test_a_collection_of_the_streams_name_fires_nothing() -> None:
    with OfflineDatabase(PAID + keeping("paid", "NEW.order_id")) as db:
        db.insert("paid", {"order_id": 1})
        assert kept(db) == []


def test_a_name_is_known_to_later_statements() -> None:
    with OfflineDatabase(PAID) as db:
        db.execute(STEPS)
        db.execute(keeping("steps", "NEW.step"))
        db.insert("orders", order(1, 9), order(2, 3))
        assert [each["step"] for each in kept(db)] == [None, -6]


def test_a_trigger_that_is_replaced_begins_anew() -> None:
    made = keeping("steps", "NEW.step")
    with OfflineDatabase(PAID + STEPS + made) as db:
        db.insert("orders", order(1, 9))
        db.execute(made.replace("CREATE", "CREATE OR REPLACE"))
        db.insert("orders", order(2, 3))
        assert [each["step"] for each in kept(db)] == [None, None]
        db.execute("DROP TRIGGER keep")
        db.insert("orders", order(3, 3))
        assert len(kept(db)) == 2


def test_a_trigger_on_a_stream_may_become_one_on_a_collection() -> None:
    with OfflineDatabase(PAID + keeping("paid", "NEW.order_id")) as db:
        db.execute(keeping("orders", "NEW.total").replace("CREATE", "CREATE OR REPLACE"))
        db.insert("orders", order(1, 9))
        assert kept(db) == [{"total": 9}]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        (PAID, "QL410"),
        ("DROP VIEW paid", "QL414"),
        ("DROP VIEW sent", "QL411"),
        (PAID.replace("CREATE", "CREATE OR REPLACE").replace("'paid'", "'sent'"), "QL424"),
        ("SELECT COUNT(*) OVER (ORDER BY at) AS n FROM paid", "QL424"),
        ("CREATE SINK s AS SELECT order_id FROM paid INTO x", "QL424"),
    ],
)
def test_what_is_refused(sql: str, code: str) -> None:
    with OfflineDatabase(PAID + keeping("paid", "NEW.order_id")) as db, pytest.raises(InputError) as caught:
        db.execute(sql)
    assert caught.value.code == code


def test_a_stream_that_nobody_reads_is_replaced_and_dropped() -> None:
    other = PAID.replace("CREATE", "CREATE OR REPLACE").replace("'paid'", "'sent'")
    with OfflineDatabase(PAID + keeping("paid", "NEW.order_id")) as db:
        db.execute(PAID.replace("CREATE", "CREATE OR REPLACE"))
        db.execute(f"DROP TRIGGER keep; {other}{keeping('paid', 'NEW.order_id')}")
        db.insert("orders", order(1, 9), {**order(2, 9), "status": "sent"})
        assert kept(db) == [{"order_id": 2}]
        db.execute("DROP TRIGGER keep; DROP VIEW paid; DROP VIEW IF EXISTS paid")


def test_a_firing_that_fails_is_a_dead_letter_and_the_stream_goes_on() -> None:
    body = "IF NEW.step < 0 THEN RAISE 'down'; END IF; INSERT INTO kept (step) VALUES (NEW.step)"
    made = f"CREATE TRIGGER keep AFTER INSERT ON steps BEGIN {body}; END;"
    with OfflineDatabase(PAID + STEPS + made) as db:
        db.insert("orders", order(1, 9), order(2, 3), order(3, 5))
        assert [each["step"] for each in kept(db)] == [None, 2]
        assert [(each.trigger, each.code, each.stopped) for each in db.dead_letters] == [("keep", "QL601", False)]


def test_a_row_that_cannot_be_made_stops_its_trigger() -> None:
    def fee(total: Any) -> Any:
        return 1 / total

    view = "CREATE VIEW fees AS SELECT SUM(FEE(total)) OVER (ORDER BY at) AS fee FROM paid;"
    functions = {"FEE": fee}
    with OfflineDatabase(PAID + view + keeping("fees", "NEW.fee"), functions=functions) as db:
        db.insert("orders", order(1, 1), order(2, 0), order(3, 1))
        assert [each["fee"] for each in kept(db)] == [1]
        assert [(each.trigger, each.code, each.stopped) for each in db.dead_letters] == [("keep", "QL603", True)]


def test_the_functions_of_a_stream_must_be_there() -> None:
    view = "CREATE VIEW fees AS SELECT FEE(total) AS fee FROM orders WHERE CHANGE_DETECTED();"
    known: Mapping[str, Any] = {"FEE": abs}
    assert OfflineDatabase(view + keeping("fees", "NEW.fee"), functions=known)
    with pytest.raises(InputError, match="QL428"):
        list(replay(view + keeping("fees", "NEW.fee"), []))


def test_a_chain_leads_through_streams_and_ends() -> None:
    sql = """
    CREATE VIEW there AS SELECT n FROM a WHERE CHANGE_DETECTED();
    CREATE VIEW back AS SELECT n, COUNT(*) OVER (ORDER BY CHANGE_TIMESTAMP()) AS m FROM b WHERE CHANGE_DETECTED();
    CREATE TRIGGER ping AFTER INSERT ON there BEGIN INSERT INTO b (n) VALUES (TRIGGER_DEPTH()); END;
    CREATE TRIGGER pong AFTER INSERT ON back BEGIN INSERT INTO a (n) VALUES (TRIGGER_DEPTH()); END;
    """
    with OfflineDatabase(sql) as db:
        db.insert("a", {"_id": 1})
        assert [each["n"] for each in kept(db, "b")] == list(range(0, MAX_DEPTH + 1, 2))
        (letter,) = db.dead_letters
        assert (letter.code, letter.chain[:3], len(letter.chain)) == ("QL608", ("ping", "pong", "ping"), MAX_DEPTH + 2)


@pytest.mark.parametrize("order", [("start", "b"), ("b", "start")])
def test_a_row_is_as_deep_as_the_deepest_of_its_changes(order: tuple[str, str]) -> None:
    sql = """
    CREATE TRIGGER make AFTER INSERT ON start BEGIN INSERT INTO a (k) VALUES (NEW._id); END;
    CREATE VIEW met AS SELECT a.k
    FROM (SELECT k, CHANGE_TIMESTAMP() AS at FROM a WHERE CHANGE_DETECTED()) a
    JOIN (SELECT k, CHANGE_TIMESTAMP() AS at FROM b WHERE CHANGE_DETECTED()) b
      ON b.k = a.k AND b.at BETWEEN a.at - INTERVAL '1 minute' AND a.at + INTERVAL '1 minute';
    CREATE TRIGGER note AFTER INSERT ON met BEGIN INSERT INTO log (depth) VALUES (TRIGGER_DEPTH()); END;
    CREATE TRIGGER next AFTER INSERT ON log BEGIN INSERT INTO log2 (depth) VALUES (TRIGGER_DEPTH()); END;
    """
    with OfflineDatabase(sql) as db:
        for name in order:
            db.insert(name, {"_id": 1, "k": 1})
        assert (kept(db, "log"), kept(db, "log2")) == ([{"depth": 1}], [{"depth": 2}])


AT = datetime(2025, 3, 4, 5)


def recorded(key: int, at: datetime, **images: Any) -> dict[str, Any]:
    return {
        "_id": {"_data": f"82{key:04}"},
        "operationType": "update",
        "clusterTime": Timestamp(int((at - datetime(1970, 1, 1)).total_seconds()), 1),
        "wallTime": at,
        "ns": {"db": "shop", "coll": "orders"},
        "documentKey": {"_id": key},
        **images,
    }


def paid(key: int, at: datetime) -> dict[str, Any]:
    return recorded(key, at, fullDocument=order(key, 5), fullDocumentBeforeChange={**order(key, 5), "status": "open"})


def test_recorded_changes_go_through_streams() -> None:
    sql = PAID + STEPS + keeping("steps", "NEW.order_id, NEW.step")
    found = list(replay(sql, [paid(1, AT), paid(2, AT)]))
    assert [(each["event"], each["document"]["step"]) for each in found] == [(1, None), (2, 0)]


def test_a_recorded_change_ends_windows_a_second_later() -> None:
    """Of several clients the changes are not quite in the order of their times."""
    sql = PAID + HOURS + keeping("hours", "NEW.n")
    times = [AT, AT + timedelta(hours=1), AT + timedelta(minutes=59, seconds=59.5), AT + timedelta(hours=1, seconds=1)]
    found = list(replay(sql, [paid(key, at) for key, at in enumerate(times)]))
    assert [(each["event"], each["document"]["n"]) for each in found] == [(3, 2)]


def test_a_recorded_change_without_the_image_that_a_stream_needs() -> None:
    with pytest.raises(InputError, match=r"event 1: keep needs fullDocument, .*update of orders") as caught:
        list(replay(PAID + keeping("paid", "NEW.order_id"), [recorded(1, AT)]))
    assert caught.value.code == "QL422"
