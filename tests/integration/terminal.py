"""The command in a terminal of its own: keys go in, and the screen can be looked at."""

from __future__ import annotations

import contextlib
import os
import re
import termios
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pexpect
import pyte
from forked import ForkedTerminal

SECONDS = 20
_WHERE = "\x1b[6n"
_PIECE = 1024
"""bytes that a terminal takes at once"""


class Terminal:
    """A pseudo-terminal of ``columns`` by ``rows`` with a program in it (``queryleaf-cdc`` is forked, see forked.py).
    Use it as a context manager."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        columns: int = 80,
        rows: int = 24,
        cwd: str = ".",
        kind: str = "xterm-256color",
    ) -> None:
        self._screen = pyte.HistoryScreen(columns, rows, history=5000)
        self._stream = pyte.Stream(self._screen)
        self.raw = ""
        """all that the program has written"""
        self._unsent = b""
        spawn = ForkedTerminal if command[0] == "queryleaf-cdc" else pexpect.spawn
        self._child = spawn(
            command[0],
            list(command[1:]),
            env={**environment, "TERM": kind, "LANG": "C.UTF-8"},
            dimensions=(rows, columns),
            encoding="utf-8",
            codec_errors="replace",
            cwd=cwd,
        )
        os.set_blocking(self._child.child_fd, False)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exc: object) -> None:
        self._child.close(force=True)

    @property
    def pid(self) -> int:
        return int(self._child.pid)

    def modes(self) -> list[Any]:
        """Of the terminal: how it treats what is typed and written."""
        return termios.tcgetattr(self._child.child_fd)

    def type(self, text: str) -> None:
        """As fast as it is taken; what the program writes meanwhile is read."""
        self._unsent += text.encode()
        deadline = time.monotonic() + 3 * SECONDS
        while self._send():
            assert time.monotonic() < deadline, f"it takes no more keys:\n{self.text()}"
            self._read(0.001)

    def enter(self, text: str) -> None:
        self.type(text + "\r")

    def press(self, control: str) -> None:
        self.type(chr(ord(control) & 0x1F))

    def signal(self, number: int) -> None:
        self._child.kill(number)

    def resize(self, columns: int, rows: int = 24) -> None:
        self._screen.resize(rows, columns)
        self._child.setwinsize(rows, columns)

    def wait_for(self, pattern: str, seconds: float = SECONDS) -> str:
        """The screen once it matches; an assertion that shows it when it does not in time."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, shown := self.text(), re.MULTILINE):
            assert time.monotonic() < deadline, f"{pattern!r} did not come:\n{shown}"
            assert self._read(0.05) or self._child.isalive(), f"it has ended, without {pattern!r}:\n{shown}"
        return shown

    def settled(self, quiet: float = 0.4) -> str:
        """The screen once nothing more is written for a while."""
        while self._read(quiet):
            pass
        return self.text()

    def text(self) -> str:
        """What scrolled away and what is on the screen, without blanks at the ends of lines."""
        history = ["".join(line[x].data for x in range(self._screen.columns)) for line in self._screen.history.top]
        lines = [line.rstrip() for line in (*history, *self._screen.display)]
        return "\n".join(lines).rstrip("\n")

    def ended(self, seconds: float = SECONDS) -> int:
        """The exit code."""
        deadline = time.monotonic() + seconds
        while self._child.isalive():
            assert time.monotonic() < deadline, f"it does not end:\n{self.text()}"
            self._read(0.1)
        while self._read(0.1):
            pass
        return int(self._child.exitstatus if self._child.exitstatus is not None else -(self._child.signalstatus or 0))

    def _read(self, seconds: float) -> bool:
        try:
            text = self._child.read_nonblocking(65536, seconds)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return False
        self.raw += text
        for position, part in enumerate(text.split(_WHERE)):
            if position:  # a terminal answers where its cursor is
                self._unsent += f"\x1b[{self._screen.cursor.y + 1};{self._screen.cursor.x + 1}R".encode()
            self._stream.feed(part)
        self._send()
        return True

    def _send(self) -> bytes:
        """What the terminal does not take yet."""
        with contextlib.suppress(BlockingIOError):
            self._unsent = self._unsent[os.write(self._child.child_fd, self._unsent[:_PIECE]) :]
        return self._unsent
