"""docs/views.md tells what a row's ``_id`` is; this is what it is."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from queryleaf_cdc import QueryLeaf

VIEWS: dict[str, tuple[str, list[Any]]] = {
    "of_one_column": ("SELECT city, COUNT(*) AS n FROM people GROUP BY city", ["York", None]),
    "of_several": (
        "SELECT city, age, COUNT(*) AS n FROM people GROUP BY city, age",
        [{"city": "York", "age": 30}, {"city": None, "age": 40}],
    ),
    "of_documents": ("SELECT age FROM people", [1, 2]),
    "whole": ("SELECT * FROM people", [1, 2]),
    "of_a_join": (
        "SELECT p.age, t.name FROM people p JOIN towns t ON t.name = p.city",
        [{"p": 1, "t": "y"}],
    ),
    "of_elements": (
        "SELECT tag FROM people p CROSS JOIN UNNEST(p.tags) AS tag",
        [{"p": 1, "tag": 1}, {"p": 1, "tag": 2}],
    ),
    "of_different_rows": (
        "SELECT DISTINCT city, age > 30 AS older FROM people",
        [{"city": "York", "older": False}, {"city": None, "older": True}],
    ),
    "of_one_row": ("SELECT COUNT(*) AS n FROM people", [{}]),
    "of_both_sides": (
        "SELECT city FROM people UNION ALL SELECT name FROM towns",
        [{"branch": 0, "key1": 1}, {"branch": 0, "key1": 2}, {"branch": 1, "key1": "y"}],
    ),
}


def test_ids_are_what_the_guide_says(client: Any, db: Database[dict[str, Any]]) -> None:
    db.people.insert_many([{"_id": 1, "city": "York", "age": 30, "tags": ["a", "b"]}, {"_id": 2, "age": 40}])
    db.towns.insert_one({"_id": "y", "name": "York"})
    ql = QueryLeaf(client=client, database=db.name)
    for name, (query, _) in VIEWS.items():
        ql.execute(f"CREATE MATERIALIZED VIEW {name} WITH (target = 'rows_{name}') AS {query}")
    with ql:
        ql.drain(timeout=60)
    found = {name: sorted((each["_id"] for each in db[name].find()), key=repr) for name in VIEWS}
    assert found == {name: sorted(ids, key=repr) for name, (_, ids) in VIEWS.items()}
    assert db.whole.find_one({"_id": 1}) == db.people.find_one({"_id": 1})
    assert db.rows_whole.find_one({"_id": 1}) == db.people.find_one({"_id": 1})
