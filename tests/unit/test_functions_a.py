"""What comparison, logic, casts, text, pattern, array and JSON functions give, worked out by hand after PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, ObjectId
from bson.datetime_ms import DatetimeMS

from queryleaf_cdc.functions import FUNCTIONS
from queryleaf_cdc.functions.letter_case import fused
from queryleaf_cdc.functions.mql import Const, Ref
from queryleaf_cdc.functions.objectids import accept_object_ids
from queryleaf_cdc.functions.spec import Arg
from queryleaf_cdc.functions.timestamps import date_spellings
from queryleaf_cdc.lowering.mongo_json import expression_json
from queryleaf_cdc.lowering.server_face import ServerScope, lower_truth, lower_value
from queryleaf_cdc.lowering.worker_face import evaluate
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal
from queryleaf_cdc.values import Interval, Type

NAN, INF = float("nan"), float("inf")
ID = ObjectId("64b000000000000000000001")
DAY = datetime(2025, 9, 5)
SPAN = Span(0, 0)


def row(name: str, *args_and_result: Any) -> Any:
    *args, result = args_and_result
    return pytest.param(name, args, result, id=f"{name}({', '.join(map(repr, args))})")


COMPARISON = [
    row("=", 1, 1.0, True), row("=", 1, Decimal128("1.00"), True), row("=", 0.1, Decimal128("0.1"), False),
    row("=", 1, True, False), row("=", "1", 1, False), row("=", None, None, None), row("=", NAN, NAN, True),
    row("=", NAN, Decimal128("NaN"), True), row("=", Int64(2**53 + 1), float(2**53), False), row("=", 0.0, -0.0, True),
    row("=", [1, {"a": 1}], [1.0, {"a": Int64(1)}], True), row("=", {"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
    row("=", [None], [None], True), row("=", "a", Code("a"), False), row("=", b"a", Binary(b"a", 5), False),
    row("=", DBRef("c", 1), {"$ref": "c", "$id": 1}, True),
    row("=", datetime(2025, 1, 1), DatetimeMS(1735689600000), True), row("<>", 1, "1", True), row("<>", None, 1, None),
    row("<>", 1, 1.0, False), row("IS DISTINCT FROM", None, None, False), row("IS DISTINCT FROM", None, 0, True),
    row("IS DISTINCT FROM", 1, 1.0, False), row("<", 1, 2.5, True), row("<", "5", 100, None), row("<", None, 1, None),
    row("<", 1, NAN, True), row("<", NAN, INF, False), row("<", NAN, NAN, False), row("<=", NAN, NAN, True),
    row(">", NAN, INF, True), row("<", False, True, True), row("<", "B", "a", True), row("<", "z", "é", True),
    row("<", "a", "a\0", True), row("<", [1], [2], None), row("<", {}, {"a": 1}, None),
    row(">=", DAY, datetime(2025, 9, 4), True), row("<", b"b", b"aa", True),
    row(">", ID, ObjectId("64b000000000000000000000"), True), row("BETWEEN", 2, 1, 3, True),
    row("BETWEEN", 2, 3, 1, False), row("BETWEEN", 2, None, 3, None), row("BETWEEN", 5, None, 3, False),
    row("BETWEEN", "b", "a", "c", True), row("BETWEEN", 2, "a", "c", None), row("BETWEEN SYMMETRIC", 2, 3, 1, True),
    row("BETWEEN SYMMETRIC", 9, 3, 1, False), row("IN", 1, 2, 1.0, True), row("IN", 1, 2, None, None),
    row("IN", 1, 1, None, True), row("IN", None, 1, None), row("IN", 7, "7", False), row("IN", "x", "$x", False),
    row("= ANY", 1, [1, None], True), row("= ANY", 2, [1, None], None), row("= ANY", 2, [1], False),
    row("= ANY", None, [], False), row("= ANY", None, [1], None), row("= ANY", 1, 1, None),
    row("= ANY", 1, None, None), row("<> ALL", 1, [2, 3], True), row("<> ALL", 1, [2, None], None),
    row("<> ALL", 1, [1, None], False), row("<> ALL", 1, [], True), row("> ANY", 2, [5, 1], True),
    row("> ANY", 2, ["a"], None), row("< ALL", 2, [3, 4], True), row("GREATEST", 1, None, 3.5, 2, 3.5),
    row("GREATEST", None, None, None), row("GREATEST", 1, "a", None), row("GREATEST", 1, NAN, NAN),
    row("LEAST", NAN, 5, 5), row("LEAST", "b", "a", None, "a"), row("LEAST", [1], None), row("NULLIF", 1, 1.0, None),
    row("NULLIF", 1, 2, 1), row("NULLIF", None, 1, None), row("NULLIF", 1, None, 1),
    row("COALESCE", None, None, 3, 4, 3), row("COALESCE", None, None), row("COALESCE", False, True, False),
]  # fmt: skip

LOGIC = [
    row("AND", True, None, None), row("AND", False, None, False), row("AND", True, True, True, True),
    row("OR", False, None, None), row("OR", True, None, True), row("OR", False, False, False),
    row("AND", 1, True, None), row("NOT", None, None), row("NOT", True, False), row("NOT", False, True),
    row("NOT", 1, None), row("IS NULL", None, True), row("IS NULL", 0, False), row("IS TRUE", None, False),
    row("IS TRUE", True, True), row("IS FALSE", False, True), row("IS FALSE", None, False),
    row("IS UNKNOWN", None, True), row("IS UNKNOWN", False, False),
]  # fmt: skip

CASTS = [
    row("CAST INTEGER", 2.5, 3), row("CAST INTEGER", -2.5, -3), row("CAST INTEGER", 0.49999999999999994, 0),
    row("CAST INTEGER", Decimal128("1.5"), 2), row("CAST INTEGER", " 42 ", 42), row("CAST INTEGER", "4.2", None),
    row("CAST INTEGER", "0x10", None), row("CAST INTEGER", "１", None), row("CAST INTEGER", 2**31, None),
    row("CAST INTEGER", True, 1), row("CAST INTEGER", NAN, None), row("CAST INTEGER", DAY, None),
    row("CAST INTEGER", "abc", None), row("CAST INTEGER", "", None), row("CAST BIGINT", 5, Int64(5)),
    row("CAST BIGINT", "9223372036854775807", Int64(2**63 - 1)), row("CAST BIGINT", 9.3e18, None),
    row("CAST DOUBLE", "1e3", 1000.0), row("CAST DOUBLE", " -Infinity ", -INF), row("CAST DOUBLE", "1e400", None),
    row("CAST DOUBLE", Decimal128("1E+400"), None), row("CAST DOUBLE", 3, 3.0), row("CAST DOUBLE", True, None),
    row("CAST DECIMAL", "1.50", Decimal128("1.50")), row("CAST DECIMAL", 5, Decimal128("5")),
    row("CAST DECIMAL", 0.1, Decimal128("0.1")), row("CAST DECIMAL", "1,5", None),
    row("CAST TEXT", 0.1, "0.1"), row("CAST TEXT", 1 / 3, "0.3333333333333333"), row("CAST TEXT", 100.0, "100"),
    row("CAST TEXT", 1e16, "10000000000000000"), row("CAST TEXT", 1e-7, "1E-7"),
    row("CAST TEXT", 0.1 + 0.2, "0.30000000000000004"), row("CAST TEXT", NAN, "NaN"),
    row("CAST TEXT", -INF, "-Infinity"), row("CAST TEXT", -0.0, "0"), row("CAST TEXT", True, "true"),
    row("CAST TEXT", Decimal128("1.50"), "1.50"), row("CAST TEXT", ID, str(ID)),
    row("CAST TEXT", datetime(2025, 9, 5, 10), "2025-09-05T10:00:00.000Z"), row("CAST TEXT", [1], None),
    row("CAST TEXT", DatetimeMS(-62135596800001), None),
    row("CAST TEXT", DatetimeMS(2**60), None), row("CAST BOOLEAN", "false", False), row("CAST BOOLEAN", " YES ", True),
    row("CAST BOOLEAN", "maybe", None), row("CAST BOOLEAN", "o", None), row("CAST BOOLEAN", "of", False),
    row("CAST BOOLEAN", 0, False), row("CAST BOOLEAN", 0.5, True), row("CAST BOOLEAN", NAN, None),
    row("CAST BOOLEAN", Decimal128("-0"), False),
    row("CAST TIMESTAMP", "2025-09-05 10:00:00+02", datetime(2025, 9, 5, 8)), row("CAST TIMESTAMP", "2025-09-05", DAY),
    row("CAST TIMESTAMP", "2025-02-30", None), row("CAST TIMESTAMP", "Sep 5 2025", None),
    row("CAST TIMESTAMP", 5, None),
    row("CAST TIMESTAMP", "2025-09-05T10:00:00.123456Z", datetime(2025, 9, 5, 10, 0, 0, 123000)),
    row("CAST DATE", datetime(2025, 9, 5, 23, 59), DAY),
    row("CAST DATE", datetime(1969, 12, 31, 23), datetime(1969, 12, 31)),
    row("CAST TIME", "10:01", "10:01:00.000"), row("CAST TIME", "25:01", None),
    row("CAST TIME", datetime(2025, 9, 5, 10, 1, 2), "10:01:02.000"), row("OBJECTID", str(ID), ID),
    row("OBJECTID", "64b0", None), row("OBJECTID", 5, None),
    row("CAST INTERVAL", "1 day 02:00", {"months": 0, "days": 1, "milliseconds": Int64(7200000)}),
    row("CAST INTERVAL", "soon", None), row("CAST JSON", '{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
    row("CAST JSON", "{", None), row("CAST JSON", '"\\ud800"', None), row("CAST JSON", "NaN", None),
    row("CAST JSON", "[" * 100_000, None), row("CAST JSON", "12345678901", Int64(12345678901)),
    row("TYPEOF", Int64(1), "long"), row("TYPEOF", None, "null"), row("TYPEOF", DAY, "date"),
]  # fmt: skip

STRINGS = [
    row("||", "a", 1, "a1"), row("||", "a", None, None), row("||", "a", [1], None),
    row("CONCAT", "a", None, 1.5, "a1.5"), row("CONCAT", None, ""), row("CONCAT_WS", ", ", "a", None, 2, "a, 2"),
    row("CONCAT_WS", None, "a", None), row("CONCAT_WS", "-", None, ""), row("UPPER", "straße é", "STRAßE É"),
    row("LOWER", "ÀB", "àb"), row("UPPER", "ı", "ı"), row("LOWER", "\u212a", "\u212a"), row("UPPER", 5, None),
    row("INITCAP", "hELLO wORLD-2x", "Hello World-2x"), row("LENGTH", "é😀", 2), row("OCTET_LENGTH", "é😀", 6),
    row("LENGTH", 12, None), row("SUBSTRING", "hello", 2, 3, "ell"), row("SUBSTRING", "hello", -1, 4, "he"),
    row("SUBSTRING", "hello", 4, "lo"), row("SUBSTRING", "hello", 2, -1, None), row("SUBSTRING", "hello", 9, ""),
    row("SUBSTRING", "hello", 2.0, 1, "e"), row("SUBSTRING", "hello", 1.5, None),
    row("SUBSTRING", "h😀llo", 2, 1, "😀"),
    row("SUBSTRING", "hello", 0, "hello"), row("LEFT", "hello", 2, "he"), row("LEFT", "hello", -2, "hel"),
    row("LEFT", "hi", -5, ""), row("RIGHT", "hello", 2, "lo"), row("RIGHT", "hello", -2, "llo"),
    row("RIGHT", "hello", 0, ""), row("RIGHT", "hi", 9, "hi"), row("TRIM", "  a\t ", "a\t"),
    row("BTRIM", "xyaxx", "xy", "a"), row("LTRIM", "xxax", "x", "ax"), row("RTRIM", "xxax", "x", "xxa"),
    row("TRIM", " a", "", " a"), row("LPAD", "5", 3, "0", "005"), row("LPAD", "abcd", 2, "ab"),
    row("RPAD", "a", 4, "xy", "axyx"), row("LPAD", "a", 3, "", "a"), row("LPAD", "a", -1, ""),
    row("LPAD", "a", 10**9, None), row("REPEAT", "ab", 3, "ababab"), row("REPEAT", "ab", -1, ""),
    row("REPEAT", "ab", 10**9, None), row("REVERSE", "a😀", "😀a"), row("REPLACE", "aXbX", "X", "-", "a-b-"),
    row("REPLACE", "ab", "", "-", "ab"), row("TRANSLATE", "12345", "143", "ax", "a2x5"),
    row("TRANSLATE", "aa", "aa", "xy", "xx"), row("POSITION", "l", "hello", 3), row("POSITION", "z", "hello", 0),
    row("POSITION", "", "x", 1), row("STRPOS", "hello", "l", 3), row("SPLIT_PART", "a,b,c", ",", 2, "b"),
    row("SPLIT_PART", "a,b,c", ",", -1, "c"), row("SPLIT_PART", "a,b", ",", 3, ""),
    row("SPLIT_PART", "a,b", ",", 0, None), row("SPLIT_PART", "ab", "", 1, "ab"),
    row("STARTS_WITH", "abc", "ab", True), row("STARTS_WITH", "a", "ab", False), row("ENDS_WITH", "abc", "bc", True),
    row("ENDS_WITH", "c", "bc", False), row("CHR", 233, "é"), row("CHR", 0, None), row("CHR", 0xD800, None),
    row("ASCII", "é", 233), row("ASCII", "", 0), row("MD5", "abc", "900150983cd24fb0d6963f7d28e17f72"),
    row("TO_HEX", 255, "ff"), row("TO_HEX", -1, "ffffffff"),
]  # fmt: skip

PATTERNS = [
    row("LIKE", "ab\n", "ab", False), row("LIKE", "abc", "a%", True), row("LIKE", "abc", "_b_", True),
    row("LIKE", "abc", "b", False), row("LIKE", "a%c", "a\\%c", True), row("LIKE", "abc", "a\\%c", False),
    row("LIKE", "a%c", "a!%c", "!", True), row("LIKE", "a\\c", "a\\c", "", True), row("LIKE", "a", "a\\", None),
    row("LIKE", "a", "a", "xx", None), row("LIKE", "a.c", "a.c", True), row("LIKE", "abc", "a.c", False),
    row("LIKE", "a\nb", "a%b", True), row("LIKE", "", "%", True), row("LIKE", 5, "5", None),
    row("LIKE", None, "a", None), row("LIKE", "aXbXc", "%X%X%", True), row("LIKE", "aba", "ab%ba", False),
    row("LIKE", "Abc", "abc", False), row("ILIKE", "ABC", "a%C", True), row("ILIKE", "ÉCOLE", "éc%", True),
    row("ILIKE", "\u212a", "k", False), row("~", "abc", "b", True), row("~", "abc\n", "c$", False),
    row("~", "ABC", "b", False), row("~*", "ABC", "b", True), row("~", "a\nb", "a.b", True), row("~", "x", "[", None),
    row("~", "x", "(a+)+", None), row("~", "é", r"\w", False), row("~", "a_1", "^[[:alpha:]_]+[[:digit:]]$", True),
    row("~", "abab", "^(ab)*$", True), row("~", "foo bar baz", "foo.*baz$", True),
    row("REGEXP_LIKE", "ABC", "b", "i", True), row("REGEXP_LIKE", "ABC", "b", "q", None),
    row("REGEXP_SUBSTR", "a12b3", r"\d+", "12"), row("REGEXP_SUBSTR", "ab", r"\d+", None),
    row("REGEXP_MATCH", "a12-b", r"(\d)(\d)-(x)?", ["1", "2", None]), row("REGEXP_MATCH", "a12", r"\d+", ["12"]),
    row("REGEXP_MATCH", "a", r"\d", None), row("REGEXP_COUNT", "a1b22", r"\d", 3),
    row("REGEXP_REPLACE", "a1b2", r"\d", "#", "a#b2"),
    row("REGEXP_REPLACE", "a1b2", r"(\d)", r"<\1\&\\>", "g", "a<11\\>b<22\\>"),
    row("REGEXP_REPLACE", "abc", "B", "x", "gi", "axc"),
]  # fmt: skip

ARRAYS = [
    row("[]", ["a", "b"], 0, "a"), row("[]", ["a", "b"], -1, "b"), row("[]", ["a"], 1, None),
    row("[]", {"k": 1}, "k", 1), row("[]", ["a"], "k", None), row("[]", "abc", 0, None), row("[]", ["a"], 0.5, None),
    row("->", {"a": {"b": 1}}, "a", {"b": 1}), row("->", {"$a": 1}, "$a", 1), row("->>", {"a": 1.5}, "a", "1.5"),
    row("->>", {"a": "x"}, "a", "x"), row("->>", {"a": {}}, "a", None), row("->>", [True], 0, "true"),
    row("ARRAY", 1, None, [1, None]), row("ARRAY_LENGTH", [], 0), row("ARRAY_LENGTH", [1, 2], 2),
    row("ARRAY_LENGTH", [[1, 2], [3]], 2, 2), row("ARRAY_LENGTH", "ab", None), row("ARRAY_LENGTH", [1], 0, None),
    row("CARDINALITY", [1], 1), row("ARRAY_APPEND", [1], None, [1, None]), row("ARRAY_APPEND", None, 1, [1]),
    row("ARRAY_PREPEND", 1, [2], [1, 2]), row("ARRAY_CAT", [1], [2], [1, 2]), row("ARRAY_CAT", [1], None, [1]),
    row("ARRAY_CAT", None, None, None), row("ARRAY_CAT", 1, [2], None), row("ARRAY_POSITION", ["a", "b"], "b", 2),
    row("ARRAY_POSITION", ["a"], "z", None), row("ARRAY_POSITION", [1, None], None, 2),
    row("ARRAY_REMOVE", [1, 2, 1.0], 1, [2]), row("ARRAY_REMOVE", [1, None], None, [1]),
    row("ARRAY_CONTAINS", [1], 1.0, True), row("ARRAY_CONTAINS", [1], None, None), row("@>", [1, 2, 3], [3, 1], True),
    row("@>", [1], [2], False), row("<@", [1], [1, 2], True),
    row("JSON_BUILD_OBJECT", "a", 1, "b", None, {"a": 1, "b": None}), row("JSON_BUILD_OBJECT", {}),
    row("JSON_BUILD_OBJECT", "a", None), row("JSON_BUILD_OBJECT", 1, 2, None),
    row("JSONB_BUILD_ARRAY", 1, "a", [1, "a"]), row("JSON_ARRAY_LENGTH", [1, 2], 2),
    row("JSON_OBJECT_KEYS", {"b": 1, "a": 2}, ["b", "a"]), row("JSON_OBJECT_KEYS", [1], None),
]  # fmt: skip


@pytest.mark.parametrize("name, args, result", [*COMPARISON, *LOGIC, *CASTS, *STRINGS, *PATTERNS, *ARRAYS])
def test_value(name: str, args: list[Any], result: Any) -> None:
    found = FUNCTIONS[name].evaluate(*args)
    assert type(found) is type(result)
    assert found == result or (result != result and found != found)


def call(name: str, *args: Any) -> Call:
    return Call(
        name, tuple(arg if isinstance(arg, Field | Call | Literal) else Literal(arg, SPAN) for arg in args), SPAN
    )


A, B, KEY = Field("NEW", ("a",), SPAN), Field("NEW", ("b",), SPAN), Field("NEW", ("_id",), SPAN)


@pytest.mark.parametrize(
    "expr, document, result",
    [
        (call(">", A, "2025-09-05"), {"a": datetime(2025, 9, 6)}, True),
        (call(">", A, "2025-09-05"), {"a": "2025-09-06"}, True),
        (call(">", A, "2025-09-05"), {"a": 5}, None),
        (call("=", "2025-09-05 02:00:00+02:00", A), {"a": DAY}, True),
        (call("<>", A, "2025-09-05"), {"a": DAY}, False),
        (call("=", A, B), {"a": DAY, "b": "2025-09-05"}, False),  # only a literal means a timestamp
        (call("BETWEEN", A, "2025-09-01", "2025-09-30"), {"a": DAY}, True),
        (call("IN", A, "2025-09-05", "x"), {"a": DAY}, True),
        (call("NULLIF", A, "2025-09-05"), {"a": DAY}, None),
        (call(">", call("-", A, B), Interval(0, 0, 1_800_000)), {"a": datetime(2025, 9, 5, 1), "b": DAY}, True),
        (call("=", Interval(1, 0, 0), Interval(0, 30, 0)), {}, True),
        (call("<", A, B), {"a": Interval(0, 1, Int64(0)).document(), "b": Interval(0, 2, Int64(0)).document()}, None),
        (call("<", A, Interval(0, 2, 0)), {"a": {"months": 0, "days": 1, "milliseconds": Int64(0)}}, True),
    ],
)  # fmt: skip
def test_literals_and_static_types_decide(expr: Expr, document: dict[str, Any], result: Any) -> None:
    assert evaluate(expr, {"NEW": document}) == result


@pytest.mark.parametrize(
    "expr, document, result",
    [
        (call("=", KEY, str(ID)), {"_id": ID}, True),
        (call("=", str(ID), KEY), {"_id": str(ID)}, True),
        (call("<>", KEY, str(ID)), {"_id": ID}, False),
        (call("<>", KEY, str(ID)), {}, None),
        (call("IN", KEY, "x", str(ID)), {"_id": ID}, True),
        (call("=", A, str(ID)), {"a": ID}, False),
    ],
)
def test_hex_literals_also_mean_object_ids(expr: Call, document: dict[str, Any], result: Any) -> None:
    assert evaluate(accept_object_ids(expr), {"NEW": document}) is result


@pytest.mark.parametrize(
    "expr",
    [
        call("=", call("LOWER", A), "paid"),
        call("<>", "PAID", call("UPPER", A)),
        call("IN", call("LOWER", A), "paid", "open"),
        call("LIKE", call("LOWER", A), "pa_d%"),
    ],
)
@pytest.mark.parametrize("value", ["PAID", "paid", "É", "open", 5, None, "PaIdé"])
def test_comparing_cases_with_ascii_is_for_the_server_too(expr: Call, value: Any) -> None:
    env = {"NEW": {"a": value}}
    assert evaluate(fused(expr), env) is evaluate(expr, env)
    lower_value(fused(expr), ServerScope({"NEW": "$"}))


def test_other_literals_are_not_fused() -> None:
    expr = call("=", call("LOWER", A), "é")
    assert fused(expr) is expr


@pytest.mark.parametrize(
    "expr, json",
    [
        (call("=", A, 5), {"$eq": ["$a", 5]}),
        (call("=", A, "$secret"), {"$eq": ["$a", {"$literal": "$secret"}]}),
        (call("NOT", call("IS NULL", A)), {"$ne": [{"$ifNull": ["$a", None]}, None]}),
        (call("<", A, 5), {"$and": [{"$gte": ["$a", -INF]}, {"$lt": ["$a", 5]}]}),
        (call("BETWEEN", A, 1, 5), {"$and": [{"$gte": ["$a", 1]}, {"$lte": ["$a", 5]}]}),
        (call("IN", A, "x", "y"), {"$in": ["$a", ["x", "y"]]}),
        (call("LIKE", A, "abc"), {"$eq": ["$a", "abc"]}),
        (
            call("LIKE", A, "%abc%"),
            {"$and": [{"$eq": [{"$type": "$a"}, "string"]}, {"$gte": [{"$indexOfCP": ["$a", "abc"]}, 0]}]},
        ),
    ],
)  # fmt: skip
def test_conditions_stay_short(expr: Expr, json: Any) -> None:
    assert expression_json(lower_truth(expr, ServerScope({"NEW": "$"}))) == json


@pytest.mark.parametrize(
    "name, args, complaint",
    [
        ("LIKE", ["a\\"], "must not end with the escape character"),
        ("LIKE", ["a", "xx"], "single character"),
        ("~", ["("], "a ( without its )"),
        ("~", ["(a*)*"], "may be empty"),
        ("~", [r"(a)\1"], "back references"),
        ("REGEXP_LIKE", ["a", "z"], "the flags are"),
    ],
)
def test_a_bad_pattern_is_explained(name: str, args: list[str], complaint: str) -> None:
    check = FUNCTIONS[name].check
    assert check is not None
    given = (Arg(Ref("$a"), Type.ANY), *(Arg(Const(arg), Type.STRING) for arg in args))
    assert complaint in (check(given) or "")


def test_date_spellings() -> None:
    assert date_spellings("2025-09-05T10:00:00+02:00") == datetime(2025, 9, 5, 8)
    assert date_spellings("5 September 2025") is None
