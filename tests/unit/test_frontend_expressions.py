"""Expression text to our own nodes: one row per form that the dialect knows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from bson.decimal128 import Decimal128

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend import parse_expression
from queryleaf_cdc.source import NO_SPAN
from queryleaf_cdc.syntax.expressions import (
    Aggregate,
    Call,
    Case,
    Expr,
    Frame,
    Literal,
    Name,
    OrderItem,
    Subquery,
    Window,
)
from queryleaf_cdc.values import Interval


def n(*path: str | int, quoted: bool = False) -> Name:
    return Name(path, NO_SPAN, quoted)


def v(value: Any) -> Literal:
    return Literal(value, NO_SPAN)


def c(name: str, *args: Expr) -> Call:
    return Call(name, args, NO_SPAN)


def agg(name: str, *args: Expr, **more: Any) -> Aggregate:
    settings = {"distinct": False, "filter": None, "order_by": ()} | more
    return Aggregate(name, args, span=NO_SPAN, **settings)


def asc(expr: Expr) -> OrderItem:
    return OrderItem(expr, False, False, NO_SPAN)


def desc(expr: Expr) -> OrderItem:
    return OrderItem(expr, True, True, NO_SPAN)


a, b = n("a"), n("b")

NAMES = [
    ("NEW.status", n("NEW", "status")),
    ("new.Status", n("new", "Status")),
    ("o.address.city.zip.code.x", n("o", "address", "city", "zip", "code", "x")),
    ("items[0].sku", n("items", 0, "sku")),
    ("m[1][2]", n("m", 1, 2)),
    ('"a.b"', n("a.b", quoted=True)),
    ('NEW."$x"', n("NEW", "$x")),
    ('""', n("", quoted=True)),
    ('o."say ""hi"""', n("o", 'say "hi"')),
    ("_id", n("_id")),
    ('"order"', n("order", quoted=True)),
    ("o.order", n("o", "order")),
    ("o.select.from", n("o", "select", "from")),
    *[
        (word, n(word))
        for word in (
            "status", "type", "key", "value", "date", "timestamp", "name", "user", "time", "interval", "text", "role",
            "year", "month", "day", "hour", "first", "last", "level", "row", "rows", "range", "filter", "over", "index",
            "position", "data", "action", "comment", "source", "language", "if", "replace", "format", "set", "do",
            "schema", "view", "table", "start", "top", "percent", "at", "zone", "array", "any", "some", "unknown",
        )
    ],
    ("größe", n("größe")),
]  # fmt: skip

LITERALS = [
    ("1", v(1)),
    ("-7", v(-7)),
    ("- 7", v(-7)),
    ("1.5", v(1.5)),
    (".5", v(0.5)),
    ("2.", v(2.0)),
    ("1e3", v(1000.0)),
    ("1_000", v(1000)),
    ("9223372036854775807", v(2**63 - 1)),
    ("-9223372036854775808", v(-(2**63))),
    ("9223372036854775808", v(Decimal128("9223372036854775808"))),
    ("1" * 40, v(float("1" * 40))),
    ("'it''s'", v("it's")),
    (r"'a\n'", v(r"a\n")),
    (r"E'a\n\'b\x41\u00e9'", v("a\n'bAé")),
    (r"E'\303\251\xc3\xa9'", v("éé")),
    (r"E'\ud83d\ude00\U0001F600'", v("😀😀")),
    (r"E'\q\xg'", v("qxg")),
    ("$$it's$$", v("it's")),
    ("$q$ $$ $q$", v(" $$ ")),
    ("''", v("")),
    ("TRUE", v(True)),
    ("false", v(False)),
    ("NULL", v(None)),
    ("INTERVAL '1 day 2 hours'", v(Interval(0, 1, 7_200_000))),
    ("INTERVAL '5' DAY", v(Interval(0, 5, 0))),
    ("INTERVAL 1 HOUR", v(Interval(0, 0, 3_600_000))),
    ("DATE '2025-01-01'", v(datetime(2025, 1, 1))),
    ("TIMESTAMP '2025-01-01 10:00:00+02'", v(datetime(2025, 1, 1, 8))),
    ("TIMESTAMP '2025-01-01'", v(datetime(2025, 1, 1))),
    ("TIMESTAMPTZ '2025-01-01T10:00:00.1239Z'", v(datetime(2025, 1, 1, 10, 0, 0, 123000))),
    ("TIMESTAMP WITH TIME ZONE '2025-01-01 10:00-05:30'", v(datetime(2025, 1, 1, 15, 30))),
    ("TIME '10:00'", c("CAST TIME", v("10:00"))),
    ("TIME '2025-01-01 10:00:00+02'", c("CAST TIME", v("2025-01-01 10:00:00+02"))),
    ('"current_user"', n("current_user", quoted=True)),
    ("o.current_user", n("o", "current_user")),
]

