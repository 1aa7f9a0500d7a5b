"""Rows to lines, for a terminal of any width. Pure functions; widths count columns of the terminal, not characters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich.cells import cell_len, chop_cells, set_cell_size

from queryleaf_cdc.cli.cells import shown
from queryleaf_cdc.cli.repl.screen import Fragment, Line, plain, safe, styled
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.lowering.output import extended

Row = Mapping[str, Any]

_GAP = " | "
_LEAST = 4
"""columns of a cell below which a row is shown field by field instead"""
_STEP = 4
"""a column of a stream grows by so many columns, so that it does not grow with every row"""
_LONGEST = 100_000
"""characters of a value that a terminal is shown"""


@frozen
class Cell:
    """A text that is safe to show."""

    text: str
    style: str = ""
    right: bool = False

    @property
    def width(self) -> int:
        return breadth(self.text)


def breadth(text: str) -> int:
    """Columns of the terminal that a text takes."""
    return len(text) if text.isascii() else cell_len(text)


def cell(value: Any) -> Cell:
    """A value on one line, without control characters."""
    if value is None:
        return Cell("NULL", "dim")
    if isinstance(value, dict | list):
        return Cell(_cut(safe(json.dumps(extended(value), ensure_ascii=False))))
    if isinstance(value, str):
        return Cell(shown(_cut(value)))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(str(value), right=True)
    return Cell(shown(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def columns_of(rows: Iterable[Row], known: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """The query's columns, else all fields in the order in which they appear."""
    return known or tuple(dict.fromkeys(name for row in rows for name in row))


# -- widths -------------------------------------------------------------------------------------------------------


def fitted(natural: Sequence[int], width: int) -> tuple[int, ...] | None:
    """The widths of the columns: the widest are cut to one common width until a line fits. None when that is too
    little to read."""
    room = width - len(_GAP) * (len(natural) - 1) if natural else 0
    if sum(natural) <= room:
        return tuple(natural)
    cap = _common_width(sorted(natural), room)
    return tuple(min(each, cap) for each in natural) if cap >= _LEAST else None


def _common_width(ascending: Sequence[int], room: int) -> int:
    """The greatest ``cap`` with ``sum(min(each, cap)) <= room``."""
    for index, each in enumerate(ascending):
        share = room // (len(ascending) - index)
        if each > share:
            return share
        room -= each
    return room


# -- a table whose rows are all there ------------------------------------------------------------------------------


def table(rows: Sequence[Row], columns: tuple[str, ...], width: int) -> list[Line]:
    """As psql draws it; long values are folded. Field by field where the columns do not fit side by side."""
    if not columns:
        return []
    cells = [[cell(row.get(name)) for name in columns] for row in rows]
    heads = [shown(name) for name in columns]
    natural = [max([breadth(head), *(row[i].width for row in cells)]) for i, head in enumerate(heads)]
    widths = fitted(natural, width)
    if widths is None:
        return expanded(rows, columns, width)
    lines = _folded([Cell(head, "bold") for head in heads], widths)
    lines.append(plain("-+-".join("-" * each for each in widths)))
    return [*lines, *(line for row in cells for line in _folded(row, widths))]


def _folded(cells: Sequence[Cell], widths: Sequence[int]) -> list[Line]:
    if all(each.width <= width for each, width in zip(cells, widths, strict=True)):
        return [_joined(cells, widths)]
    parts = [_chopped(each.text, width) for each, width in zip(cells, widths, strict=True)]
    height = max(map(len, parts))
    return [
        _joined([Cell(part[i] if i < len(part) else "", each.style, each.right) for each, part in columns], widths)
        for i in range(height)
        for columns in [list(zip(cells, parts, strict=True))]
    ]


def _chopped(text: str, width: int) -> list[str]:
    if breadth(text) <= width:
        return [text]
    return [part for part in chop_cells(text, width) if part]


def _joined(cells: Sequence[Cell], widths: Sequence[int]) -> Line:
    fragments: list[Fragment] = []
    last = len(cells) - 1
    for index, (each, width) in enumerate(zip(cells, widths, strict=True)):
        pad = " " * (width - each.width)
        gap = _GAP if index else ""
        if each.right:
            fragments += [("", gap + pad), (each.style, each.text)]
        else:
            fragments += [("", gap), (each.style, each.text), ("", pad if index < last else "")]
    return tuple(fragment for fragment in fragments if fragment[1])


# -- field by field --------------------------------------------------------------------------------------------------


def expanded(rows: Sequence[Row], columns: tuple[str, ...], width: int, first: int = 1) -> list[Line]:
    """A line for each field of each row."""
    return [line for number, row in enumerate(rows, first) for line in _record(number, row, columns, width)]


def _record(number: int, row: Row, columns: tuple[str, ...], width: int) -> list[Line]:
    names = [shown(name) for name in columns]
    head = min(max(map(breadth, names), default=0), max(_LEAST, (width - len(_GAP)) // 2))
    room = max(1, width - head - len(_GAP))
    title = f"-[ {number} ]"
    lines = [styled("dim", title + "-" * max(0, min(width, 40) - len(title)))]
    for name, key in zip(names, columns, strict=True):
        value = cell(row.get(key))
        for index, part in enumerate(_chopped(value.text, room)):
            label = _short(name, head) if index == 0 else ""
            lines.append(_joined([Cell(label, "bold"), Cell(part, value.style)], (head, room)))
    return lines


def _short(text: str, width: int) -> str:
    """The text, with … for what does not fit."""
    return text if breadth(text) <= width else set_cell_size(text, max(0, width - 1)).rstrip() + "…"


# -- a stream, whose rows come one by one ------------------------------------------------------------------------------


@frozen
class Arrangement:
    """How the rows of a stream stand so far. ``names`` are the columns, ``widest`` what each has needed, ``widths``
    what they were given; None when they do not fit side by side."""

    names: tuple[str, ...] = ()
    widest: tuple[int, ...] = ()
    widths: tuple[int, ...] | None = ()
    rows: int = 0


def next_row(before: Arrangement, row: Row, width: int) -> tuple[Arrangement, list[Line]]:
    """The lines of one more row; the columns' names again when their places change. What is too long is cut."""
    names = tuple(dict.fromkeys((*before.names, *row)))
    cells = [cell(row.get(name)) for name in names]
    known = (*before.widest, *(breadth(shown(name)) for name in names[len(before.names) :]))
    widest = tuple(_grown(old, each.width) for old, each in zip(known, cells, strict=True))
    widths = fitted(widest, width)
    after = Arrangement(names, widest, widths, before.rows + 1)
    if widths is None:
        return after, expanded([row], names, width, after.rows)
    lines = []
    if (names, widths) != (before.names, before.widths):
        heads = [Cell(_short(shown(name), each), "bold") for name, each in zip(names, widths, strict=True)]
        lines = [_joined(heads, widths), plain("-+-".join("-" * each for each in widths))]
    cut = [Cell(_short(c.text, each), c.style, c.right) for c, each in zip(cells, widths, strict=True)]
    return after, [*lines, _joined(cut, widths)]


def next_record(before: Arrangement, row: Row, width: int) -> tuple[Arrangement, list[Line]]:
    """The lines of one more row, field by field."""
    after = replace(before, rows=before.rows + 1)
    return after, expanded([row], tuple(row), width, after.rows)


def _grown(width: int, needed: int) -> int:
    return width if needed <= width else -(-needed // _STEP) * _STEP
