"""Rows of a stream as a table that begins before its rows are known.

Columns grow with what comes, as long as the terminal has room; then the widest give way, and what does not fit into
one is cut. When the columns move, the heading is written once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size

from queryleaf_cdc.cli.cells import shown

_GAP = "  "
_LEAST = 6
"""cells of a column below which no other one makes it shrink"""
_STEP = 8
"""cells that a column grows by, so that the heading is not written again for each longer value"""


class StreamTable:
    """Writes a heading and rows. ``columns`` None: those that the rows have, in the order in which they appear.

    ``width`` is asked for each row, as a terminal may be resized."""

    def __init__(self, columns: Sequence[str] | None, width: Callable[[], int], write: Callable[[str], None]) -> None:
        self._open = columns is None
        self._names = list(columns or ())
        self._wanted = [_rounded(cell_len(shown(name))) for name in self._names]
        self._width = width
        self._write = write
        self._layout: tuple[int, ...] = ()

    def begin(self) -> None:
        """Writes the heading before there is a row: somebody watches, and sees that the stream is open."""
        if self._names:
            self._arrange()

    def row(self, row: Mapping[str, Any]) -> None:
        if self._open:
            self._name(row)
        cells = [shown(row.get(name)) for name in self._names]
        self._wanted = [max(known, _rounded(cell_len(cell))) for known, cell in zip(self._wanted, cells, strict=True)]
        self._arrange()
        self._line(cells)

    def _name(self, row: Mapping[str, Any]) -> None:
        new = [name for name in row if name not in self._names]
        self._names += new
        self._wanted += [_rounded(cell_len(shown(name))) for name in new]

    def _arrange(self) -> None:
        layout = fitted(self._wanted, self._width())
        if layout == self._layout:
            return
        hidden = len(self._names) - len(layout)
        if hidden and len(layout) != len(self._layout):
            plural = "" if hidden == 1 else "s"
            self._write(f"({hidden} more column{plural}: the terminal is too narrow; --format jsonl has all)")
        self._layout = layout
        self._line([shown(name) for name in self._names])
        self._write(_GAP.join("─" * width for width in layout))

    def _line(self, cells: Sequence[str]) -> None:
        self._write(_GAP.join(map(_cut, cells, self._layout)).rstrip())


def fitted(wanted: Sequence[int], room: int) -> tuple[int, ...]:
    """The widths of as many columns as fit into ``room`` cells; the widest are made narrower first."""
    shown_columns = list(wanted)
    while len(shown_columns) > 1 and _total([min(each, _LEAST) for each in shown_columns]) > room:
        shown_columns.pop()
    cap = max(shown_columns, default=0)
    while cap > 1 and _total([min(each, cap) for each in shown_columns]) > room:
        cap -= 1
    return tuple(min(each, cap) for each in shown_columns)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _rounded(length: int) -> int:
    return max(_STEP, -(-length // _STEP) * _STEP)


def _cut(cell: str, width: int) -> str:
    if cell_len(cell) <= width:
        return set_cell_size(cell, width)
    return set_cell_size(cell, width - 1) + "…"