OPERATORS = [
    ("a = b", c("=", a, b)),
    ("a <> b", c("<>", a, b)),
    ("a != b", c("<>", a, b)),
    ("a <= b", c("<=", a, b)),
    ("a + b * 2", c("+", a, c("*", b, v(2)))),
    ("a - b - 1", c("-", c("-", a, b), v(1))),
    ("(a - b) - (1 - 2)", c("-", c("-", a, b), c("-", v(1), v(2)))),
    ("a / b % 2", c("%", c("/", a, b), v(2))),
    ("a * b ^ 2", c("*", a, c("^", b, v(2)))),
    ("-a", c("NEG", a)),
    ("-a ^ 2", c("^", c("NEG", a), v(2))),
    ("+a", a),
    ("a || 'x' || b", c("||", c("||", a, v("x")), b)),
    ("a + 1 || b", c("||", c("+", a, v(1)), b)),
    ("a AND b AND NOT a", c("AND", a, b, c("NOT", a))),
    ("a OR b AND a", c("OR", a, c("AND", b, a))),
    ("NOT a = b", c("NOT", c("=", a, b))),
    ("NOT NOT a", c("NOT", c("NOT", a))),
    ("a IS NULL", c("IS NULL", a)),
    ("a IS NOT NULL", c("NOT", c("IS NULL", a))),
    ("a ISNULL", c("IS NULL", a)),
    ("a NOTNULL", c("NOT", c("IS NULL", a))),
    ("a IS TRUE", c("IS TRUE", a)),
    ("a IS NOT FALSE", c("NOT", c("IS FALSE", a))),
    ("a IS UNKNOWN", c("IS UNKNOWN", a)),
    ("a = b IS NULL", c("IS NULL", c("=", a, b))),
    ("NOT a IS NULL", c("NOT", c("IS NULL", a))),
    ("a IS DISTINCT FROM b", c("IS DISTINCT FROM", a, b)),
    ("a IS NOT DISTINCT FROM b", c("NOT", c("IS DISTINCT FROM", a, b))),
    ("a BETWEEN 1 AND 2", c("BETWEEN", a, v(1), v(2))),
    ("a BETWEEN 1 AND 2 AND b", c("AND", c("BETWEEN", a, v(1), v(2)), b)),
    ("a NOT BETWEEN 1 AND 2", c("NOT", c("BETWEEN", a, v(1), v(2)))),
    ("a BETWEEN SYMMETRIC 2 AND 1", c("OR", c("BETWEEN", a, v(2), v(1)), c("BETWEEN", a, v(1), v(2)))),
    ("a IN (1, 'x')", c("IN", a, v(1), v("x"))),
    ("a NOT IN (1)", c("NOT", c("IN", a, v(1)))),
    ("(a, b) IN ((1, 2))", c("AND", c("=", a, v(1)), c("=", b, v(2)))),
    ("a LIKE 'x%'", c("LIKE", a, v("x%"))),
    ("a NOT LIKE 'x!%' ESCAPE '!'", c("NOT", c("LIKE", a, v("x!%"), v("!")))),
    ("a ILIKE b || '%'", c("ILIKE", a, c("||", b, v("%")))),
    ("a ~ 'x'", c("~", a, v("x"))),
    ("a !~ 'x'", c("NOT", c("~", a, v("x")))),
    ("a ~* 'x'", c("~*", a, v("x"))),
    ("a !~* 'x'", c("NOT", c("~*", a, v("x")))),
    ("a ~~ 'x'", c("LIKE", a, v("x"))),
    ("a = ANY(b)", c("= ANY", a, b)),
    ("a <> ALL(b)", c("<> ALL", a, b)),
    ("a < SOME(ARRAY[1, 2])", c("< ANY", a, c("ARRAY", v(1), v(2)))),
    ("a -> 'x' ->> 'y'", c("->>", c("->", a, v("x")), v("y"))),
    ("a[b]", c("[]", a, b)),
    ("a[b].x", c("->", c("[]", a, b), v("x"))),
    ("(a)[0]", c("[]", a, v(0))),
    ("SPLIT(a, ',')[1]", c("[]", c("SPLIT", a, v(",")), v(1))),
    ("ARRAY[]", c("ARRAY")),
    ("ARRAY[1, ARRAY[2]]", c("ARRAY", v(1), c("ARRAY", v(2)))),
    ("a AT TIME ZONE 'Europe/Berlin'", c("AT TIME ZONE", a, v("Europe/Berlin"))),
]

