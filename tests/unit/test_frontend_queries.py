"""Query text to our own nodes."""

from __future__ import annotations

from typing import Any

import pytest

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend import parse_query
from queryleaf_cdc.source import NO_SPAN
from queryleaf_cdc.syntax.expressions import Call, Literal, Name, OrderItem, Star, Window
from queryleaf_cdc.syntax.queries import (
    Cte,
    Join,
    Select,
    SelectItem,
    SetOperation,
    SubqueryRef,
    TableRef,
    UnnestRef,
)


def n(*path: str | int) -> Name:
    return Name(path, NO_SPAN)


def item(*path: str, alias: str | None = None) -> SelectItem:
    return SelectItem(n(*path), alias, NO_SPAN)


def table(name: str, alias: str | None = None) -> TableRef:
    return TableRef(name, alias or name, NO_SPAN)


def select(text: str) -> Select:
    query = parse_query(text)
    assert isinstance(query, Select)
    return query


def join(kind: str, item: Any, on: Any = None, using: tuple[str, ...] = ()) -> Join:
    return Join(kind, item, on, using, NO_SPAN)


ON = Call("=", (n("a", "x"), n("b", "x")), NO_SPAN)


def test_the_plainest_query() -> None:
    assert select("SELECT x FROM a") == Select(
        items=(item("x"),), from_item=table("a"), joins=(), where=None, group_by=(), having=None, qualify=None,
        order_by=(), limit=None, offset=None, distinct_on=None, ctes=(), emit=None, span=NO_SPAN,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM a", (SelectItem(Star(None, NO_SPAN), None, NO_SPAN),)),
        ("SELECT a.* FROM a", (SelectItem(Star("a", NO_SPAN), None, NO_SPAN),)),
        ("SELECT x AS y, z w FROM a", (item("x", alias="y"), item("z", alias="w"))),
        ('SELECT x AS "a.b", y AS order FROM a', (item("x", alias="a.b"), item("y", alias="order"))),
        ("SELECT ALL x FROM a", (item("x"),)),
        ("SELECT 1", (SelectItem(Literal(1, NO_SPAN), None, NO_SPAN),)),
    ],
)
def test_items(text: str, expected: tuple[SelectItem, ...]) -> None:
    assert select(text).items == expected


@pytest.mark.parametrize(
    ("sources", "first", "joins"),
    [
        ("a", table("a"), ()),
        ("a AS t", table("a", "t"), ()),
        ("a t", table("a", "t"), ()),
        ('"fs.files" f', table("fs.files", "f"), ()),
        ("a, b", table("a"), (join("CROSS", table("b")),)),
        ("a JOIN b ON a.x = b.x", table("a"), (join("INNER", table("b"), ON),)),
        ("a INNER JOIN b USING (x, y)", table("a"), (join("INNER", table("b"), None, ("x", "y")),)),
        ("a LEFT JOIN b ON a.x = b.x", table("a"), (join("LEFT", table("b"), ON),)),
        ("a RIGHT OUTER JOIN b ON a.x = b.x", table("a"), (join("RIGHT", table("b"), ON),)),
        ("a FULL OUTER JOIN b ON a.x = b.x", table("a"), (join("FULL", table("b"), ON),)),
        ("a CROSS JOIN b", table("a"), (join("CROSS", table("b")),)),
        (
            "a, UNNEST(a.items) AS i(sku)",
            table("a"),
            (join("CROSS", UnnestRef(n("a", "items"), "i", ("sku",), False, NO_SPAN)),),
        ),
        (
            "a CROSS JOIN LATERAL UNNEST(a.items) WITH ORDINALITY AS i(e, pos)",
            table("a"),
            (join("CROSS", UnnestRef(n("a", "items"), "i", ("e", "pos"), True, NO_SPAN)),),
        ),
        ("UNNEST(ARRAY[1]) u", UnnestRef(Call("ARRAY", (Literal(1, NO_SPAN),), NO_SPAN), "u", (), False, NO_SPAN), ()),
    ],
)
def test_sources(sources: str, first: Any, joins: tuple[Join, ...]) -> None:
    query = select(f"SELECT x FROM {sources}")
    assert (query.from_item, query.joins) == (first, joins)


def test_subquery_in_from() -> None:
    found = select("SELECT x FROM (SELECT x FROM a) AS s(y)").from_item
    assert found == SubqueryRef(select("SELECT x FROM a"), "s", ("y",), NO_SPAN)


def test_clauses() -> None:
    query = select("SELECT x FROM a WHERE b GROUP BY x HAVING c QUALIFY d ORDER BY x LIMIT 5 OFFSET 2")
    assert [query.where, query.group_by, query.having, query.qualify] == [n("b"), (n("x"),), n("c"), n("d")]


