"""Streaming SELECTs that remember, on a real server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import DBRef, Regex
from pymongo.database import Database

from queryleaf_cdc import CompileError, QueryLeaf, RunError

Db = Database[dict[str, Any]]
REFERENCE = Path(__file__).parents[3] / "shared" / "reference"


@pytest.fixture
def ql(db: Db) -> Iterator[QueryLeaf]:
    each = QueryLeaf(client=db.client, database=db.name)
    yield each
    each.close()


def reference(start: str, end: str) -> str:
    """A statement of the document's SQL, as it stands."""
    if not REFERENCE.is_dir():
        pytest.skip("the reference document is not here")
    text = next(REFERENCE.glob("*.txt")).read_text()
    begin = text.index(start)
    return text[begin : text.index(end, begin)]


def told(ql: QueryLeaf, sql: str, write: Callable[[], object], count: int, patience: float = 10.0) -> list[Any]:
    """The first rows that come of what is written; each with its ``change``."""
    found: list[Any] = []
    with ql.stream(sql) as rows:
        rows.poll()  # opens it
        write()
        deadline = datetime.now(UTC) + timedelta(seconds=patience)
        while len(found) < count and datetime.now(UTC) < deadline:
            row = rows.poll()
            if row is not None:
                found.append(row)
    assert len(found) == count
    return found


def in_commit_order(rows: list[Any]) -> list[Any]:
    """Where ORDER BY sorts what comes together, which is left to chance."""
    return sorted(rows, key=lambda row: row.change.id)


