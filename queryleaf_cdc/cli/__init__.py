"""The command line: thin commands over the library.

Exit codes: 0 done, 1 the SQL or the input is wrong, 2 usage, 3 the server cannot do it, 130 interrupted, 141 nobody
reads the output any more."""

from __future__ import annotations

import gc
import io
import os
import shutil
import signal
import sys
from importlib import import_module
from typing import Any

import click

from queryleaf_cdc import __version__
from queryleaf_cdc.errors import QueryLeafError, ServerError

COMMANDS = {
    "compile": "compiling",
    "check": "compiling",
    "explain": "compiling",
    "query": "querying",
    "repl": "repl",
    "apply": "running",
    "run": "running",
    "status": "catalog",
    "list": "catalog",
    "pause": "catalog",
    "resume": "catalog",
    "drop": "catalog",
    "replay": "replaying",
    "demo": "demo",
}
"""Command → module of this package; a module is imported when one of its commands is called."""


class _NobodyReads(Exception):
    """A closed pipe. (click would end with 1.)"""


class _Lazy(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise _NobodyReads from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        if COMMANDS[cmd_name] in ("compiling", "querying"):
            gc.disable()  # short, or begun soon: collecting while modules load costs a tenth of the time (measured)
        module = import_module(f"queryleaf_cdc.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """A bare ``--embedded`` has no value: the file behind it is not the server's directory."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command, [f"{each}=" if each == "--embedded" else each for each in rest]


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="queryleaf-cdc")
def cli() -> None:
    """SQL triggers and materialized views over MongoDB change streams."""


def _write_no_more() -> None:
    """What is still in the buffer goes nowhere when the interpreter flushes it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_what_is_closed() -> None:
    """A shell can start a program with its standard files closed (``>&-``): they lead nowhere then. Left closed, the
    next connection would take their place, and get what is printed."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def error_width() -> int | None:
    """Of the terminal that shows errors."""
    return shutil.get_terminal_size().columns if sys.stderr.isatty() else None


def main() -> None:
    """Runs the command line and exits. What a user can cause never shows a traceback."""
    _open_what_is_closed()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that has no such letter
    try:
        code: Any = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        error.show()
        code = 2
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except QueryLeafError as error:
        click.echo(error.render(error_width()), err=True)
        code = 3 if isinstance(error, ServerError) else 1
    except (KeyboardInterrupt, click.Abort):
        code = 130
    except (_NobodyReads, BrokenPipeError):
        _write_no_more()
        code = 128 + signal.SIGPIPE  # what the shell says of a process that this signal ends
    except OSError as error:
        _write_no_more()
        click.echo(f"error: {error.filename or 'the output cannot be written'}: {error.strerror}", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)
