"""Conditions and expressions of one-shot SQL that a server once answered differently than SQL does."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from queryleaf_cdc import QueryLeaf


@pytest.fixture
def ql(client: MongoClient[dict[str, Any]], db: Database[dict[str, Any]]) -> QueryLeaf:
    return QueryLeaf(client=client, database=db.name)


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("d <> '2025-09-05'", [2, 3, 4, 5]),  # the date itself is no text, and yet it is equal
        ("NOT d = '2025-09-05'", [2, 3, 4, 5]),
        ("d = '2025-09-05'", [1, 6]),
        ("COALESCE(d, 5) <> '2025-09-05'", [2, 3, 4, 5, 7, 8]),
        ("'2025-09-05' <> d", [2, 3, 4, 5]),
        ("d NOT IN ('2025-09-05', 'x')", [2, 4, 5]),
    ],
)
def test_a_date_against_a_text(ql: QueryLeaf, db: Database[dict[str, Any]], condition: str, found: list[int]) -> None:
    values = [
        datetime(2025, 9, 5), datetime(2025, 9, 6), "x", 5, [datetime(2025, 9, 5)], "2025-09-05", None,
    ]  # fmt: skip
    db.t.insert_many([{"_id": i, "d": value} for i, value in enumerate(values, 1)] + [{"_id": 8}])
    assert [row["_id"] for row in ql.execute(f"SELECT _id FROM t WHERE {condition} ORDER BY _id")] == found