CASTS = [
    *[
        (f"CAST(a AS {written})", c(f"CAST {name}", a))
        for written, name in [
            ("int", "INTEGER"), ("int4", "INTEGER"), ("smallint", "INTEGER"), ("integer", "INTEGER"),
            ("int8", "BIGINT"), ("bigint", "BIGINT"), ("real", "DOUBLE"), ("float8", "DOUBLE"), ("float", "DOUBLE"),
            ("double precision", "DOUBLE"), ("numeric", "DECIMAL"), ("decimal", "DECIMAL"), ("text", "TEXT"),
            ("varchar", "TEXT"), ("character varying", "TEXT"), ("bpchar", "TEXT"), ("uuid", "TEXT"),
            ("bool", "BOOLEAN"), ("boolean", "BOOLEAN"), ("timestamp", "TIMESTAMP"), ("timestamptz", "TIMESTAMP"),
            ("timestamp with time zone", "TIMESTAMP"), ("timestamp without time zone", "TIMESTAMP"),
            ("timestamp(3) with time zone", "TIMESTAMP"), ("date", "DATE"), ("time", "TIME"),
            ("objectid", "OBJECTID"), ("interval", "INTERVAL"), ("json", "JSON"), ("jsonb", "JSON"),
        ]
    ],
    ("a::int", c("CAST INTEGER", a)),
    ("-a::int", c("NEG", c("CAST INTEGER", a))),
    ("a::text::int", c("CAST INTEGER", c("CAST TEXT", a))),
    ("(a + 1)::int", c("CAST INTEGER", c("+", a, v(1)))),
    ("TRY_CAST(a AS int)", c("CAST INTEGER", a)),
    ("a::numeric(10, 2)", c("ROUND", c("CAST DECIMAL", a), v(2))),
    ("a::varchar(20)", c("LEFT", c("CAST TEXT", a), v(20))),
    ("a::char(20)", c("LEFT", c("CAST TEXT", a), v(20))),
    ("a::char", c("LEFT", c("CAST TEXT", a), v(1))),
    ("a::character", c("LEFT", c("CAST TEXT", a), v(1))),
]  # fmt: skip

