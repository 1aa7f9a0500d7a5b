"""What was typed, to statements and commands; and whether more is to come.

The project's own scanner says what is a string or a comment, and its splitter which semicolons end a statement."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend import parse
from queryleaf_cdc.frontend.blocks import statement_at
from queryleaf_cdc.frontend.limits import MAX_TOKENS
from queryleaf_cdc.frontend.scanner import CLOSERS, OPENERS, UNCLOSED, Kind, Tok, each_token
from queryleaf_cdc.frontend.shell_faults import TOP_LEVEL, open_block
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.source import Source

TAKE_SQL = frozenset(("explain", "pipeline"))
"""Commands whose argument may be a statement over several lines; it ends as any other does."""

_LEAD = 100
"""characters before a statement that are kept: no message shows more"""
_WORDS = frozenset(("help", "quit", "exit"))
"""what stands alone as a statement, and is a command without its backslash"""
_BEGINNINGS = frozenset((*TOP_LEVEL, "WITH"))
_COMMAND = re.compile(r"\\(\S*)[^\S\n]*([^\n]*)")
_LINE_END = re.compile(r"[^\S\n]*(?:--[^\n]*)?(?:\n|;|\Z)")


@frozen
class Sql:
    """One statement. ``line`` and ``column``, from 1, are where it begins in what was typed.

    ``background`` tells that an ``&`` stands behind it; ``lead`` is what stands before it on its line."""

    text: str
    line: int = 1
    column: int = 1
    background: bool = False
    lead: str = field(default="", compare=False)

    @property
    def placed(self) -> str:
        """The text at its own place, so that messages name that place."""
        return "\n" * (self.line - 1) + " " * (self.column - 1) + self.text

    @property
    def shown(self) -> str:
        """``placed`` with what really stands before it, for the line above the caret."""
        return "\n" * (self.line - 1) + self.lead.rjust(self.column - 1) + self.text


@frozen
class Command:
    r"""``\name argument``. ``before`` is a statement without a semicolon that it stands behind."""

    name: str
    argument: str
    before: Sql | None = None


Item = Sql | Command


@frozen
class Reading:
    """``rest`` is what is not finished, and ``waiting`` what it waits for: a quote, a bracket, a keyword, or ``;``."""

    items: tuple[Item, ...]
    rest: str = ""
    waiting: str = ""


def read(text: str, final: bool = False, first: tuple[int, int] = (1, 1)) -> Reading:
    """The statements and commands of a text. ``final``: nothing follows it, so its rest is a statement too.

    ``first`` is the line and column of its first character. Never raises: what cannot be read is a statement, and
    compiling it tells what is wrong."""
    source = _Placed(text, first=first)
    items: list[Item] = []
    position = 0
    while True:
        stretch = _stretch(text, position)
        pieces = list(_pieces(text, stretch))
        last = pieces.pop() if pieces and not pieces[-1].closed else None
        items += [_item(source, each) for each in pieces]
        if stretch.cut and pieces:
            position = pieces[-1].after
        elif stretch.command is None:
            return _ended(source, items, stretch, last, final)
        else:
            found = _command(text, stretch.command, final)
            if found is None:
                return Reading(tuple(items), text[stretch.command :], ";")
            name, argument, position = found
            items.append(Command(name, argument, _sql(source, last) if last is not None else None))


def _ended(source: Source, items: list[Item], stretch: _Stretch, last: _Piece | None, final: bool) -> Reading:
    if last is None and not stretch.waiting:
        return Reading(tuple(items))
    start = last.start if last is not None else stretch.end
    whole = len(source.text)
    if not stretch.unreadable and last is not None and isinstance(item := _item(source, last), Command):
        return Reading((*items, item))
    if final or stretch.unreadable:
        return Reading((*items, _sql(source, _Piece(start, whole, whole))))
    return Reading(tuple(items), source.text[start:], stretch.waiting or _waiting(stretch.tokens, start))


@dataclass(frozen=True)
class _Placed(Source):
    """A text that stands inside of another one: ``first`` is the place of its first character there."""

    first: tuple[int, int] = (1, 1)

    def position(self, offset: int) -> tuple[int, int]:
        line, column = super().position(offset)
        return line + self.first[0] - 1, column + (self.first[1] - 1 if line == 1 else 0)


# -- a run of SQL, up to a command or the end -----------------------------------------------------------------------


@frozen
class _Stretch:
    """``command`` is where a backslash stands outside of quotes, ``end`` where reading stopped; ``cut``: it stopped
    after as many tokens as a statement may have."""

    tokens: Sequence[Tok]
    end: int
    command: int | None = None
    waiting: str = ""
    unreadable: bool = False
    cut: bool = False


def _stretch(text: str, start: int) -> _Stretch:
    tokens: list[Tok] = []
    try:
        for token in islice(each_token(text, start), MAX_TOKENS + 1):
            if token.kind is Kind.SYMBOL and token.text == "\\":
                return _Stretch(tokens, token.start, command=token.start)
            tokens.append(token)
    except CompileError as error:
        at = error.span.start if error.span is not None else start
        if error.code == UNCLOSED:
            return _Stretch(tokens, at, waiting=_opener(text, at))
        return _Stretch(tokens, at, waiting=";", unreadable=True)
    cut = len(tokens) > MAX_TOKENS
    return _Stretch(tokens, len(text), unreadable=cut, waiting=";" if cut else "", cut=cut)


def _opener(text: str, at: int) -> str:
    return text[at] if text[at] in "'\"" else "*/" if text[at] == "/" else "$$"


@frozen
class _Piece:
    """A statement from ``start`` to ``end``, and where what follows its semicolon begins."""

    start: int
    end: int
    after: int
    closed: bool = True
    background: bool = False


def _pieces(text: str, stretch: _Stretch) -> Iterator[_Piece]:
    """The statements, the last of them perhaps not closed. An ``&`` at the end of a line closes one as ``;`` does."""
    tokens = [replace(each, upper=";") if _is_mark(text, each) else each for each in stretch.tokens]
    position = 0
    while position < len(tokens):
        end, _ = statement_at(tokens, position)
        closed = end < len(tokens)
        marks = [each.text for each in takewhile(lambda each: each.upper == ";", tokens[end : end + 2])]
        following = end + (len(marks) if "&" in marks else len(marks[:1]))
        if end > position:
            after = tokens[max(following, end) - 1].end
            yield _Piece(tokens[position].start, tokens[end - 1].end, after, closed, "&" in marks)
        position = following


def _is_mark(text: str, token: Tok) -> bool:
    return token.upper == "&" and _LINE_END.match(text, token.end) is not None


def _item(source: Source, piece: _Piece) -> Item:
    word = source.text[piece.start : piece.end].lower()
    return Command(word, "") if word in _WORDS else _sql(source, piece)


def _sql(source: Source, piece: _Piece) -> Sql:
    line, column = source.position(piece.start)
    lead = source.text[max(0, piece.start - _LEAD) : piece.start].rpartition("\n")[2]
    return Sql(source.text[piece.start : piece.end], line, column, piece.background, lead)


def _waiting(tokens: Sequence[Tok], start: int) -> str:
    mine = [token for token in tokens if token.start >= start]
    depth = sum((token.upper in OPENERS) - (token.upper in CLOSERS) for token in mine)
    if depth > 0:
        return ")"
    block = open_block(mine)
    return "END" if block is not None else ";"


# -- commands -------------------------------------------------------------------------------------------------------


def _command(text: str, start: int, final: bool) -> tuple[str, str, int] | None:
    """(name, argument, where reading goes on) of the command at ``start``; None while its SQL is not finished."""
    found = _COMMAND.match(text, start)
    assert found is not None
    name, argument, end = found[1], found[2].strip(), found.end()
    if name not in TAKE_SQL or not is_sql(argument):
        return name.rstrip(";"), argument.removesuffix(";").rstrip(), end
    pieces = list(_pieces(text, stretch := _stretch(text, found.start(2))))
    if pieces and pieces[0].closed:
        return name, text[found.start(2) : pieces[0].end], pieces[0].after
    whole = text[found.start(2) :]
    if final or stretch.unreadable or not any(each.severity == "error" for each in parse(Source(whole))[1]):
        return name, whole.strip(), len(text)
    return None


def is_sql(argument: str) -> bool:
    """Whether this is more than a name."""
    words = argument.rstrip("; ").split()
    return len(words) > 1 or argument.upper() in _BEGINNINGS
