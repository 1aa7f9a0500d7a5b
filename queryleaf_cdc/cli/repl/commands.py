r"""The commands that begin with a backslash, as a table.

Room for a new one: a function ``(shell, command)`` in the module of its subject, and a line here."""

from __future__ import annotations

from collections.abc import Callable

from queryleaf_cdc.cli.repl import describing, files, programs, running
from queryleaf_cdc.cli.repl.reading import Command
from queryleaf_cdc.cli.repl.screen import Line, plain, styled
from queryleaf_cdc.cli.repl.shell import Shell
from queryleaf_cdc.errors import InputError, did_you_mean
from queryleaf_cdc.frozen import frozen


@frozen
class Meta:
    """``argument`` is how the help shows it; ``completes`` what may stand there: names, file, job, pager or sql.

    ``takes_statement``: a statement without a semicolon before the command is what the command is about."""

    name: str
    argument: str
    summary: str
    run: Callable[[Shell, Command], None]
    completes: str = ""
    takes_statement: bool = False


def show_help(shell: Shell, command: Command) -> None:
    shell.screen.show([*help_lines(shell.screen.width), *(plain(line) for line in _NOTES)])


def help_lines(width: int) -> list[Line]:
    """The commands with what they do beside them, or below where there is little room."""
    heads = [f"\\{each.name} {each.argument}".rstrip() for each in COMMANDS]
    beside = max(map(len, heads)) + 2
    if width < beside + max(len(each.summary) for each in COMMANDS):
        pairs = zip(heads, COMMANDS, strict=True)
        return [line for head, each in pairs for line in (styled("bold", head), plain(f"  {each.summary}"))]
    return [(("bold", head.ljust(beside)), ("", each.summary)) for head, each in zip(heads, COMMANDS, strict=True)]


_NOTES = (
    "",
    "A statement ends with a semicolon; a trigger with END;",
    "SELECT ... WHERE CHANGE_DETECTED();   rows as they arrive, until Ctrl-C",
    "SELECT ... WHERE CHANGE_DETECTED() &  the same in the background",
    "Ctrl-C drops what was typed, Ctrl-D ends; Alt-Enter: new line; Tab completes",
)


def quit_shell(shell: Shell, command: Command) -> None:
    shell.over = True


def switched(command: Command, argument: str, before: bool) -> bool:
    """``on``, ``off``, or the other of the two. Raises InputError QL451."""
    if argument not in ("", "on", "off"):
        raise InputError("QL451", f"{argument} is neither on nor off", hint=rf"\{command.name} on")
    return argument == "on" if argument else not before


def toggle_expanded(shell: Shell, command: Command) -> None:
    shell.expanded = switched(command, command.argument, shell.expanded)
    shell.screen.say(f"rows are shown {'field by field' if shell.expanded else 'as a table'}")


def toggle_timing(shell: Shell, command: Command) -> None:
    shell.timing = switched(command, command.argument, shell.timing)
    shell.screen.say(f"timing is {'on' if shell.timing else 'off'}")


def set_pager(shell: Shell, command: Command) -> None:
    r"""``\pset pager [on|off]``. Raises InputError QL451."""
    what, _, argument = command.argument.partition(" ")
    if what != "pager":
        raise InputError("QL451", "the pager is all that can be set", hint=r"\pset pager off")
    screen = shell.screen
    screen.pages = switched(command, argument.strip(), screen.pages)
    screen.say(f"the pager is {'on, for results that are taller than the terminal' if screen.pages else 'off'}")


COMMANDS = (
    Meta("d", "[NAME]", "what there is, or one of it: fields, state, SQL", describing.describe, "names"),
    Meta("dt", "", "the collections, with their sizes", describing.collections),
    Meta("status", "", "how triggers, views and sinks are doing", describing.status),
    Meta("x", "[on|off]", "rows field by field, or as a table again", toggle_expanded),
    Meta("pset", "pager [on|off]", "tall results in $PAGER, or not", set_pager, "pager"),
    Meta("timing", "[on|off]", "how long each statement takes, or no longer", toggle_timing),
    Meta("watch", "[SECONDS]", "run the SELECT again and again, until Ctrl-C", programs.watch, "", True),
    Meta("explain", "[SQL|NAME]", "what runs in the server, what in the worker", programs.explain, "sql", True),
    Meta("pipeline", "[SQL|NAME]", "the compiled pipeline", programs.pipeline, "sql", True),
    Meta("i", "FILE", "run a file of statements and commands", files.run_file, "file"),
    Meta("o", "[FILE]", "results into a file, or to the terminal again", files.redirect, "file"),
    Meta("run", "", "start a worker in here, in the background", running.start_worker),
    Meta("stop", "", "stop that worker", running.stop_worker),
    Meta("drain", "[SECONDS]", "wait until it has worked off all there is", running.drain),
    Meta("conninfo", "", "where this session is connected to", running.connection),
    Meta("jobs", "", "the streaming SELECTs in the background", running.list_jobs),
    Meta("kill", "N", "end one of them", running.kill_job, "job"),
    Meta("?", "", "this help", show_help),
    Meta("q", "", "end; so does Ctrl-D", quit_shell),
)
_BY_NAME = {each.name: each for each in COMMANDS}
_ALIASES = {"help": "?", "h": "?", "quit": "q", "exit": "q", "dv": "d", "describe": "d", "": "?"}


def command_named(name: str) -> Meta:
    """Raises InputError QL450."""
    found = _BY_NAME.get(_ALIASES.get(name, name))
    if found is None:
        hint = did_you_mean(name, _BY_NAME)
        raise InputError("QL450", f"there is no command \\{name}", hint=hint or r"\? lists them")
    return found
