"""Every function over a grid of nasty values: the server and Python must give the same BSON, and never fail."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from pymongo import MongoClient

from queryleaf_cdc.functions import FUNCTIONS, SCALARS
from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.functions.mql import Const, Param, Ref
from queryleaf_cdc.functions.spec import Arg, FunctionSpec, WorkerSide
from queryleaf_cdc.lowering.mongo_json import expression_json
from queryleaf_cdc.plans.actions import Hole
from queryleaf_cdc.values import Interval, Type

MISSING = object()

NASTY: tuple[Any, ...] = (
    MISSING,
    None,
    True,
    0,
    -7,
    2**31 - 1,
    Int64(-(2**63)),
    -0.0,
    2.675,
    math.nan,
    math.inf,
    Decimal128("-2.50"),
    Decimal128("NaN"),
    Decimal128("9.99E+6144"),
    "",
    "$x",
    "aé𝄞",
    "2024-02-29",
    datetime(2024, 2, 29, 23, 59, 59, 999000),
    datetime(1, 1, 1),
    DatetimeMS(2**60),
    Interval(1, -2, 3_600_500).document(),
    {"months": 1, "days": 2},
    [1, "a", None],
    ObjectId("0123456789abcdef01234567"),
    Binary(b"\x00\xff"),
    Regex("a"),
    MinKey(),
)

RARE: tuple[Any, ...] = (
    1,
    -(2**31),
    Int64(5),
    Int64(2**63 - 1),
    -math.inf,
    0.5,
    -2.5,
    1e300,
    5e-324,
    0.49999999999999994,
    1e15 + 0.5,
    Decimal128("0"),
    Decimal128("-0"),
    Decimal128("2.675"),
    Decimal128("1E-6176"),
    Decimal128("-Infinity"),
    "true",
    "12",
    "0123456789abcdef01234567",
    "a_%\n",
    datetime(9999, 12, 31, 23, 59, 59, 999000),
    datetime(1969, 12, 31, 12),
    DatetimeMS(-(2**60)),
    Interval(-14, 40, -90_061_001).document(),
    Interval(2**31 - 1, -(2**31), 2**63 - 1).document(),
    {},
    [],
    ["a", "b"],
    [[1], {"a": 1}],
    MaxKey(),
    Timestamp(1, 2),
    Code("x"),
    False,
)

WORDS: dict[str, tuple[Any, ...]] = {
    "ROUND": (1, 2, 3, 10, -1, -3, -19, -20, 100, 2.0, Decimal128("2"), 101, 0.5),
    "TRUNC": (1, 2, 3, 10, -1, -3, -19, -20, 100, 2.0, Decimal128("2"), 101, 0.5),
}
"""More constants to try, for functions that look at them."""

_UNITS = ("microseconds", "millisecond", "second", "MINUTE", "hour", "day", "week", "month", "quarter", "year")
_SPANS = ("decade", "century", "millennium", "fortnight")
_ZONES = (
    "UTC",
    "+05:30",
    "-03",
    "america/new_york",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Nowhere",
    "Africa/Cairo",
)
_FIELDS = (*_UNITS, *_SPANS, "epoch", "isoyear", "doy", "dow", "isodow", "julian", "timezone")
_PATTERNS = (
    "YYYY-MM-DD HH24:MI:SS.MS",
    'FMMonth DD, YYYY "at" HH12:MI am %L',
    "Day Dy D DDD WW W IW IYYY ID IDDD Q YY Y",
    "FMHH24:FMMI:FMSS FMDDD FMMS US SSSS TZ OF MON A.M.",
    "",
    "no keywor_s",
    "999.99",
)
TEMPLATES: dict[str, list[tuple[Any, ...]]] = {
    "DATE_TRUNC": [(unit, MISSING) for unit in (*_UNITS, *_SPANS)]
    + [(unit, MISSING, zone) for unit in (*_UNITS, *_SPANS) for zone in _ZONES],
    "EXTRACT": [(field, MISSING) for field in _FIELDS],
    "DATE_PART": [("second", MISSING)],
    "AT TIME ZONE": [(MISSING, zone) for zone in _ZONES],
    "TO_CHAR": [(MISSING, pattern) for pattern in _PATTERNS],
}
"""Constant arguments; MISSING stands for a field with every nasty value and with a range of dates."""

DATES = tuple(
    datetime(year, month, day, hour, minute, second, milliseconds * 1000)
    for chance in (random.Random(7),)
    for year, month, day, hour, minute, second, milliseconds in (
        (
            chance.choice((1, 2, 9, 10, 11, 99, 1899, 1969, 1999, 2000, 2024, 9998, 9999))
            if index % 2
            else chance.randint(1, 9999),
            chance.randint(1, 12),
            chance.choice((1, 28, chance.randint(1, 28))),
            chance.choice((0, 12, 23, chance.randint(0, 23))),
            chance.choice((0, 59, chance.randint(0, 59))),
            chance.choice((0, 59)),
            chance.choice((0, 1, 999)),
        )
        for index in range(150)
    )
) + tuple(datetime(2023, 11, 5, 4) + timedelta(minutes=25 * step) for step in range(20))


def specs() -> Iterator[FunctionSpec]:
    for spec in SCALARS:
        yield spec
        if spec.for_intervals is not None:
            yield spec.for_intervals


def calls(spec: FunctionSpec) -> Iterator[list[tuple[Any, ...]]]:
    """Argument tuples for each arity; small arities exhaustively, larger ones by a fixed sample."""
    chance = random.Random(spec.name)
    everything = NASTY + RARE
    for arity in range(spec.min_args, min(spec.max_args if spec.max_args is not None else 3, 8) + 1):
        if arity == 0:
            continue
        if arity == 1:
            yield [(each,) for each in everything]
        elif arity == 2:
            yield list(itertools.product(NASTY, NASTY)) + [
                (chance.choice(everything), chance.choice(everything)) for _ in range(300)
            ]
        else:
            yield [tuple(chance.choice(everything) for _ in range(arity)) for _ in range(400)]


def as_bson(value: Any) -> Any:
    """A key in which equal means the same BSON; all NaNs are one, and missing is null."""
    if isinstance(value, float) and value != value:
        return ("float", "nan")
    if isinstance(value, float):
        return ("float", value.hex())
    if isinstance(value, Decimal128):
        decimal = value.to_decimal()
        return ("decimal", "NaN" if decimal.is_nan() else value.bid)
    if isinstance(value, dict):
        return ("document", tuple((key, as_bson(each)) for key, each in value.items()))
    if isinstance(value, list):
        return ("array", tuple(as_bson(each) for each in value))
    if type(value) is int:
        return ("int" if -(2**31) <= value < 2**31 else "Int64", value)
    if isinstance(value, DatetimeMS):
        return ("DatetimeMS", int(value))
    if isinstance(value, bytes):
        return ("binary", bytes(value), getattr(value, "subtype", 0))
    return (type(value).__name__, repr(value))


def given(value: Any) -> Any:
    return None if value is MISSING else value


OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)


def filled(expression: Any, value: Any) -> Any:
    """The template with its hole filled, as a firing does it."""
    if isinstance(expression, Hole):
        return value
    if isinstance(expression, list):
        return [filled(each, value) for each in expression]
    if isinstance(expression, dict):
        return {key: filled(each, value) for key, each in expression.items()}
    return expression


def on_server(
    client: MongoClient[Any], spec: FunctionSpec, rows: list[tuple[Any, ...]], template: list[Arg]
) -> list[Any]:
    """The results of one expression over all rows; field names are ``a0``, ``a1``, ... ."""
    expression = expression_json(spec.to_mongo(*template))  # type: ignore[misc]
    params = [row for row, arg in zip(rows[0], template, strict=True) if isinstance(arg.mongo, Param)]
    if params:
        expression = filled(expression, params[0])
    documents = [{f"a{i}": each for i, each in enumerate(row) if each is not MISSING} for row in rows]
    database = client.get_database("faces", codec_options=OPTIONS)
    pipeline = [
        {"$documents": {"$literal": documents}},
        {"$addFields": {"r": expression}},
        {"$project": {"_id": 0, "r": 1}},
    ]
    return [found.get("r") for found in database.aggregate(pipeline)]


def compare(
    client: MongoClient[Any], spec: FunctionSpec, rows: list[tuple[Any, ...]], template: list[Arg]
) -> list[str]:
    try:
        found = on_server(client, spec, rows, template)
    except WorkerSide:
        return []
    may = spec.result_type(tuple(template))
    faults = []
    for row, server in zip(rows, found, strict=True):
        python = spec.evaluate(*(given(each) for each in row))
        if python is None and server is None and may & Type.NULL:
            continue
        if as_bson(python) != as_bson(server):
            faults.append(f"{spec.name}{row}: Python {python!r}, server {server!r}")
        if not may & _kinds(python):
            faults.append(f"{spec.name}{row}: {python!r} is not of {may}")
    return faults


def _kinds(value: Any) -> Type:
    found = type_of_value(value)
    return found | Type.INTERVAL if found is Type.DOCUMENT else found


@pytest.mark.parametrize("spec", list(specs()), ids=lambda spec: spec.name)
def test_both_faces_agree_on_fields(spec: FunctionSpec, client: MongoClient[Any]) -> None:
    faults: list[str] = []
    for rows in calls(spec):
        template = [Arg(Ref(f"$a{i}"), Type.ANY) for i in range(len(rows[0]))]
        if spec.to_mongo is None:
            for row in rows:
                spec.evaluate(*(given(each) for each in row))
            continue
        faults += compare(client, spec, rows, template)
    assert not faults, "\n".join(faults[:20])


@pytest.mark.parametrize("spec", list(specs()), ids=lambda spec: spec.name)
def test_both_faces_agree_on_constants(spec: FunctionSpec, client: MongoClient[Any]) -> None:
    """One argument constant and the other a field, and the field's type known."""
    if spec.to_mongo is None or spec.max_args == 0:
        return
    faults: list[str] = []
    arity = max(spec.min_args, min(2, spec.max_args or 2))
    constants = [given(each) for each in NASTY] + list(WORDS.get(spec.name, ()))
    values = NASTY + RARE
    chance = random.Random(spec.name)
    for place, constant in itertools.product(range(arity), constants):
        others = _columns(arity, place, constant, chance.sample(values, 24))
        template = [Arg(Ref(f"$a{i}"), Type.ANY) for i in range(arity)]
        template[place] = Arg(Const(constant), _exact(constant))
        faults += compare(client, spec, others, template)
        template[place] = Arg(Param(0), Type.ANY)
        faults += compare(client, spec, others, template)
    assert not faults, "\n".join(faults[:20])


