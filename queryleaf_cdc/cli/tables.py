"""Rows as a table on a terminal."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from queryleaf_cdc.cli.cells import shown

_PIPE_WIDTH = 10_000


def show_table(rows: list[dict[str, Any]], columns: tuple[str, ...] | None) -> None:
    """Columns in the query's order; without one, all fields in the order in which they appear."""
    names = columns or tuple(dict.fromkeys(name for row in rows for name in row))
    table = table_of(rows, names)
    console = Console()
    if not console.is_terminal:
        console.width = _PIPE_WIDTH  # nobody's window: no reason to fold
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
