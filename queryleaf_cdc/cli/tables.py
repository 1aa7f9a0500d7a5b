"""Rows as a table on a terminal."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from queryleaf_cdc.cli.cells import shown
from queryleaf_cdc.cli.repl.layout import expanded
from queryleaf_cdc.cli.repl.screen import rendered

_PIPE_WIDTH = 10_000
_LEAST = 6
"""cells that a column takes at least, with the gap behind it; with fewer nothing can be read"""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Not rich's own exit code: all formats end with the same."""
        raise BrokenPipeError


def show_table(rows: list[dict[str, Any]], columns: tuple[str, ...] | None) -> None:
    """Columns in the query's order; without one, all fields in the order in which they appear. Field by field where a
    terminal is too narrow for columns."""
    names = columns or tuple(dict.fromkeys(name for row in rows for name in row))
    table: Table | Text = table_of(rows, names)
    console = _Console()
    if not console.is_terminal:
        console.width = _PIPE_WIDTH  # nobody's window: no reason to fold
    elif len(names) * _LEAST > console.width:
        table = Text("\n".join(rendered(line, False) for line in expanded(rows, names, console.width)))
    if names:
        console.print(table)
    console.print(Text(f"({len(rows)} row{'' if len(rows) == 1 else 's'})"))


def table_of(rows: list[dict[str, Any]], names: tuple[str, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for name in names:
        table.add_column(Text(shown(name)), overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown(row.get(name))) for name in names))
    return table
