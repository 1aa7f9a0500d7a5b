"""Types, typed literals, and the functions that SQL writes with words between their arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from queryleaf_cdc.errors import CompileError, did_you_mean
from queryleaf_cdc.frontend.operators import OperatorParser
from queryleaf_cdc.frontend.sql_parser import Refusal, token_span
from queryleaf_cdc.frontend.types import TYPES, read_type
from queryleaf_cdc.syntax.interval_text import unit_name

T = TokenType
_WHOLE = re.compile(r"\s*[-+]?\d+\s*")
_LITERAL_TYPES = ("DATE", "TIMESTAMP", "TIMESTAMPTZ", "TIME", "DATETIME")


class CallParser(OperatorParser):
    FUNCTION_PARSERS: ClassVar[Any] = {
        "CAST": lambda self: self._parse_cast_call(),
        "TRY_CAST": lambda self: self._parse_cast_call(),
        "EXTRACT": lambda self: self._parse_extract_call(),
        "OVERLAY": lambda self: self._parse_keyword_call("OVERLAY", ("PLACING", "FROM", "FOR")),
        "POSITION": lambda self: self._parse_position_call(),
        "SUBSTRING": lambda self: self._parse_substring_call(),
        "TRIM": lambda self: self._parse_trim_call(),
    }

    # types and typed literals

    def _parse_type(self, parse_interval: bool = True, fallback_to_identifier: bool = False) -> Any:
        typed = self._parse_typed_literal()
        return self._parse_column_ops(typed) if typed is not None else self._parse_column()

    def _parse_typed_literal(self) -> exp.Expr | None:
        """INTERVAL '1 day', INTERVAL '5' DAY, INTERVAL 1 HOUR; DATE '...', TIMESTAMP [WITH TIME ZONE] '...'."""
        word = self._word() if self._curr.token_type == T.VAR else ""
        if word == "INTERVAL" and self._next.token_type in (T.STRING, T.NUMBER):
            return self._parse_interval_literal()
        if word not in _LITERAL_TYPES or self._next.token_type not in (T.STRING, T.VAR, T.WITH):
            return None
        found = read_type(self._words(5))
        end = self._index + found[1] if found else self._index
        if found is None or end >= self._tokens_size or self._tokens[end].token_type != T.STRING:
            return None
        self._advance(found[1] + 1)
        node = exp.Literal(this=self._prev.text, is_string=True)
        return self._with_meta(exp.Cast(this=node, to=exp.Var(this=found[0].name)), "literal", found[0].name)

    def _parse_interval_literal(self) -> exp.Expr:
        self._advance(2)
        value = self._prev
        bare = value.token_type == T.NUMBER or not any(char.isalpha() for char in value.text)
        unit = unit_name(self._word()) if bare and self._curr.token_type == T.VAR else None
        if unit:
            self._advance()
            if self._match_text_seq("TO"):
                self._refuse("INTERVAL ... TO", self._prev, "write it in words: INTERVAL '1 year 2 months'")
            if value.token_type == T.STRING and unit != "second" and not _WHOLE.fullmatch(value.text):
                what = f"a part smaller than the unit in INTERVAL '...' {unit.upper()}"
                self._refuse(what, value, "PostgreSQL cuts it off; write it in words: INTERVAL '1.5 hours'")
        elif value.token_type == T.NUMBER:
            self._fail("a unit such as HOUR")
        node = exp.Interval(this=exp.Literal(this=value.text, is_string=True), unit=exp.Var(this=unit or ""))
        return self.expression(node)

    def _words(self, count: int) -> list[str]:
        tokens: Sequence[Token] = self._tokens[self._index : self._index + count]
        return ["" if t.token_type in (T.STRING, T.IDENTIFIER) else t.text.upper() for t in tokens]

    def _with_meta(self, node: exp.Expr, key: str, value: Any) -> exp.Expr:
        node.meta[key] = value
        return node

    def _parse_dcolon(self) -> exp.Expr:
        return self._parse_type_name()

    def _parse_type_name(self) -> exp.Expr:
        found = read_type(self._words(12))
        if found is None:
            self._unknown_type()
        type_, count = found
        self._advance(count)
        return self._with_meta(exp.Var(this=type_.written), "type", type_)

    def _unknown_type(self) -> NoReturn:
        if not self._curr:
            self._fail("a type")
        name = self._curr.text
        hint = did_you_mean(name, TYPES)
        raise Refusal(CompileError("QL111", f"unknown type '{name}'", token_span(self._curr), hint))

    def _build_cast(self, this: exp.Expr, to: exp.Expr) -> exp.Expr:
        return self.expression(exp.Cast(this=this, to=to))

    # functions with words between their arguments; the closing parenthesis is left to the caller

    def _call(self, name: str, *args: exp.Expr) -> exp.Expr:
        if self._curr.token_type != T.R_PAREN:
            self._fail(")")
        return self.expression(exp.Anonymous(this=name, expressions=list(args)))

    def _parse_cast_call(self) -> exp.Expr:
        value = self._need(self._parse_disjunction())
        self._expect(T.ALIAS, "AS and a type")
        to = self._parse_type_name()
        if self._curr.token_type != T.R_PAREN:
            self._fail(")")
        return self._build_cast(value, to)

    def _parse_extract_call(self) -> exp.Expr:
        field = self._curr
        if field.token_type not in (T.VAR, T.STRING):
            self._fail("a field such as HOUR")
        self._advance()
        self._expect(T.FROM, "FROM")
        value = self._need(self._parse_disjunction())
        literal = self.expression(exp.Literal(this=field.text.upper(), is_string=True), field)
        literal.meta["ql"] = (field.start, field.end + 1)
        return self._call("EXTRACT", literal, value)

    def _parse_position_call(self) -> exp.Expr:
        needle = self._need(self._parse_bitwise())
        if not self._match(T.IN):
            self._expect(T.COMMA, "IN")
        return self._call("POSITION", needle, self._need(self._parse_bitwise()))

    def _parse_substring_call(self) -> exp.Expr:
        value = self._need(self._parse_disjunction())
        if self._curr.token_type == T.COMMA:
            self._advance()
            return self._call("SUBSTRING", value, *self._parse_csv(self._parse_disjunction))
        if self._match(T.FOR):
            length = self._need(self._parse_disjunction())
            one = exp.Literal(this="1", is_string=False)
            one.meta["ql"] = length.meta.get("ql", (0, 0))
            return self._call("SUBSTRING", value, one, length)
        self._expect(T.FROM, "FROM, a comma or FOR")
        args = [value, self._need(self._parse_disjunction())]
        if self._match(T.FOR):
            args.append(self._need(self._parse_disjunction()))
        return self._call("SUBSTRING", *args)

    def _parse_keyword_call(self, name: str, words: tuple[str, ...]) -> exp.Expr:
        args = [self._need(self._parse_disjunction())]
        for word in words:
            if self._match_text_seq(word) or self._match(T.COMMA):
                args.append(self._need(self._parse_disjunction()))
            elif word != words[-1]:
                self._fail(word)
        return self._call(name, *args)

    def _parse_trim_call(self) -> exp.Expr:
        side = self._word() if self._curr.token_type == T.VAR else ""
        side = side if side in ("BOTH", "LEADING", "TRAILING") and self._next.token_type != T.R_PAREN else ""
        if side:
            self._advance()
        name = {"LEADING": "LTRIM", "TRAILING": "RTRIM"}.get(side, "TRIM")
        first = None if self._curr.token_type == T.FROM else self._need(self._parse_disjunction())
        if self._match(T.FROM):
            value = self._need(self._parse_disjunction())
            return self._call(name, value, *([first] if first is not None else []))
        rest = [self._need(self._parse_disjunction())] if self._match(T.COMMA) else []
        return self._call(name, self._need(first), *rest)
