"""What two parts of a view compute alike is computed once."""

from __future__ import annotations

from queryleaf_cdc.compiler import compile_sql
from queryleaf_cdc.plans.dataflow import Group, Node, inputs_of
from queryleaf_cdc.plans.program import ViewStatement


def _groups(query: str) -> int:
    (statement,) = compile_sql(f"CREATE MATERIALIZED VIEW v AS {query}").statements
    assert isinstance(statement, ViewStatement)
    found: dict[int, Node] = {}

    def visit(node: Node) -> None:
        found[id(node)] = node
        for each in inputs_of(node):
            visit(each)

    visit(statement.plan.dataflow.root)
    return sum(isinstance(each, Group) for each in found.values())


COUNTED = "SELECT g, COUNT(*) AS n FROM t GROUP BY g"


def test_a_with_that_is_read_twice() -> None:
    assert _groups(f"WITH c AS ({COUNTED}) SELECT a.g FROM c a JOIN c b ON a.n = b.n") == 1


def test_a_subquery_that_is_written_twice() -> None:
    assert _groups(f"SELECT a.g FROM ({COUNTED}) a JOIN ({COUNTED}) b ON a.n = b.n") == 1


def test_what_differs_in_a_condition_is_computed_twice() -> None:
    other = COUNTED.replace("FROM t", "FROM t WHERE x > 1")
    assert _groups(f"SELECT a.g FROM ({COUNTED}) a JOIN ({other}) b ON a.n = b.n") == 2