class TestReference:
    """The document's streaming statements, with rows that were worked out by hand."""

    def test_payments(self, ql: QueryLeaf, db: Db) -> None:
        sql = reference("WITH payment_patterns AS (", "```\n\n## Best Practices")
        paid = [(10, "a"), (12, "a"), (100, "b"), (5, "b"), (7, "c"), (9, "c")]

        def write() -> None:
            for amount, address in paid:
                db.payments.insert_one({"customer_id": 1, "payment_amount": amount, "ip_address": address})
            db.payments.insert_one({"customer_id": 2, "payment_amount": 500, "ip_address": "z"})
            db.payments.update_one({"payment_amount": 10}, {"$set": {"payment_amount": 11}})

        rows = in_commit_order(told(ql, sql, write, 3))
        assert [(row["payment_amount"], row["fraud_indicator"], row["fraud_risk_score"]) for row in rows] == [
            (100, "UNUSUAL_AMOUNT", 25 + 15),  # the average before it is 11, and the address is another one
            (7, "HIGH_VELOCITY", 30 + 15),  # the fifth within the hour, from another address
            (9, "HIGH_VELOCITY", 30),
        ]
        assert all(row["payment_time"] == row.change.timestamp and row.change.operation == "INSERT" for row in rows)

    def test_activities(self, ql: QueryLeaf, db: Db) -> None:
        view = reference("CREATE OR REPLACE VIEW user_activity_stream AS\n", "-- Real-time inventory alerts")
        sql = view.partition(" AS\n")[2]
        now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        done = [("login", 0), ("view_product", 3), ("purchase", 9), ("search", 6), ("old", -2000)]

        def write() -> None:
            for activity, minute in done:
                at = now + timedelta(minutes=minute)
                entry = {"user_id": 7, "session_id": "s", "activity_type": activity, "activity_timestamp": at}
                db.user_activities.insert_one(entry)
            other = {"user_id": 8, "session_id": "t", "activity_type": "login", "activity_timestamp": now}
            db.user_activities.insert_one(other)

        rows = told(ql, sql, write, 5)
        names = ("activity_type", "minutes_since_last_activity", "engagement_score", "activities_in_session")
        assert [tuple(row[name] for name in names) for row in rows] == [
            ("login", None, 10, 1),
            ("view_product", 3.0, 2, 2),
            ("purchase", 6.0, 50, 3),
            ("search", 3.0, 1, 3),  # it came late: what sorts behind it is not there yet for it
            ("login", None, 10, 1),
        ]  # fmt: skip

    def test_stock(self, ql: QueryLeaf, db: Db) -> None:
        sql = reference("SELECT \n  product_id,\n  product_name,", "-- Real-time fraud")
        db.products.insert_many([{"product_id": 1, "product_name": "tea"}, {"product_id": 2, "product_name": "jam"}])

        def write() -> None:
            stock = {"current_quantity": 10, "reorder_threshold": 20, "reserved_quantity": 1}
            db.inventory.insert_one({"_id": 1, "product_id": 1, **stock})
            db.inventory.update_one({"_id": 1}, {"$set": {"current_quantity": 4, "reserved_quantity": 3}})
            db.inventory.insert_one({"_id": 2, "product_id": 2, **stock, "current_quantity": 500})
            db.inventory.insert_one({"_id": 3, "product_id": 3, **stock})  # no such product
            db.inventory.update_one({"_id": 2}, {"$set": {"current_quantity": 90, "reserved_quantity": 6}})
            db.inventory.update_one({"_id": 1}, {"$set": {"current_quantity": 0}})

        rows = in_commit_order(told(ql, sql, write, 4))
        assert [
            (row["product_name"], row["quantity_change"], row["estimated_hours_until_stockout"], row["alert_level"])
            for row in rows
        ] == [
            ("tea", None, None, "MEDIUM"),  # 10 of 20
            ("tea", 2, 2.0, "HIGH"),  # 4 of 20, and two more are reserved
            ("jam", 5, 18.0, "URGENT"),  # much is left, but not for long
            ("tea", 0, None, "CRITICAL"),
        ]

    def test_orders_and_stock_within_a_minute(self, ql: QueryLeaf, db: Db) -> None:
        sql = reference("WITH order_changes AS (", "-- Real-time user activity tracking")
        db.inventory.insert_one({"_id": 1, "product_id": 5, "quantity": 9, "reorder_threshold": 3})

        def write() -> None:
            db.orders.insert_one({"_id": 1, "order_id": 1, "status": "pending"})
            db.orders.insert_one({"_id": 2, "order_id": 2, "status": "draft"})
            db.inventory.update_one({"_id": 1}, {"$set": {"quantity": 0}})
            db.orders.update_one({"_id": 2}, {"$set": {"status": "shipped"}})

        rows = told(ql, sql, write, 3)
        assert [(row["action_required"], row["entity_id"]) for row in rows] == [
            ("process_new_order", 1),  # with what is out of stock
            ("handle_out_of_stock", 2),  # the draft does nothing, so what it came with is told
            ("send_shipping_notification", 2),
        ]

    def test_orders_and_stock(self, ql: QueryLeaf, db: Db) -> None:
        """With a bound of one second, to see an order that meets nothing."""
        sql = reference("WITH order_changes AS (", "-- Real-time user activity tracking").replace(
            "1 minute", "1 second"
        )
        db.inventory.insert_one({"_id": 1, "product_id": 5, "quantity": 9, "reorder_threshold": 3})

        def write() -> None:
            db.orders.insert_one({"_id": 1, "order_id": 1, "status": "pending"})
            db.orders.insert_one({"_id": 2, "order_id": 2, "status": "draft"})
            threading.Event().wait(2.2)
            db.inventory.update_one({"_id": 1}, {"$set": {"quantity": 8}})  # more than the threshold
            db.inventory.update_one({"_id": 1}, {"$set": {"quantity": 0}})
            threading.Event().wait(2.2)
            db.inventory.update_one({"_id": 1}, {"$set": {"quantity": 1}})
            db.orders.update_one({"_id": 2}, {"$set": {"status": "shipped"}})

        rows = told(ql, sql, write, 3)
        assert [(row["action_required"], row["entity_id"]) for row in rows] == [
            ("process_new_order", 1),
            ("handle_out_of_stock", 5),
            ("send_shipping_notification", 2),
        ]


def test_groups_come_when_their_window_has_ended(ql: QueryLeaf, db: Db) -> None:
    sql = """SELECT k, COUNT(*) AS n, SUM(v) AS total FROM sales WHERE CHANGE_DETECTED()
             GROUP BY k, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '1 second') HAVING COUNT(*) > 0"""

    def write() -> None:
        db.sales.insert_many([{"k": at % 2, "v": at} for at in range(6)])  # in one command, and so at one time

    rows = told(ql, sql, write, 2)
    assert sorted((row["k"], row["n"], row["total"]) for row in rows) == [(0, 3, 6), (1, 3, 9)]


def test_groups_come_with_every_change(ql: QueryLeaf, db: Db) -> None:
    sql = "SELECT k, COUNT(*) AS n FROM sales WHERE CHANGE_DETECTED() GROUP BY k EMIT CHANGES"
    rows = told(ql, sql, lambda: db.sales.insert_many([{"k": at % 2} for at in range(5)]), 5)
    assert [(row["k"], row["n"]) for row in rows] == [(0, 1), (1, 1), (0, 2), (1, 2), (0, 3)]


