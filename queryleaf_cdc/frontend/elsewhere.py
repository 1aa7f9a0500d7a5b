"""What other streaming systems write, where it cannot be read here: how it is said in this language."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend import faults
from queryleaf_cdc.frontend.scanner import Kind, Tok

_WINDOWS = "GROUP BY key, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '1 minute'); HOP and SESSION likewise"
_STREAM = "CREATE VIEW name AS SELECT ... FROM collection WHERE CHANGE_DETECTED()"
_SINK = "CREATE SINK name AS SELECT ... WHERE CHANGE_DETECTED() INTO collection; PROCEDURE, WEBHOOK and FILE likewise"
_FOLLOW = "SELECT * FROM view EMIT CHANGES"
_EMIT = "EMIT CHANGES gives groups with every change; without it they come once, when their window has ended"
_LATE = (
    "leave it out: CHANGE_TIMESTAMP() is never late; by other times a row behind its window is left out, and counted"
)

PHRASES: tuple[tuple[str, str], ...] = (
    ("WINDOW TUMBLING (", _WINDOWS),
    ("WINDOW HOPPING (", _WINDOWS),
    ("WINDOW SESSION (", _WINDOWS),
    ("WINDOW (", _WINDOWS),
    ("SELECT WINDOW ,", _WINDOWS),
    ("CUMULATE (", "windows that grow are groups of the day with EMIT CHANGES; TUMBLE, HOP and SESSION are known here"),
    ("EMIT CHANGES LIMIT", "leave LIMIT out: query --limit N ends after N rows"),
    ("EMIT FINAL", _EMIT),
    ("EMIT STREAM", _EMIT),
    ("EMIT AFTER", _EMIT),
    ("FOR SYSTEM_TIME", "leave it out: a change meets the other collection's documents as they are when it comes"),
    ("WITHIN #", "ON ... AND b.at BETWEEN a.at - INTERVAL '1 hour' AND a.at + INTERVAL '1 hour'"),
    ("CREATE STREAM", _STREAM),
    ("CREATE OR REPLACE STREAM", _STREAM),
    ("CREATE SOURCE", _STREAM),
    ("CREATE CONNECTION", "collections of the database are there by themselves"),
    ("CREATE TABLE * AS", "CREATE MATERIALIZED VIEW name AS SELECT ..."),
    ("CREATE SINK * FROM", _SINK),
    ("WATERMARK FOR", _LATE),
    ("SUBSCRIBE *", _FOLLOW),
    ("TAIL *", _FOLLOW),
    ("SYSTEM . TIMESTAMP", "CHANGE_TIMESTAMP(), or window_end of a group"),
    ("TIMESTAMP BY", "name the time in the window: TUMBLE(at, INTERVAL '5 minutes')"),
    ("LIMIT DURATION", "RANGE BETWEEN INTERVAL '1 minute' PRECEDING AND CURRENT ROW"),
    ("MATCH_RECOGNIZE (", "compare with LAG(...) OVER (PARTITION BY ... ORDER BY CHANGE_TIMESTAMP()) in a WITH query"),
    ("SELECT TOP #", "ROW_NUMBER() OVER (...) <= 5 in a materialized view"),
)  # fmt: skip
"""Words and symbols (``*``: any one, ``#``: a number), and the hint."""


def explained(error: CompileError, tokens: Sequence[Tok]) -> CompileError:
    """The error, or a better one if it lies in one of the phrases, or right behind it."""
    if error.code not in _CODES or error.span is None:
        return error
    at = bisect_left(tokens, error.span.start, key=lambda token: token.start)
    for words, hint in _PHRASES:
        for first in range(max(0, at - len(words)), at + 1):
            found = tokens[first : first + len(words)]
            if len(found) == len(words) and all(map(_fits, words, found)):
                what = " ".join(each.text for each in found).replace(" . ", ".").removesuffix(" (")
                return faults.unsupported(what, faults.hull(found), hint)
    return error


_CODES = (faults.UNEXPECTED, faults.TOO_EARLY, faults.MISSING, faults.UNSUPPORTED, "QL105", "QL111")
_PHRASES = tuple((tuple(words.split()), hint) for words, hint in PHRASES)


def _fits(word: str, token: Tok) -> bool:
    match word:
        case "*":
            return token.upper != ";"
        case "#":
            return token.kind is Kind.NUMBER
        case _:
            return token.upper == word
