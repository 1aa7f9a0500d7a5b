"""A run of tokens to an expression, a query or the sources of FROM. This is where sqlglot is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from queryleaf_cdc.errors import CompileError, Diagnostic
from queryleaf_cdc.frontend import faults
from queryleaf_cdc.frontend.expressions import Converter
from queryleaf_cdc.frontend.limits import MAX_DEPTH, MAX_TERMS, too_deep, too_many_terms
from queryleaf_cdc.frontend.queries import query as convert_query
from queryleaf_cdc.frontend.query_parser import QueryParser
from queryleaf_cdc.frontend.scanner import CLOSERS, OPENERS, Kind, Tok
from queryleaf_cdc.frontend.sql_parser import DIALECT
from queryleaf_cdc.frontend.tokens import to_sql_tokens
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Expr, Star
from queryleaf_cdc.syntax.queries import FromItem, Join, Query, Select

if TYPE_CHECKING:
    from collections.abc import Iterator

_RECURSION = 20_000  # frames: a level of nesting takes some 25, and MAX_NESTING bounds the levels


class ChunkReader:
    """Reads chunks of one text; warnings gather in ``warnings``. Every method raises CompileError."""

    def __init__(self) -> None:
        self.warnings: list[Diagnostic] = []
        self._parser = QueryParser(dialect=DIALECT)

    def expression(self, tokens: Sequence[Tok], what: str = "the expression") -> Expr:
        result = self._read(tokens, "_parse_disjunction", what)
        assert not isinstance(result, tuple)
        return result

    def query(self, tokens: Sequence[Tok]) -> Query:
        """A SELECT with what may follow it, EMIT included."""
        body, emit = _split_emit(tokens)
        converter, node = self._parse(body, "_parse_statement", "the query")
        with deep_stack():
            query = converter.query(node)
        if emit is None:
            return query
        if not isinstance(query, Select):
            raise faults.unsupported("EMIT behind a set operation", faults.hull(tokens[-2:]))
        return replace(query, emit=emit)

    def sources(self, tokens: Sequence[Tok]) -> tuple[FromItem, tuple[Join, ...]]:
        """What follows FROM in UPDATE, or USING in DELETE."""
        if not tokens:
            raise faults.too_early("FROM", None, "a collection")
        select = Tok(Kind.WORD, "SELECT", "SELECT", "SELECT", tokens[0].start, tokens[0].start)
        star = replace(select, kind=Kind.SYMBOL, text="*", value="*", upper="*")
        from_ = replace(select, text="FROM", value="FROM", upper="FROM")
        query = self.query([select, star, from_, *tokens])
        assert isinstance(query, Select)
        if query.from_item is None or replace(query, from_item=None, joins=(), span=Span(0, 0)) != _bare(query):
            raise faults.unexpected(tokens[0], "collections and joins only")
        return query.from_item, query.joins

    def _read(self, tokens: Sequence[Tok], method: str, what: str) -> Expr:
        converter, node = self._parse(tokens, method, what)
        with deep_stack():
            result = converter.expr(node)
        if isinstance(result, Star):
            raise CompileError(faults.UNEXPECTED, "* is no value", result.span)
        return result

    def _parse(self, tokens: Sequence[Tok], method: str, what: str) -> tuple[Converter, exp.Expr]:
        if not tokens:
            raise faults.too_early(what, None)
        _check_chains(tokens)
        sql = to_sql_tokens(tokens)
        with deep_stack():
            node = self._parser.read(method, sql.tokens, what)
        return Converter(sql.names, convert_query, self.warnings), node


def _bare(query: Select) -> Select:
    """``SELECT *`` and nothing else."""
    star = query.items
    return Select(star, None, (), None, (), None, None, (), None, None, None, (), None, Span(0, 0))


def _split_emit(tokens: Sequence[Tok]) -> tuple[Sequence[Tok], str | None]:
    words = [token.upper for token in tokens[-4:]]
    if words[-2:] == ["EMIT", "CHANGES"]:
        return tokens[:-2], "CHANGES"
    if words == ["EMIT", "ON", "WINDOW", "CLOSE"]:
        return tokens[:-4], "ON WINDOW CLOSE"
    return tokens, None


def _check_chains(tokens: Sequence[Tok]) -> None:
    """Chains far beyond the limits are refused before a parser builds a tree as deep as they are long."""
    logical, arithmetic = [0], [0]
    set_operations = 0
    levels: list[tuple[list[int], list[int]]] = []
    for token in tokens:
        word = token.upper
        if word in OPENERS:
            levels.append((logical, arithmetic))
            logical, arithmetic = [0], [0]
        elif word in CLOSERS and levels:
            logical, arithmetic = levels.pop()
        elif word in _SEPARATORS:
            logical, arithmetic = [0], [0]
        elif word in ("UNION", "INTERSECT", "EXCEPT"):
            set_operations += 1
        elif word in ("AND", "OR"):
            logical[0] += 1
            arithmetic = [0]
        elif word in _OPERATORS:
            arithmetic[0] += 1
        if logical[0] > MAX_TERMS:
            raise too_many_terms(token.span)
        if arithmetic[0] > 2 * MAX_DEPTH or set_operations > 2 * MAX_DEPTH:
            raise too_deep(token.span)


_SEPARATORS = frozenset((",", "SELECT", "WHEN", "THEN", "ELSE", "FROM", "WHERE", "ON"))
_OPERATORS = frozenset(
    ("+", "-", "*", "/", "%", "||", "^", "=", "<", ">", "<>", "!=", "<=", ">=", "->", "->>", "::", "IS", "~")
)


@contextmanager
def deep_stack() -> Iterator[None]:
    """Room for what the nesting limit allows; pure Python frames do not use the C stack."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _RECURSION))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
