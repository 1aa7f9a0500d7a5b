"""A shop's day as a change stream tells it, for queries that are written by hand: always the same one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import Any

import duckdb

from tests.streams.changes import START, Document, History, change_event

STREAMS: Mapping[str, Mapping[str, str]] = {
    "orders": {
        "_id": "BIGINT", "customer": "BIGINT", "product": "BIGINT", "total": "DOUBLE", "status": "VARCHAR",
        "region": "VARCHAR", "placed": "TIMESTAMP", "items": "BIGINT[]",
    },
    "payments": {
        "_id": "BIGINT", "order_id": "BIGINT", "customer": "BIGINT", "amount": "DOUBLE", "method": "VARCHAR",
        "ip": "VARCHAR",
    },
    "clicks": {"_id": "BIGINT", "visitor": "BIGINT", "page": "VARCHAR", "referrer": "VARCHAR", "ms": "BIGINT"},
    "readings": {"_id": "BIGINT", "sensor": "VARCHAR", "value": "DOUBLE", "taken": "TIMESTAMP"},
    "bids": {
        "_id": "BIGINT", "auction": "BIGINT", "bidder": "BIGINT", "price": "BIGINT", "channel": "VARCHAR",
        "url": "VARCHAR",
    },
    "auctions": {"_id": "BIGINT", "seller": "BIGINT", "category": "BIGINT", "initial": "BIGINT"},
    "persons": {"_id": "BIGINT", "name": "VARCHAR", "city": "VARCHAR", "state": "VARCHAR"},
}  # fmt: skip
TABLES: Mapping[str, Mapping[str, str]] = {
    "customers": {"_id": "BIGINT", "name": "VARCHAR", "level": "BIGINT", "country": "VARCHAR"},
    "products": {"_id": "BIGINT", "name": "VARCHAR", "price": "DOUBLE", "category": "VARCHAR"},
}
DOCUMENTS: dict[str, list[Document]] = {
    "customers": [
        {"_id": at, "name": f"c{at}", "level": at % 4, "country": ("NL", "BE", "FR")[at % 3]} for at in range(8)
    ],
    "products": [
        {"_id": at, "name": ("tea", "cup", "pot", "jam", "bun")[at], "price": 2.5 * at, "category": "ab"[at % 2]}
        for at in range(5)
    ],
}
_TIMES = (0, 0, 1, 2, 5, 9, 20, 41, 90)
"""seconds between two changes"""
_NAMES = (*["orders"] * 3, *["payments", "clicks", "readings", "bids"] * 2, "auctions", "persons")


@dataclass(frozen=True)
class Shop:
    history: History
    rows: dict[str, list[tuple[Any, ...]]]


@cache
def shop(count: int = 260) -> Shop:
    random, now = Random(7), START
    there: dict[tuple[str, int], Document] = {}
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in STREAMS}
    events: list[Document] = []
    for seq in range(count):
        now += timedelta(seconds=random.choice(_TIMES), milliseconds=random.randint(1, 900))
        name, before, after = _change(random, seq, there, now)
        kind = "insert" if before is None else "update" if after is not None else "delete"
        document = after if after is not None else before
        assert document is not None
        events.append(change_event(seq, kind, name, document["_id"], before, after, now))
        columns = STREAMS[name]
        old = [before.get(column) if before is not None else None for column in columns]
        rows[name].append((kind.upper(), now, *(document.get(column) for column in columns), *old))
        if after is None:
            del there[name, document["_id"]]
        else:
            there[name, document["_id"]] = after
    return Shop(History(tuple(events), ()), rows)


def _change(
    random: Random, seq: int, there: dict[tuple[str, int], Document], now: datetime
) -> tuple[str, Document | None, Document | None]:
    """The collection, the document before and after."""
    name = random.choice(_NAMES)
    open_orders = [each for (collection, _), each in there.items() if collection == "orders"]
    if name == "orders" and len(open_orders) > 3 and random.random() < 0.6:
        before = random.choice(open_orders)
        if random.random() < 0.15:
            return name, before, None
        status = {"new": "paid", "paid": "shipped"}.get(before["status"], "delivered")
        after = {**before, "status": status, "total": before["total"] + random.choice((0, 0, 5.5))}
        return name, before, after
    return name, None, _new(random, name, seq, open_orders, now)


def _new(random: Random, name: str, seq: int, orders: list[Document], now: datetime) -> Document:
    order = random.choice(orders) if orders else {"_id": -1, "customer": 0}
    drawn: dict[str, Document] = {
        "orders": {
            "customer": random.randrange(6), "product": random.randrange(6), "total": random.randrange(1, 60) * 2.5,
            "status": "new", "region": random.choice(("north", "south", None)),
            "placed": now - timedelta(seconds=random.randrange(4)),
            "items": [random.randrange(4) for _ in range(random.randrange(4))],
        },
        "payments": {
            "order_id": order["_id"], "customer": order["customer"], "amount": random.choice((5.0, 9.5, 20.0, 400.0)),
            "method": random.choice(("card", "cash", None)), "ip": f"10.0.0.{random.randrange(3)}",
        },
        "clicks": {
            "visitor": random.randrange(4), "page": random.choice(("/", "/tea", "/cup", "/cart", "/pay")),
            "referrer": random.choice(("search", "mail", None)), "ms": random.randrange(20, 900),
        },
        "readings": {
            "sensor": random.choice("xyz"), "value": random.choice((20.0, 20.5, 21.0, 35.5, None)), "taken": now,
        },
        "bids": {
            "auction": random.randrange(3), "bidder": random.randrange(4), "price": random.randrange(1, 200),
            "channel": random.choice(("Google", "Apple", "x9")), "url": f"https://a.example/b/{seq % 5}?q=1",
        },
        "auctions": {"seller": random.randrange(4), "category": random.randrange(3), "initial": random.randrange(90)},
        "persons": {"name": f"p{random.randrange(4)}", "city": "Ghent", "state": random.choice(("OR", "ID", "CA"))},
    }  # fmt: skip
    found = {"_id": seq, **drawn[name]}
    return {key: value for key, value in found.items() if value is not None}


def tables() -> duckdb.DuckDBPyConnection:
    """With ``op``, ``moment``, the columns, and those of before as ``old_...``."""
    found = duckdb.connect()
    found.execute("SET default_null_order='nulls_last_on_asc_first_on_desc'; SET threads=1; SET TimeZone='UTC'")
    found.execute("CREATE MACRO TUMBLE(t, size) AS time_bucket(size, t, TIMESTAMP '1970-01-01')")
    found.execute("CREATE MACRO DATE_BIN(size, t) AS time_bucket(size, t, TIMESTAMP '1970-01-01')")
    for name, columns in STREAMS.items():
        plain = [f"{column} {kind}" for column, kind in columns.items()]
        listed = ["op VARCHAR", "moment TIMESTAMP", *plain, *(f"old_{each}" for each in plain)]
        _fill(found, name, listed, shop().rows[name])
    for name, columns in TABLES.items():
        rows = [tuple(each.get(column) for column in columns) for each in DOCUMENTS[name]]
        _fill(found, name, [f"{column} {kind}" for column, kind in columns.items()], rows)
    return found


def _fill(connection: duckdb.DuckDBPyConnection, name: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    connection.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
    connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", rows)
