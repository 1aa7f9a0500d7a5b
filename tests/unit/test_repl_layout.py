"""Rows as lines, on wide and narrow terminals, with values that would spoil them."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len

from queryleaf_cdc.cli.repl.layout import Arrangement, columns_of, expanded, fitted, next_row, table
from queryleaf_cdc.cli.repl.screen import Line, rendered, safe

ORDERS = [
    {"_id": 1, "customer": "ada", "total": 12.5, "note": None},
    {"_id": 20, "customer": "Grace Hopper", "total": 3, "note": "a\nb"},
]


def shown(lines: list[Line]) -> str:
    return "\n".join(rendered(line, coloured=False) for line in lines)


def test_a_table() -> None:
    assert shown(table(ORDERS, columns_of(ORDERS), 80)) == (
        "_id | customer     | total | note\n"
        "----+--------------+-------+-----\n"
        "  1 | ada          |  12.5 | NULL\n"
        " 20 | Grace Hopper |     3 | a\\nb"
    )


def test_long_values_are_folded() -> None:
    assert shown(table([{"a": 1, "text": "abcdefghij"}], ("a", "text"), 9)) == (
        "a | text\n--+------\n1 | abcde\n  | fghij"
    )


def test_what_does_not_fit_side_by_side_stands_below_each_other() -> None:
    assert shown(table(ORDERS, columns_of(ORDERS), 20)) == (
        "-[ 1 ]--------------\n"
        "_id      | 1\n"
        "customer | ada\n"
        "total    | 12.5\n"
        "note     | NULL\n"
        "-[ 2 ]--------------\n"
        "_id      | 20\n"
        "customer | Grace Hop\n"
        "         | per\n"
        "total    | 3\n"
        "note     | a\\nb"
    )


def test_wide_characters_take_two_columns() -> None:
    assert shown(table([{"名前": "日本語", "n": 1}, {"名前": "ab", "n": 2}], ("名前", "n"), 80)) == (
        "名前   | n\n-------+--\n日本語 | 1\nab     | 2"
    )


HOSTILE = [
    "\x1b[31m",
    "\x07\r\n\t",
    "\x9b31m\x85",
    "\u202e\u2066\u200b",
    "\ud800",
    "日本語" * 30,
    "👩‍👩‍👧" * 9,
    "e\u0301" * 40,
    "",
]


@pytest.mark.parametrize("width", [10, 20, 33, 80])
@pytest.mark.parametrize("value", HOSTILE, ids=ascii)
def test_no_line_is_too_wide_and_no_control_character_is_left(value: str, width: int) -> None:
    rows: list[dict[str, Any]] = [{value: value, "b": {value: [value]}, "c": 1}, {value: 1, "b": value}]
    _, streamed = next_row(Arrangement(), rows[0], width)
    for lines in (table(rows, columns_of(rows), width), expanded(rows, columns_of(rows), width), streamed):
        text = shown(lines)
        assert all(cell_len(line) <= width for line in text.split("\n"))
        assert all(char.isprintable() for char in text.replace("\n", ""))


@pytest.mark.parametrize(
    ("natural", "width", "widths"),
    [
        ((3, 5), 80, (3, 5)),
        ((3, 50), 20, (3, 14)),
        ((50, 50, 2), 30, (11, 11, 2)),
        ((9, 9, 9), 15, None),
        ((), 20, ()),
    ],
)
def test_the_widest_columns_give_way(natural: tuple[int, ...], width: int, widths: tuple[int, ...] | None) -> None:
    assert fitted(natural, width) == widths


# -- streams --------------------------------------------------------------------------------------------------------


def stream(rows: list[dict[str, Any]], *widths: int) -> str:
    """The lines of a stream; the terminal has the width of each row's turn."""
    arrangement, lines = Arrangement(), []
    for row, width in zip(rows, widths, strict=True):
        arrangement, more = next_row(arrangement, row, width)
        lines += more
    return shown(lines)


def test_columns_of_a_stream_stay_until_a_value_needs_more() -> None:
    rows = [{"n": 1, "text": "ab"}, {"n": 2, "text": "a"}, {"n": 3, "text": "abcdef"}, {"n": 4, "text": "abcdefgh"}]
    assert stream(rows, 80, 80, 80, 80) == (
        "n | text\n--+-----\n1 | ab\n2 | a\nn | text\n--+---------\n3 | abcdef\n4 | abcdefgh"
    )


def test_what_is_too_long_is_cut() -> None:
    assert stream([{"n": 1, "text": "日本語日本語日本語"}], 14) == "n | text\n--+-----------\n1 | 日本語日…"


def test_a_stream_follows_the_width_of_the_terminal() -> None:
    rows = [{"n": 1, "text": "abcdefghijkl"}] * 2
    assert stream(rows, 80, 12) == (
        "n | text\n--+-------------\n1 | abcdefghijkl\nn | text\n--+---------\n1 | abcdefg…"
    )


def test_a_new_field_of_a_stream_gets_a_column() -> None:
    assert stream([{"a": 1}, {"b": 2}], 80, 80) == "a\n-\n1\na    | b\n-----+--\nNULL | 2"


def test_a_tab_is_no_blank() -> None:
    rows = [{"a\tb": "x\ty"}]
    assert shown(table(rows, columns_of(rows), 80)) == "a\\tb\n----\nx\\ty"


# -- colours --------------------------------------------------------------------------------------------------------


def test_only_our_own_colours_reach_a_terminal() -> None:
    assert rendered((("red", "a\x1b[0m"),), coloured=True) == "\x1b[31ma\\x1b[0m\x1b[0m"
    assert rendered((("red", "a"),), coloured=False) == "a"
    assert safe("a\tb\u2028c") == "a b\\u2028c"
