"""What can be taken out of a view's condition."""

from __future__ import annotations

import pytest

from queryleaf_cdc.frontend import parse_expression
from queryleaf_cdc.lowering.views.terms import terms_of


@pytest.mark.parametrize(
    ("condition", "terms"),
    [
        ("a AND (b AND c)", ["a", "b", "c"]),
        ("a OR b", ["a OR b"]),
        ("(a AND b) OR (c AND a)", ["a", "b OR c"]),
        ("(a AND b AND c) OR (c AND b) OR (b AND d)", ["b", "(a AND c) OR c OR d"]),
        ("a OR (a AND b)", ["a"]),
        ("x = 1 AND a OR x = TRUE AND a", ["a", "x = 1 OR x = TRUE"]),
        ("((a AND b) OR (a AND c)) AND d OR a AND e", ["a", "((b OR c) AND d) OR e"]),
        ("NOT (a AND b)", ["NOT (a AND b)"]),
    ],
)
def test_terms(condition: str, terms: list[str]) -> None:
    assert list(map(repr, terms_of(parse_expression(condition)))) == [repr(parse_expression(each)) for each in terms]


def test_no_condition_has_no_terms() -> None:
    assert terms_of(None) == []
