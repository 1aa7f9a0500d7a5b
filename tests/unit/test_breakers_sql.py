"""SQL that a PostgreSQL user knows, where it was once read or computed differently.

The values are those of PostgreSQL 15, but for what docs/language.md lists as different."""

from __future__ import annotations

import pytest

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend import parse_expression

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
