"""What is said about a statement whose shape is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from queryleaf_cdc.errors import CompileError, did_you_mean
from queryleaf_cdc.frontend import faults
from queryleaf_cdc.frontend.scanner import Kind, Tok
from queryleaf_cdc.source import Span

TOP_LEVEL = (
    "CREATE", "DROP", "SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "CALL", "REFRESH", "SHOW", "DESCRIBE",
    "EXPLAIN",
)  # fmt: skip
IN_BODY = (
    "IF", "CASE", "DECLARE", "SET", "SELECT", "FOR", "RETURN", "RAISE", "CALL", "INSERT", "UPDATE", "DELETE", "ELSIF",
    "ELSE", "END",
)  # fmt: skip
# statements that people know from elsewhere
KNOWN_ELSEWHERE = {
    "WHILE": "loop with FOR row IN (SELECT ...) LOOP",
    "LOOP": "loop with FOR row IN (SELECT ...) LOOP",
    "FOREACH": "loop with FOR row IN (SELECT ...) LOOP",
    "EXIT": "limit the loop's query: FOR row IN (SELECT ... LIMIT 10) LOOP",
    "CONTINUE": "put the rest of the loop's body into an IF",
    "EXCEPTION": "errors are handled by the option on_error of WITH (...)",
    "EXECUTE": "write the statement itself, or CALL a procedure",
    "MERGE": "use INSERT ... ON CONFLICT ... DO UPDATE",
    "UPSERT": "use INSERT ... ON CONFLICT ... DO UPDATE",
    "TRUNCATE": "use DELETE FROM",
    "ALTER": "collections have no columns to alter; a trigger is changed by CREATE OR REPLACE TRIGGER",
    "COMMIT": "each statement commits by itself, and a trigger with its event",
    "ROLLBACK": "each statement commits by itself, and a trigger with its event",
    "BEGIN": "each statement commits by itself, and a trigger with its event",
    "VALUES": "write SELECT",
    "GRANT": "privileges are the server's own matter",
    "USE": "choose the database with --db",
}
_NAMES = {
    "LPAR": "(", "RPAR": ")", "LBRACKET": "[", "RBRACKET": "]", "COMMA": "a comma", "DOT": ".", "SEMI": "a semicolon",
    "EQ": "=", "ASSIGN": ":=", "NAME": "a name", "QUERY": "a SELECT", "CONDITION": "a condition", "VALUE": "a value",
    "SOURCES": "a collection", "TYPE": "a type", "COLUMN": "a column", "NUMBER": "a number",
}  # fmt: skip
_UNSAID = ("BAD", "$END", "REST", "DOT", "LBRACKET")
_SAID_AT_MOST = 4


def begins_statement(tokens: Sequence[Tok], index: int) -> bool:
    """Whether the tokens from ``index`` on can only be the start of a body statement: ``INSERT INTO``, ``END IF``."""
    word, after, third = (tokens[i].upper if i < len(tokens) else "" for i in (index, index + 1, index + 2))
    pair = f"{word} {after}"
    if pair in ("INSERT INTO", "DELETE FROM", "END IF", "END LOOP", "END CASE", "END ;"):
        return True
    return (word == "UPDATE" and third == "SET") or (word == "CALL" and third == "(")


def missing(type_: str, tokens: Sequence[Tok], position: int) -> CompileError:
    """A repair: ``type_`` was put in before ``tokens[position]``."""
    token, before = tokens[position], tokens[position - 1]
    what = _NAMES.get(type_, type_)
    if type_ in ("IF", "CASE"):
        return faults.missing(f"{what} behind END", before.span, f"write END {what};")
    end = Span(before.end - 1, before.end)
    near = f" before {faults.shown(token)}" if type_ != "RPAR" else ""
    hint = _misspelled(tokens, position, type_)
    return faults.missing(f"{what}{near}", end if type_ in ("SEMI", "RPAR") else token.span, hint)


def _misspelled(tokens: Sequence[Tok], position: int, type_: str) -> str | None:
    return did_you_mean(tokens[position].text, [type_]) if tokens[position].kind is Kind.WORD else None


def wrong(tokens: Sequence[Tok], position: int, item_start: int, expected: set[str]) -> CompileError:
    token = tokens[position]
    if position == item_start or position == 0:
        return unknown_statement(token, TOP_LEVEL if position == 0 else IN_BODY)
    if is_unknown_word(position, item_start, expected):
        return unknown_statement(tokens[item_start], IN_BODY)
    return faults.unexpected(token, _wanted(expected), _hint(tokens, position, expected))


def is_unknown_word(position: int, item_start: int, expected: set[str]) -> bool:
    """Whether the word before ``position`` began a statement and is neither a keyword nor a variable."""
    return position == item_start + 1 and {"ASSIGN", "DOT"} <= expected


def guess_keyword(token: Tok, in_body: bool) -> str | None:
    """The terminal that a misspelled first word was meant to be."""
    if token.kind is not Kind.WORD or token.upper in KNOWN_ELSEWHERE:
        return None
    known = [each.lower() for each in (IN_BODY if in_body else TOP_LEVEL)]
    close = get_close_matches(token.upper.lower(), known, n=1, cutoff=0.7)
    return close[0].upper() if close else None


def unknown_statement(token: Tok, known: Sequence[str]) -> CompileError:
    if token.upper in ("END", "ELSE", "ELSIF", "ELSEIF", "WHEN", "THEN"):
        opener = "IF or BEGIN" if token.upper == "END" else "IF"
        return CompileError("QL109", f"{token.upper} without {opener} before it", token.span)
    if token.kind is Kind.WORD:
        hint = KNOWN_ELSEWHERE.get(token.upper) or did_you_mean(token.text, known)
        return CompileError("QL105", f"'{token.text}' begins no statement known here", token.span, hint)
    return CompileError(
        "QL105", f"a statement cannot begin with {faults.shown(token)}", token.span, faults.hint_for(token)
    )


def _hint(tokens: Sequence[Tok], position: int, expected: set[str]) -> str | None:
    token = tokens[position]
    if token.kind is Kind.WORD:
        return did_you_mean(token.text, ["SELECT" if each == "QUERY" else each for each in expected])
    if token.kind is Kind.STRING and "NAME" in expected:
        return 'names are written without quotes, or in "double quotes"'
    return None


def _wanted(expected: set[str]) -> str | None:
    names = sorted(_NAMES.get(each, each) for each in expected if each not in _UNSAID)
    return " or ".join(names) if 0 < len(names) <= _SAID_AT_MOST else None


def unfinished(tokens: Sequence[Tok], expected: set[str]) -> CompileError:
    """The statement ended; say what was left open."""
    opened = open_block(tokens)
    if opened is not None:
        end = {"IF": "END IF;", "LOOP": "END LOOP;", "CASE": "END CASE;"}.get(opened.upper, "END;")
        return CompileError("QL109", f"this {opened.upper} is never closed", opened.span, f"close it with {end}")
    return faults.too_early("the statement", tokens[-1], _wanted(expected))


def open_block(tokens: Sequence[Tok]) -> Tok | None:
    """The innermost BEGIN, IF, CASE or LOOP without its END; a bare END closes BEGIN and CASE only."""
    opened: list[Tok] = []
    starts = False
    for index, token in enumerate(tokens):
        word = token.upper
        before = tokens[index - 1].upper if index else ""
        after = tokens[index + 1].upper if index + 1 < len(tokens) else ""
        if word == "END" and opened:
            if opened[-1].upper in ("IF", "LOOP") and after != opened[-1].upper:
                return opened[-1]
            opened.pop()
        elif before != "END" and (word in ("BEGIN", "CASE", "LOOP") or (word == "IF" and starts)):
            opened.append(token)
        starts = word in (";", "BEGIN", "THEN", "ELSE", "LOOP")
    return opened[-1] if opened else None
