"""The one way to the terminal: nothing that comes from elsewhere reaches it raw."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TextIO

from queryleaf_cdc.cli.repl.paging import is_wanted, page
from queryleaf_cdc.errors import InputError

Fragment = tuple[str, str]
"""(style, text)"""
Line = tuple[Fragment, ...]

STYLES = {"": "", "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
"""style → what stands between ESC [ and m"""
_PLAIN_WIDTH = 10_000
_LEAST_WIDTH = 10
_LEAST_HEIGHT = 8
"""lines of a terminal below which a pager is of no help"""
_BELOW = 2
"""lines of a terminal that the prompt takes"""


def plain(text: str) -> Line:
    return (("", text),)


def styled(style: str, text: str) -> Line:
    return ((style, text),)


def safe(text: str) -> str:
    """The text with everything that could move a cursor, ring, recolour or reorder written as an escape.

    Tabs become blanks; line ends are gone too, so a line stays one."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " if char == "\t" else repr(char)[1:-1] for char in text)


@dataclass
class Screen:
    """Lines to a terminal or a file. Threads may write at once; a call's lines stay together."""

    out: TextIO
    terminal: bool
    """whether the output has a width to keep to"""
    colours: bool = True
    """whether a terminal is to have colours"""
    pages: bool = True
    """whether results that are taller than the terminal go to a pager"""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._file: TextIO | None = None

    @property
    def width(self) -> int:
        if self._file is not None or not self.terminal:
            return _PLAIN_WIDTH
        return max(_LEAST_WIDTH, shutil.get_terminal_size().columns)

    @property
    def coloured(self) -> bool:
        return self.terminal and self.colours and self._file is None

    def say(self, text: str, style: str = "") -> None:
        """A message, perhaps of several lines. Messages do not go into the file of ``redirected``."""
        self._write(self.out, [styled(style, line) for line in text.split("\n")], self.terminal and self.colours)

    def show(self, lines: Iterable[Line]) -> None:
        """Results; they go into the file if there is one. Raises InputError QL454 when it takes no more: what follows
        goes to the terminal again."""
        file = self._file
        if file is None:
            self._write(self.out, lines, self.coloured)
            return
        try:
            self._write(file, lines, False)
        except OSError as error:
            self._give_up(file)
            raise _unwritable(file, error) from None

    def page(self, lines: Sequence[Line]) -> None:
        """Results that are all there; in a pager where the terminal is too low for them. What threads have to say waits
        until that is left."""
        height = shutil.get_terminal_size().lines
        tall = height >= _LEAST_HEIGHT and len(lines) > height - _BELOW
        if not (tall and self.terminal and self._file is None and self.pages and is_wanted()):
            self.show(lines)
            return
        text = _text(lines, self.coloured)
        with self._lock:
            self.out.flush()
            page(text)

    def error(self, text: str) -> None:
        """On a terminal among the results, else on standard error."""
        out = self.out if self.terminal else sys.stderr
        self._write(out, [styled("red", line) for line in text.split("\n")], self.terminal and self.colours)

    def redirect(self, file: TextIO | None) -> None:
        """Results go into a file from now on, or again to the terminal. The file before is closed. Raises InputError
        QL454 when its last lines cannot be written."""
        with self._lock:
            before, self._file = self._file, file
        if before is not None:
            try:
                before.close()
            except OSError as error:
                raise _unwritable(before, error) from None

    def _give_up(self, file: TextIO) -> None:
        with self._lock:
            if self._file is file:
                self._file = None
        with suppress(OSError):
            file.close()

    @contextmanager
    def through(self, out: Any) -> Iterator[None]:
        """Everything goes through ``out`` meanwhile: a prompt is on the screen, and lines appear above it."""
        with self._lock:
            before, self.out = self.out, out
        try:
            yield
        finally:
            with self._lock:
                self.out = before

    def _write(self, out: TextIO, lines: Iterable[Line], coloured: bool) -> None:
        text = _text(lines, coloured)
        with self._lock:
            out.write(text)
            out.flush()


def _unwritable(file: TextIO, error: OSError) -> InputError:
    return InputError("QL454", f"cannot write {file.name}: {error.strerror}", hint="results go to the terminal again")


def _text(lines: Iterable[Line], coloured: bool) -> str:
    return "".join(rendered(line, coloured) + "\n" for line in lines)


def rendered(line: Line, coloured: bool) -> str:
    return "".join(_fragment(style, safe(text), coloured) for style, text in line)


def _fragment(style: str, text: str, coloured: bool) -> str:
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if coloured and STYLES[style] and text else text
