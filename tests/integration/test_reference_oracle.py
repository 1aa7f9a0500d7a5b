"""The document's streaming statements as they stand, on a real server with random changes: what comes is what DuckDB
says of the table of these changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from pymongo.database import Database

from queryleaf_cdc import QueryLeaf
from tests.views.comparison import difference

Db = Database[dict[str, Any]]
Draw = Callable[[Random], dict[str, Any]]
REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
CHANGES = 120
NOW = datetime.now(UTC).replace(tzinfo=None, microsecond=0)


@dataclass(frozen=True)
class Case:
    """``begin`` and ``end`` cut the statement out of the document. ``said`` are what is written otherwise for DuckDB,
    and ``here`` for us."""

    begin: str
    end: str
    tables: dict[str, tuple[str, Draw]]
    """collection → its columns' types, and what draws a document"""
    said: tuple[tuple[str, str], ...] = ()
    here: tuple[tuple[str, str], ...] = ()
    waits: float = 0.0
    """seconds until the last row has come by time alone"""


def payment(random: Random) -> dict[str, Any]:
    amount = random.choice((5, 10, 12, 50, 100))
    return {"customer_id": random.randrange(8), "payment_amount": amount, "ip_address": random.choice("abc")}


def stock(random: Random) -> dict[str, Any]:
    return {
        "product_id": random.randrange(4),
        "current_quantity": random.choice((0, 3, 9, 15, 90, 500)),
        "reorder_threshold": 20,
        "reserved_quantity": random.randrange(40),
    }


def order(random: Random) -> dict[str, Any]:
    return {"order_id": random.randrange(100), "status": random.choice(("pending", "shipped", "draft"))}


def amount_there(random: Random) -> dict[str, Any]:
    found = {"product_id": random.randrange(100), "quantity": random.choice((0, 2, 9)), "reorder_threshold": 3}
    return found | {"reserved_quantity": random.randrange(9), "available_quantity": 5}


class Activities:
    """Times of the documents' own, which never go back."""

    def __init__(self) -> None:
        self._now = NOW - timedelta(hours=30)

    def __call__(self, random: Random) -> dict[str, Any]:
        self._now += timedelta(seconds=random.randrange(1, 1800))
        what = random.choice(("login", "view_product", "purchase", "add_to_cart", "search"))
        session = random.choice("pqr")
        return {"user_id": 7, "session_id": session, "activity_type": what, "activity_timestamp": self._now}


PAYMENTS = "customer_id BIGINT, payment_amount BIGINT, payment_method VARCHAR, ip_address VARCHAR"
ACTIVITIES = "user_id BIGINT, session_id VARCHAR, activity_type VARCHAR, activity_timestamp TIMESTAMP"
STOCK = "product_id BIGINT, current_quantity BIGINT, reorder_threshold BIGINT, reserved_quantity BIGINT"
ORDERS = "order_id BIGINT, status VARCHAR, total_amount BIGINT, customer_id BIGINT"
AMOUNTS = (
    "product_id BIGINT, quantity BIGINT, reserved_quantity BIGINT, reorder_threshold BIGINT, available_quantity BIGINT"
)
CASES = {
    "payments": Case(
        "WITH payment_patterns AS (", "```\n\n## Best Practices", {"payments": (PAYMENTS, payment)}
    ),
    "activities": Case(
        "SELECT \n  user_id,\n  activity_type,",
        "-- Real-time inventory alerts",
        {"user_activities": (ACTIVITIES, Activities())},
        said=(("CURRENT_TIMESTAMP", "moment"),),
    ),
    "stock": Case(
        "SELECT \n  product_id,\n  product_name,",
        "-- Real-time fraud",
        {"inventory": (STOCK, stock)},
        said=(
            ("ON i.product_id = p.product_id", "USING (product_id)"),
            ("AND (current_quantity", "QUALIFY (current_quantity"),  # DuckDB's WHERE knows no windows' aliases
            # DuckDB rounds a double's binary value, in which 0.15 is less than that
            ("(quantity_change * 1.0)", "(quantity_change * 1.0)::DECIMAL(9, 3)"),
            ("ROUND(current_quantity", "ROUND(CAST(current_quantity"),
            ("::DECIMAL(9, 3), 1)", "AS DECIMAL(18, 6)), 1)"),
        ),
    ),
    "orders and stock": Case(
        "WITH order_changes AS (",
        "-- Real-time user activity tracking",
        {"orders": (ORDERS, order), "inventory": (AMOUNTS, amount_there)},
        said=(("1 minute", "100 milliseconds"),),
        here=(("1 minute", "100 milliseconds"),),  # what meets nothing comes within the test's time
        waits=2.5,
    ),
}  # fmt: skip
PRODUCTS = [{"_id": at, "product_id": at, "product_name": f"p{at}"} for at in range(3)]


