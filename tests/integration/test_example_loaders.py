"""The scripts that write an example's data: what its README tells to run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = sorted(each.parent for each in EXAMPLES.glob("*/views.sql"))
Db = Database[dict[str, Any]]


def load(example: str, uri: str, db: Db, *options: str) -> str:
    """What the script prints."""
    command = [sys.executable, str(EXAMPLES / example / "load.py"), "--uri", uri, "--db", db.name, *options]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_nexmark_goes_on_where_it_ended(mongo_uri: str, db: Db) -> None:
    assert load("nexmark", mongo_uri, db, "--events", "500", "--rate", "5000").startswith("500 events in ")
    load("nexmark", mongo_uri, db, "--events", "500", "--rate", "5000", "--first", "500")
    counts = {name: db[name].count_documents({}) for name in ("person", "auction", "bid", "side_input")}
    assert counts == {"person": 20, "auction": 60, "bid": 920, "side_input": 10_000}


def test_tpch_fills_and_refreshes(mongo_uri: str, db: Db) -> None:
    load("tpch", mongo_uri, db, "--scale", "0.002", "--refreshes", "2", "--pause", "0")
    keys = [each["_id"] for each in db["orders"].find({}, {"_id": 1}).sort("_id", 1)]
    assert keys == list(range(7, 3_007))  # three orders of each refresh
    assert set(db["lineitem"].distinct("l_orderkey")) == set(keys)
    load("tpch", mongo_uri, db, "--scale", "0.002", "--refreshes", "1", "--first", "2", "--pause", "0")
    assert db["orders"].find_one({"_id": 7}) is None
    assert db["orders"].count_documents({}) == 3_000


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_example_says_how_to_run_it(folder: Path) -> None:
    readme = (folder / "README.md").read_text()
    assert f"queryleaf-cdc run --embedded examples/{folder.name}/views.sql\n" in readme
    assert f"python examples/{folder.name}/load.py --uri " in readme
