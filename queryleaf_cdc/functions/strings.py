"""String functions. Positions count code points from 1; an argument of another kind than its own gives NULL.

What the server lacks runs in the worker: among that UPPER and LOWER, since ``$toUpper`` knows ASCII letters only and
``UPPER('é')`` must be ``'É'``. Comparing them with an ASCII literal stays in the server (``letter_case.fused``)."""

from __future__ import annotations

from collections.abc import Callable

from queryleaf_cdc.functions.building import STRING_OR_NULL, bind_args, scalar
from queryleaf_cdc.functions.kind_tests import is_kind, when
from queryleaf_cdc.functions.mql import FALSE, NULL, Array, Const, Mql, Op, Over, Ref, Var, all_of, cond, named, op
from queryleaf_cdc.functions.spec import Arg, FunctionSpec
from queryleaf_cdc.functions.texts import text_mongo, text_of
from queryleaf_cdc.functions.whole_numbers import LIMIT, whole, with_whole
from queryleaf_cdc.values import Type, Value

NUMBER_OR_NULL = Type.NUMBER | Type.NULL
BOOL_OR_NULL = Type.BOOL | Type.NULL


def of_texts(function: Callable[..., Value]) -> Callable[..., Value]:
    """The function, None unless all its arguments are texts."""

    def evaluate(*values: Value) -> Value:
        return function(*values) if all(type(value) is str for value in values) else None

    return evaluate


def of_texts_mongo(body: Callable[..., Mql]) -> Callable[..., Mql]:
    """The same for the server: ``body`` gets expressions that are cheap to repeat, and its value is shielded."""
    return lambda *args: bind_args(args, lambda *bound: when_texts(bound, lambda: body(*(a.mongo for a in bound))))


def when_texts(args: tuple[Arg, ...], body: Callable[[], Mql]) -> Mql:
    test = all_of(*(is_kind(arg, Type.STRING) for arg in args))
    return NULL if test == FALSE else when(test, body())


def length(text: Mql) -> Mql:
    if isinstance(text, Const) and isinstance(text.value, str):
        return Const(len(text.value))
    return op("$strLenCP", text)


def _concat(a: Value, b: Value) -> str | None:
    left, right = text_of(a), text_of(b)
    return None if left is None or right is None else left + right


def _concat_mongo(a: Arg, b: Arg) -> Mql:
    left, right = text_mongo(a), text_mongo(b)
    if isinstance(left, Op) and left.name == "$concat":
        return Op("$concat", (*left.args, right))
    return op("$concat", left, right)


def _texts_only(args: tuple[Arg, ...]) -> str | None:
    composed = Type.ARRAY | Type.DOCUMENT
    if any(arg.may(composed) and arg.only(composed | Type.NULL) for arg in args):
        return "|| joins texts; arrays are joined by ARRAY_CAT(a, b) and ARRAY_APPEND(a, x)"
    return None


def _positions_only(args: tuple[Arg, ...]) -> str | None:
    if any(arg.may(Type.STRING) and arg.only(Type.STRING) for arg in args[1:]):
        return "SUBSTRING takes positions; REGEXP_SUBSTR(s, pattern) finds what a regular expression matches"
    return None


def _concat_all(*values: Value) -> str:
    return "".join(text for value in values if (text := text_of(value)) is not None)


def _concat_all_mongo(*args: Arg) -> Mql:
    return op("$concat", *(_text_or_empty(arg) for arg in args))


def _text_or_empty(arg: Arg) -> Mql:
    return text_mongo(arg) if arg.only(Type.STRING) else op("$ifNull", text_mongo(arg), Const(""))


def _concat_with(separator: Value, *values: Value) -> str | None:
    if type(separator) is not str:
        return None
    return separator.join(text for value in values if (text := text_of(value)) is not None)


def _concat_with_mongo(separator: Arg, *args: Arg) -> Mql:
    each = Var()
    texts = Array(tuple(text_mongo(arg) for arg in args))
    known = Over("$filter", texts, each, "cond", op("$ne", op("$ifNull", each, NULL), NULL))

    def joined(between: Mql) -> Mql:
        so_far, this = Ref("$$value"), Ref("$$this")
        step = cond(op("$eq", so_far, NULL), this, op("$concat", so_far, between, this))
        return op("$ifNull", Over("$reduce", known, Var(), "in", step, NULL), Const(""))

    return bind_args((separator,), lambda s: when_texts((s,), lambda: joined(s.mongo)))


