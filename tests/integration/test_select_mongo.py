"""SELECT over what only MongoDB has: open documents, arrays, indexes; and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Int64, ObjectId
from pymongo.database import Database

from queryleaf_cdc import CompileError, QueryLeaf, compile_sql
from queryleaf_cdc.plans.program import QueryStatement


@pytest.fixture
def ql(db: Database[dict[str, Any]]) -> QueryLeaf:
    return QueryLeaf(client=db.client, database=db.name)


def rows(ql: QueryLeaf, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in ql.execute(sql)]


def pipeline_of(sql: str) -> list[dict[str, Any]]:
    (statement,) = compile_sql(sql).statements
    assert isinstance(statement, QueryStatement)
    found: list[dict[str, Any]] = statement.query.pipeline.document
    return found


# -- documents --------------------------------------------------------------------------------------------------------


def test_star_is_the_document(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    document = {"_id": 1, "a": {"b": [1, {"c": 2}]}, "$x": 1, "d.e": None}
    db.command({"insert": "t", "documents": [{"_id": 1, "a": {"b": [1, {"c": 2}]}, "$x": 1, "d.e": None}]})
    assert list(ql.execute("SELECT * FROM t")) == [document]
    assert rows(ql, 'SELECT "$x", "d.e", a.b[1].c AS c FROM t') == [(1, None, 2)]
    assert rows(ql, "SELECT t.*, a.b[0] + 1 AS two FROM t") == [(*document.values(), 2)]


def test_star_of_a_join_is_one_document_and_warns(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    db.a.insert_one({"_id": 1, "k": 1, "x": 1})
    db.b.insert_one({"_id": 2, "k": 1, "y": 2})
    sql = "SELECT * FROM a JOIN b ON a.k = b.k"
    assert list(ql.execute(sql)) == [{"_id": 2, "k": 1, "x": 1, "y": 2}]
    assert [each.code for each in compile_sql(sql).diagnostics] == ["QL212"]


def test_null_and_missing_are_one_group(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    db.t.insert_many([{"a": None}, {}, {"a": 1}, {"a": 1.0}, {"a": Int64(1)}])
    assert sorted(rows(ql, "SELECT a, COUNT(*) AS n FROM t GROUP BY a"), key=str) == [(1, 3), (None, 2)]
    assert len(rows(ql, "SELECT DISTINCT a FROM t")) == 2


def test_arrays_are_compared_and_sorted_as_a_whole(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    db.t.insert_many([{"_id": 1, "a": [3, 1]}, {"_id": 2, "a": 3}, {"_id": 3, "a": [2, 9]}, {"_id": 4, "a": []}])
    assert rows(ql, "SELECT _id FROM t WHERE a = 3") == [(2,)]
    assert rows(ql, "SELECT _id FROM t WHERE a IN (3, 2) OR a > 2") == [(2,)]
    assert rows(ql, "SELECT _id FROM t ORDER BY a") == [(2,), (4,), (3,), (1,)]
    db.u.insert_many([{"_id": 1, "a": [3, 1]}, {"_id": 2, "a": 3}, {"_id": 3, "a": []}])
    assert sorted(rows(ql, "SELECT t._id, u._id AS uid FROM t JOIN u ON t.a = u.a")) == [(1, 1), (2, 2), (4, 3)]


def test_unnest_with_ordinality_and_of_what_is_no_array(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    db.t.insert_many([{"_id": 1, "a": ["x", None, [1]]}, {"_id": 2, "a": "text"}, {"_id": 3}])
    sql = "SELECT _id, e.v, e.n FROM t, UNNEST(t.a) WITH ORDINALITY AS e(v, n)"
    assert rows(ql, sql) == [(1, "x", 1), (1, None, 2), (1, [1], 3)]
    left = "SELECT _id, e.v, e.n FROM t LEFT JOIN UNNEST(t.a) WITH ORDINALITY AS e(v, n) ON TRUE WHERE _id > 1"
    assert rows(ql, left) == [(2, None, None), (3, None, None)]


def test_an_element_is_read_by_its_alias(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    db.t.insert_one({"_id": 1, "items": [{"sku": "p", "n": 2}, {"sku": "q"}], "tags": ["a", "b"]})
    assert rows(ql, "SELECT i.sku, COALESCE(i.n, 0) AS n FROM t, UNNEST(t.items) AS i") == [("p", 2), ("q", 0)]
    assert list(ql.execute("SELECT tag.* FROM t, UNNEST(t.tags) AS tag")) == [{"tag": "a"}, {"tag": "b"}]


def test_a_hex_string_finds_an_object_id(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    key = ObjectId()
    db.t.insert_one({"_id": key, "a": 1})
    assert rows(ql, f"SELECT a FROM t WHERE _id = '{key}'") == [(1,)]
    assert rows(ql, f"SELECT x.a FROM t x JOIN t y ON x._id = y._id WHERE y._id = '{key}'") == [(1,)]


def test_group_key_parts_can_be_read(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    db.t.insert_many([{"a": {"b": 1}, "n": 1}, {"a": {"b": 1}, "n": 2}])
    assert rows(ql, "SELECT a.b, SUM(n) AS s FROM t GROUP BY a") == [(1, 3)]


# -- columns that only Python computes --------------------------------------------------------------------------------


def test_a_function_of_the_user_is_computed_from_the_rows(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    @ql.function("SHOUT")
    def shout(text: str, mark: str) -> str:
        return f"{text}{mark}".upper()

    db.t.insert_many([{"_id": 1, "a": "x", "hidden": 1}, {"_id": 2, "a": "y"}])
    assert list(ql.execute("SELECT _id, SHOUT(a, '!') AS s, a FROM t ORDER BY _id DESC LIMIT 1")) == [
        {"_id": 2, "s": "Y!", "a": "y"}
    ]
    assert list(ql.execute("SELECT *, SHOUT(a, '?') AS s FROM t WHERE _id = 1")) == [
        {"_id": 1, "a": "x", "hidden": 1, "s": "X?"}
    ]


def test_a_value_of_its_own_for_each_row(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    db.t.insert_many([{"_id": number} for number in range(5)])
    assert len({u for (u,) in rows(ql, "SELECT GEN_RANDOM_UUID() AS u FROM t")}) == 5
    ql.execute("UPDATE t SET u = GEN_RANDOM_UUID()")
    assert len(db.t.distinct("u")) == 5
    ql.execute("INSERT INTO v (id, u) SELECT _id, GEN_RANDOM_UUID() FROM t")
    assert len(db.v.distinct("u")) == 5


def test_the_compiled_document_names_what_the_client_computes() -> None:
    (statement,) = compile_sql("SELECT a, UPPER(b) AS u FROM t").to_json()["statements"]
    assert statement["client"] == {"u": "UPPER(b) AS u"}
    assert statement["pipeline"] == [
        {"$replaceWith": {"a": {"$ifNull": ["$a", None]}, "_ql0": {"$ifNull": ["$b", None]}}}
    ]


# -- indexes ----------------------------------------------------------------------------------------------------------


def examined(db: Database[dict[str, Any]], sql: str) -> tuple[int, list[str]]:
    (statement,) = compile_sql(sql).statements
    assert isinstance(statement, QueryStatement) and statement.query.collection is not None
    command = {"aggregate": statement.query.collection, "pipeline": statement.query.pipeline.document, "cursor": {}}
    plan = db.command("explain", command, verbosity="executionStats")
    lookups = [stage for stage in plan.get("stages", []) if "$lookup" in stage]
    first = plan["stages"][0]["$cursor"] if "stages" in plan else plan
    scanned: int = first["executionStats"]["totalDocsExamined"]
    return scanned, [name for stage in lookups for name in stage["indexesUsed"]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT l.n FROM t JOIN large l ON l.k = t.k",
        "SELECT l.n FROM t JOIN large l ON t.k = l.k",
        "SELECT l.n FROM t LEFT JOIN large l ON t.k = l.k AND l.n > 1",
        "SELECT l.n FROM t, large l WHERE t.k = l.k",
        "SELECT (SELECT MAX(n) FROM large l WHERE t.k = l.k) AS m FROM t",
        "SELECT k FROM t WHERE EXISTS (SELECT 1 FROM large l WHERE l.k = t.k)",
        "SELECT t.k FROM large l RIGHT JOIN t ON l.k = t.k",
    ],
)
def test_an_index_serves_the_other_side_of_a_join(sql: str, db: Database[dict[str, Any]]) -> None:
    db.t.insert_many([{"k": number} for number in range(3)])
    db.large.insert_many([{"k": number % 100, "n": number} for number in range(500)])
    db.large.create_index("k")
    assert examined(db, sql)[1] == ["k_1"]


@pytest.mark.parametrize(
    "where", ["k = 3", "k IN (3, 4)", "k > 97", "k BETWEEN 3 AND 4 AND n > 0", "k = 3 AND UPPER(s) = 'X'"]
)
def test_an_index_serves_where(where: str, db: Database[dict[str, Any]]) -> None:
    db.large.insert_many([{"k": number % 100, "n": number, "s": "x"} for number in range(500)])
    db.large.create_index("k")
    for sql in (f"SELECT n FROM large WHERE {where}", f"SELECT l.n FROM large l JOIN t ON t.k = l.n WHERE {where}"):
        declared = "CREATE TABLE large (k INT, n INT, s TEXT); CREATE TABLE t (q INT);" if "JOIN" in sql else ""
        program = compile_sql(declared + sql.replace("t.k", "t.q"))
        query = program.statements[-1]
        assert isinstance(query, QueryStatement) and query.query.collection == "large"
        command = {"aggregate": "large", "pipeline": query.query.pipeline.document, "cursor": {}}
        plan = db.command("explain", command, verbosity="executionStats")
        first = plan["stages"][0]["$cursor"] if "stages" in plan else plan
        assert first["executionStats"]["totalDocsExamined"] < 20


# -- names ------------------------------------------------------------------------------------------------------------

DECLARED = "CREATE TABLE a (_id INT, total INT, k INT); CREATE TABLE b (k INT, w INT);\n"


@pytest.mark.parametrize(
    ("sql", "code", "words"),
    [
        ("SELECT totl FROM a", "QL203", "total"),
        ("SELECT a.totl FROM a", "QL203", "total"),
        ("SELECT k FROM a JOIN b ON TRUE", "QL202", "a.k"),
        ("SELECT 1 AS x FROM a JOIN b USING (w)", "QL203", "w"),
        ("SELECT x.k FROM a", "QL201", "x"),
        ("SELECT x.* FROM a", "QL201", "x"),
        ("SELECT 1 AS x FROM a, b AS a", "QL202", "alias"),
        ("SELECT k FROM a ORDER BY 2", "QL215", "2"),
        ("SELECT k FROM a UNION SELECT k FROM b ORDER BY 2", "QL215", "2"),
        ("SELECT k FROM a UNION SELECT k, w FROM b", "QL210", "columns"),
        ("SELECT k FROM a UNION SELECT * FROM c", "QL210", "name them"),
        ("WITH x(p, q) AS (SELECT k FROM a) SELECT p FROM x", "QL210", "x"),
        ("SELECT total FROM a GROUP BY k", "QL217", "total"),
        ("SELECT * FROM a GROUP BY k", "QL217", "name the columns"),
        ("SELECT k, (SELECT MAX(w) FROM b WHERE b.k = a.total) AS m FROM a GROUP BY k", "QL217", "total"),
        ("SELECT k, total AS k FROM a", "QL218", "k"),
        ("SELECT SUM(total) AS s FROM a WHERE s > 1", "QL206", "HAVING"),
        ("SELECT SUM(total) AS s FROM a GROUP BY s", "QL206", "GROUP BY"),
        ("SELECT k FROM a WHERE SUM(k) > 1", "QL206", "SUM"),
        ("SELECT SUM(MAX(k)) AS s FROM a", "QL206", "MAX"),
        ("SELECT k FROM a WHERE k = (SELECT k, w FROM b)", "QL219", "one column"),
        ("SELECT k FROM a WHERE k IN (SELECT * FROM c)", "QL219", "one column"),
        ("SELECT DISTINCT k FROM a ORDER BY total", "QL227", "SELECT list"),
        ("SELECT k FROM a LIMIT -1", "QL216", "whole"),
        ("SELECT k FROM a LIMIT 'x'", "QL216", "whole"),
        ("SELECT DISTINCT ON (k) k FROM a", "QL303", "DISTINCT ON"),
        ("SELECT k FROM a GROUP BY ROLLUP (k)", "QL303", "ROLLUP"),
        ("SELECT k FROM a RIGHT JOIN UNNEST(ARRAY[1]) AS x(y) ON TRUE", "QL303", "UNNEST"),
        ("SELECT ROW_NUMBER() OVER (ORDER BY k) AS n FROM a", "QL302", "OVER"),
        ("SELECT k FROM a WHERE MD5(k::text) = 'x'", "QL305", "MD5"),
        ("SELECT DISTINCT UPPER(k::text) AS u FROM a", "QL305", ""),
        ("SELECT UPPER(k::text) AS u FROM a ORDER BY u", "QL305", ""),
        ("SELECT UPPER(k::text) AS u, COUNT(*) AS n FROM a GROUP BY u", "QL305", ""),
        ("SELECT u FROM (SELECT UPPER(k::text) AS u FROM a) x", "QL305", ""),
        ("SELECT k FROM a WHERE RANDOM() < 0.5", "QL305", ""),
    ],
)
def test_is_refused_at_its_place(sql: str, code: str, words: str) -> None:
    with pytest.raises(CompileError) as caught:
        compile_sql(DECLARED + sql)
    assert [each.code for each in caught.value.diagnostics] == [code]
    assert words in caught.value.render()
    assert caught.value.span is not None and caught.value.span.start >= len(DECLARED)


def test_what_doubles_with_every_name_is_refused() -> None:
    aliases = ", ".join(f"x{n} + x{n} AS x{n + 1}" for n in range(40))
    ctes = ", ".join(f"c{n + 1} AS (SELECT x.k FROM c{n} x JOIN c{n} y ON x.k = y.k)" for n in range(40))
    for sql in (f"SELECT a AS x0, {aliases} FROM t", f"WITH c0 AS (SELECT k FROM t), {ctes} SELECT k FROM c40"):
        with pytest.raises(CompileError, match="QL103"):
            compile_sql(sql)


def test_a_bare_name_in_a_join_reads_the_first_source_that_has_it(ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
    db.a.insert_many([{"_id": 1, "k": 1, "x": "a"}, {"_id": 2, "k": 1}])
    db.b.insert_one({"_id": 3, "k": 1, "x": "b", "y": 5})
    program = compile_sql("SELECT x FROM a JOIN b ON a.k = b.k")
    assert [each.code for each in program.diagnostics] == ["QL204"]
    (statement,) = program.statements
    assert isinstance(statement, QueryStatement)
    assert sorted(row["x"] for row in db.a.aggregate(statement.query.pipeline.document)) == ["a", "b"]
    assert rows(ql, "SELECT y FROM a JOIN b ON a.k = b.k") == [(5,), (5,)]  # sampled: only b has it


def test_a_field_wins_over_the_alias_computed_from_it() -> None:
    program = compile_sql("SELECT a + 1 AS a FROM t WHERE a > 1")
    assert [each.code for each in program.diagnostics] == ["QL214"]
    assert not compile_sql("SELECT a + 1 AS a FROM t WHERE b > 1").diagnostics


# -- what is emitted --------------------------------------------------------------------------------------------------


def test_a_simple_query_reads_as_one_would_write_it() -> None:
    assert pipeline_of("SELECT * FROM t WHERE status = 'paid' LIMIT 3") == [
        {"$match": {"status": {"$eq": "paid", "$not": {"$type": "array"}}}},
        {"$limit": 3},
    ]


def test_a_literal_is_never_a_field() -> None:
    assert pipeline_of("SELECT '$secret' AS s FROM t") == [{"$replaceWith": {"s": {"$literal": "$secret"}}}]
