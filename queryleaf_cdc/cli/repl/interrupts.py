"""What the signals of a terminal do in the shell."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

_AT_ONCE = 1.0
_A_MOMENT = 0.05
"""seconds"""


class Interrupts:
    """SIGINT interrupts a statement, and nothing else: not the shell, in the moments between two statements, and not
    the prompt, for which Ctrl-C is a key. Several within a second (a key held down) count as one: each would interrupt
    what the one before it has set going.

    Signals that end a program end it in order, with the terminal as it was and a private server stopped.

    Python swallows what is raised while it clears something away, with a traceback: then the signal comes again."""

    def __init__(self) -> None:
        self._last = -_AT_ONCE
        self._before: dict[int, Any] = {}
        self._hook = sys.unraisablehook

    def __enter__(self) -> Interrupts:
        self._before[signal.SIGINT] = signal.signal(signal.SIGINT, self._interrupt)
        for number in _ENDING:
            self._before[number] = signal.signal(number, _end)
        self._hook, sys.unraisablehook = sys.unraisablehook, self._swallowed
        return self

    def __exit__(self, *exc: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        sys.unraisablehook = self._hook

    def run(self, statement: Callable[[], None]) -> None:
        """Raises KeyboardInterrupt when it was interrupted; nothing is once this is left."""
        self._last = -_AT_ONCE
        _interruptible(statement)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if time.monotonic() - self._last >= _AT_ONCE and _is_in_statement(frame):
            self._last = time.monotonic()
            raise KeyboardInterrupt

    def _swallowed(self, what: sys.UnraisableHookArgs) -> None:
        match what.exc_value:
            case KeyboardInterrupt():
                threading.Timer(_A_MOMENT, self._again, (signal.SIGINT,)).start()
            case SystemExit(code=int() as code):
                threading.Timer(_A_MOMENT, self._again, (code - 128,)).start()
            case _:
                self._hook(what)

    def _again(self, number: int) -> None:
        self._last = -_AT_ONCE
        if sys.unraisablehook == self._swallowed:  # else the shell has ended meanwhile
            _send(number)


def _send(number: int) -> None:
    """To the main thread, which may be waiting for something."""
    main = threading.main_thread().ident
    if main is not None and hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main, number)
    else:
        signal.raise_signal(number)


def _interruptible(statement: Callable[[], None]) -> None:
    statement()


def _is_in_statement(frame: FrameType | None) -> bool:
    """A look at the stack: a variable would be set too late, or too soon, by the moment in which the signal comes."""
    while frame is not None and frame.f_code is not _interruptible.__code__:
        frame = frame.f_back
    return frame is not None


_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def _end(number: int, frame: object) -> None:
    raise SystemExit(128 + number)