def _length(text: str) -> int:
    return len(text)


def _bytes(text: str) -> int:
    return len(text.encode())


def _substring(text: Value, start: Value, count: Value = LIMIT) -> str | None:
    first, size = whole(start), whole(count)
    if type(text) is not str or first is None or size is None or size < 0:
        return None
    begin = max(first, 1)
    return text[begin - 1 : max(first + size, begin) - 1]


def _substring_mongo(text: Arg, start: Arg, count: Arg | None = None) -> Mql:
    size = count or Arg(Const(LIMIT), Type.NUMBER)

    def cut(text: Mql) -> Mql:
        return with_whole(start, lambda first: with_whole(size, lambda count: _cut(text, first, count)))

    return bind_args((text,), lambda t: when_texts((t,), lambda: cut(t.mongo)))


def _cut(text: Mql, start: Mql, size: Mql) -> Mql:
    if isinstance(size, Const) and size.value < 0:
        return NULL
    if isinstance(start, Const) and start.value >= 1:
        cut = op("$substrCP", text, Const(start.value - 1), size)
    elif isinstance(start, Const) and isinstance(size, Const):
        cut = op("$substrCP", text, Const(0), Const(max(start.value + size.value - 1, 0)))
    else:
        begin = op("$max", Const(1), start)
        rest = op("$max", Const(0), op("$subtract", op("$add", start, size), begin))
        cut = op("$substrCP", text, op("$subtract", begin, Const(1)), rest)
    return cut if isinstance(size, Const) else when(op("$gte", size, Const(0)), cut)


def _left(text: Value, count: Value) -> str | None:
    size = whole(count)
    if type(text) is not str or size is None:
        return None
    return text[:size]


def _left_mongo(text: Arg, count: Arg) -> Mql:
    def cut(t: Mql, n: Mql) -> Mql:
        but_last = op("$max", Const(0), op("$add", length(t), n))
        if isinstance(n, Const):
            return op("$substrCP", t, Const(0), n if n.value >= 0 else but_last)
        return op("$substrCP", t, Const(0), cond(op("$gte", n, Const(0)), n, but_last))

    return bind_args((text,), lambda t: when_texts((t,), lambda: with_whole(count, lambda n: cut(t.mongo, n))))


def _right(text: Value, count: Value) -> str | None:
    size = whole(count)
    if type(text) is not str or size is None:
        return None
    return text[max(len(text) - size, 0) :] if size >= 0 else text[-size:]


def _right_mongo(text: Arg, count: Arg) -> Mql:
    def cut(t: Mql, n: Mql) -> Mql:
        last = op("$max", Const(0), op("$subtract", length(t), n))
        if isinstance(n, Const):
            return op("$substrCP", t, last if n.value >= 0 else Const(-n.value), Const(LIMIT))
        start = cond(op("$gte", n, Const(0)), last, op("$subtract", Const(0), n))
        return op("$substrCP", t, start, Const(LIMIT))

    return bind_args((text,), lambda t: when_texts((t,), lambda: with_whole(count, lambda n: cut(t.mongo, n))))


_BLANK = Const(" ")


def _trim_mongo(name: str) -> Callable[..., Mql]:
    return of_texts_mongo(lambda text, chars=_BLANK: named(name, input=text, chars=chars))


def _trim_spec(name: str, strip: Callable[..., str]) -> FunctionSpec:
    def evaluate(text: str, chars: str = " ") -> str:
        return strip(text, chars)

    operator = {"LTRIM": "$ltrim", "RTRIM": "$rtrim"}.get(name, "$trim")
    return scalar(name, (1, 2), STRING_OR_NULL, of_texts(evaluate), _trim_mongo(operator))


def _replace(text: str, old: str, new: str) -> str:
    return text.replace(old, new) if old else text


def _replace_mongo(text: Mql, old: Mql, new: Mql) -> Mql:
    replaced = named("$replaceAll", input=text, find=old, replacement=new)
    if isinstance(old, Const):
        return replaced if old.value else text
    return cond(op("$eq", old, Const("")), text, replaced)


def _position(needle: str, text: str) -> int:
    return text.find(needle) + 1


def _position_mongo(needle: Mql, text: Mql) -> Mql:
    return op("$add", op("$indexOfCP", text, needle), Const(1))


