"""SQL that a PostgreSQL user knows, where it was once read or computed differently.

The values are those of PostgreSQL 15, but for what docs/language.md lists as different."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from queryleaf_cdc import compile_sql
from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend import parse, parse_expression
from queryleaf_cdc.logical.bind import Binder
from queryleaf_cdc.logical.bind_query import bind_query
from queryleaf_cdc.logical.schema import Schema
from queryleaf_cdc.logical.scope import Scope
from queryleaf_cdc.lowering.worker_face import evaluate
from queryleaf_cdc.source import Source
from queryleaf_cdc.syntax.queries import Select
from queryleaf_cdc.syntax.statements import SelectStatement

SAME = [
    # comparison and IS
    ("a = b IS NULL", "(a = b) IS NULL"),
    ("a IS NULL = b", "(a IS NULL) = b"),
    ("a IS DISTINCT FROM b = c", "a IS DISTINCT FROM (b = c)"),
    ("a < b IS TRUE AND c", "((a < b) IS TRUE) AND c"),
    ("NOT a = b IS NULL", "NOT ((a = b) IS NULL)"),
    ("a = NOT b = c", "a = (NOT (b = c))"),
    # ~ stands beside || and ->, LIKE below them
    ("a ~ b || c", "(a ~ b) || c"),
    ("a || b ~ c", "(a || b) ~ c"),
    ("a -> 'x' ~ b ->> 'y'", "((a -> 'x') ~ b) ->> 'y'"),
    ("a LIKE b || c", "a LIKE (b || c)"),
    ("a LIKE b ~~ c", "a LIKE (b LIKE c)"),
    ("a !~ b || c", "(NOT (a ~ b)) || c"),
    ("a NOT LIKE b ESCAPE c || d", "NOT (a LIKE b ESCAPE (c || d))"),
    ("a -> 'x' + 1", "a -> ('x' + 1)"),
    # behind what ends by itself, operators go on
    ("a NOT IN (b) + c", "(NOT (a IN (b))) + c"),
    ("a IS TRUE || 'x'", "(a IS TRUE) || 'x'"),
    # arithmetic
    ("-a ^ 2", "(-a) ^ 2"),
    ("2 ^ 3 ^ 2", "(2 ^ 3) ^ 2"),
    ("2 ^ -3 ^ 2", "(2 ^ -3) ^ 2"),
    ("a * b AT TIME ZONE 'x'", "a * (b AT TIME ZONE 'x')"),
    ("-a::int", "-(a::int)"),
    ("a - b - c", "(a - b) - c"),
    ("a BETWEEN b AND c + 1 AND d", "(a BETWEEN b AND (c + 1)) AND d"),
]


@pytest.mark.parametrize(("text", "clear"), SAME)
def test_operators_bind_as_in_postgresql(text: str, clear: str) -> None:
    assert parse_expression(text) == parse_expression(clear)


@pytest.mark.parametrize(
    "text",
    [
        "a < b < c", "a = b = c", "a = b <> c", "a LIKE b LIKE c", "a LIKE b NOT LIKE c", "a LIKE b IN (c)",
        "a BETWEEN 1 AND 2 BETWEEN 3 AND 4", "a IS DISTINCT FROM b IS NULL",
    ],
)  # fmt: skip
def test_what_does_not_chain_is_an_error(text: str) -> None:
    with pytest.raises(CompileError) as caught:
        parse_expression(text)
    assert "parentheses" in str(caught.value)


@pytest.mark.parametrize("text", ["INTERVAL '1.5' HOUR", "INTERVAL '1-2' YEAR", "INTERVAL '2:03' HOUR"])
def test_what_postgresql_cuts_off_an_interval_is_an_error(text: str) -> None:
    with pytest.raises(CompileError, match="INTERVAL"):
        parse_expression(text)


def value(text: str) -> object:
    """What the expression gives in the worker, with ``t`` for a document."""
    statement = parse(Source(f"SELECT {text} FROM t"))[0][0]
    assert isinstance(statement, SelectStatement)
    bound = bind_query(statement.query, Scope(), Binder(Schema(), (), False, bind_query))
    assert isinstance(bound, Select)
    document = {"at": datetime(2024, 2, 29, 13, 14, 15), "half": 2.5, "whole": 250.0}
    return evaluate(bound.items[0].expr, {"t": document})


DAY = timedelta(days=1)
LEAP = datetime(2024, 2, 29)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DATE '2024-02-29' + 1", LEAP + DAY),
        ("1 + DATE '2024-02-29'", LEAP + DAY),
        ("at::date - 7", LEAP - 7 * DAY),
        ("at::date - 7 - 1", LEAP - 8 * DAY),
        ("at::date + '3'::int", LEAP + 3 * DAY),
        ("DATE '2024-03-01' - at::date", 1),
        ("DATE '2024-03-01' - at::date + 1", 2),
        ("(DATE '2024-03-31' - at::date) > 30", True),
        ("at::date + INTERVAL '1 day'", LEAP + DAY),
        # numeric has the digits that it was given
        ("(half::numeric)::text", "2.5"),
        ("(half::numeric * 2)::text", "5.0"),
        ("whole::numeric::text", "250"),
        ("'2.50'::numeric::text", "2.50"),
    ],
)
def test_values(text: str, expected: object) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("TIMESTAMP '2024-01-01' - 7", "INTERVAL '7 days'"),
        ("CURRENT_TIMESTAMP - 7", "INTERVAL '7 days'"),
        ("ARRAY(SELECT x FROM u)", "ARRAY_AGG"),
        ("ARRAY[1] || 2", "ARRAY_APPEND"),
        ("SUBSTRING(s FROM 'a+')", "REGEXP_SUBSTR"),
        ("SUBSTRING(s, 'a+')", "REGEXP_SUBSTR"),
        ("(at AT TIME ZONE 'UTC') AT TIME ZONE 'Europe/Berlin'", "local already"),
        ("DATE_TRUNC('day', at AT TIME ZONE 'Europe/Berlin') AT TIME ZONE 'Europe/Berlin'", "DATE_TRUNC"),
        ("at AT TIME ZONE INTERVAL '1 hour'", "no text"),
        ("TO_CHAR(at, 'FMDDth')", "FMDDth"),
        ("TO_CHAR(at, 'YYYY-MM-DDTHH24:MI')", "double quotes"),
        ("TO_CHAR(at, 'CC')", "CC"),
        ("TO_CHAR(at, 'TMMonth')", "TM"),
        ("TO_CHAR(n, '9.9EEEE')", "EEEE"),
        ("TO_CHAR(INTERVAL '1 hour', 'HH24')", "EXTRACT"),
        ("TO_DATE(s, 'IYYY-IW')", "IYYY"),
        ("TO_JSON(s)", "TO_JSON"),
    ],
)
def test_what_would_differ_is_an_error(text: str, complaint: str) -> None:
    with pytest.raises(CompileError) as caught:
        compile_sql(f"SELECT {text} AS x FROM t", functions=())
    assert complaint in str(caught.value)
    assert "CAST JSON" not in str(caught.value)  # no names that nobody can write
