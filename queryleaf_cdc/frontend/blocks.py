"""A text's tokens to its statements.

A trigger's body holds semicolons of its own, so BEGIN, IF, CASE and LOOP are paired with their ENDs here. A body that
is never closed ends where the next CREATE or DROP begins a statement, so that one mistake does not swallow the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from queryleaf_cdc.frontend.scanner import Kind, Tok, dollar_content, scan

_TOP_LEVEL = (
    "CREATE TRIGGER", "CREATE OR", "CREATE TABLE", "CREATE MATERIALIZED", "CREATE VIEW", "CREATE SINK",
    "DROP TRIGGER", "DROP TABLE", "DROP VIEW", "DROP SINK", "DROP MATERIALIZED", "REFRESH MATERIALIZED",
)  # fmt: skip
_ENDED = ("IF", "CASE", "LOOP")
_LOOKAHEAD = 1_000  # tokens


def split(text: str, tokens: Sequence[Tok]) -> list[list[Tok]]:
    """The statements of ``tokens`` without their semicolons; empty ones are left out."""
    tokens = _open_dollar_bodies(text, tokens)
    statements: list[list[Tok]] = []
    position = 0
    while position < len(tokens):
        end, statement = statement_at(tokens, position)
        if statement:
            statements.append(statement)
        closed = end < len(tokens) and tokens[end].upper == ";"
        position = end + 1 if closed else end
    return statements


def statement_at(tokens: Sequence[Tok], start: int) -> tuple[int, list[Tok]]:
    """Where the statement at ``start`` ends (the index of its semicolon, if it has one), and its tokens."""
    explained = 1 if start < len(tokens) and tokens[start].upper == "EXPLAIN" else 0
    if not _is_trigger(tokens, start + explained):
        end = next((i for i in range(start, len(tokens)) if tokens[i].upper == ";"), len(tokens))
        return end, list(tokens[start:end])
    walk = _Walk(tokens, start)
    end = walk.end()
    else_ifs = set(walk.else_ifs)
    statement: list[Tok] = []
    for index in range(start, end):
        token = tokens[index]
        if index in else_ifs:
            first = statement.pop()
            token = replace(first, text=f"{first.text} {token.text}", upper="ELSIF", end=token.end)
        statement.append(token)
    return end, statement


def _is_trigger(tokens: Sequence[Tok], start: int) -> bool:
    words = [token.upper for token in tokens[start : start + 4]]
    if words[1:2] != ["TRIGGER"] and words[1:4] != ["OR", "REPLACE", "TRIGGER"]:
        return False
    return words[0] == "CREATE" or bool(get_close_matches(words[0], ["CREATE"], cutoff=0.7))  # CRAETE TRIGGER ...


def _open_dollar_bodies(text: str, tokens: Sequence[Tok]) -> list[Tok]:
    """``AS $$ BEGIN ... END $$``: the quoted text's own tokens in the place of the quotes."""
    opened: list[Tok] = []
    header = False
    for index, token in enumerate(tokens):
        header = _is_trigger(tokens, index) or (header and token.upper not in (";", "BEGIN"))
        if header and token.kind is Kind.DOLLAR:
            inside = dollar_content(token)
            body = scan(text, inside.start, inside.end)
            while body and body[-1].upper == ";":
                body.pop()
            opened.extend(body)
        else:
            opened.append(token)
    return opened


@dataclass(slots=True)
class _Open:
    kind: str  # BEGIN, IF, LOOP, CASE (the statement), EXPRESSION (CASE in an expression)
    index: int
    else_if: int | None = None  # where an IF was opened right behind this IF's ELSE


