"""The statement shell: a LALR parse of ``grammar/queryleaf.lark`` over our own tokens, with repairs.

A wrong token is reported once, and reading goes on: a missing THEN, LOOP, semicolon or END IF is put in; any other
wrong statement of a body is skipped as a whole; after a broken header the body is still read.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from lark import Lark, Token, Tree
from lark.lexer import Lexer
from lark.parsers.lalr_analysis import Shift
from lark.parsers.lalr_interactive_parser import InteractiveParser

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend import shell_faults
from queryleaf_cdc.frontend.blocks import statement_end
from queryleaf_cdc.frontend.limits import MAX_NESTING
from queryleaf_cdc.frontend.scanner import CLOSERS, OPENERS, Kind, Tok
from queryleaf_cdc.frontend.tokens import RESERVED
from queryleaf_cdc.source import Span

SYMBOLS = {
    "(": "LPAR", ")": "RPAR", "[": "LBRACKET", "]": "RBRACKET", ",": "COMMA", ".": "DOT", ";": "SEMI", "=": "EQ",
    ":=": "ASSIGN",
}  # fmt: skip
WORDS = {"ELSEIF": "ELSIF", "TEMP": "NAME", "DESC": "DESCRIBE"}  # other spellings
CHUNKS = ("QUERY", "CONDITION", "VALUE", "SOURCES", "TYPE", "COLUMN", "REST")
_QUERY_STARTS = ("SELECT", "WITH", "(")
# they end a chunk wherever they stand outside of parentheses and CASE
_ALWAYS_END = (";", "THEN", "ELSE", "ELSIF", "ELSEIF", "END", "WHEN")
_BEHIND_END = ("IF", "CASE", "LOOP", "SEMI")
_REPAIRS = ("THEN", "LOOP", "SEMI", "IF", "CASE", "RPAR")


class Piece(Token):
    """A terminal; ``tokens`` is what it is made of: one token, or all of a chunk."""

    tokens: Sequence[Tok]


class NoLexer(Lexer):
    """Terminals are fed by ``Shell``, never cut from text."""

    def __init__(self, conf: Any) -> None:
        pass

    def lex(self, *_: Any) -> Any:
        return iter(())


def grammar_path() -> Path:
    """The grammar beside the package in a checkout, or inside it in a wheel."""
    package = Path(__file__).parent.parent
    inside = package / "grammar" / "queryleaf.lark"
    return inside if inside.exists() else package.parent / "grammar" / "queryleaf.lark"


@cache
def grammar() -> Lark:
    """The parser. Its tables take 0.15 s to build, so they are kept in the user's cache directory where that can be."""
    text = grammar_path().read_text(encoding="utf-8")
    return Lark(
        text,
        parser="lalr",
        lexer=NoLexer,
        start=["start", "section"],
        propagate_positions=True,
        maybe_placeholders=False,
        cache=_cache_file(text),
    )


def _cache_file(text: str) -> str | bool:
    """Where the tables are kept, or False. Only in a directory of our own: what is read there is unpickled."""
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    directory = Path(base) / "queryleaf-cdc"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(directory, os.W_OK) or directory.stat().st_mode & 0o022:
            return False
    except OSError:
        return False
    return str(directory / f"grammar-{sha256(text.encode()).hexdigest()[:16]}.lalr")


def piece(type_: str, tokens: Sequence[Tok], at: Span | None = None) -> Piece:
    span = at or Span(tokens[0].start, tokens[-1].end)
    text = tokens[0].value if len(tokens) == 1 else ""
    made = Piece(type_, text, span.start, 1, 1, 1, 1, span.end)
    made.tokens = tokens
    return made


