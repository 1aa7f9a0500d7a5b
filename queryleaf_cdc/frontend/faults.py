"""How a wrong token is told: what was met, what was wanted, and the guess at what was meant."""

from __future__ import annotations

from collections.abc import Sequence

from queryleaf_cdc.errors import CompileError, did_you_mean
from queryleaf_cdc.frontend.scanner import Kind, Tok
from queryleaf_cdc.source import Span

UNEXPECTED = "QL106"
TOO_EARLY = "QL107"
MISSING = "QL108"
UNSUPPORTED = "QL302"

_HINTS = {
    "==": "write = to compare",
    "===": "write = to compare",
    "!==": "write <> to compare",
    "!": "write NOT",
    "&&": "write AND",
    "=>": "arguments are given by position; to compare write >=",
    "<=>": "write IS NOT DISTINCT FROM",
    "**": "write ^ for powers",
    "+=": "write x = x + ...",
    "-=": "write x = x - ...",
    "*=": "write x = x * ...",
    "/=": "write x = x / ...",
    "`": "names are quoted with \", strings with '",
    "{": "SQL has no { }; JSON_BUILD_OBJECT('key', value) makes a document",
    "}": "SQL has no { }; JSON_BUILD_OBJECT('key', value) makes a document",
    "?": "there are no parameters here; write the value",
    "$": "there are no parameters here; write the value",
    ":=": "to compare write =",
    "#>": "write a path as data -> 'a' -> 'b', or data.a.b",
    "#>>": "write a path as data -> 'a' ->> 'b', or data.a.b",
    "@>": "write 'x' = ANY(tags)",
    "<@": "write 'x' = ANY(tags)",
}


def shown(token: Tok) -> str:
    text = token.text if len(token.text) <= 40 else token.text[:37] + "..."
    return text if token.kind in (Kind.STRING, Kind.QUOTED) else f"'{text}'"


def unexpected(token: Tok, wanted: str | None = None, hint: str | None = None) -> CompileError:
    """``wanted`` reads after "expected": "a value", "THEN"."""
    message = f"unexpected {shown(token)}" + (f", expected {wanted}" if wanted else "")
    return CompileError(UNEXPECTED, message, token.span, hint or hint_for(token))


def hint_for(token: Tok) -> str | None:
    return number_hint(token.text) if token.kind is Kind.NUMBER else _HINTS.get(token.upper)


def number_hint(text: str) -> str | None:
    """``items.0``: how MongoDB itself writes it."""
    if text.startswith(".") and text[1:].isdigit():
        return f"array elements are written items[{text[1:]}], counted from 0"
    return None


def clause_hint(word: str, then: str) -> str | None:
    """``word`` could be read as a name, but ``then`` cannot follow one: what one of them was probably meant to be."""
    for each in (word, then):
        if each.upper() in _BEGINNINGS:
            return f"end the statement before {each} with a semicolon"
    if then == "(":
        return f"is a comma missing before {word}?"
    if word.upper() in ("GROUP", "ORDER", "PARTITION"):
        return f"write {word.upper()} BY"
    guesses = (did_you_mean(each, _CLAUSES) for each in (word, then) if len(each) > 2 and each.upper() not in _CLAUSES)
    return next(filter(None, guesses), None)


_BEGINNINGS = ("CREATE", "DROP", "REFRESH", "SELECT", "INSERT", "UPDATE", "DELETE")
_CLAUSES = ("FROM", "WHERE", "GROUP", "HAVING", "QUALIFY", "ORDER", "LIMIT", "OFFSET", "JOIN", "UNION", "PARTITION")


def too_early(what: str, after: Tok | None, wanted: str | None = None, hint: str | None = None) -> CompileError:
    """``what`` is what ends too early: "the query"; ``after`` its last token."""
    message = f"{what} ends too early" + (f", expected {wanted}" if wanted else "")
    return CompileError(TOO_EARLY, message, after.span if after else None, hint)


def missing(what: str, before: Span, hint: str | None = None) -> CompileError:
    return CompileError(MISSING, f"missing {what}", before, hint)


def unsupported(what: str, span: Span, hint: str | None = None) -> CompileError:
    return CompileError(UNSUPPORTED, f"{what} is not supported", span, hint)


def hull(tokens: Sequence[Tok]) -> Span:
    return Span(tokens[0].start, tokens[-1].end)