class _Walk:
    """One pass over a trigger.

    ``else_ifs`` are the IFs of ``ELSE IF`` that have no END IF of their own: they mean ELSIF."""

    def __init__(self, tokens: Sequence[Tok], start: int) -> None:
        self.tokens = tokens
        self.start = start
        self.open: list[_Open] = []
        self.else_ifs: list[int] = []
        self.body_began = False

    def end(self) -> int:
        """The index of the semicolon behind the statement, or of what begins the next one."""
        starts = False
        index = self.start
        declaring = False
        while index < len(self.tokens):
            word = self.tokens[index].upper
            if starts and self._begins_statement(index):
                return index
            declaring = declaring or (word == "DECLARE" and not self.body_began)
            if word == ";" and not self.open and (self.body_began or not declaring):
                return index
            index = self._step(word, index, starts)
            starts = word in (";", "BEGIN", "LOOP", "DECLARE") or (
                word in ("THEN", "ELSE") and not self._in_expression()
            )
        return index

    def _step(self, word: str, index: int, starts: bool) -> int:
        if word == "BEGIN" and (starts or not self.body_began):
            self.open.append(_Open("BEGIN", index))
            self.body_began = True
        elif word == "IF" and starts and self.body_began:
            if self.open and self.open[-1].kind == "IF" and self.tokens[index - 1].upper == "ELSE":
                self.open[-1].else_if = index
            self.open.append(_Open("IF", index))
        elif word == "LOOP" and self.body_began:
            self.open.append(_Open("LOOP", index))
        elif word == "CASE":
            self.open.append(_Open("CASE" if starts else "EXPRESSION", index))
        elif word == "END" and self.open:
            return self._close(index)
        return index + 1

    def _in_expression(self) -> bool:
        return bool(self.open) and self.open[-1].kind == "EXPRESSION"

    def _close(self, index: int) -> int:
        what = self.tokens[index + 1].upper if index + 1 < len(self.tokens) else ""
        if self._in_expression():
            self.open.pop()
            return index + 1
        if what in _ENDED:
            kinds = [each.kind for each in self.open]
            if what in kinds and "BEGIN" not in kinds[_last(kinds, what) :]:
                del self.open[_last(kinds, what) :]
            return index + 2
        if self.open[-1].kind != "BEGIN" and self._another_end(index + 1):
            self.open.pop()  # END where END IF was meant
            return index + 1
        while self.open and (closed := self.open.pop()).kind != "BEGIN":
            if closed.else_if is not None:
                self.else_ifs.append(closed.else_if)
        return index + 1

    def _another_end(self, start: int) -> bool:
        """Whether a bare END follows that belongs to none of the blocks that open behind ``start``."""
        depth = 0
        starts = False
        for index in range(start, min(start + _LOOKAHEAD, len(self.tokens))):
            word = self.tokens[index].upper
            after_end = self.tokens[index - 1].upper == "END"
            if starts and self._begins_statement(index):
                return False
            if word == "END":
                depth -= 1
                if depth < 0:
                    return self.tokens[index + 1].upper not in _ENDED if index + 1 < len(self.tokens) else True
            elif not after_end and (word in ("BEGIN", "CASE", "LOOP") or (word == "IF" and starts)):
                depth += 1
            starts = word in (";", "BEGIN", "THEN", "ELSE", "LOOP")
        return False

    def _begins_statement(self, index: int) -> bool:
        """Whether a statement begins here that no body can hold."""
        words = " ".join(token.upper for token in self.tokens[index : index + 2])
        return words in _TOP_LEVEL


def _last(items: Sequence[str], wanted: str) -> int:
    return len(items) - 1 - items[::-1].index(wanted)


def statement_end(tokens: Sequence[Tok], start: int) -> int:
    """Where the body statement at ``start`` ends, over what it opens and closes: the index of its semicolon, or of the
    END or ELSE that it runs into."""
    depth = 0
    starts = True
    for index in range(start, len(tokens)):
        word = tokens[index].upper
        if depth == 0 and (word == ";" or (index > start and starts and word in ("END", "ELSE"))):
            return index
        if word == "END":
            depth -= 1
            if depth < 0:
                return index
        elif word in ("CASE", "LOOP", "BEGIN") or (word == "IF" and starts):
            depth += 0 if index and tokens[index - 1].upper == "END" else 1
        starts = word in (";", "THEN", "ELSE", "LOOP", "BEGIN")
    return len(tokens)
