"""Regular expressions: ``~``, ``~*`` and the REGEXP functions. See ``regex_syntax`` for the language.

The server gives up with an error after some 200,000 steps or 4,000 nested rounds, so it gets constant patterns only, of
which no text within the limit can bring it there. The limit is on both faces: a longer text gives NULL."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from queryleaf_cdc.functions.building import STRING_OR_NULL, bind_args, folding, member
from queryleaf_cdc.functions.comparison import folding_truth
from queryleaf_cdc.functions.kind_tests import BOOL_OR_NULL, is_kind, when
from queryleaf_cdc.functions.mql import FALSE, NULL, Array, Const, Mql, all_of, bind, cond, named, op
from queryleaf_cdc.functions.regex_cost import NOTHING, cost_of, first, follow_in, is_decided, restarts
from queryleaf_cdc.functions.regex_gaps import parts_between_gaps
from queryleaf_cdc.functions.regex_syntax import BadPattern, Chars, Choice, Group, Node, Place, Repeat, Sequence, parse
from queryleaf_cdc.functions.spec import Arg, FunctionSpec, WorkerSide
from queryleaf_cdc.values import Type, Value

_LIMITS = (None, 100_000, 20_000, 2_000)
"""The longest text in bytes, by the power of its length that the time grows with."""

_MOST_WAYS, _MOST_WAYS_IN_SERVER = 10_000, 1_000


@dataclass(frozen=True)
class Pattern:
    """``because`` says why the server cannot have it, if so."""

    compiled: re.Pattern[str]
    for_server: str
    limit: int | None
    because: str
    groups: int


@lru_cache(1024)
def read_pattern(pattern: str, flags: str, only_whether: bool = False) -> Pattern | None:
    """None for a pattern (or flags) that is none. ``only_whether`` it matches is asked, not where."""
    try:
        return _read(pattern, flags, only_whether)
    except BadPattern:
        return None


def _read(pattern: str, flags: str, only_whether: bool) -> Pattern:
    if not set(flags) <= set("icsg"):
        raise BadPattern("the flags are i (any case), c, s and g")
    node = parse(pattern, flags.rfind("i") > flags.rfind("c"))
    found = parts_between_gaps(node) if only_whether else None
    return _whole_pattern(node) if found is None else _with_gaps(*found)


def _whole_pattern(node: Node) -> Pattern:
    cost = cost_of(node)
    power = cost.degree + restarts(node)
    if power >= len(_LIMITS) or cost.ways > _MOST_WAYS:
        raise BadPattern("it can match in too many ways")
    because = ""
    if cost.groups_repeat:
        because = "MongoDB gives up where a regular expression repeats a group often"
    elif cost.degree > 1 or cost.ways > (1 if cost.degree else _MOST_WAYS_IN_SERVER):
        because = "MongoDB gives up where a regular expression can match in too many ways"
    return _pattern(lambda end: _written(node, NOTHING, end), _LIMITS[power], because)


def _with_gaps(at_start: bool, parts: tuple[Sequence, ...]) -> Pattern:
    first_part, *rest = parts
    for part in parts:
        cost_of(part)
    while rest and not rest[-1].parts:
        rest.pop()
    if rest and not first_part.parts:
        at_start, first_part, *rest = False, *rest
    if not rest and not at_start:
        return _whole_pattern(first_part)

    def written(end: str) -> str:
        start = _written(first_part, NOTHING, end)
        leading = start if at_start else f"(?>.*?{start})"
        return "\\A" + leading + "".join(f"(?>.*?{_written(part, NOTHING, end)})" for part in rest)

    return _pattern(written, _LIMITS[1] if rest else None, "")


def _pattern(written: Callable[[str], str], limit: int | None, because: str) -> Pattern:
    compiled = re.compile(written("\\Z"), re.DOTALL | re.ASCII)
    return Pattern(compiled, written("\\z"), limit, because, compiled.groups)


_PLACES = {
    "start": "\\A", "word": "\\b", "no word": "\\B", "word start": "\\b(?=[0-9A-Z_a-z])",
    "word end": "\\b(?<=[0-9A-Z_a-z])",
}  # fmt: skip


def _written(node: Node, follow: int, end: str) -> str:
    """The pattern for PCRE and for Python, which differ in ``end``. What is decided is possessive."""
    match node:
        case Chars():
            return _chars(node)
        case Place(name):
            return end if name == "end" else _PLACES[name]
        case Group(body, captures):
            return f"({'' if captures else '?:'}{_written(body, follow, end)})"
        case Choice(branches):
            return "|".join(_written(branch, follow, end) for branch in branches)
        case Sequence(parts):
            return "".join(_written(part, follow_in(parts, at, follow), end) for at, part in enumerate(parts))
        case Repeat(body, least, most, lazy):
            inner = follow | first(body) if most is None or most > 1 else follow
            decided = isinstance(body, Chars) and least != most and is_decided(node, follow)
            return _written(body, inner, end) + _count(least, most) + ("?" if lazy else "+" if decided else "")


def _count(least: int, most: int | None) -> str:
    short = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((least, most))
    if short is not None:
        return short
    return f"{{{least}}}" if least == most else f"{{{least},{'' if most is None else most}}}"


def _chars(chars: Chars) -> str:
    if chars == Chars((), True):
        return "."
    if not chars.negated and len(chars.ranges) == 1 and chars.ranges[0][0] == chars.ranges[0][1]:
        return _char(chars.ranges[0][0])
    parts = (_char(low) if low == high else f"{_char(low)}-{_char(high)}" for low, high in chars.ranges)
    return f"[{'^' if chars.negated else ''}{''.join(parts)}]"


_SPECIAL = frozenset("\\^$.|?*+()[]{}-&~#")


def _char(code: int) -> str:
    if code < 32 or code == 127:
        return f"\\x{code:02x}"
    return f"\\{chr(code)}" if chr(code) in _SPECIAL else chr(code)


Answer = Callable[[Pattern, str], Value]


def _evaluating(answer: Answer, flags_of_name: str) -> Callable[..., Value]:
    only_whether = answer is _matches

    def evaluate(text: Value, pattern: Value, flags: Value = "") -> Value:
        if type(text) is not str or type(pattern) is not str or type(flags) is not str:
            return None
        found = read_pattern(pattern, flags_of_name + flags, only_whether)
        if found is None or _too_long(text, found):
            return None
        return answer(found, text)

    return evaluate


def _too_long(text: str, pattern: Pattern) -> bool:
    return pattern.limit is not None and len(text) * 4 > pattern.limit and len(text.encode()) > pattern.limit


def _matches(pattern: Pattern, text: str) -> bool:
    return pattern.compiled.search(text) is not None


def _part(pattern: Pattern, text: str) -> str | None:
    found = pattern.compiled.search(text)
    return None if found is None else found.group()


def _parts(pattern: Pattern, text: str) -> list[Value] | None:
    found = pattern.compiled.search(text)
    if found is None:
        return None
    return list(found.groups()) if pattern.groups else [found.group()]


def _count_of(pattern: Pattern, text: str) -> int:
    return sum(1 for _ in pattern.compiled.finditer(text))


def _constant_pattern(pattern: Arg, flags: tuple[Arg, ...], flags_of_name: str, only_whether: bool) -> Pattern | None:
    """None where it is none; raises WorkerSide where the server cannot have it."""
    if not all(arg.is_const for arg in (pattern, *flags)):
        raise WorkerSide("a regular expression that is computed for each document")
    given = [arg.const for arg in (pattern, *flags)]
    if not all(type(each) is str for each in given):
        return None
    found = read_pattern(given[0], flags_of_name + "".join(given[1:]), only_whether)
    if found is not None and found.because:
        raise WorkerSide(found.because)
    return found


def _shield(text: Arg, pattern: Pattern) -> Mql:
    test = is_kind(text, Type.STRING)
    if pattern.limit is None or test == FALSE:
        return test
    return all_of(test, op("$lte", op("$strLenBytes", text.mongo), Const(pattern.limit)))


def _operator(name: str, text: Mql, pattern: Pattern) -> Mql:
    return named(name, input=text, regex=Const(pattern.for_server), options=Const("s"))


def _lowering(flags_of_name: str, body: Callable[[Mql, Pattern], Mql]) -> Callable[..., Mql]:
    def value(text: Arg, pattern: Arg, *flags: Arg) -> Mql:
        found = _constant_pattern(pattern, flags, flags_of_name, body is _match_operator)
        if found is None:
            return NULL
        return bind_args((text,), lambda t: when(_shield(t, found), body(t.mongo, found)))

    return value


def _truth(flags_of_name: str) -> Callable[..., Mql]:
    def truth(text: Arg, pattern: Arg, *flags: Arg) -> Mql:
        found = _constant_pattern(pattern, flags, flags_of_name, True)
        if found is None:
            return FALSE
        return bind_args((text,), lambda t: all_of(_shield(t, found), _operator("$regexMatch", t.mongo, found)))

    return truth


def _found_part(text: Mql, pattern: Pattern) -> Mql:
    return member(_operator("$regexFind", text, pattern), "match")


def _found_parts(text: Mql, pattern: Pattern) -> Mql:
    found = _operator("$regexFind", text, pattern)
    if pattern.groups:
        return member(found, "captures")
    return bind(found, lambda f: cond(op("$eq", f, NULL), NULL, Array((member(f, "match"),))))


def _replaced(text: Value, pattern: Value, new: Value, flags: Value = "") -> str | None:
    """The first match replaced, with flag g all of them. ``\\1`` is a group, ``\\&`` the match."""
    if not all(type(each) is str for each in (text, pattern, new, flags)):
        return None
    found = read_pattern(pattern, flags)
    if found is None or _too_long(text, found):
        return None

    def written(match: re.Match[str]) -> str:
        return _REFERENCE.sub(lambda reference: _referred(match, reference[1]), new)

    return found.compiled.sub(written, text, count=0 if "g" in flags else 1)


_REFERENCE = re.compile(r"\\([0-9&\\])")


def _referred(match: re.Match[str], name: str) -> str:
    if name == "\\":
        return name
    number = 0 if name == "&" else int(name)
    return (match.group(number) or "") if number <= match.re.groups else ""


def check(flags_at: int, only_whether: bool = False) -> Callable[[tuple[Arg, ...]], str | None]:
    """The check of a function with its flags in this place."""

    def found(args: tuple[Arg, ...]) -> str | None:
        flags = args[flags_at].const if len(args) > flags_at and args[flags_at].is_const else ""
        pattern = args[1].const if args[1].is_const else ""
        try:
            if isinstance(pattern, str) and isinstance(flags, str):
                _read(pattern, flags, only_whether)
        except BadPattern as reason:
            return f"this regular expression does not work here: {reason}"
        return None

    return found


def _spec(name: str, most: int, type_: Type, answer: Answer, body: Callable[[Mql, Pattern], Mql]) -> FunctionSpec:
    flags = "i" if name == "~*" else ""
    evaluate = _evaluating(answer, flags)
    truth = folding_truth(evaluate, _truth(flags)) if answer is _matches else None
    lowered = folding(evaluate, _lowering(flags, body))
    return FunctionSpec(name, 2, most, type_, evaluate, lowered, truth, check=check(2, answer is _matches))


def _match_operator(text: Mql, pattern: Pattern) -> Mql:
    return _operator("$regexMatch", text, pattern)


_NO_OPERATOR = "MongoDB has no such function"

REGEXES = (
    _spec("~", 2, BOOL_OR_NULL, _matches, _match_operator),
    _spec("~*", 2, BOOL_OR_NULL, _matches, _match_operator),
    _spec("REGEXP_LIKE", 3, BOOL_OR_NULL, _matches, _match_operator),
    _spec("REGEXP_SUBSTR", 2, STRING_OR_NULL, _part, _found_part),
    _spec("REGEXP_MATCH", 3, Type.ARRAY | Type.NULL, _parts, _found_parts),
    FunctionSpec(
        "REGEXP_COUNT", 2, 3, Type.NUMBER | Type.NULL, _evaluating(_count_of, ""), None, because=_NO_OPERATOR,
        check=check(2),
    ),
    FunctionSpec("REGEXP_REPLACE", 3, 4, STRING_OR_NULL, _replaced, None, because=_NO_OPERATOR, check=check(3)),
)  # fmt: skip
