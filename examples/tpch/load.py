"""Fills a TPC-H database, then refreshes it: ``python examples/tpch/load.py --uri mongodb://...``."""

from __future__ import annotations

import argparse
import time
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from warehouse import Warehouse

AT_ONCE = 1_000


def fill(database: Database[dict[str, Any]], warehouse: Warehouse) -> None:
    """Writes all collections, which must be empty."""
    for name, documents in warehouse.collections().items():
        waiting: list[dict[str, Any]] = []
        for document in documents:
            waiting.append(document)
            if len(waiting) == AT_ONCE:
                database[name].insert_many(waiting)
                waiting = []
        if waiting:
            database[name].insert_many(waiting)


def rf1(database: Database[dict[str, Any]], warehouse: Warehouse, stream: int) -> None:
    """New sales: orders and their lines, in one transaction."""
    added = list(warehouse.added(stream))
    with database.client.start_session() as session, session.start_transaction():
        database["orders"].insert_many([order for order, _ in added], session=session)
        database["lineitem"].insert_many([line for _, lines in added for line in lines], session=session)


def rf2(database: Database[dict[str, Any]], warehouse: Warehouse, stream: int) -> None:
    """Old sales: orders and their lines go, in one transaction."""
    keys = list(warehouse.removed(stream))
    with database.client.start_session() as session, session.start_transaction():
        database["orders"].delete_many({"o_orderkey": {"$in": keys}}, session=session)
        database["lineitem"].delete_many({"l_orderkey": {"$in": keys}}, session=session)


def main() -> None:
    options = _options()
    warehouse = Warehouse(options.scale)
    database: Database[dict[str, Any]] = MongoClient(options.uri)[options.db]
    if not database["region"].find_one():
        fill(database, warehouse)
        database["lineitem"].create_index("l_orderkey")
    for stream in range(options.first, options.first + options.refreshes):
        rf1(database, warehouse, stream)
        rf2(database, warehouse, stream)
        time.sleep(options.pause)
    print(f"{options.refreshes} refreshes of {warehouse.refreshed} orders each")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uri", default="mongodb://localhost:27017")
    parser.add_argument("--db", default="test")
    parser.add_argument("--scale", type=float, default=0.001, help="1 is 1.5 million orders")
    parser.add_argument("--refreshes", type=int, default=60)
    parser.add_argument("--first", type=int, default=0, help="number of the first refresh, to go on where a run ended")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two refreshes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
