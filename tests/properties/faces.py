"""Random expressions and documents, and what both faces make of them.

Which kinds of arguments a function can do something with is found out by trying: so a new function takes part in the
test as soon as it is in SCALARS."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import bson
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.codec_options import CodecOptions
from bson.datetime_ms import DatetimeConversion, DatetimeMS
from hypothesis import strategies as st
from pymongo.database import Database

from queryleaf_cdc.functions import FUNCTIONS, SCALARS
from queryleaf_cdc.functions.mql import Ref
from queryleaf_cdc.functions.spec import Arg, FunctionSpec, WorkerSide
from queryleaf_cdc.lowering.mongo_json import expression_json
from queryleaf_cdc.lowering.server_face import ServerScope, lower_truth, lower_value
from queryleaf_cdc.lowering.worker_face import evaluator
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Call, Case, Expr, Field, Literal
from queryleaf_cdc.values import Interval, Type

Document = dict[str, Any]
CODEC: CodecOptions[Document] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)
NOWHERE = Span(0, 0)
SCOPE = ServerScope({"NEW": "$d"})

NOT_REPEATABLE = {"UUID", "GEN_RANDOM_UUID", "RANDOM", "CLOCK_TIMESTAMP"}
SPECS = tuple(spec for spec in SCALARS if spec.name not in NOT_REPEATABLE)
SERVER_SPECS = tuple(spec for spec in SPECS if spec.to_mongo is not None)

POOLS: dict[str, list[Any]] = {
    "number": [
        0, 1, 2, 3, -1, -7, 10, 100, 2**31 - 1, -(2**31), Int64(0), Int64(1), Int64(5), Int64(2**31), Int64(2**53 + 1),
        Int64(2**63 - 1), Int64(-(2**63)), 0.0, -0.0, 1.0, 2.0, 0.5, 1.5, 2.5, -2.5, 0.1, 1 / 3, 1e15, 1e16, 1e22,
        1e300, 1e-7, 5e-324, 123456.789, float("nan"), float("inf"), float("-inf"), Decimal128("0"), Decimal128("-0"),
        Decimal128("1"), Decimal128("1.50"), Decimal128("2.5"), Decimal128("0.1"), Decimal128("1E+3"),
        Decimal128("NaN"), Decimal128("Infinity"), Decimal128("-Infinity"), Decimal128("1E+6000"),
        Decimal128("9999999999999999999999999999999999"), Decimal128("1E-6176"),
    ],
    "string": [
        "", "a", "A", "ab", "abc", "abcabc", "a,b,,c", " a ", "é", "É", "😀x", "ß", "\u212a", "a\0b", "x\n", "$x",
        "$$ROOT", "%", "a%", "%b", "%b%", "a_c", "_", "a%b%c", "\\", "\\%", ",", "b",
        "1", "-5", " 12 ", "1.5", "1e3", "NaN", "inf", "1e-400", "true", "off", "yes",
        "2025-09-05", "2025-09-05T10:00:00Z", "2024-02-29 23:59:59.999+02:00", "2025-02-30",
        "day", "month", "year", "hour", "week", "quarter", "EPOCH", "DOW", "SECOND", "UTC", "Europe/Berlin", "nowhere",
        "YYYY-MM-DD", "HH24:MI:SS", "999.99", "[a-c]+", "^a.c$", "64b000000000000000000001",
    ],
    "bool": [True, False],
    "date": [
        datetime(2025, 9, 5), datetime(2024, 2, 29, 23, 59, 59, 999000), datetime(1970, 1, 1),
        datetime(1969, 12, 31, 23), datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999000),
        datetime(2025, 3, 30, 1, 30),
        DatetimeMS(253402300800000), DatetimeMS(-62135596800001), DatetimeMS(2**62), DatetimeMS(-(2**63)),
    ],
    "interval": [
        Interval(0, 0, 0).document(), Interval(1, 0, 0).document(), Interval(0, 30, 0).document(),
        Interval(0, 0, Int64(3600000)).document(), Interval(-13, 5, Int64(-1)).document(),
        {"months": 1, "days": 0, "milliseconds": Int64(0)}, {"months": 0, "days": 1, "milliseconds": Int64(500)},
        {"months": 2**31 - 1, "days": -(2**31), "milliseconds": Int64(2**63 - 1)},
    ],
    "objectid": [ObjectId("64b000000000000000000001"), ObjectId("64b000000000000000000002")],
    "binary": [b"", b"ab", Binary(b"ab", 5), b"abc"],
    "array": [
        [], [1], [1, 2, 3], [1.0, Int64(2)], ["a", "b"], [None], [1, None], [float("nan")], [[1, 2], [3]], [{"a": 1}],
        [datetime(2025, 9, 5)], [Decimal128("1.0"), True],
    ],
    "document": [
        {}, {"a": 1}, {"a": 1.0}, {"b": None, "a": 2}, {"a": {"b": [1, 2]}}, {"": 1, "x.y": 2, "$z": 3},
        {"months": 1, "days": 2}, {"days": 0, "months": 0, "milliseconds": 0},
    ],
    "other": [Regex("a", "i"), Timestamp(1, 1), MinKey(), MaxKey(), Code("a")],
    "null": [None],
}  # fmt: skip

_TYPES = {
    "number": Type.NUMBER, "string": Type.STRING, "bool": Type.BOOL, "date": Type.DATE, "interval": Type.INTERVAL,
    "objectid": Type.OBJECTID, "binary": Type.BINARY, "array": Type.ARRAY, "document": Type.DOCUMENT, "null": Type.NULL,
}  # fmt: skip
_LITERAL_KINDS = ("number", "string", "bool", "date", "interval", "null")
_KINDS = tuple(POOLS)
_FIELDS = {kind: kind[:3] for kind in _KINDS}
"""Each kind has a field that mostly holds it: ``num``, ``str``, ``dat``, ..."""


@dataclass(frozen=True)
class Mismatch:
    expression: Expr
    document: Document
    face: str
    server: Any
    worker: Any


@cache
def fruitful(name: str) -> tuple[tuple[str, ...], ...]:
    """Kinds of arguments for which the function gave something other than NULL, or any where it never did."""
    spec = FUNCTIONS[name]
    rng = random.Random(name)
    most = spec.min_args + 3 if spec.max_args is None else min(spec.max_args, spec.min_args + 3)
    found: set[tuple[str, ...]] = set()
    for _ in range(400):
        kinds = tuple(rng.choice(_KINDS) for _ in range(rng.randint(spec.min_args, most)))
        if kinds not in found and _does_something(spec, [rng.choice(POOLS[kind]) for kind in kinds]):
            found.add(kinds)
    if not found:
        found.add(tuple("string" for _ in range(spec.min_args)))
    return tuple(sorted(found))


def _does_something(spec: FunctionSpec, args: list[Any]) -> bool:
    try:
        return spec.evaluate(*args) is not None
    except Exception:
        return True  # the test itself will meet this again, and fail


@cache
def _yielding(kind: str) -> tuple[str, ...]:
    """The functions that may yield this kind."""
    wanted, names = _TYPES.get(kind, Type.OTHER), []
    for spec in SERVER_SPECS:
        args = tuple(Arg(Ref("$x"), Type.ANY) for _ in range(max(spec.min_args, 1)))
        if spec.result_type(args[: spec.min_args]) & wanted:
            names.append(spec.name)
    return tuple(names)


def _literal(value: Any) -> Literal:
    if isinstance(value, dict):
        value = Interval(value["months"], value["days"], value["milliseconds"])
    return Literal(value, NOWHERE)


def _field(*path: str | int) -> Field:
    return Field("NEW", path, NOWHERE)


_NESTED = (
    _field("doc", "a"), _field("doc", "a", "b"), _field("arr", 0), _field("arr", 0, "a"), _field("arr", "a"),
    _field("doc", ""), _field("doc", "x.y"), _field("none"), _field("any"), _field("doc", "a", "b", 1),
)  # fmt: skip

_scalars = st.one_of(
    st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1).map(Int64), st.floats(),
    st.text(max_size=5), st.integers(-(10**15), 10**15).map(lambda n: Decimal128(f"{n}E-6")),
)  # fmt: skip
_anything = st.sampled_from([value for pool in POOLS.values() for value in pool])


@st.composite
def expressions(draw: st.DrawFn, kind: str | None = None, depth: int = 3) -> Expr:
    """An expression that plausibly yields the kind."""
    kind = kind or draw(st.sampled_from(_KINDS))
    choice = draw(st.integers(0, 9))
    if depth > 0 and choice >= 4:
        return draw(_composed(kind, depth))
    if choice in (0, 1) and kind in _LITERAL_KINDS:
        return _literal(draw(st.sampled_from(POOLS[kind])))
    if choice == 2:
        return draw(st.sampled_from(_NESTED))
    return _field(_FIELDS[kind])


@st.composite
def _composed(draw: st.DrawFn, kind: str, depth: int) -> Expr:
    if kind == "bool" and draw(st.integers(0, 9)) == 0:
        return Call("FIELD_EXISTS", (draw(st.sampled_from(_NESTED)),), NOWHERE)
    if draw(st.integers(0, 11)) == 0:
        tests = draw(st.lists(expressions("bool", depth - 1), min_size=1, max_size=2))
        whens = tuple((test, draw(expressions(kind, depth - 1))) for test in tests)
        return Case(whens, draw(st.none() | expressions(kind, depth - 1)), NOWHERE)
    return draw(calls(draw(st.sampled_from(_yielding(kind) or _yielding("bool"))), depth))


@st.composite
def calls(draw: st.DrawFn, name: str, depth: int = 2) -> Expr:
    kinds: Sequence[str] = draw(st.sampled_from(fruitful(name)))
    args = []
    for kind in kinds:
        wanted = kind if draw(st.integers(0, 7)) else None
        args.append(draw(expressions(wanted, depth - 1)))
    return Call(name, tuple(args), NOWHERE)


_atoms = st.sampled_from(
    [
        "a",
        "b",
        "A",
        "1",
        "é",
        ".",
        "\\d",
        "\\w",
        "\\S",
        "[a-c]",
        "[^b]",
        "[[:alpha:]_]",
        "\\.",
        "-",
        "^",
        "$",
        "\\b",
        "x",
    ]
)
_quantifiers = st.sampled_from(["", "", "", "*", "+", "?", "*?", "+?", "{2}", "{1,2}", "{0,}", "{,2}"])


def regexes(depth: int = 2) -> st.SearchStrategy[str]:
    """Patterns, some of them wrong."""
    atom = _atoms
    if depth:
        inner = regexes(depth - 1)
        atom = st.one_of(_atoms, _atoms, inner.map(lambda p: f"({p})"), inner.map(lambda p: f"(?:{p})"))
    pieces = st.lists(st.tuples(atom, _quantifiers).map("".join), max_size=4).map("".join)
    return st.lists(pieces, min_size=1, max_size=2).map("|".join)


@st.composite
def matches(draw: st.DrawFn) -> Expr:
    """A call of something with a pattern."""
    name = draw(st.sampled_from(["~", "~*", "REGEXP_LIKE", "REGEXP_SUBSTR", "REGEXP_MATCH", "LIKE", "ILIKE"]))
    like = st.text("%%%_abA\\", max_size=7)
    pattern = draw(like if name in ("LIKE", "ILIKE") else regexes())
    return Call(name, (_field("str"), _literal(pattern)), NOWHERE)


texts = st.text("aabbA1é-. \n_", max_size=12)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    document: Document = {}
    for kind in _KINDS:
        how = draw(st.integers(0, 9))
        if how == 0:
            continue
        strange = _anything if how == 1 else _scalars if how == 2 and kind in ("number", "string") else None
        document[_FIELDS[kind]] = draw(strange if strange is not None else st.sampled_from(POOLS[kind]))
    document["any"] = draw(_anything)
    return bson.decode(bson.encode(document), CODEC)


def lowered(expr: Expr) -> tuple[Any, Any] | None:
    """Both server forms: the value, and the truth as true or false. None if the worker must do it."""
    try:
        value, truth = lower_value(expr, SCOPE).mongo, lower_truth(expr, SCOPE)
    except WorkerSide:
        return None
    return expression_json(value), {"$cond": [expression_json(truth), True, False]}


def mismatches(db: Database[Document], exprs: Sequence[Expr], docs: Sequence[Document]) -> list[Mismatch]:
    """Where the faces differ. All expressions are evaluated over all documents in one command."""
    able = [(expr, forms) for expr in exprs if (forms := lowered(expr)) is not None]
    if not able:
        return []
    rows = _run(db, [form for _, forms in able for form in forms], docs)
    found = []
    for at, (expr, _) in enumerate(able):
        worker = evaluator(expr)
        for document, row in zip(docs, rows, strict=True):
            value = worker({"NEW": document})
            for face, expected, server in (("value", value, row[2 * at]), ("truth", value is True, row[2 * at + 1])):
                if not same(expected, server):
                    found.append(Mismatch(expr, document, face, server, expected))
    return found


def same(a: Any, b: Any) -> bool:
    """Equal BSON. A NaN is a NaN: its sign, which the processor leaves to chance, does not count."""
    return bson.encode({"": a}) == bson.encode({"": b}) or bson.encode({"": _plain(a)}) == bson.encode({"": _plain(b)})


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value != value:
        return float("nan")
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _run(db: Database[Document], forms: list[Any], docs: Sequence[Document]) -> list[list[Any]]:
    inputs = [{"d": {"$literal": document}} for document in docs]
    # In an array, a missing value is null.
    rows = db.with_options(codec_options=CODEC).aggregate(
        [{"$documents": inputs}, {"$project": {"_id": 0, "r": forms}}]
    )
    return [row["r"] for row in rows]
