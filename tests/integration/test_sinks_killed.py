"""Sinks under SIGKILL: what each of them promises holds on."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nursery import nursery
from pymongo.database import Database

from queryleaf_cdc import QueryLeaf

Db = Database[dict[str, Any]]

KILLED = 3
DOCUMENTS = 20
_WORKER = """
import os, sys
from queryleaf_cdc import QueryLeaf
from queryleaf_cdc.runtime.limits import Limits
from queryleaf_cdc.runtime.worker import Worker
os.chdir(sys.argv[3])
ql = QueryLeaf(sys.argv[1], database=sys.argv[2])
limits = Limits(max_batch_events=20, standby_poll_seconds=0.02)
ql._make_worker = lambda: Worker(ql.client, ql.database.name, ql._build, ql._procedures, limits=limits)
ql.run()
"""


@pytest.fixture
def killed(db: Db, mongo_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Db, Path]]:
    """Both sinks after a load under which the worker was killed again and again, and all was drained at last."""
    ql = QueryLeaf(client=db.client, database=db.name)
    for target in ("copies", "FILE 'copies.jsonl'"):
        name = f"into_{len(target)}"
        ql.execute(f"CREATE SINK {name} AS SELECT _id AS key, total FROM orders WHERE CHANGE_DETECTED() INTO {target}")
    stop = threading.Event()
    load = threading.Thread(target=change_all, args=(db, stop))
    load.start()
    try:
        with nursery(_WORKER, mongo_uri, db.name, str(tmp_path)) as workers:
            for _ in range(KILLED):
                worker = workers.start()
                wait_for_more(db, tmp_path / "copies.jsonl")
                workers.end(worker)
    finally:
        stop.set()
        load.join()
    monkeypatch.chdir(tmp_path)
    with ql:
        ql.drain(60)
    yield db, tmp_path / "copies.jsonl"


def change_all(db: Db, stop: threading.Event) -> None:
    total = 0
    while not stop.wait(0.02):
        total += 1
        for key in range(DOCUMENTS):
            db.orders.update_one({"_id": key}, {"$set": {"total": total}}, upsert=True)


def wait_for_more(db: Db, file: Path) -> None:
    """Until a worker is in the midst of it."""
    pause = threading.Event()
    before = (db.copies.count_documents({}), size(file))
    for _ in range(1500):
        if db.copies.count_documents({}) > before[0] + 200 and size(file) > before[1] + 20_000:
            return
        pause.wait(0.02)
    raise AssertionError("the worker does nothing")


def size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def test_every_change_leads_into_the_collection_once_and_into_the_file_in_order(killed: tuple[Db, Path]) -> None:
    db, file = killed
    last = {each["_id"]: each["total"] for each in db.orders.find()}
    rows: dict[int, list[int]] = defaultdict(list)
    for row in db.copies.find().sort("_id", 1):
        rows[row["key"]].append(row["total"])
    assert rows == {key: list(range(1, total + 1)) for key, total in last.items()}

    lines: dict[int, list[int]] = defaultdict(list)
    seen: set[str] = set()
    for line in map(json.loads, file.read_text().splitlines()):
        if line["id"] not in seen:  # a row may come twice
            seen.add(line["id"])
            lines[line["row"]["key"]].append(line["row"]["total"])
    assert lines == rows