@pytest.mark.parametrize(
    ("tail", "limit", "offset"),
    [
        ("LIMIT 5 OFFSET 2", 5, 2),
        ("OFFSET 2 LIMIT 5", 5, 2),
        ("OFFSET 2 ROWS", None, 2),
        ("LIMIT ALL", None, None),
        ("FETCH FIRST 3 ROWS ONLY", 3, None),
        ("OFFSET 1 ROW FETCH NEXT ROW ONLY", 1, 1),
    ],
)
def test_limit(tail: str, limit: int | None, offset: int | None) -> None:
    query = select(f"SELECT x FROM a {tail}")
    assert [getattr(each, "value", None) for each in (query.limit, query.offset)] == [limit, offset]


@pytest.mark.parametrize(
    ("words", "descending", "nulls_first"),
    [
        ("", False, False),
        ("ASC", False, False),
        ("DESC", True, True),
        ("NULLS FIRST", False, True),
        ("DESC NULLS LAST", True, False),
    ],
)
def test_order(words: str, descending: bool, nulls_first: bool) -> None:
    (found,) = select(f"SELECT x FROM a ORDER BY x {words}").order_by
    assert found == OrderItem(n("x"), descending, nulls_first, NO_SPAN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", None), ("DISTINCT", ()), ("DISTINCT ON (a, b)", (n("a"), n("b")))],
)
def test_distinct(text: str, expected: Any) -> None:
    assert select(f"SELECT {text} x FROM a").distinct_on == expected


@pytest.mark.parametrize(
    ("text", "every", "sets"),
    [
        ("a, b", "ab", None),
        ("ROLLUP(a, b)", "ab", ["ab", "a", ""]),
        ("CUBE(a, b)", "ab", ["ab", "a", "b", ""]),
        ("GROUPING SETS ((a, b), a, ())", "ab", ["ab", "a", ""]),
        ("c, ROLLUP(a)", "ca", ["ca", "c"]),
        ("GROUPING SETS (ROLLUP(a), b)", "ab", ["a", "", "b"]),
        ("ROLLUP((a, b), c)", "abc", ["abc", "ab", ""]),
    ],
)
def test_grouping(text: str, every: str, sets: list[str] | None) -> None:
    query = select(f"SELECT 1 FROM t GROUP BY {text}")
    names = tuple(tuple(n(each) for each in group) for group in sets or [])
    assert (query.group_by, query.grouping_sets) == (tuple(n(each) for each in every), names)


def test_group_by_ordinals_stay_numbers() -> None:
    assert select("SELECT x FROM a GROUP BY 1").group_by == (Literal(1, NO_SPAN),)


def test_common_table_expressions() -> None:
    query = select("WITH c (k) AS (SELECT x FROM a), d AS MATERIALIZED (SELECT 1) SELECT k FROM c")
    assert query.ctes == (
        Cte("c", ("k",), select("SELECT x FROM a"), NO_SPAN),
        Cte("d", (), select("SELECT 1"), NO_SPAN),
    )


@pytest.mark.parametrize(
    ("operator", "kind", "all_"),
    [
        ("UNION", "UNION", False),
        ("UNION ALL", "UNION", True),
        ("UNION DISTINCT", "UNION", False),
        ("INTERSECT", "INTERSECT", False),
        ("EXCEPT ALL", "EXCEPT", True),
    ],
)
def test_set_operations(operator: str, kind: str, all_: bool) -> None:
    found = parse_query(f"SELECT 1 {operator} SELECT 2")
    assert isinstance(found, SetOperation)
    assert (found.kind, found.all, found.left, found.right) == (kind, all_, select("SELECT 1"), select("SELECT 2"))


def test_intersect_binds_tighter_than_union() -> None:
    found = parse_query("SELECT 1 UNION SELECT 2 INTERSECT SELECT 3")
    assert isinstance(found, SetOperation)
    assert (found.kind, found.right) == ("UNION", parse_query("SELECT 2 INTERSECT SELECT 3"))


def test_parentheses_decide_the_order_of_set_operations() -> None:
    found = parse_query("(SELECT 1 EXCEPT SELECT 2) UNION SELECT 3")
    assert isinstance(found, SetOperation)
    assert (found.kind, found.left) == ("UNION", parse_query("SELECT 1 EXCEPT SELECT 2"))


def test_order_and_limit_belong_to_the_whole_set_operation() -> None:
    found = parse_query("SELECT x FROM a UNION SELECT x FROM b ORDER BY x LIMIT 1")
    assert isinstance(found, SetOperation)
    assert (len(found.order_by), found.limit, found.right) == (1, Literal(1, NO_SPAN), select("SELECT x FROM b"))


def test_a_parenthesized_operand_keeps_its_own_limit() -> None:
    found = parse_query("(SELECT x FROM a LIMIT 1) UNION (SELECT x FROM b LIMIT 2)")
    assert isinstance(found, SetOperation)
    assert (found.left, found.limit) == (select("SELECT x FROM a LIMIT 1"), None)


def test_with_before_a_set_operation() -> None:
    found = parse_query("WITH c AS (SELECT 1) SELECT * FROM c UNION SELECT 2")
    assert isinstance(found, SetOperation)
    assert [cte.name for cte in found.ctes] == ["c"]