def test_rows_that_come_together_are_sorted(ql: QueryLeaf, db: Db) -> None:
    sql = "SELECT * FROM sales WHERE CHANGE_DETECTED() AND v > 1 ORDER BY v DESC"
    rows = told(ql, sql, lambda: db.sales.insert_many([{"v": at} for at in (3, 9, 1, 5)]), 3)
    assert [row["v"] for row in rows] == [9, 5, 3]
    assert [row.change.operation for row in rows] == ["INSERT"] * 3


def test_a_batch_asks_a_collection_once(ql: QueryLeaf, db: Db) -> None:
    sql = "SELECT s.v, c.name FROM sales s LEFT JOIN customers c ON c._id = s.customer WHERE CHANGE_DETECTED()"
    db.customers.insert_many([{"_id": at, "name": f"c{at}"} for at in range(3)])
    db.client.admin.command({"profile": 0, "slowms": 0})
    before = db.command("serverStatus")["opcounters"]["command"]
    rows = told(ql, sql, lambda: db.sales.insert_many([{"v": at, "customer": at % 4} for at in range(400)]), 400)
    assert [row["name"] for row in rows[:4]] == ["c0", "c1", "c2", None]
    assert db.command("serverStatus")["opcounters"]["command"] - before < 100


def test_a_change_without_its_image_takes_no_other_with_it(ql: QueryLeaf, db: Db) -> None:
    """All of them are in one batch."""
    db.sales.insert_one({"_id": 0, "v": 0})
    sql = "SELECT v, OLD.v AS was, LAG(v) OVER (ORDER BY CHANGE_TIMESTAMP()) AS l FROM sales WHERE CHANGE_DETECTED()"
    with ql.stream(sql) as stream:
        db.sales.update_one({}, {"$set": {"v": 1}})
        db.sales.drop()
        db.sales.insert_one({"_id": 0, "v": 2})
        db.sales.update_one({}, {"$set": {"v": 3}})
        db.sales.insert_one({"_id": 1, "v": 4})
        found = [next(stream), next(stream)]
        with pytest.raises(RunError, match="QL607"):
            next(stream)
        found.append(next(stream))
        db.sales.update_one({"_id": 1}, {"$set": {"v": 5}})
        found.append(next(stream))  # images are recorded again
    assert [(row["v"], row["was"], row["l"]) for row in found] == [
        (1, 0, None),
        (2, None, 1),
        (4, None, 2),
        (5, 4, 4),
    ]


def test_a_change_that_a_function_refuses_takes_no_other_with_it(ql: QueryLeaf, db: Db) -> None:
    ql.function("PICKY")(lambda v: 1 // v)
    sql = "SELECT v, LAG(v) OVER (ORDER BY CHANGE_TIMESTAMP()) AS l FROM sales WHERE CHANGE_DETECTED() AND PICKY(v) < 9"
    with ql.stream(sql) as stream:
        for v in (2, 0, 3):
            db.sales.insert_one({"v": v})
        assert next(stream) == {"v": 2, "l": None}
        with pytest.raises(ZeroDivisionError):
            next(stream)
        assert next(stream) == {"v": 3, "l": 2}


def test_a_lookup_waits_for_a_new_primary(ql: QueryLeaf, db: Db) -> None:
    db.rates.insert_one({"_id": 1, "rate": 2})
    sql = (
        "SELECT s.v, r.rate, COUNT(*) OVER (ORDER BY CHANGE_TIMESTAMP()) AS n FROM sales s JOIN rates r ON r._id = s.k"
        " WHERE CHANGE_DETECTED(s)"
    )
    with ql.stream(sql) as stream:
        stream.poll()  # opens it
        what = {"failCommands": ["aggregate"], "errorCode": 11602}
        db.client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 4}, "data": what})
        db.sales.insert_one({"k": 1, "v": 1})
        db.sales.insert_one({"k": 1, "v": 2})
        assert [next(stream), next(stream)] == [{"v": 1, "rate": 2, "n": 1}, {"v": 2, "rate": 2, "n": 2}]


def test_values_that_a_query_would_take_for_its_own_are_looked_up(ql: QueryLeaf, db: Db) -> None:
    keys: list[Any] = [
        Regex("^a"),
        {"$gt": ""},
        {"$ref": 1},
        "a",
        DBRef("c", 1),
        {"a": {"$gt": 1}},
        [Regex("^a")],
        None,
    ]
    db.rates.insert_many([{"k": key, "at": at} for at, key in enumerate([*keys, "ab"])])
    sql = "SELECT s.at AS mine, r.at AS theirs FROM sales s LEFT JOIN rates r ON r.k = s.k WHERE CHANGE_DETECTED(s)"
    rows = told(ql, sql, lambda: db.sales.insert_many([{"k": key, "at": at} for at, key in enumerate(keys)]), 8)
    assert [(row["mine"], row["theirs"]) for row in rows] == [*((at, at) for at in range(7)), (7, None)]