@pytest.fixture
def ql(db: Db) -> Iterator[QueryLeaf]:
    each = QueryLeaf(client=db.client, database=db.name)
    yield each
    each.close()


def statement(case: Case) -> str:
    if not REFERENCE.is_dir():
        pytest.skip("the reference document is not here")
    text = next(REFERENCE.glob("*.txt")).read_text()
    begin = text.index(case.begin)
    return text[begin : text.index(case.end, begin)].strip().rstrip(";")


def replaced(text: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def write(db: Db, case: Case, random: Random) -> None:
    """No two changes at one time: of those DuckDB sees each with the others."""
    keys = dict.fromkeys(case.tables, 0)
    for _ in range(CHANGES):
        name = random.choice(list(case.tables))
        draw, kind = case.tables[name][1], random.random()
        key = random.randrange(keys[name]) if keys[name] else 0
        if kind < 0.6 or not keys[name] or name == "user_activities":
            db[name].insert_one({"_id": keys[name], **draw(random)})
            keys[name] += 1
        elif kind < 0.9:
            db[name].update_one({"_id": key}, {"$set": draw(random)})
        else:
            db[name].delete_one({"_id": key})
        time.sleep(random.choice((0.002, 0.002, 0.02)))


def recorded(db: Db, case: Case, work: Callable[[], object]) -> list[dict[str, Any]]:
    """The changes that the work makes, as a change stream of its own tells them."""
    for name in case.tables:
        db.create_collection(name, changeStreamPreAndPostImages={"enabled": True})
    images = {"full_document": "required", "full_document_before_change": "whenAvailable"}
    found = []
    with db.watch([{"$match": {"ns.coll": {"$in": list(case.tables)}}}], **images) as stream:  # type: ignore[arg-type]
        work()
        while (event := stream.try_next()) is not None or not found:
            if event is not None:
                found.append(event)
    return [each for each in found if each["operationType"] in ("insert", "update", "delete")]


def oracle(case: Case, events: list[dict[str, Any]]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone='UTC'; CREATE TABLE products (product_id BIGINT, product_name VARCHAR)")
    connection.executemany(
        "INSERT INTO products VALUES (?, ?)", [(each["product_id"], each["product_name"]) for each in PRODUCTS]
    )
    for name, (columns, _) in case.tables.items():
        connection.execute(f"CREATE TABLE {name} (op VARCHAR, moment TIMESTAMP, {columns})")
        names = [each.split()[0] for each in columns.split(", ")]
        for event in events:
            if event["ns"]["coll"] == name:
                there = event.get("fullDocument") or event["fullDocumentBeforeChange"]
                values = [event["operationType"].upper(), event["wallTime"], *map(there.get, names)]
                connection.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(values))})", values)
    return connection


@pytest.mark.parametrize("name", CASES)
def test_it_says_what_duckdb_says(ql: QueryLeaf, db: Db, name: str) -> None:
    case = CASES[name]
    text = statement(case)
    db.products.insert_many(PRODUCTS)
    rows: list[dict[str, Any]] = []

    def work() -> None:
        with ql.stream(replaced(text, case.here)) as stream:
            stream.poll()
            reader = threading.Thread(target=rows.extend, args=(stream,))
            reader.start()
            write(db, case, Random(name))
            time.sleep(1.0 + case.waits)
            stream.close()
            reader.join()

    events = recorded(db, case, work)
    assert len(events) > CHANGES * 0.8
    changes = (("CHANGE_DETECTED()", "TRUE"), ("CHANGE_TIMESTAMP()", "moment"), ("CHANGE_TYPE()", "op"))
    theirs = replaced(text, tuple(pair for pair in changes if pair[0] in text) + case.said)
    cursor = oracle(case, events).execute(theirs)
    names = [column[0] for column in cursor.description or ()]
    expected = cursor.fetchall()
    assert len(expected) > 5
    wrong = difference([tuple(row[each] for each in names) for row in rows], expected)
    assert wrong is None, f"{theirs}\n{wrong}"
