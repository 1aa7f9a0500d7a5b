"""Every node knows where it was written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from queryleaf_cdc.frontend import parse, parse_expression
from queryleaf_cdc.source import Source, Span
from queryleaf_cdc.syntax.expressions import Call
from queryleaf_cdc.syntax.statements import CreateTrigger

EXPRESSIONS = [
    "a", "o.items[0].sku", '"a b"', "'it''s'", "-7", "NULL", "TRUE", "a + b", "(a + b) * (c)", "NOT a", "- a",
    "a AND b AND c", "a IS NOT NULL", "a IS TRUE", "a IN (1, 2)", "a NOT IN (1)", "a BETWEEN 1 AND 2", "a LIKE 'x'",
    "a NOT LIKE 'x' ESCAPE '!'", "a::numeric(10, 2)", "CAST(a AS int)", "f(a, b)", "f()", "COUNT(*)", "now()",
    "CURRENT_TIMESTAMP", "SUM(a) FILTER (WHERE b)", "SUM(a) OVER (ORDER BY b)", "CASE WHEN a THEN 1 END",
    "CASE a WHEN 1 THEN 2 ELSE 3 END", "INTERVAL '1 day'", "INTERVAL '1' DAY", "DATE '2025-01-01'", "ARRAY[1, 2]",
    "a[b]", "a[b].c", "EXTRACT(hour FROM a)", "TRIM(BOTH 'x' FROM a)", "a = ANY(b)", "(SELECT 1)", "EXISTS (SELECT 1)",
    "a IN (SELECT 1)", "a AT TIME ZONE 'UTC'", "a -> 'b'", "a IS DISTINCT FROM b", "(a, b) IN ((1, 2), (3, 4))",
]  # fmt: skip


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_spans_all_of_its_text(text: str) -> None:
    assert parse_expression(f"  {text} ").span == Span(2, 2 + len(text))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a + b * c", ["a", "b * c"]),
        ("(a + b) - c", ["a + b", "c"]),
        ("a - b - c", ["a - b", "c"]),
        ("a = 1 AND NOT b OR c", ["a = 1 AND NOT b", "c"]),
        ("f(x.y, (1), 'z')", ["x.y", "1", "'z'"]),
        ("a BETWEEN 1 + 1 AND g(2)", ["a", "1 + 1", "g(2)"]),
        ("a || b::text", ["a", "b::text"]),
    ],
)
def test_arguments(text: str, parts: list[str]) -> None:
    found = parse_expression(text)
    assert isinstance(found, Call)
    assert [Source(text).slice(each.span) for each in found.args] == parts


SQL = """-- ünïcode before, to move bytes and characters apart
CREATE TRIGGER t ON orders FOR INSERT, UPDATE OF a, b.c WITH (x = 1) AS BEGIN
  IF NEW.a > 1 THEN
    UPDATE c SET d = d + 1, e.f = 'x' FROM u, w LEFT JOIN y ON y.i = w.i WHERE c.i = u.i;
  END IF;
  INSERT INTO c (a) VALUES (1) ON CONFLICT (a) DO NOTHING;
  x := (SELECT MAX(z) FROM c);
  CALL p(1 + 2);
END;
WITH k AS (SELECT 1 AS one) SELECT a AS b, q.* FROM k JOIN (SELECT 2) s ON TRUE ORDER BY a DESC NULLS LAST;
"""


def nodes(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        for each in value:
            yield from nodes(each)
    elif is_dataclass(value) and not isinstance(value, Span):
        yield value
        for each in fields(value):
            yield from nodes(getattr(value, each.name))


def written(kind: str) -> list[str]:
    source = Source(SQL)
    return [source.slice(each.span) for each in nodes(parse(source)[0]) if type(each).__name__ == kind]


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("TriggerEvent", ["INSERT", "UPDATE OF a, b.c"]),
        ("Option", ["x = 1"]),
        ("Assignment", ["d = d + 1", "e.f = 'x'"]),
        ("TableRef", ["u", "w", "y", "c", "k"]),
        ("OnConflict", ["ON CONFLICT (a) DO NOTHING"]),
        ("Insert", ["INSERT INTO c (a) VALUES (1) ON CONFLICT (a) DO NOTHING"]),
        ("Assign", ["x := (SELECT MAX(z) FROM c)"]),
        ("CallProcedure", ["CALL p(1 + 2)"]),
        ("Subquery", ["(SELECT MAX(z) FROM c)"]),
        ("Join", [", w", "LEFT JOIN y ON y.i = w.i", "JOIN (SELECT 2) s ON TRUE"]),
        ("Cte", ["k AS (SELECT 1 AS one)"]),
        ("SubqueryRef", ["(SELECT 2) s"]),
        ("OrderItem", ["a DESC NULLS LAST"]),
        ("SelectItem", ["MAX(z)", "a AS b", "q.*", "1 AS one", "2"]),
        ("Star", ["q.*"]),
    ],
)
def test_nodes_of_a_file(kind: str, texts: list[str]) -> None:
    assert sorted(written(kind)) == sorted(texts)


def test_names_of_a_trigger() -> None:
    source = Source(SQL)
    trigger = parse(source)[0][0]
    assert isinstance(trigger, CreateTrigger)
    assert [source.slice(trigger.name_span), source.slice(trigger.collection_span)] == ["t", "orders"]


def test_a_statement_ends_before_its_semicolon() -> None:
    source = Source(SQL)
    first, second = parse(source)[0]
    assert source.slice(first.span).startswith("CREATE TRIGGER")
    assert source.slice(first.span).endswith("END")
    assert source.slice(second.span).endswith("NULLS LAST")


def test_a_dollar_quoted_body_keeps_its_places() -> None:
    source = Source("CREATE TRIGGER t ON o FOR INSERT AS $x$ BEGIN CALL p(a b); END $x$;")
    (found,) = parse(source)[1]
    assert found.span is not None
    assert source.slice(found.span) == "b"
