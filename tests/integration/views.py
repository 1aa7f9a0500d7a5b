"""What tests of materialized views on a server share."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pymongo.database import Database

from queryleaf_cdc import QueryLeaf
from queryleaf_cdc.runtime.limits import Limits
from queryleaf_cdc.runtime.worker import Worker

Db = Database[dict[str, Any]]

TOTALS = "CREATE MATERIALIZED VIEW totals AS SELECT c, COUNT(*) AS n, SUM(v) AS s, AVG(v) AS a FROM orders GROUP BY c"
QUICK = Limits(heartbeat_seconds=0.2, standby_poll_seconds=0.05, lease_seconds=10.0, view_retry_seconds=0.02)


class QuickLeaf(QueryLeaf):
    """With short pauses, and small pieces where a test wants them."""

    limits = QUICK

    def _make_worker(self) -> Worker:
        return Worker(self.client, self.database.name, self._build, self._procedures, limits=self.limits)


def expected_totals(db: Db) -> dict[Any, tuple[int, int, float]]:
    found: dict[Any, list[int]] = {}
    for each in db.orders.find():
        found.setdefault(each["c"], []).append(each["v"])
    return {c: (len(values), sum(values), sum(values) / len(values)) for c, values in found.items()}


def totals(db: Db, name: str = "totals") -> dict[Any, tuple[int, int, float]]:
    return {each["c"]: (each["n"], each["s"], each["a"]) for each in db[name].find()}


def leftovers(db: Db) -> set[str]:
    """Collections of builds that are not the live version of a view."""
    live = {
        f"_queryleaf.state.{each['live']['uid']}"
        for each in db["_queryleaf.active"].find({"live.uid": {"$exists": True}})
    }
    return {
        name for name in db.list_collection_names() if name.startswith(("_queryleaf.state.", "_queryleaf.rows."))
    } - live


def wait_for(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def state(ql: QueryLeaf, name: str = "totals") -> str:
    return str(ql.status()[name]["state"])


@contextmanager
def writing(db: Db, seed: int = 1, keys: int = 300, pause: float = 0.002) -> Iterator[None]:
    """Inserts, updates (of groups, too), replaces, deletes and transactions, all the time."""
    end = threading.Event()

    def work() -> None:
        chance = random.Random(seed)
        while not end.wait(pause):
            change(db, chance, keys)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def change(db: Db, chance: random.Random, keys: int) -> None:
    key = chance.randrange(keys)
    document = {"c": chance.randrange(7), "v": chance.randrange(100)}
    what = chance.randrange(6)
    if what == 0:
        db.orders.delete_one({"_id": key})
    elif what == 1:
        db.orders.update_one({"_id": key}, {"$inc": {"v": 1}})
    elif what == 2:
        db.orders.update_one({"_id": key}, {"$set": {"c": document["c"]}})
    elif what == 3:
        _transaction(db, chance, keys)
    else:
        db.orders.replace_one({"_id": key}, document, upsert=True)


def _transaction(db: Db, chance: random.Random, keys: int) -> None:
    with db.client.start_session() as session, session.start_transaction():
        for key in chance.sample(range(keys), 3):
            db.orders.update_one({"_id": key}, {"$inc": {"v": 5}}, session=session)