def test_named_windows_are_resolved() -> None:
    query = select(
        "SELECT SUM(x) OVER w, SUM(x) OVER (v ORDER BY z) FROM a WINDOW v AS (PARTITION BY y), w AS (v ORDER BY z)"
    )
    first, second = (each.expr for each in query.items)
    assert isinstance(first, Window)
    assert first == second
    assert first.partition_by == (n("y"),)


def test_windows_of_a_subquery_are_its_own() -> None:
    with pytest.raises(CompileError, match="no window 'w'"):
        parse_query("SELECT (SELECT SUM(x) OVER w FROM b) FROM a WINDOW w AS (ORDER BY x)")


@pytest.mark.parametrize(("tail", "emit"), [("EMIT CHANGES", "CHANGES"), ("EMIT ON WINDOW CLOSE", "ON WINDOW CLOSE")])
def test_emit(tail: str, emit: str) -> None:
    assert select(f"SELECT x FROM a WHERE b {tail}").emit == emit


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 FROM a NATURAL JOIN b", "SELECT 1 FROM a, LATERAL b",
        "WITH RECURSIVE c AS (SELECT 1) SELECT 1",
        "SELECT 1 FROM a SEMI JOIN b ON a.x = b.x", "SELECT 1 FROM a x ANTI JOIN b ON x.x = b.x",
        "SELECT 1 FROM a LEFT SEMI JOIN b ON a.x = b.x", "SELECT 1 FROM a ASOF LEFT JOIN b ON a.x >= b.x",
        "SELECT 1 FROM ONLY a", "SELECT 1 FROM f(1)", "SELECT 1 FROM a t(x)", "SELECT 1 FROM UNNEST(a, b) u",
        "SELECT x INTO y FROM a", "SELECT 1 UNION SELECT 2 EMIT CHANGES",
    ],
)  # fmt: skip
def test_refused_as_not_supported(text: str) -> None:
    with pytest.raises(CompileError) as caught:
        parse_query(text)
    assert caught.value.code in ("QL302", "QL106")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT", "SELECT FROM a", "SELECT x,", "SELECT x, FROM a", "SELECT x FROM", "SELECT x FROM a,", "FROM a",
        "SELECT x FROM a JOIN b", "SELECT x FROM a JOIN ON x", "SELECT x FROM a LEFT b", "SELECT x FROM a WHERE",
        "SELECT x FROM a GROUP BY", "SELECT x FROM a ORDER BY", "SELECT x FROM a LIMIT", "SELECT x FROM a LIMIT 1, 2",
        "SELECT x FROM a FOR UPDATE", "SELECT x FROM a TABLESAMPLE (5)", "SELECT x FROM a WHERE b WHERE c",
        "SELECT x FROM (VALUES ())", "SELECT x FROM VALUES (1)", "SELECT x FROM (VALUES (1), (1, 2))",
        "SELECT x FROM UNNEST(y)", "SELECT x AS 'y'", "SELECT x AS 5", "SELECT x AS y.z",
        "SELECT x FROM a.b", "SELECT * AS y FROM a", "SELECT x FROM a GROUP x", "SELECT x UNION", "SELECT x FROM a b c",
        "SELECT x FROM a JOIN b USING x", "WITH c AS SELECT 1 SELECT 2", "WITH c AS (SELECT 1)", "WITH SELECT 1",
        "WITH c (k) (SELECT 1) SELECT 1", "SELECT DISTINCT ON () x",
        "SELECT x FROM a PIVOT (SUM(x) FOR y IN (1))", "SELECT x FROM a FETCH 3 ROWS", "SELECT TOP 5 x FROM a",
        "SELECT DISTINCT ON x FROM a", "SELECT x FROM a HAVING", "SELECT x FROM a QUALIFY",
        "SELECT x FROM (SELECT 1 FROM b", "SELECT SUM(x) OVER w FROM a WINDOW w", "TABLE a", "SELECT x FROM a UNION x",
    ],
)  # fmt: skip
def test_wrong_text_is_an_error(text: str) -> None:
    with pytest.raises(CompileError) as caught:
        parse_query(text)
    assert caught.value.code.startswith("QL1") or caught.value.code == "QL302"


@pytest.mark.parametrize("kind", ["RIGHT", "FULL"])
def test_a_comma_before_a_join_that_keeps_its_right_side_is_refused(kind: str) -> None:
    text = f"SELECT a.x FROM a, c {kind} JOIN x ON x.k = c.k"
    with pytest.raises(CompileError) as caught:
        parse_query(text)
    assert caught.value.code == "QL302"
    assert text[caught.value.span.start :].startswith(f"{kind} JOIN")
    assert "CROSS JOIN" in str(caught.value.hint)


def test_a_comma_behind_such_a_join_is_a_cross_join() -> None:
    query = parse_query("SELECT a.x FROM a FULL JOIN x ON x.k = a.k, d")
    assert [join.kind for join in query.joins] == ["FULL", "CROSS"]
