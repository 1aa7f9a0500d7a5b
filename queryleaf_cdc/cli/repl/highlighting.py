"""SQL in colours, by the project's own scanner. A pure function; ``prompt.py`` gives it to the prompt."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from queryleaf_cdc.cli.repl.screen import Fragment
from queryleaf_cdc.cli.repl.words import functions, keywords
from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend.limits import MAX_TOKENS
from queryleaf_cdc.frontend.scanner import Kind, Tok, each_token

LONGEST = 20_000
"""characters; a longer text keeps its plain colour, as it is coloured anew with each key"""
_BY_KIND = {Kind.STRING: "green", Kind.DOLLAR: "green", Kind.NUMBER: "yellow"}


def fragments(text: str) -> list[Fragment]:
    """The text in coloured parts; joined they give it back. What cannot be read keeps its colour."""
    if len(text) > LONGEST:
        return [("", text)]
    return [each for each in _parts(text) if each[1]]


def _parts(text: str) -> Iterator[Fragment]:
    position = 0
    try:
        for token in islice(each_token(text), MAX_TOKENS):
            yield _between(text[position : token.start])
            yield _style(token), text[token.start : token.end]
            position = token.end
    except CompileError as error:
        at = max(position, error.span.start if error.span is not None else position)
        yield _between(text[position:at])
        yield ("green" if text[at : at + 1] == "'" else ""), text[at:]
    else:
        yield _between(text[position:])


def _between(text: str) -> Fragment:
    """Blanks and comments."""
    return ("dim" if text.strip() else ""), text


def _style(token: Tok) -> str:
    if token.kind is Kind.WORD:
        return "bold" if token.upper in keywords() else "cyan" if token.upper in functions() else ""
    return _BY_KIND.get(token.kind, "")
