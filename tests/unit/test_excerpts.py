"""The line of a mistake, and the caret below it."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

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


@pytest.mark.parametrize("width", [20, 40, 81])
@pytest.mark.parametrize("before", ["x" * 70, "日本" * 30, "\t" * 6, "y"])
def test_a_line_fits_into_the_terminal(width: int, before: str) -> None:
    source = Source(f"{before} wrong {'z' * 70}")
    span = Span(len(before) + 1, len(before) + 6)
    shown = Diagnostic("QL106", "unexpected", span).render(source, width).splitlines()[1:]
    line, carets = (each.expandtabs() for each in shown)
    assert max(cell_len(line), cell_len(carets)) <= width
    at = line.index("wrong")
    assert (cell_len(line[:at]), carets.strip()) == (len(carets) - 5, "^^^^^")


def test_wide_characters_have_wide_carets() -> None:
    assert Diagnostic("QL106", "unexpected", Span(0, 2)).render(Source("日本 x")).endswith("\n  ^^^^")
