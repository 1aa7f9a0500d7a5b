"""``WITH (name = value, ...)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend.scanner import Kind, Tok
from queryleaf_cdc.frontend.trees import Node, name, pieces, span, tree, trees
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.statements import EnvRef, Option

if TYPE_CHECKING:
    from queryleaf_cdc.frontend.statements import StatementReader


def options(reader: StatementReader, clause: Node | None) -> tuple[Option, ...]:
    """The ``option``s among a clause's children; the clause may be missing."""
    if clause is None:
        return ()
    found = [reader.attempt(lambda each=each: _option(each)) for each in trees(clause, "option")]  # type: ignore[misc]
    return tuple(option for option in found if option is not None)


def _option(node: Node) -> Option:
    (chunk,) = pieces(node, "VALUE")
    return Option(name(tree(node, "name")).lower(), _value(chunk.tokens, span(chunk)), span(node))


def _value(tokens: Sequence[Tok], at: Span) -> str | int | float | bool | EnvRef:
    negative = len(tokens) == 2 and tokens[0].upper == "-"
    token = tokens[-1]
    if len(tokens) == 1 or negative:
        if token.kind is Kind.NUMBER:
            value = float(token.value) if "." in token.value or "e" in token.value.lower() else int(token.value)
            return -value if negative else value
        if token.kind is Kind.STRING:
            return token.value
        if token.upper in ("TRUE", "FALSE"):
            return token.upper == "TRUE"
    if len(tokens) == 2 and tokens[0].upper == "ENV" and token.kind is Kind.STRING:
        return EnvRef(token.value)
    hint = f"write '{token.value}'" if token.kind in (Kind.WORD, Kind.QUOTED) else None
    raise CompileError("QL125", "an option's value is a string, a number, TRUE or FALSE", at, hint)
