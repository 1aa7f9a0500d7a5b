r"""``\explain``, ``\pipeline`` and ``\watch``: commands about a statement."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime

from queryleaf_cdc.cli.repl.json_lines import pipeline_lines, tree_lines
from queryleaf_cdc.cli.repl.reading import Command, Sql, is_sql
from queryleaf_cdc.cli.repl.shell import Shell
from queryleaf_cdc.compiler import Program
from queryleaf_cdc.errors import InputError, did_you_mean

_WATCH_SECONDS = 2.0
_WATCH_LONGEST = 86_400.0


def explain(shell: Shell, command: Command) -> None:
    shell.screen.page(tree_lines(_program(shell, command)))


def pipeline(shell: Shell, command: Command) -> None:
    shell.screen.page(pipeline_lines(_program(shell, command)))


def _program(shell: Shell, command: Command) -> Program:
    """Of the SQL or the name behind the command, else of the statement before it."""
    compiled: Program = shell.ql.compile(_text(shell, command))
    return compiled


def _text(shell: Shell, command: Command) -> str:
    argument = command.argument
    if not argument:
        return _statement(shell, command).text
    if is_sql(argument):
        return argument
    registered = {each.name: str(each.sql) for each in shell.ql.registered()}
    name = argument.strip('"')
    if name not in registered:
        hint = did_you_mean(name, registered) or r"\d lists what there is"
        raise InputError("QL451", f"nothing is registered as {name}", hint=hint)
    return registered[name]


def _statement(shell: Shell, command: Command) -> Sql:
    """Raises InputError QL451."""
    found = command.before or shell.last
    if found is None:
        raise InputError(
            "QL451", "there is no statement yet", hint=f"write it before the command: SELECT ... \\{command.name}"
        )
    return found


def watch(shell: Shell, command: Command) -> None:
    """Runs a SELECT again and again. Raises InputError QL451 for anything else: it would write each time."""
    seconds = _seconds(command.argument)
    sql = replace(_statement(shell, command), background=False, line=1, column=1)
    kinds = [each.kind for each in shell.ql.compile(sql.text).statements]
    if kinds != ["query"]:
        raise InputError(
            "QL451", "only a SELECT that ends can be watched", hint="a streaming SELECT shows changes itself"
        )
    shell.last = sql
    pages, shell.screen.pages = shell.screen.pages, False
    try:
        while True:
            started = time.monotonic()
            result = shell.ql.execute(sql.text)
            shell.screen.say(f"{datetime.now():%H:%M:%S}, every {seconds:g} s", "dim")
            shell.show_result(result)
            shell.show_time(started)
            time.sleep(seconds)
    except KeyboardInterrupt:
        if not shell.interactive:
            raise
        shell.screen.say("")
    finally:
        shell.screen.pages = pages


def _seconds(argument: str) -> float:
    """Raises InputError QL451."""
    try:
        seconds = float(argument or _WATCH_SECONDS)
    except ValueError:
        seconds = -1.0
    if not 0.1 <= seconds <= _WATCH_LONGEST:
        raise InputError("QL451", f"{argument} is no number of seconds", hint=r"\watch 2")
    return seconds
