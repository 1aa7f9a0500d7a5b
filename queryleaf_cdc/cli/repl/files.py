r"""``\i`` and ``\o``."""

from __future__ import annotations

from pathlib import Path

from queryleaf_cdc.cli.inputs import read_sql
from queryleaf_cdc.cli.repl.reading import Command
from queryleaf_cdc.cli.repl.shell import Shell
from queryleaf_cdc.errors import InputError

_DEEPEST = 16


def run_file(shell: Shell, command: Command) -> None:
    r"""Raises InputError QL451 without a name, or when files run each other in circles."""
    if command.argument in ("", "-"):  # standard input is where this was typed
        raise InputError("QL451", "which file?", hint=r"\i FILE")
    if shell.depth >= _DEEPEST:
        raise InputError("QL451", f"files run files more than {_DEEPEST} deep")
    text, name = read_sql(_path(command.argument))
    shell.depth += 1
    try:
        shell.run_text(text, name)
    finally:
        shell.depth -= 1


def redirect(shell: Shell, command: Command) -> None:
    """Raises InputError QL454."""
    if not command.argument:
        shell.screen.redirect(None)
        return
    path = _path(command.argument)
    try:
        shell.screen.redirect(path.open("w", encoding="utf-8", errors="backslashreplace"))
    except OSError as error:
        raise InputError("QL454", f"cannot write {path}: {error.strerror}") from None


def _path(argument: str) -> Path:
    """As a shell would take it: quotes are taken off, ``~`` is one's home."""
    if len(argument) > 1 and argument[0] == argument[-1] and argument[0] in "'\"":
        argument = argument[1:-1]
    try:
        return Path(argument).expanduser()
    except RuntimeError:
        return Path(argument)
