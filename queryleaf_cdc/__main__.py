"""The command as a process of its own."""

from __future__ import annotations

import signal
import sys


def program() -> None:
    """Runs the command line and exits. The first Ctrl-C ends it in order; a second one, or one that comes before or
    after the command, ends it at once and without a word. A process that was told to ignore Ctrl-C does."""
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from queryleaf_cdc.cli import main

    if interruptible:
        signal.signal(signal.SIGINT, _interrupt)
        sys.unraisablehook = _swallowed
    try:
        main()
    except RuntimeError as error:  # Python 3.11 and older wrap what comes while a class is made
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        sys.exit(130)
    finally:
        if interruptible:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _interrupt(number: int, frame: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise KeyboardInterrupt


def _swallowed(what: sys.UnraisableHookArgs) -> None:
    """An interrupt that came while Python cleared something away: it would be lost, but for a traceback."""
    if isinstance(what.exc_value, KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    sys.__unraisablehook__(what)


if __name__ == "__main__":
    program()