def test_subqueries_look_into_collections_as_they_are(ql: QueryLeaf, db: Db) -> None:
    sql = (
        "SELECT v, (SELECT COUNT(*) FROM visits w WHERE w.k = s.k) AS visits FROM sales s WHERE CHANGE_DETECTED()"
        " AND k IN (SELECT _id FROM vips WHERE level > 2) AND k NOT IN (SELECT k FROM blocked WHERE hard)"
        " AND EXISTS (SELECT 1 FROM shop WHERE open)"
    )
    db.vips.insert_many([{"_id": 1, "level": 3}, {"_id": 2, "level": 9}, {"_id": 3, "level": 1}])
    db.visits.insert_many([{"k": 1}, {"k": [1, 2]}, {"k": 2}, {"k": 2}, {}])
    db.blocked.insert_many([{"k": 4, "hard": True}, {"hard": False}])
    db.shop.insert_one({"open": True})

    def write() -> None:
        db.sales.insert_many([{"k": at % 4, "v": at} for at in range(8)] + [{"v": 8}])
        db.sales.insert_one({"k": 2, "v": 9})

    rows = told(ql, sql, write, 5)
    assert [(row["v"], row["visits"]) for row in rows] == [(1, 1), (2, 2), (5, 1), (6, 2), (9, 2)]


def test_not_in_gives_nothing_where_there_is_a_null(ql: QueryLeaf, db: Db) -> None:
    db.blocked.insert_one({"k": 1})
    sql = "SELECT v FROM sales WHERE CHANGE_DETECTED() AND k NOT IN (SELECT k FROM blocked)"
    with ql.stream(sql) as rows:
        rows.poll()
        db.sales.insert_many([{"k": 1, "v": 1}, {"v": 2}, {"k": 2, "v": 3}])
        assert next(rows) == {"v": 3}
        db.blocked.insert_one({})
        db.sales.insert_one({"k": 2, "v": 4})
        assert rows.poll() is None


CHANGES = "WHERE CHANGE_DETECTED()"
FRAME = "ORDER BY k ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING"
P, Q = (f"(SELECT k FROM {name} {CHANGES}) {alias}" for name, alias in (("a", "p"), ("b", "q")))


@pytest.mark.parametrize(
    ("sql", "code", "said"),
    [
        (f"SELECT COUNT(*) FROM a {CHANGES}", "QL322", "EMIT CHANGES"),
        (f"SELECT k FROM a {CHANGES} LIMIT 3", "QL303", "never ends"),
        (f"SELECT DISTINCT k, LAG(k) OVER (ORDER BY k) AS n FROM a {CHANGES}", "QL303", "DISTINCT"),
        (f"SELECT LEAD(k) OVER (ORDER BY CHANGE_TIMESTAMP()) AS n FROM a {CHANGES}", "QL323", "ahead"),
        (f"SELECT SUM(k) OVER ({FRAME}) AS n FROM a {CHANGES}", "QL323", "FOLLOWING"),
        (f"SELECT p.k FROM {P} JOIN {Q} ON p.k = q.k", "QL320", "bound"),
        ("SELECT a.k FROM a JOIN b ON a.k > b.k WHERE CHANGE_DETECTED(a)", "QL321", "equality"),
        ("SELECT a.k FROM a FULL JOIN b ON a.k = b.k WHERE CHANGE_DETECTED(a)", "QL303", "no change"),
        (f"SELECT CHANGE_TYPE() AS c, p.k FROM {P}", "QL208", "no change"),
        (f"SELECT k FROM a {CHANGES} OR k = 1", "QL207", "term of its own"),
    ],
)
def test_what_does_not_fit_a_stream(ql: QueryLeaf, sql: str, code: str, said: str) -> None:
    with pytest.raises(CompileError) as raised:
        ql.stream(sql)
    assert raised.value.code == code
    assert said in f"{raised.value}"


def test_late_rows_are_counted(ql: QueryLeaf, db: Db) -> None:
    sql = "SELECT COUNT(*) AS n FROM t WHERE CHANGE_DETECTED() GROUP BY TUMBLE(at, INTERVAL '1 minute')"
    with ql.stream(sql) as rows:
        db.t.insert_one({"at": datetime(2020, 1, 1)})
        assert next(rows) == {"n": 1}
        db.t.insert_one({"at": datetime(2020, 1, 1)})
        while not rows.late:
            assert rows.poll() is None
    assert rows.late == 1
