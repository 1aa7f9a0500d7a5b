"""Our tokens as sqlglot's, so that it reads what the scanner read, with offsets into the whole text.

Only the words and symbols listed here are keywords inside queries and expressions; every other word is a name. That
keeps field names such as ``type``, ``date`` or ``value`` free, and what we do not mean of the dialect unreachable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlglot.tokenizer_core import Token, TokenType

from queryleaf_cdc.frontend.faults import hint_for, unexpected, unsupported
from queryleaf_cdc.frontend.scanner import Kind, Tok
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Name, Path

T = TokenType

RESERVED = {
    "ALL": T.ALL, "AND": T.AND, "AS": T.ALIAS, "ASC": T.ASC, "BETWEEN": T.BETWEEN, "CASE": T.CASE, "CROSS": T.CROSS,
    "DESC": T.DESC, "DISTINCT": T.DISTINCT, "ELSE": T.ELSE, "END": T.END, "ESCAPE": T.ESCAPE, "EXCEPT": T.EXCEPT,
    "EXISTS": T.EXISTS, "FALSE": T.FALSE, "FETCH": T.FETCH, "FOR": T.FOR, "FROM": T.FROM, "FULL": T.FULL,
    "HAVING": T.HAVING, "ILIKE": T.ILIKE, "IN": T.IN, "INNER": T.INNER, "INTERSECT": T.INTERSECT, "INTO": T.INTO,
    "IS": T.IS, "ISNULL": T.ISNULL, "JOIN": T.JOIN, "LATERAL": T.LATERAL, "LEFT": T.LEFT, "LIKE": T.LIKE,
    "LIMIT": T.LIMIT, "NATURAL": T.NATURAL, "NOT": T.NOT, "NOTNULL": T.NOTNULL, "NULL": T.NULL, "OFFSET": T.OFFSET,
    "ON": T.ON, "OR": T.OR, "OUTER": T.OUTER, "QUALIFY": T.QUALIFY, "RECURSIVE": T.RECURSIVE, "RIGHT": T.RIGHT,
    "SELECT": T.SELECT, "THEN": T.THEN, "TRUE": T.TRUE, "UNION": T.UNION, "USING": T.USING, "VALUES": T.VALUES,
    "WHEN": T.WHEN, "WHERE": T.WHERE, "WINDOW": T.WINDOW, "WITH": T.WITH,
}  # fmt: skip
PAIRS = {
    ("GROUP", "BY"): T.GROUP_BY,
    ("ORDER", "BY"): T.ORDER_BY,
    ("PARTITION", "BY"): T.PARTITION_BY,
    ("SIMILAR", "TO"): T.SIMILAR_TO,
}
FUNCTION_WORDS = ("LEFT", "RIGHT", "VALUES")  # with a parenthesis behind, LEFT and RIGHT are functions
SYMBOLS = {
    "(": (T.L_PAREN,), ")": (T.R_PAREN,), "[": (T.L_BRACKET,), "]": (T.R_BRACKET,), ",": (T.COMMA,), ".": (T.DOT,),
    "=": (T.EQ,), "<>": (T.NEQ,), "!=": (T.NEQ,), "<": (T.LT,), "<=": (T.LTE,), ">": (T.GT,), ">=": (T.GTE,),
    "+": (T.PLUS,), "-": (T.DASH,), "*": (T.STAR,), "/": (T.SLASH,), "%": (T.MOD,), "^": (T.CARET,),
    "||": (T.DPIPE,), "::": (T.DCOLON,), "->": (T.ARROW,), "->>": (T.DARROW,),
    "~": (T.RLIKE,), "~*": (T.IRLIKE,), "!~": (T.NOT, T.RLIKE), "!~*": (T.NOT, T.IRLIKE),
    "~~": (T.LIKE,), "~~*": (T.ILIKE,), "!~~": (T.NOT, T.LIKE), "!~~*": (T.NOT, T.ILIKE),
}  # fmt: skip
_REFUSED = ("#>", "#>>", "@>", "<@", "&", "|", "#", "<<", ">>", "@", "**", "=>", "<=>")


@dataclass(slots=True)
class SqlTokens:
    """What sqlglot reads. A dotted or quoted name is one IDENTIFIER token, whose text is an index into ``names``."""

    tokens: list[Token] = field(default_factory=list)
    names: list[Name] = field(default_factory=list)

    def add(self, type_: TokenType, text: str, span: Span) -> None:
        self.tokens.append(Token(type_, text, 1, 1, span.start, span.end - 1))


def to_sql_tokens(tokens: Sequence[Tok]) -> SqlTokens:
    """Raises CompileError for symbols that have no meaning in an expression."""
    out = SqlTokens()
    position = 0
    while position < len(tokens):
        token = tokens[position]
        match token.kind:
            case Kind.WORD:
                position = _word(tokens, position, out)
                continue
            case Kind.QUOTED:
                position = _name(tokens, position, out)
                continue
            case Kind.STRING | Kind.DOLLAR:
                out.add(T.STRING, token.value, token.span)
            case Kind.NUMBER:
                out.add(T.NUMBER, token.value, token.span)
            case Kind.SYMBOL:
                _symbol(token, out)
        position += 1
    return out


def _symbol(token: Tok, out: SqlTokens) -> None:
    types = SYMBOLS.get(token.upper)
    if types is None:
        if token.upper in _REFUSED:
            raise unsupported(f"the operator {token.text}", token.span, hint_for(token))
        raise unexpected(token)
    for type_ in types:
        out.add(type_, token.text, token.span)


def _word(tokens: Sequence[Tok], position: int, out: SqlTokens) -> int:
    """Add the word (or pair of words, or name) at ``position``; the position after it."""
    token = tokens[position]
    before = tokens[position - 1].upper if position else ""
    after = tokens[position + 1].upper if position + 1 < len(tokens) else ""
    if before == ".":
        out.add(T.VAR, token.text, token.span)
    elif (before == "AS" and token.upper != "NOT") or (
        after == "." and token.upper != "SELECT" and not _is_star(tokens, position + 2)
    ):
        return _name(tokens, position, out)
    elif (token.upper, after) in PAIRS:
        out.add(PAIRS[token.upper, after], f"{token.upper} {after}", token.span.to(tokens[position + 1].span))
        return position + 2
    elif token.upper in RESERVED and after != "." and not (after == "(" and _is_function(token, before)):
        out.add(RESERVED[token.upper], token.text, token.span)
    elif after == "[" and token.upper != "ARRAY":
        return _name(tokens, position, out)
    else:
        out.add(T.VAR, token.text, token.span)
    return position + 1


def _is_star(tokens: Sequence[Tok], position: int) -> bool:
    return position < len(tokens) and tokens[position].upper == "*"


def _is_function(token: Tok, before: str) -> bool:
    """Whether a reserved word before a parenthesis is a function: LEFT(x, 1), and ALL(array) after a comparison."""
    if token.upper == "ALL":
        return before in ("=", "<>", "!=", "<", "<=", ">", ">=")
    return token.upper in ("LEFT", "RIGHT")


def _name(tokens: Sequence[Tok], position: int, out: SqlTokens) -> int:
    """Read ``word.word[0]."quoted"`` as one name; the position after it."""
    first = tokens[position]
    path: Path = (first.value,)
    end = position + 1
    while (step := _step(tokens, end)) is not None:
        part, end = step
        path += (part,)
    name = Name(path, first.span.to(tokens[end - 1].span), first.kind is Kind.QUOTED)
    if len(path) == 1 and first.kind is Kind.WORD:
        out.add(T.VAR, first.text, first.span)
        return end
    if len(path) > 1 and end < len(tokens) and tokens[end].upper == "(":
        raise unsupported("a function in a schema", name.span, f"write {path[-1]}(...)")
    out.names.append(name)
    out.add(T.IDENTIFIER, str(len(out.names) - 1), name.span)
    return end


def _step(tokens: Sequence[Tok], position: int) -> tuple[str | int, int] | None:
    """The next part of a name, ``.word`` or ``[0]``, and the position after it."""
    window = [token.upper for token in tokens[position : position + 1]]
    if window == ["."] and position + 1 < len(tokens):
        part = tokens[position + 1]
        return (part.value, position + 2) if part.kind in (Kind.WORD, Kind.QUOTED) else None
    if window == ["["] and position + 2 < len(tokens) and tokens[position + 2].upper == "]":
        part = tokens[position + 1]
        return (int(part.value), position + 3) if part.kind is Kind.NUMBER and part.value.isdigit() else None
    return None
