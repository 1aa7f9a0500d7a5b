"""Operators bind as in PostgreSQL's grammar, whichever version of sqlglot stands below.

Comparisons, LIKE and BETWEEN do not chain there: ``a < b < c`` is an error, not a comparison of a truth value.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from queryleaf_cdc.frontend.sql_parser import SqlParser

T = TokenType

# How tightly operators bind, the loosest first.
OR, AND, NOT, IS, COMPARISON, PATTERN, OTHER, SUM, PRODUCT, POWER, ZONE, SIGN = range(12)
_DO_NOT_CHAIN = {
    IS: "put parentheses around one of them",
    COMPARISON: "comparisons do not chain: write a < b AND b < c, or put parentheses around one of them",
    PATTERN: "put parentheses around one of them",
}
_BINARY: dict[TokenType, tuple[int, type[exp.Expr]]] = {
    T.OR: (OR, exp.Or), T.AND: (AND, exp.And),
    T.EQ: (COMPARISON, exp.EQ), T.NEQ: (COMPARISON, exp.NEQ), T.LT: (COMPARISON, exp.LT),
    T.LTE: (COMPARISON, exp.LTE), T.GT: (COMPARISON, exp.GT), T.GTE: (COMPARISON, exp.GTE),
    T.LIKE: (PATTERN, exp.Like), T.ILIKE: (PATTERN, exp.ILike), T.SIMILAR_TO: (PATTERN, exp.SimilarTo),
    T.RLIKE: (OTHER, exp.RegexpLike), T.IRLIKE: (OTHER, exp.RegexpILike), T.DPIPE: (OTHER, exp.DPipe),
    T.ARROW: (OTHER, exp.JSONBExtract), T.DARROW: (OTHER, exp.JSONBExtractScalar),
    T.PLUS: (SUM, exp.Add), T.DASH: (SUM, exp.Sub),
    T.STAR: (PRODUCT, exp.Mul), T.SLASH: (PRODUCT, exp.Div), T.MOD: (PRODUCT, exp.Mod),
    T.CARET: (POWER, exp.Pow),
}  # fmt: skip
_POSTFIX = {T.IS: IS, T.ISNULL: IS, T.NOTNULL: IS, T.BETWEEN: PATTERN, T.IN: PATTERN}
_NEGATED = {T.LIKE, T.ILIKE, T.SIMILAR_TO, T.RLIKE, T.IRLIKE, T.BETWEEN, T.IN}
"""What NOT may stand before; ``!~`` comes as NOT and the operator."""


class OperatorParser(SqlParser):
    UNARY_PARSERS: ClassVar[Any] = {}
    RANGE_PARSERS: ClassVar[Any] = {}

    def _parse_disjunction(self) -> exp.Expr | None:
        return self._operators(OR)

    def _parse_bitwise(self) -> exp.Expr | None:
        return self._operators(OTHER)

    def _parse_unary(self) -> exp.Expr | None:
        return self._operators(SIGN)

    def _operators(self, loosest: int) -> exp.Expr | None:
        """An expression of operators that bind at least as tightly as ``loosest``; None where there is no operand."""
        begin = self._index
        left = self._operand()
        if left is None:
            return None
        self._mark(left, begin)
        unchained = None  # the level of the operator on top of ``left``, if that must not chain
        while self._curr:
            negated = self._curr.token_type == T.NOT and self._next.token_type in _NEGATED
            token = self._next if negated else self._curr
            level = self._level(token)
            if level is None or level < loosest:
                break
            if level == unchained:
                self._fail(None, _DO_NOT_CHAIN[level])
            self._advance(2 if negated else 1)
            left, open_ended = self._applied(left, token, level)
            unchained = level if open_ended and level in _DO_NOT_CHAIN else None
            if negated:
                left = self.expression(exp.Not(this=left))
            self._mark(left, begin)
        return left

    def _operand(self) -> exp.Expr | None:
        if self._match(T.NOT):
            return self.expression(exp.Not(this=self._need(self._operators(NOT))))
        if self._match(T.DASH):
            return self.expression(exp.Neg(this=self._need(self._operators(SIGN))))
        if self._match(T.PLUS):
            return self._need(self._operators(SIGN))
        operand: exp.Expr | None = self._parse_type()
        return operand

    def _level(self, token: Token) -> int | None:
        kind = token.token_type
        if kind in (T.LIKE, T.ILIKE) and "~" in token.text:
            return OTHER
        if kind in _BINARY:
            return _BINARY[kind][0]
        if kind == T.VAR and [each.text.upper() for each in self._tokens[self._index : self._index + 3]] == _AT:
            return ZONE
        return _POSTFIX.get(kind)

    def _applied(self, left: exp.Expr, token: Token, level: int) -> tuple[exp.Expr, bool]:
        """The operator behind ``left``, its token being read; and whether it ends with an operand."""
        match token.token_type:
            case T.IS:
                return self._after_is(left)
            case T.ISNULL | T.NOTNULL as kind:
                negate = True if kind == T.NOTNULL else None
                return self.expression(exp.Is(this=left, expression=exp.Null(), negate=negate)), False
            case T.IN:
                return self._parse_in(left), False
            case T.BETWEEN:
                return self._parse_between(left), True
            case T.VAR:
                self._advance(2)
                zone = self._need(self._operators(ZONE + 1), "a time zone")
                return self.expression(exp.AtTimeZone(this=left, zone=zone)), True
        node = self.expression(_BINARY[token.token_type][1](this=left, expression=self._right(level)))
        return (self._parse_escape(node) if level == PATTERN else node) or node, True

    def _right(self, level: int) -> exp.Expr:
        return self._need(self._operators(level + 1))

    def _after_is(self, left: exp.Expr) -> tuple[exp.Expr, bool]:
        negate = self._match(T.NOT)
        if self._match(T.DISTINCT):
            self._expect(T.FROM, "FROM")
            node = exp.NullSafeEQ if negate else exp.NullSafeNEQ
            return self.expression(node(this=left, expression=self._right(IS))), True
        if self._curr.token_type in (T.NULL, T.TRUE, T.FALSE):
            tested = self._parse_primary()
        elif self._word() == "UNKNOWN":
            tested = self._parse_column_reference()
        else:
            tested = self._operators(OTHER)  # refused later, with a better hint than "unexpected"
        return self.expression(exp.Is(this=left, expression=self._need(tested), negate=negate)), False

    def _mark(self, node: exp.Expr, begin: int) -> None:
        node.meta["ql"] = (self._tokens[begin].start, self._prev.end + 1)


_AT = ["AT", "TIME", "ZONE"]
