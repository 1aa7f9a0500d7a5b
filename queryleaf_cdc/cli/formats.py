"""Rows on standard output: a table, JSON lines or CSV. Each line is written at once, for whoever reads a pipe."""

from __future__ import annotations

import select
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from queryleaf_cdc.cli.cells import json_text, plain, shown
from queryleaf_cdc.errors import InputError

FORMATS = ("table", "jsonl", "csv")
_PIPE_WIDTH = 10_000
"""nobody's window: no reason to cut"""


class Writer(Protocol):
    def row(self, row: Mapping[str, Any]) -> None: ...


def default_format() -> str:
    return "table" if sys.stdout.isatty() else "jsonl"


def writer(form: str, columns: Sequence[str] | None) -> Writer:
    """``columns`` None: the rows may have any. Raises InputError QL437 for a CSV of such."""
    if form == "jsonl":
        return JsonLines()
    if form == "csv":
        if columns is None:
            raise InputError("QL437", "a CSV has one row of headings, and * may be any fields", hint="name the columns")
        return Csv(columns)
    from queryleaf_cdc.cli.stream_table import StreamTable

    table = StreamTable(columns, _width, put)
    if sys.stdout.isatty():
        table.begin()
    return table


def put(line: str) -> None:
    """A line to standard output, at once. Raises BrokenPipeError when nobody reads any more."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class JsonLines:
    def __init__(self) -> None:
        self._ascii = not (sys.stdout.encoding or "").lower().startswith("utf")

    def row(self, row: Mapping[str, Any]) -> None:
        put(json_text(dict(row), self._ascii))


class Csv:
    """Headings, then rows. NULL is nothing, an empty text is ``""``, a document or an array is JSON. In a terminal
    nothing is raw."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._safe = sys.stdout.isatty()
        self._line(columns)

    def row(self, row: Mapping[str, Any]) -> None:
        values = [row.get(name) for name in self._columns]
        if values == [None]:
            values = [""]  # else the line would be blank, which readers skip
        self._line([None if each is None else plain(each) for each in values])

    def _line(self, cells: Sequence[str | None]) -> None:
        safe = [shown(each) if self._safe and each is not None else each for each in cells]
        put(",".join("" if each is None else _quoted(each) for each in safe))


def _quoted(text: str) -> str:
    """As RFC 4180 has it. (csv.writer cannot tell NULL from an empty text before Python 3.12.)"""
    return '"' + text.replace('"', '""') + '"' if not text or set(text) & _QUOTED else text


_QUOTED = frozenset(',"\r\n')


def nobody_reads() -> bool:
    """Whether standard output is a pipe that has been closed at its other end: so that an idle stream ends, too."""
    if not hasattr(select, "poll"):
        return False
    try:
        output = sys.stdout.fileno()
    except (OSError, ValueError):
        return False
    poll = select.poll()
    poll.register(output, 0)
    return any(found & (select.POLLERR | select.POLLHUP) for _, found in poll.poll(0))


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH
