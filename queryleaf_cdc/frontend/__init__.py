"""Text to statements. The only room that knows lark and sqlglot; they are loaded when the first text is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from queryleaf_cdc.errors import Diagnostic
    from queryleaf_cdc.source import Source
    from queryleaf_cdc.syntax.expressions import Expr
    from queryleaf_cdc.syntax.queries import Query
    from queryleaf_cdc.syntax.statements import Statement


def parse(source: Source) -> tuple[tuple[Statement, ...], tuple[Diagnostic, ...]]:
    """The statements of a text that could be read, and what is wrong with the others, both in text order.

    Never raises for what stands in the text: every mistake is a diagnostic. Warnings are among them."""
    from queryleaf_cdc.frontend.reader import parse as read

    return read(source)


def parse_expression(text: str) -> Expr:
    """One expression. Raises CompileError."""
    from queryleaf_cdc.frontend.reader import parse_expression as read

    return read(text)


def parse_query(text: str) -> Query:
    """One SELECT. Raises CompileError."""
    from queryleaf_cdc.frontend.reader import parse_query as read

    return read(text)


__all__ = ["parse", "parse_expression", "parse_query"]