def _split_part(text: Value, separator: Value, number: Value) -> str | None:
    at = whole(number)
    if type(text) is not str or type(separator) is not str or at is None or at == 0:
        return None
    parts = text.split(separator) if separator else [text]
    at = at - 1 if at > 0 else at
    return parts[at] if -len(parts) <= at < len(parts) else ""


def _split_part_mongo(text: Arg, separator: Arg, number: Arg) -> Mql:
    def part(t: Mql, s: Mql, n: Mql) -> Mql:
        index = Const(n.value - (n.value > 0)) if isinstance(n, Const) else _index(n)
        found = op("$ifNull", op("$arrayElemAt", _split(t, s), index), Const(""))
        return found if isinstance(n, Const) and n.value else when(_is_not_zero(n), found)

    return bind_args(
        (text, separator),
        lambda t, s: when_texts((t, s), lambda: with_whole(number, lambda n: part(t.mongo, s.mongo, n))),
    )


def _is_not_zero(number: Mql) -> Mql:
    return Const(number.value != 0) if isinstance(number, Const) else op("$ne", number, Const(0))


def _index(number: Mql) -> Mql:
    return cond(op("$gt", number, Const(0)), op("$subtract", number, Const(1)), number)


def _split(text: Mql, separator: Mql) -> Mql:
    """``$split`` refuses an empty separator."""
    if isinstance(separator, Const):
        return op("$split", text, separator) if separator.value else Array((text,))
    return cond(op("$eq", separator, Const("")), Array((text,)), op("$split", text, separator))


def starts_with_mongo(text: Mql, prefix: Mql) -> Mql:
    return op("$eq", op("$substrCP", text, Const(0), length(prefix)), prefix)


def ends_with_mongo(text: Mql, suffix: Mql) -> Mql:
    start = op("$max", Const(0), op("$subtract", length(text), length(suffix)))
    return op("$eq", op("$substrCP", text, start, Const(LIMIT)), suffix)


STRINGS = (
    scalar("||", 2, STRING_OR_NULL, _concat, _concat_mongo, check=_texts_only),
    scalar("CONCAT", (1, 1000), Type.STRING, _concat_all, _concat_all_mongo),
    scalar("CONCAT_WS", (2, 1000), STRING_OR_NULL, _concat_with, _concat_with_mongo),
    *(
        scalar(name, 1, NUMBER_OR_NULL, of_texts(_length), of_texts_mongo(length))
        for name in ("LENGTH", "CHAR_LENGTH", "CHARACTER_LENGTH")
    ),
    scalar("OCTET_LENGTH", 1, NUMBER_OR_NULL, of_texts(_bytes), of_texts_mongo(lambda text: op("$strLenBytes", text))),
    *(
        scalar(name, (2, 3), STRING_OR_NULL, _substring, _substring_mongo, check=_positions_only)
        for name in ("SUBSTRING", "SUBSTR")
    ),
    scalar("LEFT", 2, STRING_OR_NULL, _left, _left_mongo),
    scalar("RIGHT", 2, STRING_OR_NULL, _right, _right_mongo),
    _trim_spec("TRIM", str.strip),
    _trim_spec("BTRIM", str.strip),
    _trim_spec("LTRIM", str.lstrip),
    _trim_spec("RTRIM", str.rstrip),
    scalar("REPLACE", 3, STRING_OR_NULL, of_texts(_replace), of_texts_mongo(_replace_mongo)),
    scalar("POSITION", 2, NUMBER_OR_NULL, of_texts(_position), of_texts_mongo(_position_mongo)),
    scalar(
        "STRPOS", 2, NUMBER_OR_NULL,
        of_texts(lambda text, needle: _position(needle, text)),
        of_texts_mongo(lambda text, needle: _position_mongo(needle, text)),
    ),
    scalar("SPLIT_PART", 3, STRING_OR_NULL, _split_part, _split_part_mongo),
    scalar(
        "STARTS_WITH", 2, BOOL_OR_NULL,
        of_texts(lambda text, prefix: text.startswith(prefix)), of_texts_mongo(starts_with_mongo),
    ),
    scalar(
        "ENDS_WITH", 2, BOOL_OR_NULL,
        of_texts(lambda text, suffix: text.endswith(suffix)), of_texts_mongo(ends_with_mongo),
    ),
)  # fmt: skip
