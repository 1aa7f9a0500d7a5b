"""Processes that start at once: forked from one that has loaded all that they need, above all the command.

Most of the time of a short command is Python's, for loading modules; tests of what a command does need not wait for it
each time. (How a command starts and ends as a process of its own is tested with real ones.)"""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from typing import Any

import pexpect
from ptyprocess import PtyProcess

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["queryleaf_cdc.cli.repl.talking", "queryleaf_cdc.session", "queryleaf_cdc.runtime.program"]
)


def fork(target: Callable[..., None], *args: object) -> ForkServerProcess:
    """A process that calls ``target``, a function of a module."""
    process = _context.Process(target=target, args=args)
    process.start()
    return process


def run(
    args: Sequence[str], environment: Mapping[str, str], directory: str, stdin: bytes = b"", timeout: float = 60
) -> subprocess.CompletedProcess[bytes]:
    """As ``subprocess.run`` of ``queryleaf-cdc ARGS`` in a pipeline."""
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(tempfile.NamedTemporaryFile()) for _ in range(3)]
        files[0].write(stdin)
        files[0].flush()
        process = fork(_in_files, [file.name for file in files], list(args), dict(environment), directory)
        process.join(timeout)
        code = process.exitcode
        process.kill()
        process.join()
        if code is None:
            raise subprocess.TimeoutExpired(list(args), timeout)
        out, err = (file.read() for file in files[1:])
        return subprocess.CompletedProcess(list(args), code, out, err)


class ForkedTerminal(pexpect.spawn):  # type: ignore[misc]
    """As ``pexpect.spawn`` of ``queryleaf-cdc ARGS``."""

    def __init__(self, command: str, args: Sequence[str], **options: Any) -> None:
        super().__init__(sys.executable, list(args), **options)  # that there is such a command is looked up

    def _spawnpty(self, args: Sequence[str], **options: Any) -> PtyProcess:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *options["dimensions"], 0, 0))
        there, here = _context.Pipe(duplex=False)
        with there, here:
            name = os.ttyname(theirs)
            process = fork(_in_terminal, (name, here), [*map(os.fsdecode, args[1:])], options["env"], options["cwd"])
            here.close()
            with contextlib.suppress(EOFError):
                there.recv()
        os.close(theirs)
        return _Pty(process, ours)


class _Pty(PtyProcess):  # type: ignore[misc]
    def __init__(self, process: ForkServerProcess, terminal: int) -> None:
        super().__init__(process.pid, terminal)
        self._process = process

    def isalive(self) -> bool:
        code = self._process.exitcode
        if code is None:
            return True
        self.terminated = True
        self.exitstatus, self.signalstatus = (code, None) if code >= 0 else (None, -code)
        return False


# -- in the forked process --------------------------------------------------------------------------------------------


def _in_terminal(place: tuple[str, Any], args: Sequence[str], environment: Mapping[str, str], directory: str) -> None:
    name, ready = place
    os.login_tty(os.open(name, os.O_RDWR))  # type: ignore[attr-defined]
    ready.close()
    _command(args, environment, directory)


def _in_files(names: Sequence[str], args: Sequence[str], environment: Mapping[str, str], directory: str) -> None:
    for number, (name, flags) in enumerate(zip(names, (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY), strict=True)):
        os.dup2(os.open(name, flags), number)
    _command(args, environment, directory)


def _command(args: Sequence[str], environment: Mapping[str, str], directory: str) -> None:
    from queryleaf_cdc.__main__ import program

    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    letters, buffering = environment.get("PYTHONIOENCODING", "utf-8"), 1 if os.isatty(1) else -1
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", buffering, encoding=letters, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    sys.argv = ["queryleaf-cdc", *args]
    program()
