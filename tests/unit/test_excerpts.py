"""The line of a mistake, and the caret below it."""

from __future__ import annotations

import pytest

from queryleaf_cdc.errors import Diagnostic
from queryleaf_cdc.source import Source, Span


@pytest.mark.parametrize(
    ("before", "pad"),
    [("ab ", "   "), ("日本 ", "     "), ("\t", "\t"), ("e\u0301 ", "  "), ("\x1b ", "  ")],
    ids=ascii,
)
def test_the_caret_stands_below_its_place(before: str, pad: str) -> None:
    source = Source(f"{before}wrong right")
    span = Span(len(before), len(before) + 5)
    line, carets = Diagnostic("QL106", "unexpected", span).render(source).splitlines()[1:]
    assert carets == f"  {pad}^^^^^"
    assert "\x1b" not in line


def test_wide_characters_have_wide_carets() -> None:
    assert Diagnostic("QL106", "unexpected", Span(0, 2)).render(Source("日本 x")).endswith("\n  ^^^^")
