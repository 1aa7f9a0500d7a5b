"""Rows as text: what a terminal is given, and what a pipe."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rich.cells import cell_len

from queryleaf_cdc.cli import formats
from queryleaf_cdc.cli.cells import json_text, shown
from queryleaf_cdc.cli.stream_table import StreamTable, fitted
from queryleaf_cdc.errors import InputError

HOSTILE = ("a\nb", "\x1b[31mred", "bell\x07", "c1\x9b2J", "del\x7f", "turned\u202eback", "\u2028line", "nul\x00")


def table(rows: list[dict[str, Any]], columns: tuple[str, ...] | None, width: int = 40) -> list[str]:
    lines: list[str] = []
    written = StreamTable(columns, lambda: width, lines.append)
    for row in rows:
        written.row(row)
    return lines


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_terminal_obeys_is_shown(text: str) -> None:
    assert shown(text).isprintable()
    assert shown({"nested": text}).isprintable()
    assert shown({text: 1}).isprintable()


@pytest.mark.parametrize("text", HOSTILE)
def test_json_lines_are_printable_and_keep_the_value(text: str) -> None:
    line = json_text({"a": text})
    assert line.isprintable()
    assert json.loads(line) == {"a": text}


def test_columns_are_aligned() -> None:
    lines = table([{"name": "tea", "n": 1}, {"name": "coffee", "n": None}], ("name", "n"))
    assert lines == ["name      n", "────────  ────────", "tea       1", "coffee    NULL"]


def test_wide_characters_count_as_what_they_take() -> None:
    lines = table([{"name": "日本", "n": 1}, {"name": "e\u0301", "n": 2}], ("name", "n"))
    assert [cell_len(line) for line in lines[2:]] == [11, 11]


def test_a_column_grows_while_there_is_room_and_says_its_name_again() -> None:
    lines = table([{"a": "x", "b": 1}, {"a": "x" * 20, "b": 2}], ("a", "b"))
    assert lines[3:] == ["a" + " " * 25 + "b", "─" * 24 + "  " + "─" * 8, "x" * 20 + " " * 6 + "2"]


def test_no_line_is_wider_than_the_terminal() -> None:
    rows = [{"a": "x" * 50, "b": "日" * 30, "c": 1}]
    assert all(cell_len(line) <= 40 for line in table(rows, ("a", "b", "c")))


def test_a_cut_value_says_so() -> None:
    assert table([{"a": "x" * 50}], ("a",), 10)[-1] == "x" * 9 + "…"


def test_columns_that_do_not_fit_are_counted() -> None:
    lines = table([{f"c{i}": i for i in range(10)}], tuple(f"c{i}" for i in range(10)), 30)
    assert "6 more columns" in lines[0]


def test_new_fields_become_columns() -> None:
    lines = table([{"a": 1}, {"a": 2, "b": 3}], None)
    assert lines[-1].split() == ["2", "3"]


def test_a_resized_terminal_moves_the_columns() -> None:
    lines: list[str] = []
    widths = iter((40, 20))
    written = StreamTable(("a", "b"), lambda: next(widths), lines.append)
    for _ in range(2):
        written.row({"a": "x" * 20, "b": 1})
    assert cell_len(lines[-1]) <= 20


def test_the_widest_columns_give_way() -> None:
    assert fitted([8, 40, 8], 40) == (8, 20, 8)


def test_csv_is_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    written = formats.writer("csv", ("a", "b", "c"))
    written.row({"a": 'say "hi"\nthere', "b": None, "c": {"x": [1, True]}})
    assert capsys.readouterr().out == 'a,b,c\n"say ""hi""\nthere",,"{""x"": [1, true]}"\n'


def test_csv_tells_null_from_an_empty_text(capsys: pytest.CaptureFixture[str]) -> None:
    formats.writer("csv", ("a", "b")).row({"a": None, "b": ""})
    formats.writer("csv", ("a",)).row({"a": None})
    assert capsys.readouterr().out == 'a,b\n,""\na\n""\n'


def test_csv_needs_columns() -> None:
    with pytest.raises(InputError) as raised:
        formats.writer("csv", None)
    assert raised.value.code == "QL437"
