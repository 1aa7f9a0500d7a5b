"""A sink over a stream that remembers more than a document of the server holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from queryleaf_cdc import QueryLeaf

Db = Database[dict[str, Any]]
MEGABYTE = 1 << 20


@pytest.fixture
def ql(db: Db) -> Iterator[QueryLeaf]:
    each = QueryLeaf(client=db.client, database=db.name)
    yield each
    each.close()


def add(db: Db, first: int, last: int, megabytes: int) -> None:
    for n in range(first, last):
        db.scans.insert_one({"_id": n, "k": 1, "image": chr(ord("a") + n % 26) * (megabytes * MEGABYTE)})


def states(db: Db) -> list[str]:
    return [name for name in db.list_collection_names() if name.startswith("_queryleaf.state.")]


def test_a_partition_of_more_than_a_document_holds(ql: QueryLeaf, db: Db) -> None:
    """Ten rows of 3 MB are within reach; a worker takes them over from another, and they go when the sink goes."""
    ql.execute(
        "CREATE SINK marks AS SELECT _id AS n, "
        "SUBSTRING(LAG(image, 10) OVER (ORDER BY CHANGE_TIMESTAMP()), 1, 2) AS was "
        "FROM scans WHERE CHANGE_DETECTED() INTO scan_marks"
    )
    for at in range(0, 14, 7):
        with ql:
            add(db, at, at + 7, megabytes=3)
            ql.drain(60)
    found = {each["n"]: each["was"] for each in db.scan_marks.find()}
    assert found == {n: chr(ord("a") + n - 10) * 2 if n >= 10 else None for n in range(14)}
    (state,) = states(db)
    sizes = [each["size"] for each in db[state].aggregate([{"$project": {"size": {"$bsonSize": "$$ROOT"}}}])]
    assert sum(sizes) > 30 * MEGABYTE and max(sizes) < 4 * MEGABYTE
    with ql:
        ql.execute("DROP SINK marks")
        ql.drain()
    assert not states(db)


def test_what_no_document_holds_stops_the_sink_and_nothing_else(ql: QueryLeaf, db: Db) -> None:
    """A function carries five values of 4 MB each."""
    ql.execute(
        "CREATE SINK fifth AS SELECT _id AS n, SUBSTRING(NTH_VALUE(image, 5) IGNORE NULLS OVER "
        "(ORDER BY CHANGE_TIMESTAMP() ROWS UNBOUNDED PRECEDING), 1, 2) AS image "
        "FROM scans WHERE CHANGE_DETECTED() INTO fifths"
    )
    ql.execute("CREATE SINK ids AS SELECT _id AS n FROM scans WHERE CHANGE_DETECTED() INTO scan_ids")
    with ql:
        add(db, 0, 5, megabytes=4)
        add(db, 5, 205, megabytes=0)
        ql.drain(60)
        status = ql.status()
    assert status["fifth"]["state"] == "failed"
    assert status["fifth"]["reason"].startswith("QL602: the server refused what it remembers of one key: ")
    assert status["ids"]["state"] == "running" and db.scan_ids.count_documents({}) == 205
