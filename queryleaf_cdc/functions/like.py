"""LIKE and ILIKE: ``%`` for any characters, ``_`` for one, an escape character before either to mean itself.

The server matches without backtracking wherever it can, by positions of the literal parts: its regular expressions
give up with an error beyond some 200,000 steps (a text of 262,144 characters is enough for ``.*y``)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from queryleaf_cdc.functions.building import bind_args, folding
from queryleaf_cdc.functions.characters import lower, same_in_both_cases
from queryleaf_cdc.functions.comparison import folding_truth
from queryleaf_cdc.functions.kind_tests import BOOL_OR_NULL, is_kind
from queryleaf_cdc.functions.mql import FALSE, NULL, TRUE, Const, Mql, all_of, bind, named, op
from queryleaf_cdc.functions.spec import Arg, FunctionSpec, WorkerSide
from queryleaf_cdc.functions.strings import ends_with_mongo, length, starts_with_mongo, when_texts
from queryleaf_cdc.values import Type, Value

Segment = tuple[str | None, ...]
"""Characters between two ``%``; None stands for ``_``."""


@lru_cache(1024)
def segments(pattern: str, escape: str = "\\", fold: bool = False) -> tuple[Segment, ...] | None:
    """The pattern, split at ``%``; None if it ends in the escape character or that is no single character."""
    if len(escape) > 1:
        return None
    found: list[list[str | None]] = [[]]
    chars = iter(pattern)
    for char in chars:
        if char == escape:
            char = next(chars, "")
            if not char:
                return None
            found[-1].append(lower(char) if fold else char)
        elif char == "%":
            found.append([])
        else:
            found[-1].append(None if char == "_" else lower(char) if fold else char)
    ends = (found[0],) if len(found) == 1 else (found[0], *(part for part in found[1:-1] if part), found[-1])
    return tuple(tuple(part) for part in ends)


def _regex(segment: Segment) -> str:
    return "".join("." if char is None else _quoted(char) for char in segment)


def _quoted(char: str) -> str:
    """Neither PCRE nor Python takes a backslash before a letter or beyond ASCII for the character itself."""
    if char == "\0":
        return "\\x00"
    return char if char.isalnum() or ord(char) > 126 or char in " \n\t\"'<>,;:/=!@%&~`_" else "\\" + char


@lru_cache(1024)
def matcher(pattern: str, escape: str, fold: bool) -> Callable[[str], object] | None:
    parts = segments(pattern, escape, fold)
    if parts is None:
        return None
    if len(parts) == 1:
        return re.compile(_regex(parts[0]), re.DOTALL).fullmatch
    first, *middle, last = map(_regex, parts)
    # The leftmost place of each part is as good as any, so nothing is tried twice (an atomic group).
    between = "".join(f"(?>.*?{part})" for part in middle)
    return re.compile(f"{first}{between}.*{last}", re.DOTALL).fullmatch


def _like(fold: bool) -> Callable[..., bool | None]:
    def evaluate(text: Value, pattern: Value, escape: Value = "\\") -> bool | None:
        if type(text) is not str or type(pattern) is not str or type(escape) is not str:
            return None
        matches = matcher(pattern, escape, fold)
        if matches is None:
            return None
        return matches(lower(text) if fold else text) is not None

    return evaluate


def _like_mongo(fold: bool) -> Callable[..., Mql]:
    def value(text: Arg, pattern: Arg, escape: Arg | None = None) -> Mql:
        parts = _parts(pattern, escape, fold)
        if parts is None:
            return NULL
        return bind_args((text,), lambda t: when_texts((t,), lambda: _matches(_folded(t.mongo, fold), parts)))

    return value


def _like_truth(fold: bool) -> Callable[..., Mql]:
    def truth(text: Arg, pattern: Arg, escape: Arg | None = None) -> Mql:
        parts = _parts(pattern, escape, fold)
        if parts is None:
            return FALSE
        if len(parts) == 1 and None not in parts[0] and not fold:
            return op("$eq", text.mongo, _text(parts[0]))
        return bind_args((text,), lambda t: all_of(is_kind(t, Type.STRING), _matches(_folded(t.mongo, fold), parts)))

    return truth


def _folded(text: Mql, fold: bool) -> Mql:
    return op("$toLower", text) if fold else text


def _parts(pattern: Arg, escape: Arg | None, fold: bool) -> tuple[Segment, ...] | None:
    if not pattern.is_const or (escape is not None and not escape.is_const):
        raise WorkerSide("a LIKE pattern that is computed for each document")
    escape_char = "\\" if escape is None else escape.const
    if type(pattern.const) is not str or type(escape_char) is not str:
        return None
    if fold and not same_in_both_cases(pattern.const):
        raise WorkerSide("MongoDB's $toLower knows ASCII letters only")
    return segments(pattern.const, escape_char, fold)


def _text(segment: Segment) -> Const:
    return Const("".join(char or "" for char in segment))


def _matches(text: Mql, parts: tuple[Segment, ...]) -> Mql:
    if len(parts) == 1:
        return _whole(text, parts[0])
    return bind(text, lambda t: _spread(t, parts)) if len(parts) > 2 or all(parts) else _spread(text, parts)


def _whole(text: Mql, segment: Segment) -> Mql:
    if None not in segment:
        return op("$eq", text, _text(segment))
    return _regex_match(text, f"\\A{_regex(segment)}\\z")


def _regex_match(text: Mql, regex: str) -> Mql:
    return named("$regexMatch", input=text, regex=Const(regex), options=Const("s"))


def _spread(text: Mql, parts: tuple[Segment, ...]) -> Mql:
    """Some parts with anything between: the first at the start, the last at the end, each after the one before."""
    first, *middle, last = parts
    wild = [part for part in middle if None in part]
    if wild and (len(middle) > 1 or first or last):
        raise WorkerSide("a LIKE pattern with _ between two %, beside other text")
    if wild:
        return _regex_match(text, _regex(middle[0]))
    start = _start(text, first) if first else TRUE
    return all_of(start, _after(text, Const(len(first)), [_text(part) for part in middle], last))


def _start(text: Mql, first: Segment) -> Mql:
    return _regex_match(text, f"\\A{_regex(first)}") if None in first else starts_with_mongo(text, _text(first))


def _after(text: Mql, position: Mql, middle: list[Const], last: Segment) -> Mql:
    """Whether what follows the position holds these parts in turn and the last one at the end."""
    if not middle:
        return _end(text, position, last) if last else TRUE
    part, rest = middle[0], middle[1:]
    args = (text, part) if position == Const(0) else (text, part, position)
    found = op("$indexOfCP", *args)
    if not rest and not last:
        return op("$gte", found, Const(0))
    after = len(part.value)
    return bind(
        found,
        lambda at: all_of(op("$gte", at, Const(0)), _after(text, op("$add", at, Const(after)), rest, last)),
    )


def _end(text: Mql, position: Mql, last: Segment) -> Mql:
    ends = _regex_match(text, f"{_regex(last)}\\z") if None in last else ends_with_mongo(text, _text(last))
    if position == Const(0):
        return ends
    size = Const(len(last))
    shortest = Const(position.value + len(last)) if isinstance(position, Const) else op("$add", position, size)
    return all_of(op("$gte", length(text), shortest), ends)


def _check(args: tuple[Arg, ...]) -> str | None:
    pattern, escape = args[1], args[2] if len(args) > 2 else Arg(Const("\\"), Type.STRING)
    if escape.is_const and isinstance(escape.const, str) and len(escape.const) > 1:
        return "ESCAPE takes a single character"
    if not (pattern.is_const and escape.is_const and isinstance(pattern.const, str) and isinstance(escape.const, str)):
        return None
    return None if segments(pattern.const, escape.const) else "a LIKE pattern must not end with the escape character"


def _spec(name: str, fold: bool) -> FunctionSpec:
    evaluate = _like(fold)
    return FunctionSpec(
        name, 2, 3, BOOL_OR_NULL, evaluate, folding(evaluate, _like_mongo(fold)),
        folding_truth(evaluate, _like_truth(fold)), check=_check,
    )  # fmt: skip


LIKE, ILIKE = _spec("LIKE", False), _spec("ILIKE", True)

PATTERNS = (LIKE, ILIKE)
