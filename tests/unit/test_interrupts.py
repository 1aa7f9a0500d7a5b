"""Ctrl-C: in the shell, while a statement runs and while it ends; in a command, while it loads, runs and ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

from queryleaf_cdc.cli.repl import interrupts as module
from queryleaf_cdc.cli.repl.interrupts import Interrupts


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_a_key_that_is_held_down_interrupts_once() -> None:
    def statement() -> None:
        try:
            press()
        except KeyboardInterrupt:
            press()
            raise

    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt):
            interrupts.run(statement)
        press()


def test_the_next_statement_can_be_interrupted_at_once() -> None:
    with Interrupts() as interrupts:
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                interrupts.run(press)


def test_what_does_not_end_can_be_interrupted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def statement() -> None:
        try:
            press()
        except KeyboardInterrupt:
            press()

    monkeypatch.setattr(module, "_AT_ONCE", 0.0)
    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt):
        interrupts.run(statement)


def test_between_two_statements_nothing_is_interrupted() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        press()
        interrupts.run(lambda: None)
        press()
    assert signal.getsignal(signal.SIGINT) is before


def test_at_no_place_does_an_interrupt_leave_the_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal before each line and at each return of all that runs a statement: whatever is interrupted, the next
    press is not."""
    monkeypatch.setattr(module, "_AT_ONCE", 0.0)
    with Interrupts() as interrupts:
        places = run_and_press(interrupts, None)
        for place in range(places):
            with suppress(KeyboardInterrupt):
                run_and_press(interrupts, place)
            press()
    assert places > 5


def run_and_press(interrupts: Interrupts, at: int | None) -> int:
    """How many places there were, and a press at one of them."""
    seen = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal seen
        if frame.f_code.co_filename in (module.__file__, __file__):
            if seen == at:
                sys.settrace(None)
                press()
            seen += 1
        return trace

    sys.settrace(trace)
    try:
        interrupts.run(lambda: None)
    finally:
        sys.settrace(None)
    return seen


class Cleared:
    """Presses while it is cleared away; Python swallows what that raises."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __del__(self) -> None:
        signal.raise_signal(self._number)


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_what_python_swallows_comes_again(
    capsys: pytest.CaptureFixture[str], number: int, raised: type[BaseException]
) -> None:
    def statement() -> None:
        Cleared(number)
        time.sleep(10)

    before, began = sys.unraisablehook, time.monotonic()
    with Interrupts() as interrupts, pytest.raises(raised):
        interrupts.run(statement)
    assert time.monotonic() - began < 5
    assert sys.unraisablehook is before
    assert capsys.readouterr().err == ""


COMMAND = """
import signal, sys, types
from queryleaf_cdc.__main__ import program

def press():
    signal.raise_signal(signal.SIGINT)

class Loading:
    def __set_name__(self, owner, name):
        press()

class Cleared:
    def __del__(self):
        press()

def main():
    {body}

def end(code):
    raise SystemExit(code)

sys.modules["queryleaf_cdc.cli"] = types.ModuleType("queryleaf_cdc.cli")
sys.modules["queryleaf_cdc.cli"].main = main
{before}
program()
"""
TWICE = "try:\n        press()\n    except KeyboardInterrupt:\n        press()"


@pytest.mark.parametrize(
    ("body", "before", "code"),
    [
        ("try: press()\n    except KeyboardInterrupt: end(130)", "", 130),
        ("type('Loaded', (), {'a': Loading()})", "", 130),
        (TWICE, "", -signal.SIGINT),
        ("Cleared(); end(7)", "", -signal.SIGINT),
        ("sys.modules['threading']._register_atexit(press)", "import threading", -signal.SIGINT),
        ("press(); end(7)", "signal.signal(signal.SIGINT, signal.SIG_IGN)", 7),
    ],
    ids=[
        "once",
        "while a class is made",
        "twice",
        "while something is cleared away",
        "after the command",
        "told to ignore it",
    ],
)
def test_a_command_ends_without_a_word(body: str, before: str, code: int) -> None:
    text = COMMAND.format(body=body, before=before)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")
