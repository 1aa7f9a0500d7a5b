"""sqlglot's PostgreSQL parser, narrowed to the language that we mean.

What it takes lightly by itself is strict here: a comma with nothing behind it, BETWEEN without AND, FILTER without
WHERE, JOIN without ON. Functions stay as written instead of becoming sqlglot's own classes. Nodes that matter carry
``meta["ql"]``: the offsets of all that they were written with, parentheses included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ParseError
from sqlglot.parsers.postgres import PostgresParser
from sqlglot.tokens import Token, TokenType

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend import faults
from queryleaf_cdc.frontend.intervals import unit_name
from queryleaf_cdc.frontend.types import TYPES, read_type
from queryleaf_cdc.source import Span

T = TokenType
Result = TypeVar("Result")
_NAMES = {T.VAR, T.IDENTIFIER}
_LITERAL_TYPES = ("DATE", "TIMESTAMP", "TIMESTAMPTZ", "TIME", "DATETIME")


class Refusal(ParseError):
    """A finished diagnostic on its way out of sqlglot."""

    def __init__(self, error: CompileError) -> None:
        super().__init__(error.message)
        self.error = error


def marked(method: Callable[..., Result]) -> Callable[..., Result]:
    """Note on the node that ``method`` returns where its first and last token are."""

    def wrapper(self: SqlParser, *args: Any, **kwargs: Any) -> Result:
        index = self._index
        node = method(self, *args, **kwargs)
        if isinstance(node, exp.Expression) and self._index > index:
            node.meta["ql"] = (self._tokens[index].start, self._prev.end + 1)
        return node

    return wrapper


def binary(node: type[exp.Expression]) -> Callable[[Any, exp.Expression, exp.Expression], exp.Expression]:
    return lambda self, this, other: self.expression(node(this=this, expression=other))


class SqlParser(PostgresParser):
    FUNCTIONS: dict[str, Any] = {}
    FUNCTION_PARSERS: dict[str, Any] = {
        "CAST": lambda self: self._parse_cast_call(),
        "TRY_CAST": lambda self: self._parse_cast_call(),
        "EXTRACT": lambda self: self._parse_extract_call(),
        "OVERLAY": lambda self: self._parse_keyword_call("OVERLAY", ("PLACING", "FROM", "FOR")),
        "POSITION": lambda self: self._parse_position_call(),
        "SUBSTRING": lambda self: self._parse_substring_call(),
        "TRIM": lambda self: self._parse_trim_call(),
    }
    NO_PAREN_FUNCTIONS: dict[Any, Any] = {}
    NO_PAREN_FUNCTION_PARSERS: dict[str, Any] = {"CASE": lambda self: self._parse_case()}
    FUNC_TOKENS = {*_NAMES, T.EXISTS}
    SUBQUERY_PREDICATES = {T.EXISTS: exp.Exists}
    SUBQUERY_TOKENS = {T.SELECT, T.WITH, T.L_PAREN}
    ID_VAR_TOKENS = _NAMES
    ALIAS_TOKENS = _NAMES
    TABLE_ALIAS_TOKENS = _NAMES
    LAMBDAS: dict[Any, Any] = {}
    PLACEHOLDER_PARSERS: dict[Any, Any] = {}
    STATEMENT_PARSERS: dict[Any, Any] = {}
    PROPERTY_PARSERS: dict[str, Any] = {}
    BITWISE: dict[Any, Any] = {}
    ASSIGNMENT: dict[Any, Any] = {}
    EQUALITY = {T.EQ: exp.EQ, T.NEQ: exp.NEQ}
    TERM = {T.DASH: exp.Sub, T.PLUS: exp.Add}
    FACTOR = {T.MOD: exp.Mod, T.SLASH: exp.Div, T.STAR: exp.Mul}
    COLUMN_OPERATORS = {T.DOT: None, T.DCOLON: lambda self, this, to: self._build_cast(this, to)}
    JSON_OPERATORS = {T.ARROW: binary(exp.JSONBExtract), T.DARROW: binary(exp.JSONBExtractScalar)}
    RANGE_PARSERS = {
        token: PostgresParser.RANGE_PARSERS[token]
        for token in (T.BETWEEN, T.ILIKE, T.IN, T.IRLIKE, T.IS, T.LIKE, T.RLIKE, T.SIMILAR_TO)
    }
    UNARY_PARSERS = {token: PostgresParser.UNARY_PARSERS[token] for token in (T.PLUS, T.NOT, T.DASH)}
    PRIMARY_PARSERS = {
        token: PostgresParser.PRIMARY_PARSERS[token] for token in (T.STRING, T.NUMBER, T.NULL, T.TRUE, T.FALSE, T.STAR)
    }
    QUERY_MODIFIER_PARSERS = {
        token: PostgresParser.QUERY_MODIFIER_PARSERS[token]
        for token in (T.WHERE, T.GROUP_BY, T.HAVING, T.QUALIFY, T.WINDOW, T.ORDER_BY, T.LIMIT, T.FETCH, T.OFFSET)
    }

    # entry points

    def read(self, method: str, tokens: list[Token], what: str) -> exp.Expression:
        """One ``method`` (``_parse_disjunction``, ``_parse_select``) over all of ``tokens``; ``what`` names it in errors.

        Raises CompileError; never returns None."""
        self._what = what
        self.reset()
        self._tokens = tokens
        self._tokens_size = len(tokens)
        self._index = -1
        self._advance()
        try:
            node = getattr(self, method)()
            if node is None or self._curr:
                self._fail()
        except Refusal as refusal:
            raise refusal.error from None
        if not isinstance(node, exp.Expression):
            raise AssertionError(f"{method} gave {type(node)}")
        return node

    _what = "the expression"

    # errors

    def raise_error(self, message: str, token: Any = None) -> NoReturn:
        wanted = message.removeprefix("Expecting ").removeprefix("Expected ") if len(message) < 12 else None
        self._fail(wanted if wanted != message else None)

    def _fail(self, wanted: str | None = None, hint: str | None = None) -> NoReturn:
        """The current token is wrong, or missing."""
        token, last = self._curr, self._prev
        suffix = f", expected {wanted}" if wanted else ""
        if token:
            what = "the name" if token.token_type == T.IDENTIFIER else f"'{token.text[:40]}'"
            error = CompileError(faults.UNEXPECTED, f"unexpected {what}{suffix}", _span(token), hint)
        else:
            span = _span(last) if last else None
            error = CompileError(faults.TOO_EARLY, f"{self._what} ends too early{suffix}", span, hint)
        raise Refusal(error)

    def _refuse(self, what: str, token: Token, hint: str | None = None) -> NoReturn:
        raise Refusal(faults.unsupported(what, _span(token), hint))

    def _expect(self, type_: TokenType, wanted: str) -> None:
        if not self._match(type_):
            self._fail(wanted)

    def _expect_text(self, *texts: str) -> None:
        if not self._match_text_seq(*texts):
            self._fail(" ".join(texts))

    def _need(self, node: exp.Expression | None, wanted: str = "a value") -> exp.Expression:
        if node is None:
            self._fail(wanted)
        return node

    def _word(self) -> str:
        """The current word in upper case, or "" for what is quoted."""
        return self._curr.text.upper() if self._curr.token_type not in (T.STRING, T.IDENTIFIER) else ""

    # lists and names

    def _parse_csv(self, parse_method: Callable[[], Any], sep: TokenType = T.COMMA) -> list[Any]:
        first = parse_method()
        items = [] if first is None else [first]
        while self._match(sep):
            if not items:
                self._retreat(self._index - 1)
                self._fail()
            item = parse_method()
            if item is None:
                self._fail("something after the comma" if not self._curr else None)
            items.append(item)
        return items

    def _advance_any(self, ignore_reserved: bool = False) -> Token | None:
        if self._curr.token_type not in _NAMES:
            return None
        self._advance()
        return self._prev

    def _parse_id_var(self, any_token: bool = True, tokens: Any = None) -> exp.Expression | None:
        if not self._match_set(_NAMES):
            return None
        return self._identifier_expression(quoted=self._prev.token_type == T.IDENTIFIER)

    def _parse_alias(self, this: exp.Expression | None, explicit: bool = False) -> exp.Expression | None:
        wanted = self._match(T.ALIAS)
        if self._curr.token_type == T.STRING and wanted:
            self._fail("a name", 'write the name without quotes, or in "double quotes"')
        alias = self._parse_id_var()
        if alias is None:
            return self._need(None, "a name") if wanted else this
        return self.expression(exp.Alias(this=self._need(this), alias=alias))

    def _parse_table_alias(self, alias_tokens: Any = None) -> exp.TableAlias | None:
        wanted = self._match(T.ALIAS)
        alias = self._parse_id_var()
        if alias is None:
            return self._need(None, "a name") if wanted else None  # type: ignore[return-value]
        columns = None
        if self._match(T.L_PAREN):
            columns = self._parse_csv(lambda: self._need(self._parse_id_var(), "a column name"))
            self._match_r_paren()
        return self.expression(exp.TableAlias(this=alias, columns=columns))

    def _can_parse_limit_or_offset(self) -> bool:
        return self._curr.token_type in (T.LIMIT, T.OFFSET)

    # spans

    _parse_unary = marked(PostgresParser._parse_unary)
    _parse_range = marked(PostgresParser._parse_range)
    _parse_ordered = marked(PostgresParser._parse_ordered)
    _parse_select_query = marked(PostgresParser._parse_select_query)
    _parse_set_operations = marked(PostgresParser._parse_set_operations)
    _parse_cte = marked(PostgresParser._parse_cte)

    @marked
    def _parse_expression(self) -> exp.Expression | None:
        return self._parse_alias(self._parse_disjunction())

    # operators

    def _parse_between(self, this: exp.Expression | None) -> exp.Expression:
        symmetric = self._match_text_seq("SYMMETRIC")
        if not symmetric:
            self._match_text_seq("ASYMMETRIC")
        low = self._need(self._parse_bitwise())
        self._expect(T.AND, "AND")
        high = self._need(self._parse_bitwise())
        return self.expression(exp.Between(this=this, low=low, high=high, symmetric=symmetric or None))

    def _parse_in(self, this: exp.Expression | None, alias: bool = False) -> exp.Expression:
        self._expect(T.L_PAREN, "( after IN")
        if self._curr.token_type in (T.SELECT, T.WITH):
            node = exp.In(this=this, query=self._need(self._parse_select(), "a query"))
        else:
            node = exp.In(this=this, expressions=self._parse_csv(self._parse_select_or_expression))
            if not node.expressions:
                self._fail("a value")
        self._match_r_paren()
        return self.expression(node)

    def _parse_escape(self, this: exp.Expression | None) -> exp.Expression | None:
        if not self._match(T.ESCAPE):
            return this
        return self.expression(exp.Escape(this=this, expression=self._need(self._parse_unary())))

    @marked
    def _parse_case(self) -> exp.Expression:
        subject = self._parse_disjunction()
        ifs = []
        while self._match(T.WHEN):
            condition = self._need(self._parse_disjunction(), "a condition")
            self._expect(T.THEN, "THEN")
            ifs.append(exp.If(this=condition, true=self._need(self._parse_disjunction())))
        if not ifs:
            self._fail("WHEN")
        default = self._need(self._parse_disjunction()) if self._match(T.ELSE) else None
        self._expect(T.END, "END, which closes CASE")
        return self.expression(exp.Case(this=subject, ifs=ifs, default=default))

    def _parse_bracket(self, this: exp.Expression | None = None) -> exp.Expression | None:
        while self._match(T.L_BRACKET):
            if this is None:
                self._retreat(self._index - 1)
                self._fail(None, "an array is written ARRAY[...]")
            if isinstance(this, exp.Column) and this.name.upper() == "ARRAY" and not this.this.args.get("quoted"):
                this = self.expression(exp.Array(expressions=self._parse_csv(self._parse_disjunction)))
            else:
                index = self._need(self._parse_disjunction(), "a position, counted from 0")
                this = self.expression(exp.Bracket(this=this, expressions=[index]))
            self._expect(T.R_BRACKET, "]")
        return this

    def _parse_star_ops(self) -> exp.Expression:
        return exp.Star()

    # types and typed literals

    def _parse_type(self, parse_interval: bool = True, fallback_to_identifier: bool = False) -> Any:
        typed = self._parse_typed_literal()
        return self._parse_column_ops(typed) if typed is not None else self._parse_column()

    def _parse_typed_literal(self) -> exp.Expression | None:
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

    def _parse_interval_literal(self) -> exp.Expression:
        self._advance(2)
        value = self._prev
        bare = value.token_type == T.NUMBER or not any(char.isalpha() for char in value.text)
        unit = unit_name(self._word()) if bare and self._curr.token_type == T.VAR else None
        if unit:
            self._advance()
            if self._match_text_seq("TO"):
                self._refuse("INTERVAL ... TO", self._prev, "write it in words: INTERVAL '1 year 2 months'")
        elif value.token_type == T.NUMBER:
            self._fail("a unit such as HOUR")
        node = exp.Interval(this=exp.Literal(this=value.text, is_string=True), unit=exp.Var(this=unit or ""))
        return self.expression(node)

    def _words(self, count: int) -> list[str]:
        tokens: Sequence[Token] = self._tokens[self._index : self._index + count]
        return ["" if t.token_type in (T.STRING, T.IDENTIFIER) else t.text.upper() for t in tokens]

    def _with_meta(self, node: exp.Expression, key: str, value: Any) -> exp.Expression:
        node.meta[key] = value
        return node

    def _parse_dcolon(self) -> exp.Expression:
        return self._parse_type_name()

    def _parse_type_name(self) -> exp.Expression:
        found = read_type(self._words(12))
        if found is None:
            self._unknown_type()
        type_, count = found
        self._advance(count)
        return self._with_meta(exp.Var(this=type_.written), "type", type_)

    def _unknown_type(self) -> NoReturn:
        if not self._curr:
            self._fail("a type")
        from queryleaf_cdc.errors import did_you_mean

        name = self._curr.text
        hint = did_you_mean(name, TYPES)
        raise Refusal(CompileError("QL111", f"unknown type '{name}'", _span(self._curr), hint))

    def _build_cast(self, this: exp.Expression, to: exp.Expression) -> exp.Expression:
        return self.expression(exp.Cast(this=this, to=to))

    # functions with words between their arguments; the closing parenthesis is left to the caller

    def _call(self, name: str, *args: exp.Expression) -> exp.Expression:
        if self._curr.token_type != T.R_PAREN:
            self._fail(")")
        return self.expression(exp.Anonymous(this=name, expressions=list(args)))

    def _parse_cast_call(self) -> exp.Expression:
        value = self._need(self._parse_disjunction())
        self._expect(T.ALIAS, "AS and a type")
        to = self._parse_type_name()
        if self._curr.token_type != T.R_PAREN:
            self._fail(")")
        return self._build_cast(value, to)

    def _parse_extract_call(self) -> exp.Expression:
        field = self._curr
        if field.token_type not in (T.VAR, T.STRING):
            self._fail("a field such as HOUR")
        self._advance()
        self._expect(T.FROM, "FROM")
        value = self._need(self._parse_disjunction())
        literal = self.expression(exp.Literal(this=field.text.upper(), is_string=True), field)
        literal.meta["ql"] = (field.start, field.end + 1)
        return self._call("EXTRACT", literal, value)

    def _parse_position_call(self) -> exp.Expression:
        needle = self._need(self._parse_bitwise())
        if not self._match(T.IN):
            self._expect(T.COMMA, "IN")
        return self._call("POSITION", needle, self._need(self._parse_bitwise()))

    def _parse_substring_call(self) -> exp.Expression:
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

    def _parse_keyword_call(self, name: str, words: tuple[str, ...]) -> exp.Expression:
        args = [self._need(self._parse_disjunction())]
        for word in words:
            if self._match_text_seq(word) or self._match(T.COMMA):
                args.append(self._need(self._parse_disjunction()))
            elif word != words[-1]:
                self._fail(word)
        return self._call(name, *args)

    def _parse_trim_call(self) -> exp.Expression:
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

    def _parse_lambda(self, alias: bool = False) -> exp.Expression | None:
        """One argument of a function: [DISTINCT | ALL] value [ORDER BY ...], or a subquery."""
        if self._match(T.DISTINCT):
            value = self._need(self._parse_disjunction())
            return self._parse_order(self.expression(exp.Distinct(expressions=[value])))
        wanted = self._match(T.ALL)
        value = self._parse_select() if self._curr.token_type in (T.SELECT, T.WITH) else self._parse_disjunction()
        return self._parse_order(self._need(value) if wanted else value) if value is not None or wanted else None

    def _parse_select_or_expression(self, alias: bool = False) -> exp.Expression | None:
        return self._parse_disjunction()


def _span(token: Token) -> Span:
    return Span(token.start, token.end + 1)


DIALECT = Postgres()
