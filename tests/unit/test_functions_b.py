"""Hand-worked results, by PostgreSQL's semantics, of arithmetic, numeric, date, interval and format functions."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import pytest
from bson import Decimal128, Int64
from bson.datetime_ms import DatetimeMS

from queryleaf_cdc.functions import FUNCTIONS
from queryleaf_cdc.functions.mql import NULL, Const, Ref
from queryleaf_cdc.functions.spec import Arg, WorkerSide
from queryleaf_cdc.lowering.mongo_json import expression_json
from queryleaf_cdc.lowering.worker_face import evaluate
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Call, Literal
from queryleaf_cdc.values import Interval, Type

NOON = datetime(2024, 2, 29, 12, 34, 56, 789000)


def dec(text: str) -> Decimal128:
    return Decimal128(text)


def iv(months: int = 0, days: int = 0, milliseconds: int = 0) -> dict[str, Any]:
    return Interval(months, days, milliseconds).document()


CASES: list[tuple[str, tuple[Any, ...], Any]] = [
    ("+", (1, 2), 3),
    ("+", (2**31 - 1, 1), Int64(2**31)),
    ("+", (Int64(2**63 - 1), Int64(1)), float(2**63)),
    ("+", (Int64(1), 1), Int64(2)),
    ("+", (1, 2.5), 3.5),
    ("+", (dec("1.10"), 1), dec("2.10")),
    ("+", ("1", 1), None),
    ("+", (True, 1), None),
    ("+", (None, 1), None),
    ("+", (datetime(2024, 1, 31), iv(1)), datetime(2024, 2, 29)),
    ("+", (datetime(2023, 1, 31), iv(1)), datetime(2023, 2, 28)),
    ("+", (iv(0, 1), datetime(2024, 2, 28)), datetime(2024, 2, 29)),
    ("+", (datetime(9999, 12, 31), iv(0, 1)), None),
    ("+", (datetime(9999, 12, 31), iv(1, -40)), datetime(9999, 12, 22)),
    ("+", (DatetimeMS(2**50), iv(0, 1)), None),
    ("+", (iv(1, 2, 3), iv(10, 20, 30)), iv(11, 22, 33)),
    ("+", (iv(2**31 - 1), iv(1)), None),
    ("-", (datetime(2024, 3, 31), iv(1)), datetime(2024, 2, 29)),
    ("-", (datetime(2024, 3, 1), datetime(2024, 2, 28, 6)), iv(0, 1, 64_800_000)),
    ("-", (datetime(2024, 2, 28, 6), datetime(2024, 3, 1)), iv(0, -1, -64_800_000)),
    ("-", (iv(1, 2, 3), iv(1, 1, 1)), iv(0, 1, 2)),
    ("-", (5, 7), -2),
    ("-", (iv(1), datetime(2024, 1, 1)), None),
    ("*", (3, 4), 12),
    ("*", (2**31 - 1, 2), Int64(2**32 - 2)),
    ("*", (dec("1.5"), 2), dec("3.0")),
    ("/", (5, 2), 2.5),
    ("/", (5, 0), None),
    ("/", (5, dec("0.00")), None),
    ("/", (dec("1"), 4), dec("0.25")),
    ("%", (-7, 3), -1),
    ("MOD", (7, 0), None),
    ("MOD", (7.5, 2), 1.5),
    ("DIV", (7, 2), 3),
    ("DIV", (-7, 2), -3),
    ("DIV", (7, 0), None),
    ("DIV", (7.5, 2), 3.0),
    ("DIV", (Int64(2**62 + 1), 1), Int64(2**62 + 1)),
    ("NEG", (5,), -5),
    ("NEG", (-(2**31),), Int64(2**31)),
    ("^", (2, 10), 1024),
    ("^", (2, -1), 0.5),
    ("^", (0, -1), None),
    ("^", (-8, 0.5), None),
    ("POWER", (dec("1.1"), 2), dec("1.21")),
    ("ABS", (-5,), 5),
    ("ABS", (Int64(-(2**63)),), float(2**63)),
    ("SIGN", (-2.5,), -1),
    ("SIGN", (dec("0.0"),), 0),
    ("ROUND", (2.5,), 3.0),
    ("ROUND", (-2.5,), -3.0),
    ("ROUND", (0.49999999999999994,), 0.0),
    ("ROUND", (2.675, 2), 2.68),
    ("ROUND", (1.005, 2), 1.01),
    ("ROUND", (dec("2.675"), 2), dec("2.68")),
    ("ROUND", (dec("-2.5"),), dec("-3")),
    ("ROUND", (25, -1), 30),
    ("ROUND", (-25, -1), -30),
    ("ROUND", (1250.0, -2), 1300.0),
    ("ROUND", (7, 2), 7),
    ("ROUND", (math.inf, 2), math.inf),
    ("ROUND", ("2.5",), None),
    ("ROUND", (2.5, None), None),
    ("ROUND", (2.5, 0.5), None),
    ("TRUNC", (-2.7,), -2.0),
    ("TRUNC", (0.29, 2), 0.29),
    ("TRUNC", (1299, -2), 1200),
    ("CEIL", (1.2,), 2.0),
    ("CEILING", (dec("-1.2"),), dec("-1")),
    ("FLOOR", (-1.2,), -2.0),
    ("SQRT", (9,), 3.0),
    ("SQRT", (-1,), None),
    ("EXP", (0,), 1.0),
    ("LN", (0,), None),
    ("LOG", (1000,), 3.0),
    ("LOG", (2, 8), 3.0),
    ("LOG", (1, 8), None),
    ("LOG10", (dec("100"),), dec("2")),
    ("PI", (), math.pi),
    ("DATE_TRUNC", ("hour", NOON), datetime(2024, 2, 29, 12)),
    ("DATE_TRUNC", ("week", NOON), datetime(2024, 2, 26)),
    ("DATE_TRUNC", ("quarter", NOON), datetime(2024, 1, 1)),
    ("DATE_TRUNC", ("decade", NOON), datetime(2020, 1, 1)),
    ("DATE_TRUNC", ("century", NOON), datetime(2001, 1, 1)),
    ("DATE_TRUNC", ("century", datetime(2000, 6, 1)), datetime(1901, 1, 1)),
    ("DATE_TRUNC", ("millennium", NOON), datetime(2001, 1, 1)),
    ("DATE_TRUNC", ("microseconds", NOON), NOON),
    ("DATE_TRUNC", ("fortnight", NOON), None),
    ("DATE_TRUNC", ("day", datetime(2024, 7, 1, 3), "America/New_York"), datetime(2024, 6, 30, 4)),
    ("DATE_TRUNC", ("hour", datetime(2024, 7, 1, 3, 50), "Asia/Kathmandu"), datetime(2024, 7, 1, 3, 15)),
    ("DATE_TRUNC", ("day", NOON, "Nowhere"), None),
    ("DATE_TRUNC", ("day", "2024-02-29"), None),
    ("EXTRACT", ("epoch", NOON), 1709210096.789),
    ("EXTRACT", ("year", NOON), 2024),
    ("EXTRACT", ("isoyear", datetime(2021, 1, 3)), 2020),
    ("EXTRACT", ("week", datetime(2021, 1, 3)), 53),
    ("EXTRACT", ("quarter", NOON), 1),
    ("EXTRACT", ("doy", NOON), 60),
    ("EXTRACT", ("dow", datetime(2024, 3, 3)), 0),
    ("EXTRACT", ("isodow", datetime(2024, 3, 3)), 7),
    ("EXTRACT", ("second", NOON), 56.789),
    ("EXTRACT", ("milliseconds", NOON), 56789),
    ("EXTRACT", ("microseconds", NOON), 56789000),
    ("EXTRACT", ("century", datetime(2000, 12, 31)), 20),
    ("EXTRACT", ("century", datetime(2001, 1, 1)), 21),
    ("EXTRACT", ("millennium", datetime(2001, 1, 1)), 3),
    ("EXTRACT", ("decade", NOON), 202),
    ("EXTRACT", ("julian", datetime(2006, 1, 1, 12)), 2453737.5),
    ("EXTRACT", ("timezone", NOON), 0),
    ("EXTRACT", ("epoch", iv(0, 5, 10_800_000)), 442800.0),
    ("EXTRACT", ("epoch", iv(14, 0, 0)), 31557600.0 + 2 * 2592000),
    ("EXTRACT", ("year", iv(-14)), -1),
    ("EXTRACT", ("month", iv(-14)), -2),
    ("EXTRACT", ("hour", iv(0, 0, 90_061_001)), Int64(25)),
    ("EXTRACT", ("minute", iv(0, 0, 90_061_001)), 1),
    ("EXTRACT", ("second", iv(0, 0, 90_061_001)), 1.001),
    ("EXTRACT", ("dow", iv(1)), None),
    ("DATE_PART", ("day", NOON), 29),
    ("AGE", (datetime(2001, 4, 10), datetime(1957, 6, 13)), iv(43 * 12 + 9, 27)),
    ("AGE", (datetime(1957, 6, 13), datetime(2001, 4, 10)), iv(-(43 * 12 + 9), -27)),
    ("AGE", (datetime(2024, 3, 1), datetime(2024, 1, 31)), iv(1, 1)),
    ("AT TIME ZONE", (NOON, "America/New_York"), datetime(2024, 2, 29, 7, 34, 56, 789000)),
    ("AT TIME ZONE", (NOON, "+05:30"), datetime(2024, 2, 29, 18, 4, 56, 789000)),
    ("AT TIME ZONE", (NOON, "utc"), NOON),
    ("AT TIME ZONE", (NOON, "Nowhere"), None),
    ("MAKE_DATE", (2024, 2, 29), datetime(2024, 2, 29)),
    ("MAKE_DATE", (2023, 2, 29), None),
    ("MAKE_DATE", (2023.5, 2, 28), None),
    ("MAKE_TIMESTAMP", (2013, 7, 15, 8, 15, 23.5), datetime(2013, 7, 15, 8, 15, 23, 500000)),
    ("MAKE_TIMESTAMP", (2013, 7, 15, 24, 15, 23.5), None),
    ("MAKE_INTERVAL", (1, 2, 1, 3, 4, 5, 6.5), iv(14, 10, (4 * 60 + 5) * 60_000 + 6500)),
    ("JUSTIFY_HOURS", (iv(0, 1, 27 * 3_600_000),), iv(0, 2, 3 * 3_600_000)),
    ("JUSTIFY_DAYS", (iv(0, 35),), iv(1, 5)),
    ("JUSTIFY_INTERVAL", (iv(1, 0, -3_600_000),), iv(0, 29, 23 * 3_600_000)),
    ("TO_TIMESTAMP", (1284352323.5,), datetime(2010, 9, 13, 4, 32, 3, 500000)),
    ("TO_TIMESTAMP", (1e18,), None),
    ("TO_TIMESTAMP", ("05 Dec 2000", "DD Mon YYYY"), datetime(2000, 12, 5)),
    (
        "TO_TIMESTAMP",
        ("2024-02-29 01:02:03.5 PM", "YYYY-MM-DD HH12:MI:SS.MS PM"),
        datetime(2024, 2, 29, 13, 2, 3, 500000),
    ),
    ("TO_TIMESTAMP", ("20240229T010203+02", "YYYYMMDDTHH24MISSTZH"), datetime(2024, 2, 28, 23, 2, 3)),
    ("TO_TIMESTAMP", ("20240229 010203+02", "YYYYMMDD HH24MISSTZH"), datetime(2024, 2, 28, 23, 2, 3)),
    ("TO_DATE", ("2024-02-30", "YYYY-MM-DD"), None),
    ("TO_DATE", ("05/12/1999", "DD/MM/YYYY"), datetime(1999, 12, 5)),
    ("TO_CHAR", (NOON, "YYYY-MM-DD HH24:MI:SS.MS"), "2024-02-29 12:34:56.789"),
    ("TO_CHAR", (NOON, "HH12:MI AM"), "12:34 PM"),
    ("TO_CHAR", (NOON, "FMMonth FMDD, YYYY"), "February 29, 2024"),
    ("TO_CHAR", (NOON, "Month|Dy|DY"), "February |Thu|THU"),
    ("TO_CHAR", (NOON, '"Day "DDD Q IYYY-IW'), "Day 060 1 2024-09"),
    ("TO_CHAR", (485, "999"), " 485"),
    ("TO_CHAR", (-485, "999"), "-485"),
    ("TO_CHAR", (1485, "9,999"), " 1,485"),
    ("TO_CHAR", (148.5, "999.999"), " 148.500"),
    ("TO_CHAR", (148.5, "FM999.999"), "148.5"),
    ("TO_CHAR", (148.5, "FM999.990"), "148.500"),
    ("TO_CHAR", (-0.1, "99.99"), "  -.10"),
    ("TO_CHAR", (-0.1, "FM9.99"), "-.1"),
    ("TO_CHAR", (0.1, "0.9"), " 0.1"),
    ("TO_CHAR", (12, "9990999.9"), "    0012.0"),
    ("TO_CHAR", (12, "FM9990999.9"), "0012."),
    ("TO_CHAR", (-485, "999S"), "485-"),
    ("TO_CHAR", (-485, "999MI"), "485-"),
    ("TO_CHAR", (485, "999MI"), "485 "),
    ("TO_CHAR", (485, "FM999MI"), "485"),
    ("TO_CHAR", (485, "PL999"), "+485"),
    ("TO_CHAR", (-485, "SG999"), "-485"),
    ("TO_CHAR", (-485, "999PR"), "<485>"),
    ("TO_CHAR", (485, '"Good number:"999'), "Good number: 485"),
    ("TO_CHAR", (1234.5, "FM$999,999.00"), "$1,234.50"),
    ("TO_CHAR", (12345, "999"), " ###"),
    ("TO_CHAR", ("x", "999"), None),
    ("TO_CHAR", (NOON, None), None),
]


@pytest.mark.parametrize(("name", "args", "expected"), CASES, ids=lambda value: str(value)[:40])
def test_result(name: str, args: tuple[Any, ...], expected: Any) -> None:
    found = FUNCTIONS[name].evaluate(*args)
    assert (type(found), found) == (type(expected), expected)


SPAN = Span(0, 0)


def call(name: str, *args: Any) -> Call:
    return Call(name, tuple(arg if isinstance(arg, Call) else Literal(arg, SPAN) for arg in args), SPAN)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (call("*", Interval(1, 1), 1.5), iv(1, 16, 43_200_000)),
        (call("*", 2, Interval(0, 0, 500)), iv(0, 0, 1000)),
        (call("/", Interval(1), 2), iv(0, 15)),
        (call("/", Interval(1), 0), None),
        (call("NEG", Interval(1, -2, 3)), iv(-1, 2, -3)),
        (call("*", call("-", datetime(2024, 1, 3), datetime(2024, 1, 1)), 2), iv(0, 4)),
    ],
)
def test_an_interval_by_its_static_type_is_scaled(expr: Call, expected: Any) -> None:
    assert evaluate(expr, {}) == expected


X = Arg(Ref("$x"), Type.ANY)


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("*", (X, Arg(Const(2), Type.NUMBER)), {"$cond": [{"$isNumber": "$x"}, {"$multiply": ["$x", 2]}, None]}),
        ("*", (Arg(Ref("$x"), Type.NUMBER | Type.NULL), Arg(Const(2), Type.NUMBER)), {"$multiply": ["$x", 2]}),
        ("/", (X, Arg(Const(2), Type.NUMBER)), {"$cond": [{"$isNumber": "$x"}, {"$divide": ["$x", 2]}, None]}),
        ("+", (Arg(Const(1), Type.NUMBER), Arg(Const(2), Type.NUMBER)), 3),
        ("%", (X, Arg(Const(0), Type.NUMBER)), None),
        ("FLOOR", (Arg(Ref("$x"), Type.NUMBER),), {"$floor": "$x"}),
        (
            "-",
            (Arg(Ref("$t"), Type.DATE), Arg(Const(iv(0, 7)), Type.INTERVAL)),
            {
                "$cond": [
                    {
                        "$and": [
                            {"$gte": ["$t", datetime(1, 1, 8)]},
                            {"$lte": ["$t", datetime(9999, 12, 31, 23, 59, 59, 999000)]},
                        ]
                    },
                    {"$subtract": ["$t", 604800000]},
                    None,
                ]
            },
        ),
    ],
    ids=str,
)
def test_what_people_read_stays_short(name: str, args: tuple[Arg, ...], expected: Any) -> None:
    spec = FUNCTIONS[name]
    assert spec.to_mongo is not None
    assert expression_json(spec.to_mongo(*args)) == expected


def test_types_are_exact() -> None:
    number, date = Arg(Ref("$n"), Type.NUMBER), Arg(Ref("$d"), Type.DATE)
    week = Arg(Const(iv(0, 7)), Type.INTERVAL)
    assert FUNCTIONS["+"].result_type((number, number)) == Type.NUMBER | Type.NULL
    assert FUNCTIONS["-"].result_type((date, date)) == Type.INTERVAL | Type.NULL
    assert FUNCTIONS["-"].result_type((date, week)) == Type.DATE | Type.NULL
    assert FUNCTIONS["-"].result_type((X, X)) == Type.NUMBER | Type.INTERVAL | Type.DATE | Type.NULL


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("ROUND", (X, X)),
        ("DATE_TRUNC", (X, X)),
        ("AT TIME ZONE", (X, Arg(Const("Africa/Cairo"), Type.STRING))),
        ("TO_CHAR", (X, Arg(Const("999"), Type.STRING))),
    ],
)
def test_what_the_server_cannot_do_says_why(name: str, args: tuple[Arg, ...]) -> None:
    spec = FUNCTIONS[name]
    assert spec.to_mongo is not None
    with pytest.raises(WorkerSide) as refused:
        spec.to_mongo(*args)
    assert refused.value.because


def test_an_impossible_operand_is_null() -> None:
    spec = FUNCTIONS["*"]
    assert spec.to_mongo is not None
    assert spec.to_mongo(Arg(Ref("$s"), Type.STRING), X) == NULL
