"""Triggers over streams: the same rows, in the same order for each document, with a server and without."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from queryleaf_cdc import QueryLeaf
from queryleaf_cdc.testing import OfflineDatabase

Db = Database[dict[str, Any]]

PAID = "CREATE VIEW paid AS SELECT _id AS k, c, t FROM orders WHERE CHANGE_DETECTED(s) AND s = 'paid';"
STREAMS = {
    "one change": "SELECT k, t * 2 AS v FROM paid",
    "deletes": "SELECT _id AS k, t AS v FROM orders WHERE CHANGE_DETECTED() AND CHANGE_TYPE() = 'DELETE'",
    "lag": "SELECT k, t - LAG(t) OVER (PARTITION BY c ORDER BY at) AS v FROM orders_of",
    "frame": "SELECT k, SUM(t) OVER (PARTITION BY c ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS v FROM paid",
    "lookup": "SELECT p.k, c.name AS v FROM paid p LEFT JOIN customers c ON c._id = p.c",
    "exists": "SELECT k, t AS v FROM paid p WHERE EXISTS (SELECT 1 FROM customers c WHERE c._id = p.c AND name > 'A')",
    "groups": "SELECT c AS k, SUM(t) AS v FROM paid GROUP BY c EMIT CHANGES",
    "union": "SELECT k, t AS v FROM paid UNION ALL SELECT _id AS k, -t AS v FROM orders WHERE CHANGE_DETECTED()",
}
OF = """CREATE VIEW orders_of AS SELECT _id AS k, c, t, CHANGE_TIMESTAMP() AS at FROM orders
    WHERE CHANGE_DETECTED() AND CHANGE_TYPE() <> 'DELETE';"""
KEEP = """CREATE TRIGGER keep AFTER INSERT ON s BEGIN
    INSERT INTO kept (k, v, what, place) VALUES (NEW.k, NEW.v, CHANGE_TYPE(), CHANGE_COLLECTION()); END"""
CUSTOMERS = [{"_id": 0, "name": "A"}, {"_id": 1, "name": "B"}]


def change(orders: Any) -> None:
    for key in range(12):
        orders.insert({"_id": key, "c": key % 3, "t": key * key, "s": "open" if key % 4 else "paid"})
    for key in range(0, 12, 2):
        orders.update({"_id": key}, {"$set": {"s": "paid", "t": key}})
    orders.delete({"_id": {"$lt": 3}})


class OnServer:
    def __init__(self, db: Db) -> None:
        self._orders = db.orders
        self.insert, self.update, self.delete = self._orders.insert_one, self._orders.update_many, self._remove

    def _remove(self, filter: dict[str, Any]) -> None:
        for each in self._orders.find(filter).sort("_id", 1):
            self._orders.delete_one({"_id": each["_id"]})


class Offline:
    def __init__(self, db: OfflineDatabase) -> None:
        self._db = db

    def insert(self, document: dict[str, Any]) -> None:
        self._db.insert("orders", document)

    def update(self, filter: dict[str, Any], update: dict[str, Any]) -> None:
        self._db.update("orders", filter, update)

    def delete(self, filter: dict[str, Any]) -> None:
        self._db.delete("orders", filter)


def plain(rows: Any) -> list[Any]:
    found = [(each["k"], repr(each["v"]), each["what"], each["place"]) for each in rows]
    assert len(found) > 1
    return sorted(found, key=lambda each: str(each[0]))


@pytest.mark.parametrize("name", STREAMS)
def test_the_rows_are_the_same(name: str, db: Db) -> None:
    sql = f"{PAID}{OF}CREATE VIEW s AS {STREAMS[name]};{KEEP}"
    db.customers.insert_many(CUSTOMERS)
    ql = QueryLeaf(client=db.client, database=db.name)
    ql.execute(sql)
    with ql:
        change(OnServer(db))
        ql.drain()
    ql.close()
    with OfflineDatabase(sql) as offline:
        offline.seed({"customers": CUSTOMERS})
        change(Offline(offline))
        assert offline.dead_letters == []
        assert plain(offline["kept"].find()) == plain(db.kept.find().sort("_id", 1))
