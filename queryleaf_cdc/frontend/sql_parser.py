"""sqlglot's PostgreSQL parser, narrowed to the language that we mean.

What it takes lightly by itself is strict here: a comma with nothing behind it, BETWEEN without AND, FILTER without
WHERE, JOIN without ON. Functions stay as written instead of becoming sqlglot's own classes. Operators are read in
``operators.py``. Nodes that matter carry ``meta["ql"]``: the offsets of all that they were written with, parentheses
included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, TypeVar

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ParseError
from sqlglot.parsers.postgres import PostgresParser
from sqlglot.tokenizer_core import Token, TokenType

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend import faults
from queryleaf_cdc.frontend.nodes import span_of
from queryleaf_cdc.source import Span

T = TokenType
Result = TypeVar("Result")
_NAMES = {T.VAR, T.IDENTIFIER}


class Refusal(ParseError):
    """A finished diagnostic on its way out of sqlglot."""

    def __init__(self, error: CompileError) -> None:
        super().__init__(error.message)
        self.error = error


def marked(method: Callable[..., Result]) -> Callable[..., Result]:
    """Note on the node that ``method`` returns where its first and last token are.

    A node given as first argument, which ``method`` only adds to, counts with it."""

    def wrapper(self: SqlParser, *args: Any, **kwargs: Any) -> Result:
        index = self._index
        given = span_of(args[0]).start if args and isinstance(args[0], exp.Expr) else None
        node = method(self, *args, **kwargs)
        if isinstance(node, exp.Expr) and self._index > index:
            start = self._tokens[index].start if given is None else given
            node.meta["ql"] = (start, self._prev.end + 1)
        return node

    return wrapper


class SqlParser(PostgresParser):
    FUNCTIONS: ClassVar[Any] = {}
    NO_PAREN_FUNCTIONS: ClassVar[Any] = {}
    NO_PAREN_FUNCTION_PARSERS: ClassVar[Any] = {"CASE": lambda self: self._parse_case()}
    FUNC_TOKENS: ClassVar[Any] = {*_NAMES, T.EXISTS}
    SUBQUERY_PREDICATES: ClassVar[Any] = {T.EXISTS: exp.Exists}
    SUBQUERY_TOKENS: ClassVar[Any] = {T.SELECT, T.WITH}
    ID_VAR_TOKENS: ClassVar[Any] = _NAMES
    ALIAS_TOKENS: ClassVar[Any] = _NAMES
    TABLE_ALIAS_TOKENS: ClassVar[Any] = _NAMES
    LAMBDAS: ClassVar[Any] = {}
    PLACEHOLDER_PARSERS: ClassVar[Any] = {}
    STATEMENT_PARSERS: ClassVar[Any] = {}
    PROPERTY_PARSERS: ClassVar[Any] = {}
    ASSIGNMENT: ClassVar[Any] = {}
    COLUMN_OPERATORS: ClassVar[Any] = {
        T.DOT: None,
        T.DCOLON: lambda self, this, to: self.expression(exp.Cast(this=this, to=to)),
    }
    PRIMARY_PARSERS: ClassVar[Any] = {
        token: PostgresParser.PRIMARY_PARSERS[token] for token in (T.STRING, T.NUMBER, T.NULL, T.TRUE, T.FALSE, T.STAR)
    }
    QUERY_MODIFIER_PARSERS: ClassVar[Any] = {
        token: PostgresParser.QUERY_MODIFIER_PARSERS[token]
        for token in (T.WHERE, T.GROUP_BY, T.HAVING, T.QUALIFY, T.WINDOW, T.ORDER_BY, T.LIMIT, T.FETCH, T.OFFSET)
    }

    # entry points

    def read(self, method: str, tokens: list[Token], what: str) -> exp.Expr:
        """One ``method``, such as ``_parse_disjunction``, over all ``tokens``; ``what`` names it for errors.

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
        if not isinstance(node, exp.Expr):
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
            if token.token_type == T.NUMBER:
                hint = hint or faults.number_hint(token.text)
            elif last and last.token_type == T.VAR:
                hint = hint or faults.clause_hint(last.text, token.text)
            what = "the name" if token.token_type == T.IDENTIFIER else f"'{token.text[:40]}'"
            error = CompileError(faults.UNEXPECTED, f"unexpected {what}{suffix}", token_span(token), hint)
        else:
            span = token_span(last) if last else None
            error = CompileError(faults.TOO_EARLY, f"{self._what} ends too early{suffix}", span, hint)
        raise Refusal(error)

    def _refuse(self, what: str, token: Token, hint: str | None = None) -> NoReturn:
        raise Refusal(faults.unsupported(what, token_span(token), hint))

    def _expect(self, type_: TokenType, wanted: str) -> None:
        if not self._match(type_):
            self._fail(wanted)

    def _expect_text(self, *texts: str) -> None:
        if not self._match_text_seq(*texts):
            self._fail(" ".join(texts))

    def _need(self, node: exp.Expr | None, wanted: str = "a value") -> exp.Expr:
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

    def _parse_id_var(self, any_token: bool = True, tokens: Any = None) -> exp.Expr | None:
        if not self._match_set(_NAMES):
            return None
        return self._identifier_expression(quoted=self._prev.token_type == T.IDENTIFIER)

    def _parse_alias(self, this: exp.Expr | None, explicit: bool = False) -> exp.Expr | None:
        wanted = self._match(T.ALIAS)
        if self._curr.token_type == T.STRING and wanted:
            self._fail("a name", 'write the name without quotes, or in "double quotes"')
        alias = self._name_of_alias(wanted)
        if alias is None:
            return self._need(None, "a name") if wanted else this
        return self.expression(exp.Alias(this=self._need(this), alias=alias))

    def _name_of_alias(self, behind_as: Any) -> exp.Expr | None:
        """Not a clause that was only begun: ``FROM orders GROUP`` would go on as if it meant something."""
        word = self._word() if self._curr else ""
        if word in ("GROUP", "ORDER") and not behind_as and not (self._next and self._next.token_type == T.ALIAS):
            self._fail(None, f"write {word} BY")
        return self._parse_id_var()

    def _parse_table_alias(self, alias_tokens: Any = None) -> exp.TableAlias | None:
        wanted = self._match(T.ALIAS)
        alias = self._name_of_alias(wanted)
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

    _parse_ordered = marked(PostgresParser._parse_ordered)
    _parse_select_query = marked(PostgresParser._parse_select_query)
    _parse_set_operations = marked(PostgresParser._parse_set_operations)

    @marked
    def _parse_expression(self) -> exp.Expr | None:
        return self._parse_alias(self._parse_disjunction())

    # operators

    def _parse_between(self, this: exp.Expr | None) -> Any:
        symmetric = self._match_text_seq("SYMMETRIC")
        if not symmetric:
            self._match_text_seq("ASYMMETRIC")
        low = self._need(self._parse_bitwise())
        self._expect(T.AND, "AND")
        high = self._need(self._parse_bitwise())
        return self.expression(exp.Between(this=this, low=low, high=high, symmetric=symmetric or None))

    def _parse_in(self, this: exp.Expr | None, alias: bool = False) -> Any:
        self._expect(T.L_PAREN, "( after IN")
        if self._curr.token_type in (T.SELECT, T.WITH, T.VALUES):
            node = exp.In(this=this, query=self._need(self._parse_select(), "a query"))
        else:
            node = exp.In(this=this, expressions=self._parse_csv(self._parse_select_or_expression))
            if not node.expressions:
                self._fail("a value")
        self._match_r_paren()
        return self.expression(node)

    def _parse_escape(self, this: exp.Expr | None) -> exp.Expr | None:
        if not self._match(T.ESCAPE):
            return this
        return self.expression(exp.Escape(this=this, expression=self._need(self._parse_bitwise())))

    @marked
    def _parse_case(self) -> exp.Expr:
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

    def _parse_bracket(self, this: exp.Expr | None = None) -> exp.Expr | None:
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

    def _parse_star_ops(self) -> exp.Expr:
        return exp.Star()

    def _parse_lambda(self, alias: bool = False) -> exp.Expr | None:
        """One argument of a function: [DISTINCT | ALL] value [ORDER BY ...], or a subquery."""
        if self._match(T.DISTINCT):
            distinct = exp.Distinct(expressions=[self._need(self._parse_disjunction())])
            return self._parse_order(self.expression(distinct))
        wanted = self._match(T.ALL)
        value = self._parse_select() if self._curr.token_type in (T.SELECT, T.WITH) else self._parse_disjunction()
        if value is None:
            return self._need(None) if wanted else None
        return self._parse_order(value)

    def _parse_select_or_expression(self, alias: bool = False) -> exp.Expr | None:
        return self._parse_disjunction()


def token_span(token: Token) -> Span:
    return Span(token.start, token.end + 1)


DIALECT = Postgres()
