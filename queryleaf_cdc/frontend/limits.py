"""Bounds on what is read, so that hostile text gets a clear error instead of a hang or a full stack.

They are checked on characters and tokens, before any recursive parser sees them.
"""

from __future__ import annotations

from collections.abc import Sequence

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend.scanner import CLOSERS, OPENERS, Tok
from queryleaf_cdc.source import Span

MAX_CHARACTERS = 1_000_000
MAX_TOKENS = 60_000  # of one text; each takes some 25 µs
MAX_STATEMENTS = 2_000
MAX_NESTING = 100  # parentheses, brackets, blocks, CASE, and runs of NOT or unary minus
MAX_DEPTH = 100  # of an expression's tree: a chain `a + b + ...` is as deep as it is long
MAX_TERMS = 2_000  # of one flat AND or OR

TOO_BIG = "QL103"


def check_size(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise CompileError(
            TOO_BIG,
            f"the text has {len(text):,} characters, more than {MAX_CHARACTERS:,}",
            Span(0, 1),
            "split it into several files",
        )


def check_count(tokens: Sequence[Tok]) -> None:
    if len(tokens) > MAX_TOKENS:
        raise CompileError(
            TOO_BIG,
            f"the text has more than {MAX_TOKENS:,} words and symbols",
            tokens[MAX_TOKENS].span,
            "split it into several files",
        )


def check_statements(statements: Sequence[Sequence[Tok]]) -> None:
    if len(statements) > MAX_STATEMENTS:
        span = statements[MAX_STATEMENTS][0].span
        raise CompileError(
            TOO_BIG, f"the text has more than {MAX_STATEMENTS:,} statements", span, "split it into several files"
        )


def check_nesting(tokens: Sequence[Tok]) -> None:
    """Raise where parentheses, brackets, blocks, CASE, NOT or signs nest deeper than ``MAX_NESTING``."""
    parentheses = blocks = run = 0
    before = ""
    for token in tokens:
        word = token.upper
        if word in OPENERS:
            parentheses += 1
        elif word in CLOSERS:
            parentheses = max(parentheses - 1, 0)
        elif word in _BLOCKS and before not in ("END", ".", "TRIGGER", "TABLE"):
            blocks += 1
        elif word == "END":
            blocks = max(blocks - 1, 0)
        run = run + 1 if word in _PREFIXES else 0
        if max(parentheses + blocks, run) > MAX_NESTING:
            raise CompileError(
                TOO_BIG,
                f"this nests deeper than {MAX_NESTING} levels",
                token.span,
                "name a part of it in a WITH clause or a variable",
            )
        before = word


_BLOCKS = ("CASE", "BEGIN", "LOOP", "IF")
_PREFIXES = ("NOT", "-", "+")


def too_deep(span: Span) -> CompileError:
    return CompileError(
        TOO_BIG,
        f"this expression is more than {MAX_DEPTH} operators deep",
        span,
        "use IN (...) for many values, or split the expression",
    )


def too_many_terms(span: Span) -> CompileError:
    return CompileError(
        TOO_BIG,
        f"more than {MAX_TERMS:,} conditions are chained here",
        span,
        "use IN (...) for many values",
    )
