"""Subqueries of a streaming SELECT look into a collection as it is now."""

from __future__ import annotations

from random import Random

import pytest

from queryleaf_cdc import compile_sql
from queryleaf_cdc.dataflow.state import MemoryStore
from queryleaf_cdc.errors import CompileError
from tests.streams.changes import draw_history
from tests.streams.engine import Stream
from tests.streams.subqueries import draw_documents, draw_subqueries
from tests.streams.test_random_streams import ask, oracle
from tests.views.comparison import difference


@pytest.mark.parametrize("seed", range(50))
def test_they_say_what_duckdb_says(seed: int) -> None:
    random = Random(6000 + seed)
    question, documents = draw_subqueries(random), draw_documents(random)
    history = draw_history(random, 80)
    connection = oracle(history)
    connection.execute("CREATE TABLE d (id BIGINT, k BIGINT, w BIGINT)")
    for each in documents:
        connection.execute("INSERT INTO d VALUES (?, ?, ?)", (each["_id"], each.get("k"), each.get("w")))
    names, expected = ask(connection, question.duckdb)
    rows = Stream(question.sql, {"d": documents}, MemoryStore() if seed % 2 else None).run(history, random)
    wrong = difference([tuple(row.values[name] for name in names) for row in rows], expected)
    assert wrong is None, f"{question.sql}\n{question.duckdb}\n{wrong}"


def test_a_batch_asks_once_for_each_subquery() -> None:
    sql = "SELECT _id FROM a WHERE CHANGE_DETECTED() AND k IN (SELECT k FROM d WHERE w > 2)"
    stream = Stream(sql, {"d": [{"_id": 1, "k": 1, "w": 3}]})
    assert stream.batch(draw_history(Random(1), 100).events)
    assert stream.tables.asked == 1


def test_two_joins_of_one_collection_by_different_fields() -> None:
    sql = (
        "SELECT p.w AS p, q.w AS q FROM a LEFT JOIN d p ON p._id = a.k LEFT JOIN d q ON q.k = a.k"
        " WHERE CHANGE_DETECTED(a)"
    )
    stream = Stream(sql, {"d": [{"_id": 0, "k": 7, "w": "by id"}, {"_id": 8, "k": 0, "w": "by k"}]})
    found = {tuple(row.values.values()) for row in stream.batch(draw_history(Random(1), 100).events)}
    assert found == {("by id", "by k"), (None, None)}


def test_a_collections_groups_are_looked_up() -> None:
    sql = (
        "SELECT a.k, g.n FROM a JOIN (SELECT k, COUNT(*) AS n FROM d GROUP BY k) g ON g.k = a.k"
        " WHERE CHANGE_DETECTED(a)"
    )
    stream = Stream(sql, {"d": [{"_id": 0, "k": 1}, {"_id": 1, "k": 1}, {"_id": 2, "k": 2}]})
    history = draw_history(Random(1), 100).events
    found = [row.values for part in (history[:50], history[50:]) for row in stream.batch(part)]
    assert {(row["k"], row["n"]) for row in found} == {(1, 2), (2, 1)}


@pytest.mark.parametrize(
    "condition",
    [
        "EXISTS (SELECT 1 FROM d WHERE d.k > a.k)",
        "EXISTS (SELECT 1 FROM d WHERE d.k + 0 = a.k)",
        "k > (SELECT MAX(k) FROM d)",
        "k IN (SELECT d.k FROM d JOIN c ON c.k = d.k)",
    ],
)
def test_what_no_field_finds_is_refused(condition: str) -> None:
    with pytest.raises(CompileError) as raised:
        compile_sql(f"SELECT _id FROM a WHERE CHANGE_DETECTED() AND {condition}")
    assert raised.value.code == "QL321"
