"""What the demo shows: coloured on a terminal, plain text in a pipe."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.syntax import Syntax
from rich.text import Text

from queryleaf_cdc.cli.tables import show_table, table_of

_WIDTH = 96
_DEPTH = 7  # levels of a pipeline that are shown


class Printer:
    """One console for the whole story."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    def chapter(self, title: str) -> None:
        self._console.print()
        self._console.print(Text(f"== {title} ==", style="bold cyan"))

    def say(self, sentence: str) -> None:
        self._console.print(Text(sentence))

    def code(self, text: str, language: str) -> None:
        self._console.print()
        if self._console.is_terminal:
            self._console.print(Syntax(text, language, background_color="default", word_wrap=False))
        else:
            self._console.print(Text(text))
        self._console.print()

    def table(self, title: str, rows: Sequence[dict[str, Any]], columns: tuple[str, ...]) -> None:
        self._console.print(Text(f"\n{title}", style="bold"))
        show_table(list(rows), columns)

    @contextmanager
    def live_table(self, title: str, columns: tuple[str, ...]) -> Iterator[Callable[[Sequence[dict[str, Any]]], None]]:
        """Yields what shows the rows as they are now: in place on a terminal; in a pipe only the last ones, once."""
        last: list[dict[str, Any]] = []
        self._console.print(Text(f"\n{title}", style="bold"))
        if not self._console.is_terminal:
            yield lambda rows: last.__setitem__(slice(None), rows)
            show_table(last, columns)
            return
        with Live(table_of(last, columns), console=self._console, refresh_per_second=10) as live:
            yield lambda rows: live.update(table_of(list(rows), columns))

    def check(self, what: str, wanted: int, found: int) -> bool:
        """One line of the account; True if it adds up."""
        good = wanted == found
        self._console.print(
            Text("  ok    " if good else "  WRONG ", style="green" if good else "bold red")
            + Text(f"{what}: {found:,}" + ("" if good else f", expected {wanted:,}"))
        )
        return good


def pipeline_text(pipeline: list[Any]) -> str:
    """The pipeline as JSON, short parts on one line, what lies deep as ``...``."""
    return fitted([_shortened(stage, _DEPTH) for stage in pipeline])


def _shortened(value: Any, depth: int) -> Any:
    match value:
        case dict() | list() if depth == 0:
            return "..."
        case dict():
            return {key: _shortened(each, depth - 1) for key, each in value.items()}
        case list():
            return [_shortened(each, depth - 1) for each in value]
        case _:
            return value


def fitted(value: Any, indent: str = "", key: str = "") -> str:
    flat = key + json.dumps(value)
    if len(indent) + len(flat) < _WIDTH or not isinstance(value, dict | list):
        return flat
    inner = indent + "  "
    if isinstance(value, dict):
        lines = [inner + fitted(each, inner, f"{json.dumps(name)}: ") for name, each in value.items()]
        return f"{key}{{\n" + ",\n".join(lines) + f"\n{indent}}}"
    return f"{key}[\n" + ",\n".join(inner + fitted(each, inner) for each in value) + f"\n{indent}]"
