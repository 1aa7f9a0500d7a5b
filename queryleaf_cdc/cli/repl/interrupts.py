"""What the signals of a terminal do in the shell."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from typing import Any

_AT_ONCE = 1.0
"""seconds"""


class Interrupts:
    """SIGINT interrupts a statement, and nothing else: not the shell, in the moments between two statements. Several
    within a second (a key held down) count as one: each would interrupt what the one before it has set going, up to
    the shell itself.

    Signals that end a program end it in order, with the terminal as it was and a private server stopped."""

    def __init__(self) -> None:
        self._running = False
        self._last = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        self._before[signal.SIGINT] = signal.signal(signal.SIGINT, self._interrupt)
        for number in _ENDING:
            self._before[number] = signal.signal(number, _end)
        return self

    def __exit__(self, *exc: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    @contextlib.contextmanager
    def allowed(self) -> Iterator[None]:
        self._running, self._last = True, -_AT_ONCE
        try:
            yield
        finally:
            self._running = False

    def _interrupt(self, number: int, frame: object) -> None:
        if self._running and time.monotonic() - self._last >= _AT_ONCE:
            self._last = time.monotonic()
            raise KeyboardInterrupt


_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def _end(number: int, frame: object) -> None:
    raise SystemExit(128 + number)
