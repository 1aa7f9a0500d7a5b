"""Printed expressions are read as what they were."""

from __future__ import annotations

import pytest
from bson.decimal128 import Decimal128

from queryleaf_cdc.frontend import parse_expression
from queryleaf_cdc.lowering.sql_text import Text, below, sql_text
from queryleaf_cdc.source import NO_SPAN
from queryleaf_cdc.syntax.expressions import Field, Literal

PLAIN = [
    "a = 1",
    "a.b[0].c",
    '"odd name".x',
    '"select"',
    '"current_date"',
    "a + b * c",
    "(a + b) * c",
    "a - (b - c)",
    "a - b - c",
    "(a < b) = c",
    "a < b AND (c OR d) AND NOT e",
    "NOT (a AND b)",
    "-a",
    "-(a + b)",
    "a + -5",
    "a IS NULL OR b IS NOT TRUE",
    "(a = b) IS UNKNOWN",
    "a IS DISTINCT FROM b",
    "a IS NOT DISTINCT FROM b + 1",
    "a BETWEEN 1 AND b + 2",
    "a NOT BETWEEN (b = c) AND d",
    "a IN (1, 'x', NULL)",
    "a NOT IN (b, c)",
    "a LIKE 'x%' ESCAPE '!'",
    "a NOT ILIKE '%''y'",
    "a || b || 'c'",
    "a -> 'b' ->> 'c'",
    "(a || b)[1]",
    "a[b + 1]",
    "ARRAY[1, a, 'x']",
    "1 = ANY(tags) AND 2 <> ALL(tags)",
    "CASE WHEN a > 1 THEN 'x' WHEN b THEN NULL ELSE c END",
    "EXTRACT(EPOCH FROM a - b)",
    "DATE_TRUNC('day', a AT TIME ZONE 'UTC')",
    "TIMESTAMP '2025-03-05 12:00:00.250' + INTERVAL '1 month 2 days 90 minutes'",
    "TIMESTAMP '0001-01-01 00:00:00'",
    "INTERVAL '1 hour' - INTERVAL '1500 milliseconds'",
    "COALESCE(UPPER(a), 'none')",
    "TRUE AND FALSE",
    "COUNT(*)",
    "COUNT(DISTINCT a) FILTER (WHERE b > 1)",
    "STRING_AGG(a, ', ' ORDER BY b DESC, c NULLS FIRST)",
    "PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY a)",
    "MODE() WITHIN GROUP (ORDER BY a)",
    "SUM(a) OVER (PARTITION BY b ORDER BY c DESC ROWS BETWEEN 6 PRECEDING AND CURRENT ROW)",
    "LAG(a, 1, 0) OVER (ORDER BY b DESC NULLS LAST)",
    "LAST_VALUE(a) IGNORE NULLS OVER (ORDER BY b)",
    "SUM(a) OVER (ORDER BY b ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES)",
    "ROW_NUMBER() OVER ()",
]
OTHERS = [
    "(a AND b) AND c",
    "(-5) ^ 2",
    "-(-a)",
    "(a IN (1)) IN (2)",
    "INTERVAL '-1 day'",
    "CAST(a AS INTEGER) + b::text",
    "NOT a LIKE 'x' ESCAPE '!'",
    "a ~ '^x' OR a !~* 'y'",
    "1.5e300 * a / 0.1",
    "SUM(a) OVER (ORDER BY b RANGE BETWEEN INTERVAL '1 hour' PRECEDING AND UNBOUNDED FOLLOWING)",
]


def nothing_is_bound(field: Field) -> Text:
    raise AssertionError(field)


@pytest.mark.parametrize("text", PLAIN + OTHERS)
def test_is_read_as_what_it_was(text: str) -> None:
    expr = parse_expression(text)
    assert parse_expression(sql_text(expr, nothing_is_bound).sql) == expr


@pytest.mark.parametrize("text", PLAIN)
def test_has_no_parentheses_but_those_that_are_needed(text: str) -> None:
    assert sql_text(parse_expression(text), nothing_is_bound).sql == text


def test_values_without_a_literal_of_their_own() -> None:
    def printed(value: object) -> str:
        return sql_text(Literal(value, NO_SPAN), nothing_is_bound).sql

    assert printed(Decimal128("1.50")) == "CAST('1.50' AS DECIMAL)"
    assert printed(float("nan")) == "CAST('NaN' AS DOUBLE)"
    assert printed(float("-inf")) == "CAST('-Infinity' AS DOUBLE)"
    assert printed([1, "x"]) == "ARRAY[1, 'x']"
    assert printed({"a": 1}) == "CAST('{\"a\": 1}' AS JSON)"


def test_fields_are_called_what_the_reader_calls_them() -> None:
    def name_of(field: Field) -> Text:
        return below(sql_text(parse_expression("price * pieces"), nothing_is_bound), field.path)

    assert sql_text(Field("$row", (), NO_SPAN), name_of).sql == "price * pieces"
    assert sql_text(Field("$row", ("x", 0), NO_SPAN), name_of).sql == "(price * pieces).x[0]"
    assert sql_text(Field("EVENT", ("now",), NO_SPAN), name_of).sql == "CURRENT_TIMESTAMP"
