"""A view's plan as people read it: the names of columns, what is printed once, and the table of rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from queryleaf_cdc import CompileError, compile_sql
from queryleaf_cdc.lowering.explain import explain
from queryleaf_cdc.lowering.tree import Node
from queryleaf_cdc.lowering.views.rules import RULES, rule_of
from queryleaf_cdc.plans.dataflow import Node as PlanNode
from queryleaf_cdc.plans.dataflow import inputs_of
from queryleaf_cdc.plans.program import ViewStatement

ROOT = Path(__file__).parents[2]
QUERIES = {
    "columns and conditions": "SELECT a FROM t GROUP BY a HAVING COUNT(*) > 1",
    "UNNEST": "SELECT x FROM t CROSS JOIN UNNEST(t.items) AS x",
    "UNION ALL": "SELECT a FROM t UNION ALL SELECT b FROM u",
    "DISTINCT, UNION": "SELECT DISTINCT a FROM t",
    "INTERSECT": "SELECT a FROM t INTERSECT SELECT b FROM u",
    "EXCEPT": "SELECT a FROM t EXCEPT SELECT b FROM u",
    "inner join": "SELECT t.a, u.b FROM t JOIN u ON t.k = u.k AND t.a < u.b",
    "LEFT, RIGHT, FULL JOIN on keys alone": "SELECT t.a, u.b FROM t FULL JOIN u ON t.k = u.k",
    "EXISTS, IN on keys alone": "SELECT t.a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.k = t.k)",
    "outer join, EXISTS, IN with a further condition": "SELECT t.a, u.b FROM t LEFT JOIN u ON t.k = u.k AND t.a < u.b",
    "GROUP BY with COUNT, SUM, AVG, STDDEV, VARIANCE, BOOL_AND, BOOL_OR": "SELECT a, SUM(b) AS s FROM t GROUP BY a",
    "GROUP BY with DISTINCT in such an aggregate": "SELECT a, SUM(DISTINCT b) AS s FROM t GROUP BY a",
    "GROUP BY with any other aggregate": "SELECT a, MAX(b) AS s FROM t GROUP BY a",
    "OVER (...)": "SELECT a, LAG(a) OVER (ORDER BY a) AS b FROM t",
    "ROW_NUMBER or RANK of which only the first n are wanted": (
        "SELECT a FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY a) <= 3"
    ),
    "ORDER BY with LIMIT or OFFSET, DISTINCT ON": "SELECT a FROM t ORDER BY a LIMIT 3",
    "conditions on CURRENT_TIMESTAMP": "SELECT a FROM t WHERE at > CURRENT_TIMESTAMP - INTERVAL '1 day'",
    "a collection's rows": "SELECT a FROM t",
}


def view(query: str) -> str:
    return f"CREATE MATERIALIZED VIEW v AS {query}"


def dataflow(query: str) -> dict[str, Any]:
    (statement,) = compile_sql(view(query)).to_json()["statements"]
    found: dict[str, Any] = statement["dataflow"]
    return found


def operators(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for each in node.get("inputs", ()):
        yield from operators(each)


def plan_nodes(query: str) -> Iterator[PlanNode]:
    (statement,) = compile_sql(view(query)).statements
    assert isinstance(statement, ViewStatement)
    waiting: list[PlanNode] = [statement.plan.dataflow.root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += inputs_of(node)


def test_every_rule_has_its_query() -> None:
    assert sorted(QUERIES) == sorted(each.kind for each in RULES)


@pytest.mark.parametrize("kind", QUERIES)
def test_a_plan_has_the_rule(kind: str) -> None:
    assert kind in {rule_of(node).kind for node in plan_nodes(QUERIES[kind])}


def lines(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from lines(child)


@pytest.mark.parametrize("query", QUERIES.values())
def test_explain_tells_rule_cost_and_state_of_each_operator(query: str) -> None:
    program = compile_sql(view(query))
    (tree,) = explain(program.source, program.statements)
    told = [
        each for each in lines(tree) if [child.text[:5] for child in each.children[:3]] == ["rule:", "cost:", "state"]
    ]
    assert len(told) == len([each for each in operators(dataflow(query)) if "op" in each])


def test_explain_tells_who_computes_and_why() -> None:
    program = compile_sql(view("SELECT INITCAP(name) AS name, a + 1 AS b FROM t WHERE a > 5"))
    (tree,) = explain(program.source, program.statements)
    told = {each.text for each in lines(tree)}
    assert "server: whether a > 5" in told
    assert "server: a + 1, _id" in told
    assert "worker: INITCAP(name) — MongoDB's $toUpper and $toLower know ASCII letters only" in told


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*/views.sql")), ids=lambda path: path.parent.name)
def test_plans_of_the_examples_are_as_the_schema_says_and_can_be_drawn(path: Path) -> None:
    program = compile_sql(path.read_text("utf-8"))
    document = program.to_json()
    jsonschema.validate(document, json.loads((ROOT / "docs" / "compiled.schema.json").read_text("utf-8")))
    drawn = [each for each in explain(program.source, program.statements) if each.text.startswith("materialized view")]
    assert len(drawn) == len(document["statements"]) > 20


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT a FROM t WHERE a IN (SELECT b, c FROM u)", "QL219"),
        ("SELECT a FROM t WHERE a > ALL (SELECT b, c FROM u)", "QL219"),
        ("SELECT a FROM t WHERE (a, b) IN (SELECT c FROM u)", "QL219"),
        ("SELECT (SELECT b, c FROM u LIMIT 1) AS x FROM t", "QL219"),
        ("SELECT PERCENTILE_CONT(a) WITHIN GROUP (ORDER BY b) AS x FROM t", "QL304"),
        ("SELECT ARRAY_AGG(DISTINCT a ORDER BY b) AS x FROM t", "QL304"),
        ("SELECT STRING_AGG(a, b) OVER (ORDER BY c) AS x FROM t", "QL304"),
    ],
)
def test_what_no_worker_could_compute_does_not_compile(query: str, code: str) -> None:
    with pytest.raises(CompileError) as raised:
        compile_sql(view(query))
    assert raised.value.diagnostics[0].code == code


def test_an_operator_that_two_read_is_printed_once() -> None:
    printed = list(operators(dataflow("SELECT a, b, SUM(c) AS s FROM t GROUP BY CUBE (a, b)")))
    assert len([each for each in printed if each.get("op") == "scan"]) == 1
    (shared,) = {each["id"] for each in printed if "id" in each}
    assert [each for each in printed if "ref" in each] == [{"ref": shared}] * 3


def test_both_sides_of_a_self_join_have_names_of_their_own() -> None:
    join = next(
        each
        for each in operators(dataflow("SELECT a.x, b.x AS y FROM t a JOIN t b ON a.k = b.k AND a.x < b.x"))
        if each["op"] == "join"
    )
    assert join["keys"] == ["k = right.k"]
    assert join["condition"] == "x < right.x"


def test_a_long_expression_is_written_once() -> None:
    long = "COALESCE(first_name, '') || ' ' || COALESCE(last_name, '')"
    root = dataflow(f"SELECT {long} AS name, COUNT(*) AS n FROM t GROUP BY {long}")
    assert root["columns"] == ["expression", "COUNT(*)"]
    scan = list(operators(root))[-1]
    assert scan["columns"] == [f"{long} AS expression"]
