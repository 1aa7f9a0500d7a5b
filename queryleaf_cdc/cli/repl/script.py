"""Statements from a pipe or a file: run as they come, plainly, until one fails."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator

from queryleaf_cdc.cli.repl.reading import read
from queryleaf_cdc.cli.repl.shell import Shell
from queryleaf_cdc.errors import InputError
from queryleaf_cdc.frontend.limits import MAX_CHARACTERS

_NAME = "<stdin>"
_CHUNK = 1 << 20


def run_script(shell: Shell, stdin: int) -> None:
    """``stdin`` is a file descriptor. Raises what the first failing statement raises."""
    pending, place = "", (1, 1)
    for chunk in chunks(stdin):
        text = pending + chunk
        reading = read(text, first=place)
        shell.run(reading.items, _NAME)
        if shell.over:
            return
        pending = reading.rest
        place = _behind(text[: len(text) - len(pending)], place)
        if len(pending) > MAX_CHARACTERS:
            break  # no statement is that long, and its error says so
    shell.run(read(pending, final=True, first=place).items, _NAME)


def chunks(stdin: int) -> Iterator[str]:
    """The text as it comes. Raises InputError QL432."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    position = 0
    while True:
        content = os.read(stdin, _CHUNK)
        try:
            yield decoder.decode(content, final=not content)
        except UnicodeDecodeError as error:
            raise InputError("QL432", f"{_NAME} is not UTF-8 text (near byte {position + error.start})") from None
        position += len(content)
        if not content:
            return


def _behind(text: str, place: tuple[int, int]) -> tuple[int, int]:
    """The place behind a text that begins at ``place``."""
    lines = text.count("\n")
    if lines:
        return place[0] + lines, len(text) - text.rfind("\n")
    return place[0], place[1] + len(text)
