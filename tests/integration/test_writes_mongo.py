"""INSERT, UPDATE and DELETE where MongoDB differs from a table, and where several rows match one."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from queryleaf_cdc import CompileError, QueryLeaf, compile_sql
from queryleaf_cdc.errors import QueryLeafError


@pytest.fixture
def ql(db: Database[dict[str, Any]]) -> QueryLeaf:
    for name in ("t", "u", "lines"):
        db.create_collection(name)
    return QueryLeaf(client=db.client, database=db.name)


def test_every_matching_row_is_applied_one_after_another(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    db.t.insert_many([{"_id": 1, "q": 10}, {"_id": 2, "q": 5}, {"_id": 3, "q": 0}])
    db.lines.insert_many([{"t": 1, "n": 1}, {"t": 1, "n": 2}, {"t": 2, "n": 7}, {"t": 1, "n": 1}])
    ql.execute("UPDATE t SET q = q - l.n FROM lines l WHERE l.t = t._id")
    assert list(db.t.find()) == [{"_id": 1, "q": 6}, {"_id": 2, "q": -2}, {"_id": 3, "q": 0}]
    ql.execute("UPDATE t SET q = q - l.n FROM lines l WHERE l.t = t._id AND q > 4")
    assert db.t.find_one(1) == {"_id": 1, "q": 3}  # 6 - 1 - 2, then 3 is no longer above 4


def test_rows_count(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    assert ql.execute("INSERT INTO t (_id) VALUES (1), (2), (3)").rowcount == 3
    assert ql.execute("UPDATE t SET a = 1 WHERE _id > 1").rowcount == 2
    assert ql.execute("DELETE FROM t WHERE a = 1").rowcount == 2
    assert ql.execute("DELETE FROM t WHERE a = 1").rowcount == 0


def test_all_or_nothing(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    db.t.insert_one({"_id": 2})
    with pytest.raises(QueryLeafError):
        ql.execute("INSERT INTO t (_id) VALUES (1), (2)")
    assert [row["_id"] for row in db.t.find()] == [2]


def test_paths_below_a_field(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    ql.execute("INSERT INTO t (_id, a.b, a.c) VALUES (1, 2, 3)")
    assert db.t.find_one() == {"_id": 1, "a": {"b": 2, "c": 3}}
    ql.execute("UPDATE t SET a.b = a.c + 1, a.d = a.b")
    assert db.t.find_one() == {"_id": 1, "a": {"b": 4, "c": 3, "d": 2}}


def test_odd_names_and_dollar_literals(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    ql.execute("""INSERT INTO t (_id, "$x", "a.b") VALUES (1, '$_id', '$$ROOT')""")
    ql.execute("""UPDATE t SET "$x" = "a.b", plain = '$_id' WHERE "$x" = '$_id'""")
    assert db.t.find_one() == {"_id": 1, "$x": "$$ROOT", "a.b": "$$ROOT", "plain": "$_id"}


def test_arrays_are_not_searched(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    db.t.insert_many([{"_id": 1, "a": [1, 2]}, {"_id": 2, "a": 1}])
    ql.execute("UPDATE t SET hit = TRUE WHERE a = 1")
    ql.execute("DELETE FROM t WHERE a IN (2, 3)")
    assert list(db.t.find()) == [{"_id": 1, "a": [1, 2]}, {"_id": 2, "a": 1, "hit": True}]


def test_conflict_about_other_columns_than_the_id(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    db.t.create_index([("a", 1), ("b", 1)], unique=True)
    ql.execute("INSERT INTO t (a, b, n) VALUES (1, 2, 10), (1, 3, 20)")
    sql = "INSERT INTO t (a, b, n) VALUES (1, 2, 5), (9, 9, 1), (1, 2, 7)"
    ql.execute(f"{sql} ON CONFLICT (a, b) DO UPDATE SET n = t.n + EXCLUDED.n")
    found = sorted((row["a"], row["b"], row["n"]) for row in db.t.find())
    assert found == [(1, 2, 22), (1, 3, 20), (9, 9, 1)]
    assert all(isinstance(row["_id"], ObjectId) for row in db.t.find())
    ql.execute("INSERT INTO t (a, b, n) VALUES (1, 2, 0), (5, 5, 5) ON CONFLICT (a, b) DO NOTHING")
    assert sorted(row["n"] for row in db.t.find()) == [1, 5, 20, 22]


def test_a_row_with_null_in_a_conflict_column_conflicts_with_nothing(
    ql: QueryLeaf, db: Database[dict[str, Any]]
) -> None:
    db.t.insert_one({"a": None, "n": 1})
    ql.execute("INSERT INTO t (a, n) VALUES (NULL, 2) ON CONFLICT (a) DO UPDATE SET n = 0")
    assert sorted(row["n"] for row in db.t.find()) == [1, 2]


def test_a_subquery_in_set_sees_the_rows_as_they_were(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    db.t.insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": 2}])
    ql.execute("UPDATE t SET n = n + (SELECT SUM(x.n) FROM t x)")
    assert [row["n"] for row in db.t.find()] == [4, 5]
    ql.execute("UPDATE t SET hit = TRUE WHERE EXISTS (SELECT 1 FROM t y WHERE y.n > t.n)")
    assert [row.get("hit") for row in db.t.find()] == [True, None]


def test_a_write_sees_the_statement_before_it(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    ql.execute("INSERT INTO t (_id, n) VALUES (1, 1); UPDATE t SET n = 5; INSERT INTO u (_id, n) SELECT _id, n FROM t")
    assert list(db.u.find()) == [{"_id": 1, "n": 5}]


def test_insert_of_whole_documents(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    db.t.insert_one({"_id": 1, "a": {"b": 2}})
    ql.execute("INSERT INTO u (_id, copy, at) SELECT _id, a, CURRENT_TIMESTAMP FROM t")
    (row,) = db.u.find()
    assert row.pop("at") is not None and row == {"_id": 1, "copy": {"b": 2}}


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("INSERT INTO t (a) VALUES (1, 2)", "QL141"),
        ("INSERT INTO t (a) SELECT x, y FROM u", "QL141"),
        ("INSERT INTO t (a) SELECT * FROM u", "QL221"),
        ("INSERT INTO t (a) VALUES (1) ON CONFLICT (b) DO NOTHING", "QL222"),
        ("UPDATE t SET a = 1, a = 2", "QL141"),
        ("UPDATE t SET _id = 1", "QL224"),
        ("UPDATE t SET a = SUM(b)", "QL206"),
        ("UPDATE t SET a = 1 WHERE SUM(b) > 1", "QL206"),
        ("UPDATE t SET a = (SELECT MAX(x) FROM u) FROM lines l", "QL308"),
        ("UPDATE t SET a = UPPER(t.a || l.x) FROM lines l WHERE l.t = t._id", "QL305"),
        ("UPDATE t SET a = 1 WHERE RANDOM() < 0.5", "QL305"),
        ("DELETE FROM t WHERE MD5(a) = 'x'", "QL305"),
        ("CREATE TABLE t (a INT); UPDATE t SET b = 1", "QL203"),
        ("CREATE TABLE t (a INT); DELETE FROM t WHERE b = 1", "QL203"),
        ("CREATE TABLE t (a INT); INSERT INTO t (b) VALUES (1)", "QL203"),
    ],
)
def test_is_refused(sql: str, code: str) -> None:
    with pytest.raises(CompileError) as caught:
        compile_sql(sql)
    assert [each.code for each in caught.value.diagnostics] == [code]
    assert caught.value.span is not None
