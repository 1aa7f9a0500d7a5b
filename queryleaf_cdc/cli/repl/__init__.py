"""repl: SQL by hand, with what changes coming in between.

reading.py    text → statements and commands; whether more is to come
shell.py      runs them                        commands.py   the table of commands, and beside it their modules
screen.py     the way to the terminal          layout.py     rows → lines       paging.py     tall results
prompt.py     prompt_toolkit                   completion.py, highlighting.py, history.py: what it is told
script.py     statements from a pipe           jobs.py       streams in the background"""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import Any

import click

from queryleaf_cdc.cli.connection import Connection, connected
from queryleaf_cdc.errors import InputError, QueryLeafError


@click.command("repl")
@connected
def repl_command(connection: Connection) -> int:
    """SQL by hand: statements, streams and the worker in one place.

    A statement ends with a semicolon; \\? is help. Without a terminal, statements are read from standard input."""
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    if interactive and importlib.util.find_spec("prompt_toolkit") is None:
        raise InputError("QL456", "prompt_toolkit is not installed", hint="pip install 'queryleaf-cdc[repl]'")
    if connection.embedded is not None and interactive:
        click.echo("starting a private MongoDB ...")
    with connection.open() as ql:
        return _run(ql, interactive)


def _run(ql: Any, interactive: bool) -> int:
    """The exit code, where no error of ours says it."""
    from queryleaf_cdc.cli.repl.screen import Screen
    from queryleaf_cdc.cli.repl.script import run_script
    from queryleaf_cdc.cli.repl.shell import Shell, sentence

    _forgiving(sys.stdout)
    _forgiving(sys.stderr)
    shell = Shell(ql, Screen(sys.stdout, terminal=interactive, colours=_likes_colours()), interactive)
    try:
        if interactive:
            from queryleaf_cdc.cli.repl.talking import talk

            talk(shell)
        else:
            run_script(shell, sys.stdin.fileno())
        return 0
    except (QueryLeafError, OSError):
        raise
    except Exception as error:
        shell.screen.error(sentence(error))
        return 1
    finally:
        shell.close()


def _likes_colours() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _forgiving(out: Any) -> None:
    """A terminal that lacks a character gets its escape."""
    if hasattr(out, "reconfigure"):
        out.reconfigure(errors="backslashreplace")