CALLS = [
    ("upper(a)", c("UPPER", a)),
    ("Now()", c("NOW")),
    ("CURRENT_TIMESTAMP", c("CURRENT_TIMESTAMP")),
    ("current_date", c("CURRENT_DATE")),
    ("TRIGGER_ACTION", c("TRIGGER_ACTION")),
    ("tg_op", c("TRIGGER_ACTION")),
    ("CHANGE_TYPE()", c("CHANGE_TYPE")),
    ("CHANGE_DETECTED(status, o.total)", c("CHANGE_DETECTED", n("status"), n("o", "total"))),
    *[
        (f"{name}(a, b)", c(name, a, b))
        for name in (
            "COALESCE", "NULLIF", "GREATEST", "DATE_TRUNC", "TO_TIMESTAMP", "STRPOS", "LOG", "MOD", "LEN", "CONCAT_WS",
            "REGEXP_LIKE", "TO_CHAR", "JSON_BUILD_OBJECT", "JSON_OBJECT", "LEFT", "RIGHT", "REPLACE", "IF", "DIV",
            "DATE", "TIME", "YEAR", "CHAR", "CEIL", "FLOOR", "MATCH", "DECODE", "CONVERT", "STRUCT", "INITCAP", "SPLIT",
            "GENERATE_SERIES", "UNNEST", "DATE_ADD", "DATEDIFF", "LAG", "RANK", "VALUES_OF", "XMLELEMENT", "NORMALIZE",
        )
    ],
    ("EXTRACT(hour FROM a)", c("EXTRACT", v("HOUR"), a)),
    ("EXTRACT('epoch' FROM a - b)", c("EXTRACT", v("EPOCH"), c("-", a, b))),
    ("DATE_PART('day', a)", c("EXTRACT", v("DAY"), a)),
    ("POSITION('x' IN a)", c("POSITION", v("x"), a)),
    ("SUBSTRING(a FROM 2 FOR 3)", c("SUBSTRING", a, v(2), v(3))),
    ("SUBSTRING(a FROM 2)", c("SUBSTRING", a, v(2))),
    ("SUBSTRING(a FOR 3)", c("SUBSTRING", a, v(1), v(3))),
    ("SUBSTRING(a, 2, 3)", c("SUBSTRING", a, v(2), v(3))),
    ("TRIM(a)", c("TRIM", a)),
    ("TRIM(BOTH 'x' FROM a)", c("TRIM", a, v("x"))),
    ("TRIM(LEADING FROM a)", c("LTRIM", a)),
    ("TRIM(TRAILING 'x' FROM a)", c("RTRIM", a, v("x"))),
    ("TRIM(a, 'x')", c("TRIM", a, v("x"))),
    ("OVERLAY(a PLACING 'x' FROM 2 FOR 1)", c("OVERLAY", a, v("x"), v(2), v(1))),
    ("CASE WHEN a THEN 1 END", Case(((a, v(1)),), None, NO_SPAN)),
    ("CASE a WHEN 1 THEN 'x' ELSE b END", Case(((c("=", a, v(1)), v("x")),), b, NO_SPAN)),
]  # fmt: skip

AGGREGATES = [
    ("COUNT(*)", agg("COUNT")),
    ("count(DISTINCT a)", agg("COUNT", a, distinct=True)),
    ("SUM(a) FILTER (WHERE b > 1)", agg("SUM", a, filter=c(">", b, v(1)))),
    ("ARRAY_AGG(a ORDER BY b DESC)", agg("ARRAY_AGG", a, order_by=(desc(b),))),
    ("STRING_AGG(a, ',' ORDER BY b)", agg("STRING_AGG", a, v(","), order_by=(asc(b),))),
    ("PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY a)", agg("PERCENTILE_CONT", v(0.5), order_by=(asc(a),))),
    ("MODE() WITHIN GROUP (ORDER BY a)", agg("MODE", order_by=(asc(a),))),
    ("MIN(ALL a)", agg("MIN", a)),
    *[
        (f"{name}(a)", agg(name, a))
        for name in ("STDDEV", "STDDEV_POP", "VAR_SAMP", "VARIANCE", "BOOL_AND", "EVERY", "FIRST", "LAST", "MEDIAN")
    ],
]


def over(function: Call | Aggregate, partition: Any = (), order: Any = (), frame: Frame | None = None) -> Window:
    return Window(function, partition, order, frame, NO_SPAN)


def rows(start: Any, end: Any, unit: str = "ROWS") -> Frame:
    return Frame(unit, start, end, NO_SPAN)


CURRENT = ("CURRENT ROW", None, "")
WINDOWS = [
    ("ROW_NUMBER() OVER ()", over(c("ROW_NUMBER"))),
    ("SUM(a) OVER (PARTITION BY b ORDER BY a DESC)", over(agg("SUM", a), (b,), (desc(a),))),
    ("SUM(a) FILTER (WHERE b) OVER (ORDER BY a)", over(agg("SUM", a, filter=b), (), (asc(a),))),
    (
        "SUM(a) OVER (ORDER BY a ROWS UNBOUNDED PRECEDING)",
        over(agg("SUM", a), (), (asc(a),), rows(("UNBOUNDED", None, "PRECEDING"), CURRENT)),
    ),
    (
        "SUM(a) OVER (ORDER BY a RANGE BETWEEN INTERVAL '1 hour' PRECEDING AND 2 FOLLOWING)",
        over(
            agg("SUM", a),
            (),
            (asc(a),),
            rows(("OFFSET", v(Interval(0, 0, 3_600_000)), "PRECEDING"), ("OFFSET", v(2), "FOLLOWING"), "RANGE"),
        ),
    ),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [*NAMES, *LITERALS, *OPERATORS, *CASTS, *CALLS, *AGGREGATES, *WINDOWS],
)
def test_means(text: str, expected: Expr) -> None:
    assert parse_expression(text) == expected


