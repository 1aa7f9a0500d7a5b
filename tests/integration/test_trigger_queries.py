"""Queries inside of triggers: their reads are part of the transaction, which has not all that a query has elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from queryleaf_cdc import QueryLeaf

Db = Database[dict[str, Any]]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT COUNT(*) AS v FROM a", [2]),
        ("SELECT COUNT(*) AS v FROM a WHERE a.v > 99", [0]),
        ("SELECT SUM(n.v) AS v FROM nothing n", [None]),
        ("SELECT 5 AS v", [5]),
        ("SELECT a.v AS v FROM a UNION SELECT b.v AS v FROM b", [1, 2, 3]),
        ("SELECT a.v AS v FROM a INTERSECT SELECT b.v AS v FROM b", [2]),
        ("SELECT b.v AS v FROM a FULL JOIN b ON a.v = b.v WHERE b.v IS NOT NULL", [2, 3]),
        ("SELECT a.v AS v FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.v = a.v)", [2]),
        ("SELECT NEW._id + (SELECT MAX(b.v) FROM b) AS v", [10]),
    ],
)
def test_a_query_in_a_loop(db: Db, query: str, rows: list[Any]) -> None:
    db.a.insert_many([{"v": 1}, {"v": 2}])
    db.b.insert_many([{"v": 2}, {"v": 3}])
    ql = QueryLeaf(client=db.client, database=db.name)
    ql.execute(
        f"CREATE TRIGGER t AFTER INSERT ON t BEGIN"
        f" FOR r IN ({query}) LOOP INSERT INTO found (v) VALUES (r.v); END LOOP; END;"
    )
    with ql:
        db.t.insert_one({"_id": 7})
        ql.drain(30)
    assert [each["error"] for each in db["_queryleaf.dead_letters"].find()] == []
    assert sorted((each["v"] for each in db.found.find()), key=str) == rows