def _exact(value: Any) -> Type:
    return type_of_value(value)


def _columns(arity: int, place: int, constant: Any, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    chance = random.Random(repr(constant))
    rows = []
    for value in values:
        row = [value, *(chance.choice(values) for _ in range(arity - 2))] if arity > 1 else []
        row.insert(place, constant)
        rows.append(tuple(row))
    return rows


@pytest.mark.parametrize("spec", list(specs()), ids=lambda spec: spec.name)
def test_both_faces_agree_on_known_types(spec: FunctionSpec, client: MongoClient[Any]) -> None:
    """With types declared (each with NULL), guards fall away: the rest must still be exact."""
    if spec.to_mongo is None or not spec.max_args:
        return
    faults: list[str] = []
    arity = max(spec.min_args, min(2, spec.max_args))
    groups: dict[Type, list[Any]] = {}
    for value in NASTY + RARE:
        type_ = Type.NULL if value is MISSING else type_of_value(value)
        if type_ is Type.DOCUMENT and list(value) == ["months", "days", "milliseconds"]:
            type_ = Type.INTERVAL
        groups.setdefault(type_, []).append(value)
    useful = (Type.NUMBER, Type.DATE, Type.INTERVAL, Type.STRING, Type.BOOL, Type.ARRAY)
    chance = random.Random(spec.name)
    combinations = list(itertools.product(useful, repeat=arity))
    for types in combinations if arity <= 2 else chance.sample(combinations, 30):
        columns = [groups[type_] + [None, MISSING] for type_ in types]
        rows = list(itertools.product(*columns)) if arity <= 2 else []
        rows = chance.sample(rows, 60) if len(rows) > 60 else rows
        rows = rows or [tuple(chance.choice(column) for column in columns) for _ in range(30)]
        template = [Arg(Ref(f"$a{i}"), type_ | Type.NULL) for i, type_ in enumerate(types)]
        faults += compare(client, spec, rows, template)
    assert not faults, "\n".join(faults[:20])


@pytest.mark.parametrize("name", list(TEMPLATES))
def test_both_faces_agree_on_words(name: str, client: MongoClient[Any]) -> None:
    """Functions of a constant unit, zone or pattern."""
    spec = FUNCTIONS[name]
    faults: list[str] = []
    for words in TEMPLATES[name]:
        place = words.index(MISSING)
        rows = [(*words[:place], value, *words[place + 1 :]) for value in (*NASTY, *RARE, *DATES)]
        template = [
            Arg(Ref(f"$a{i}"), Type.ANY) if word is MISSING else Arg(Const(word), Type.STRING)
            for i, word in enumerate(words)
        ]
        faults += compare(client, spec, rows, template)
    assert not faults, "\n".join(faults[:20])


def test_names_are_unique() -> None:
    assert len(FUNCTIONS) == len(SCALARS)