def test_literals_keep_their_python_type() -> None:
    assert [type(parse_expression(text).value) for text in ("1", "1.0", "TRUE")] == [int, float, bool]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "form", "operand"),
    [
        ("(SELECT MAX(x) FROM t)", "scalar", None),
        ("EXISTS (SELECT 1 FROM t)", "exists", None),
        ("a IN (SELECT x FROM t)", "in", a),
        ("a = ANY(SELECT x FROM t)", "in", a),
        ("EXISTS ((SELECT 1 FROM t))", "exists", None),
    ],
)
def test_subquery(text: str, form: str, operand: Expr | None) -> None:
    found = parse_expression(text)
    assert isinstance(found, Subquery)
    assert (found.form, found.operand) == (form, operand)


def test_all_of_a_query_is_the_opposite_of_any() -> None:
    found = parse_expression("a >= ALL(SELECT x FROM t)")
    assert isinstance(found, Call)
    assert found.name == "NOT"
    (inner,) = found.args
    assert isinstance(inner, Subquery)
    assert (inner.form, inner.operator) == ("in", "<")


def test_not_in_a_query_negates() -> None:
    found = parse_expression("a <> ALL(SELECT x FROM t)")
    assert isinstance(found, Call)
    assert found.name == "NOT"


@pytest.mark.parametrize(
    "text",
    [
        "a SIMILAR TO 'x'", "a LIKE ANY('x')", "(a, b) = (1, 2)", "(a, b)", "()", "a @> b",
        "a #> b", "a & b", "a | b", "ROW(1, 2)", "f.g(a)", "a::bytea", "a::int[]", "SUM(a) IGNORE NULLS OVER ()",
        "INTERVAL '1-2' YEAR TO MONTH", "f(a => 1)",
        "'a' 'b'", "CURRENT_USER", "session_user", "CURRENT_SCHEMA",
    ],
)  # fmt: skip
def test_refused_as_not_supported(text: str) -> None:
    with pytest.raises(CompileError) as caught:
        parse_expression(text)
    assert caught.value.code == "QL302"


@pytest.mark.parametrize(
    "text",
    [
        "", "a +", "+", "a b", "a = = b", "f(a,)", "f(,a)", "f(a,,b)", "f(a", "(a", "a)", "a BETWEEN 1 2",
        "a BETWEEN 1", "a IN ()", "a IN b", "a IN [1]", "CASE END", "CASE WHEN a 1 END", "CASE WHEN a THEN 1",
        "CASE WHEN a THEN END", "a IS 5", "a IS", "SUM(a) FILTER (b)", "SUM(a) OVER", "SUM(a) OVER (ROWS 1)",
        "SUM(a) OVER (ROWS BETWEEN 1 PRECEDING)", "SUM(a) OVER (PARTITION BY)", "SUM(*)", "COUNT()",
        "UPPER(*)", "UPPER(DISTINCT a)", "ANY(a)", "CAST(a int)", "CAST(a AS)", "EXTRACT(a)", "EXTRACT(hour a)",
        "[1]", "a[", "a[]", "a.", ".a", "a..b", "a AS b", "*", "a == b", "a && b", "!a", "a := b",
        "PERCENTILE_CONT(0.5)",
        "a = 1,", "a LIKE", "a LIKE 'x' ESCAPE", "ARRAY[1,]", "INTERVAL 5", "SELECT", "items.0", "?", "$1", "{a}",
        "SUM(a) OVER w", "a COLLATE x", "TRIM(FROM)", "SUBSTRING(a FROM)", "POSITION(a)", "UPPER(a) FILTER (WHERE b)",
        r"E'\xff'", r"E'\0'", r"E'\u12'", r"E'\ud83d'", "TIME '25:00'", "TIME '10:00+02'", "TIME 'noon'",
        "DATE_PART(a, b)", "ROLLUP(a)", "a NOT", "NOT", "a IS NOT", "EXISTS (1)", "(SELECT 1", "(FROM t)", "-",
    ],
)  # fmt: skip
def test_wrong_text_is_an_error(text: str) -> None:
    with pytest.raises(CompileError) as caught:
        parse_expression(text)
    assert caught.value.code.startswith("QL1")