class Shell:
    """One statement. ``errors`` grows; ``tree`` is None when nothing of it could be read."""

    def __init__(self, tokens: Sequence[Tok], errors: list[CompileError]) -> None:
        self.tokens = tokens
        self.errors = errors
        self.position = 0
        self._parser: InteractiveParser = grammar().parse_interactive("", start="start")
        self._item_start = 0
        self._guessed = -1  # the start of the statement whose first word was guessed

    def read(self) -> Tree[Any] | None:
        while True:
            if "BAD" in self._choices():
                self._item_start = self.position
            if self.position >= len(self.tokens):
                return self._finish()
            if not self._step() and not self._recover():
                return None

    # one terminal

    def _choices(self) -> dict[str, Any]:
        table = self._parser.parser_state.parse_conf.parse_table
        return table.states[self._parser.parser_state.position]

    def _step(self) -> bool:
        """Feed the next terminal; False when none fits."""
        token = self.tokens[self.position]
        type_ = self._keyword(token)
        if type_ is not None and self._accepts(type_):
            self.position += 1
            self._parser.feed_token(piece(type_, [token]))
            return True
        for chunk in CHUNKS:
            if chunk in self._choices() and self._fits(chunk, token):
                return self._chunk(chunk)
        if self._is_name(token) and self._accepts("NAME"):
            self.position += 1
            self._parser.feed_token(piece("NAME", [token]))
            return True
        return False

    def _keyword(self, token: Tok) -> str | None:
        match token.kind:
            case Kind.WORD:
                after_dot = self.position and self.tokens[self.position - 1].upper == "."
                return None if after_dot else WORDS.get(token.upper, token.upper)
            case Kind.SYMBOL:
                return SYMBOLS.get(token.upper)
            case Kind.NUMBER:
                return "NUMBER" if token.value.isdigit() else None
            case _:
                return None

    def _is_name(self, token: Tok) -> bool:
        if token.kind is Kind.QUOTED:
            return True
        after_dot = bool(self.position) and self.tokens[self.position - 1].upper == "."
        return token.kind is Kind.WORD and (after_dot or token.upper not in RESERVED)

    def _fits(self, chunk: str, token: Tok) -> bool:
        if chunk == "QUERY":
            return token.upper in _QUERY_STARTS and self._accepts("QUERY")
        return token.upper not in (";", ",", ")") and self._accepts(chunk)

    def _chunk(self, type_: str) -> bool:
        end = self._chunk_end(type_)
        if end == self.position:
            return False
        self._parser.feed_token(piece(type_, self.tokens[self.position : end]))
        self.position = end
        return True

    def _chunk_end(self, type_: str) -> int:
        """Where the chunk at the current position ends: what may follow it decides."""
        if type_ == "REST":
            return next(
                (i for i in range(self.position, len(self.tokens)) if self.tokens[i].upper == ";"), len(self.tokens)
            )
        stops = self._parser.parser_state.parse_conf.parse_table.states[self._shift(type_)]
        depth = cases = 0
        for index in range(self.position, len(self.tokens)):
            word = self.tokens[index].upper
            if depth == 0 and cases == 0 and self._stops(word, index, stops):
                return index
            if word in OPENERS:
                depth += 1
            elif word in CLOSERS:
                if depth == 0:
                    return index
                depth -= 1
            elif word == ";":
                return index
            elif word == "CASE":
                cases += 1
            elif word == "END":
                cases -= 1
        return len(self.tokens)

    def _stops(self, word: str, index: int, stops: dict[str, Any]) -> bool:
        if not word or (index and self.tokens[index - 1].upper == "."):
            return False
        after = self.tokens[index + 1].upper if index + 1 < len(self.tokens) else ""
        if word in _ALWAYS_END or (index > self.position and shell_faults.begins_statement(self.tokens, index)):
            return True
        if word == "FROM" and self.tokens[index - 1].upper == "DISTINCT":
            return False
        if word == "ON":
            return "ON" in stops and after == "CONFLICT"
        return SYMBOLS.get(word, word) in stops

    def _accepts(self, type_: str) -> bool:
        return self._shift(type_) is not None

    def _shift(self, type_: str) -> Any:
        """The state behind a terminal that can be shifted here, after the reductions that it asks for; or None."""
        conf = self._parser.parser_state.parse_conf
        table = conf.parse_table.states
        stack = list(self._parser.parser_state.state_stack)
        while True:
            found = table[stack[-1]].get(type_)
            if found is None:
                return None
            action, argument = found
            if action is Shift:
                return argument
            if argument.expansion:
                del stack[-len(argument.expansion) :]
            stack.append(table[stack[-1]][argument.origin.name][1])
            if stack[-1] == conf.end_state:
                return conf.end_state if type_ == "$END" else None

    # repairs

    def _recover(self) -> bool:
        """Report the token that does not fit and make the parse fit to go on; False to give up."""
        token = self.tokens[self.position]
        for type_ in _REPAIRS:
            if self._accepts(type_) and self._repairs(type_, token):
                self.errors.append(shell_faults.missing(type_, self.tokens, self.position))
                self._parser.feed_token(piece(type_, [], Span(token.start, token.start)))
                return True
        expected = {type_ for type_ in self._choices() if type_.isupper() and self._accepts(type_)}
        if self._guessed != self._item_start:  # a guess that led nowhere has been reported already
            self.errors.append(shell_faults.wrong(self.tokens, self.position, self._item_start, expected))
        return self._guess(expected) or self._skip_statement() or self._skip_header()

    def _guess(self, expected: set[str]) -> bool:
        """Read a misspelled keyword at the start of a statement as the one that is meant."""
        start = self._item_start
        at_start = self.position == start or shell_faults.is_unknown_word(self.position, start, expected)
        if self._guessed == start or not at_start:
            return False
        keyword = shell_faults.guess_keyword(self.tokens[start], in_body=start > 0)
        if keyword is None or (start > 0 and not self._back_to_item()) or not self._accepts(keyword):
            return False
        self._guessed = start
        self._parser.feed_token(piece(keyword, [self.tokens[start]]))
        self.position = start + 1
        return True

    def _back_to_item(self) -> bool:
        """Take back what was read of the current body statement; False outside of bodies."""
        states = self._parser.parser_state.parse_conf.parse_table.states
        stack, values = self._parser.parser_state.state_stack, self._parser.parser_state.value_stack
        height = len(stack)
        while height and "BAD" not in states[stack[height - 1]]:
            height -= 1
        if height:
            del stack[height:]
            del values[height - 1 :]
        return height > 0

    def _repairs(self, type_: str, token: Tok) -> bool:
        if type_ in ("THEN", "LOOP"):
            return True
        if type_ in ("IF", "CASE"):
            return token.upper == ";" and self.tokens[self.position - 1].upper == "END"
        if type_ == "RPAR":
            return token.upper == ";"
        if self.position == self._item_start:
            return False  # nothing stands before it that could lack a semicolon
        return token.upper in ("END", "ELSE", "ELSIF", "ELSEIF") or shell_faults.begins_statement(
            self.tokens, self.position
        )

    def _skip_statement(self) -> bool:
        """Drop the body statement that the current token stands in."""
        if not self._back_to_item():
            return False
        end = max(statement_end(self.tokens, self._item_start), self.position)
        end = next((i for i in range(end, len(self.tokens)) if self._ends_item(i)), len(self.tokens))
        place = Span(self.tokens[self._item_start].start, self.tokens[self.position].end)
        self._parser.feed_token(piece("BAD", [], place))
        self._parser.feed_token(piece("SEMI", [], Span(place.end, place.end)))
        self.position = end + 1 if end < len(self.tokens) and self.tokens[end].upper == ";" else end
        return True

    def _ends_item(self, index: int) -> bool:
        return self.tokens[index].upper in (";", "END", "ELSE", "ELSIF", "ELSEIF")

    def _skip_header(self) -> bool:
        """Read the body alone when the header of a trigger is wrong."""
        if [token.upper for token in self.tokens[:1]] != ["CREATE"]:
            return False
        begin = next(
            (i for i in range(self.position, len(self.tokens)) if self.tokens[i].upper in ("BEGIN", "DECLARE")), None
        )
        if begin is None:
            return False
        self.position = begin
        self._parser = grammar().parse_interactive("", start="section")
        return True

    def _finish(self) -> Tree[Any] | None:
        end = self.tokens[-1].end
        if not self._accepts("$END"):
            expected = {type_ for type_ in self._choices() if type_.isupper() and self._accepts(type_)}
            self.errors.append(shell_faults.unfinished(self.tokens, expected))
            if not self._close(Span(end, end)):
                return None
        tree: Tree[Any] = self._parser.feed_token(Token("$END", "", end, 1, 1, 1, 1, end))
        return tree

    def _close(self, at: Span) -> bool:
        """Close the blocks that are still open, so that what is inside of them is read too."""
        last = self.tokens[-1].upper
        for _ in range(3 * MAX_NESTING):
            if self._accepts("$END"):
                return True
            wanted = _BEHIND_END if last == "END" else ("END",) if self._accepts("BAD") else ("SEMI", "END")
            closer = next((type_ for type_ in wanted if self._accepts(type_)), None)
            if closer is None:
                return False
            self._parser.feed_token(piece(closer, [], at))
            last = closer
        return False
