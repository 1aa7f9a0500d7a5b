"""The whole way of a text: limits, scan, split, shell, and then every statement by itself."""

from __future__ import annotations

from queryleaf_cdc.errors import CompileError, Diagnostic
from queryleaf_cdc.frontend import limits
from queryleaf_cdc.frontend.blocks import split
from queryleaf_cdc.frontend.chunks import ChunkReader, deep_stack
from queryleaf_cdc.frontend.scanner import Tok, scan
from queryleaf_cdc.frontend.statements import StatementReader
from queryleaf_cdc.source import Source, Span
from queryleaf_cdc.syntax.expressions import Expr
from queryleaf_cdc.syntax.queries import Query
from queryleaf_cdc.syntax.statements import Statement

Parsed = tuple[tuple[Statement, ...], tuple[Diagnostic, ...]]


def parse(source: Source) -> Parsed:
    """See ``queryleaf_cdc.frontend.parse``."""
    try:
        pieces = split(source.text, _tokens(source.text))
        limits.check_statements(pieces)
    except CompileError as error:
        return (), error.diagnostics
    if not pieces:
        span = Span(0, min(1, len(source.text)))
        return (), (Diagnostic("QL104", "there is no statement here", span),)
    statements: list[Statement] = []
    diagnostics: list[Diagnostic] = []
    with deep_stack():
        for each in pieces:
            reader = StatementReader()
            statement = reader.read(each)
            if statement is not None:
                statements.append(statement)
            diagnostics.extend(reader.diagnostics())
    return tuple(statements), tuple(diagnostics)


def parse_expression(text: str) -> Expr:
    """One expression. Raises CompileError."""
    return ChunkReader().expression(_tokens(text))


def parse_query(text: str) -> Query:
    """One SELECT. Raises CompileError."""
    return ChunkReader().query(_tokens(text))


def _tokens(text: str) -> list[Tok]:
    limits.check_size(text)
    tokens = scan(text, at_most=limits.MAX_TOKENS + 1)
    limits.check_count(tokens)
    limits.check_nesting(tokens)
    return tokens
