"""CREATE MATERIALIZED VIEW from its text to the bound query, and what is said about a wrong one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from queryleaf_cdc import CompileError, compile_sql
from queryleaf_cdc.frontend import parse, parse_expression
from queryleaf_cdc.logical.bind import Binder
from queryleaf_cdc.logical.bind_query import bind_query
from queryleaf_cdc.logical.bind_view import bind_view
from queryleaf_cdc.logical.columns import output_columns
from queryleaf_cdc.logical.options import view_options
from queryleaf_cdc.logical.schema import Schema
from queryleaf_cdc.logical.scope import Scope
from queryleaf_cdc.logical.view_graph import ViewGraph
from queryleaf_cdc.plans.view import ViewOptions
from queryleaf_cdc.source import Source
from queryleaf_cdc.syntax.expressions import Aggregate, Call, Expr, Field, Literal, Name, Window
from queryleaf_cdc.syntax.queries import Select, SubqueryRef, UnnestRef
from queryleaf_cdc.syntax.statements import CreateMaterializedView, DropView, RefreshView


def read(text: str) -> Any:
    nodes, found = parse(Source(text))
    assert found == (), [each.message for each in found]
    (node,) = nodes
    return node


def bound(query: str, repeatable: Collection[str] | None = None, header: str = "v") -> CreateMaterializedView:
    binder = Binder(Schema(), None, False, bind_query, for_view=True, repeatable=repeatable)
    return bind_view(read(f"CREATE MATERIALIZED VIEW {header} AS {query}"), binder, Scope())


def select(query: str) -> Select:
    found = bound(query).query
    assert isinstance(found, Select)
    return found


def expr(text: str, source: str = "t") -> Expr:
    """An expression whose names are fields of one source."""
    return fields(parse_expression(text), source)


def fields(node: Expr, source: str) -> Expr:
    from queryleaf_cdc.logical.walk import rebuild

    if isinstance(node, Name):
        return Field(source, node.path, node.span)
    return rebuild(node, lambda each: fields(each, source))


def mistake(query: str, header: str = "v", repeatable: Collection[str] | None = None) -> tuple[str, str, str]:
    """Code, place and hint of the error."""
    text = f"CREATE MATERIALIZED VIEW {header} AS {query}"
    with pytest.raises(CompileError) as caught:
        bound(query, repeatable, header)
    (found,) = caught.value.diagnostics
    assert found.span is not None
    return found.code, text[found.span.start : found.span.end], found.hint or ""


# -- statements -----------------------------------------------------------------------------------------------------


def test_a_view_with_all_its_words() -> None:
    node = read(
        "CREATE OR REPLACE MATERIALIZED VIEW IF NOT EXISTS v (a, b) WITH (target = 'w', cache_rows = 10)"
        " AS WITH q AS (SELECT 1 AS x) SELECT x, 2 FROM q WITH DATA"
    )
    assert (node.name, node.or_replace, node.if_not_exists, node.columns) == ("v", True, True, ("a", "b"))
    assert [(option.name, option.value) for option in node.options] == [("target", "w"), ("cache_rows", 10)]
    assert [cte.name for cte in node.query.ctes] == ["q"]


def test_dropping_and_refreshing() -> None:
    drop = read("DROP MATERIALIZED VIEW IF EXISTS v")
    assert drop == DropView("v", True, drop.span)
    refresh = read("REFRESH MATERIALIZED VIEW CONCURRENTLY v")
    assert refresh == RefreshView("v", refresh.name_span, refresh.span)


SYNTAX = [
    ("CREATE MATERIALISED VIEW v AS SELECT 1", "QL106", "MATERIALISED", "MATERIALIZED"),
    ("CREATE MATERIALIZED VEIW v AS SELECT 1", "QL106", "VEIW", "VIEW"),
    ("CREATE MATERIALIZED VIEW AS SELECT 1", "QL106", "AS", ""),
    ("CREATE MATERIALIZED VIEW v SELECT 1", "QL106", "SELECT", ""),
    ("CREATE MATERIALIZED VIEW v AS", "QL107", "AS", ""),
    ("CREATE MATERIALIZED VIEW v AS INSERT INTO x (a) VALUES (1)", "QL106", "INSERT", ""),
    ("CREATE MATERIALIZED VIEW v AS SELECT 1 WITH NO DATA", "QL302", "WITH NO DATA", "holds its rows"),
    ("CREATE MATERIALIZED VIEW v AS SELECT 1 WITH (target = 'x')", "QL106", "WITH", "before AS"),
    ("CREATE MATERIALIZED VIEW v (a, a) AS SELECT 1, 2", "QL141", "a", "another name"),
    ("CREATE MATERIALIZED VIEW a.b AS SELECT 1", "QL106", "a.b", '"a.b"'),
    ("CREATE MATERIALIZED VIEW v WITH (target = x) AS SELECT 1", "QL125", "x", "'x'"),
    ("DROP MATERIALIZED VIEW v CASCADE", "QL302", "CASCADE", "one first"),
    ("DROP VIEW v CASCADE", "QL302", "CASCADE", "nothing else"),
    ("REFRESH v", "QL106", "v", ""),
    ("REFRESH MATERIALIZED VIEW v WITH NO DATA", "QL302", "WITH NO DATA", ""),
    ("REFERSH MATERIALIZED VIEW v", "QL105", "REFERSH", "REFRESH"),
    ("CREATE MATERIALIZED VIEW v AS SELCT a FROM t", "QL106", "SELCT", "SELECT"),
    ("CREATE MATERIALIZED VIEW v AS SELECT a FORM t", "QL106", "t", "FROM"),
    ("CREATE MATERIALIZED VIEW v AS SELECT a FROM t GRUOP BY a", "QL106", "BY", "GROUP"),
    ("CREATE MATERIALIZED VIEW v AS SELECT a FROM t GROUP", "QL106", "GROUP", "GROUP BY"),
    ("CREATE MATERIALIZED VIEW v AS SELECT a FROM t WHERE a IN (SELECT b order FROM u)", "QL106", "order", "ORDER BY"),
    ("CREATE MATERIALIZED VIEW v AS SELECT a FROM t x JION u ON u.a = x.a", "QL106", "JION", "JOIN"),
    ("CREATE MATERIALIZED VIEW v AS SELECT a COUNT(*) FROM t GROUP BY a", "QL106", "(", "a comma missing before COUNT"),
    ("CREATE MATERIALIZED VIEW v AS SELECT a FROM t CREATE TRIGGER x", "QL106", "TRIGGER", "before CREATE"),
    ("CREATE MATERIALIZED VIEW v AS SELECT a FROM t SELECT 1", "QL106", "SELECT", "before SELECT"),
    ("CREATE MATERIALIZED VIEW v AS SELECT RANK() OVER (PARTITON BY a) FROM t", "QL106", "BY", "PARTITION"),
    ("CREATE MATERIALIZED VIEW v AS SELECT RANK() OVER (ORDER a) FROM t", "QL106", "a", "ORDER BY"),
]


@pytest.mark.parametrize(("text", "code", "place", "hint"), SYNTAX)
def test_wrong_syntax_is_told_with_its_place(text: str, code: str, place: str, hint: str) -> None:
    source = Source(text)
    (found,) = parse(source)[1]
    assert found.span is not None
    assert (found.code, source.slice(found.span)) == (code, place)
    assert hint in (found.hint or "")


# -- options --------------------------------------------------------------------------------------------------------


def options(text: str) -> ViewOptions:
    return view_options(read(f"CREATE MATERIALIZED VIEW v {text} AS SELECT 1 AS a"))


def test_options_have_defaults() -> None:
    assert options("") == ViewOptions("v", 100_000, "rebuild", ())


def test_options_of_a_view() -> None:
    found = options("WITH (target = 'w', index = 'a, b DESC; c', cache_rows = 5, on_error = 'stop')")
    assert found == ViewOptions("w", 5, "stop", ((("a", 1), ("b", -1)), (("c", 1),)))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("taget = 'w'", "QL232"),
        ("target = 5", "QL233"),
        ("target = 'system.x'", "QL233"),
        ("target = '_queryleaf.x'", "QL233"),
        ("cache_rows = 0", "QL233"),
        ("cache_rows = 1.5", "QL233"),
        ("on_error = 'retry'", "QL233"),
        ("index = 'a UP'", "QL233"),
        ("index = ''", "QL233"),
        ("index = 'a;'", "QL233"),
        ("index = 'a..b'", "QL233"),
        ("index = 'a.'", "QL233"),
        ("index = 'a.$b'", "QL233"),
        ("index = 'a, b, a DESC'", "QL233"),
        ("index = '_id DESC'", "QL233"),
        (f"index = '{', '.join(f'c{n}' for n in range(33))}'", "QL233"),
        (f"index = '{'; '.join(f'c{n}' for n in range(63))}'", "QL233"),
        ("target = 'w', target = 'x'", "QL233"),
    ],
)
def test_wrong_options(text: str, code: str) -> None:
    with pytest.raises(CompileError) as caught:
        options(f"WITH ({text})")
    assert caught.value.code == code
    assert caught.value.span is not None


def test_an_index_on_what_the_view_does_not_have_is_a_warning() -> None:
    text = "CREATE MATERIALIZED VIEW v WITH (index = 'toatl DESC, place.city, _id') AS SELECT total, place FROM t"
    (found,) = compile_sql(text).diagnostics
    assert (found.code, found.severity, found.hint) == ("QL241", "warning", "did you mean total?")
    assert not compile_sql(text.replace("total, place", "*")).diagnostics


# -- windows --------------------------------------------------------------------------------------------------------


def test_the_reference_dashboard_binds() -> None:
    query = select("""SELECT
        DATE_TRUNC('hour', created_at) as hour_bucket, COUNT(*) as orders_count, SUM(total_amount) as revenue,
        AVG(total_amount) as avg_order_value, COUNT(DISTINCT customer_id) as unique_customers,
        SUM(total_amount) OVER (
            ORDER BY DATE_TRUNC('hour', created_at) ROWS BETWEEN 23 PRECEDING AND CURRENT ROW
        ) as rolling_24h_revenue
        FROM orders
        WHERE status = 'completed' AND created_at >= CURRENT_TIMESTAMP - INTERVAL '7 days'
        GROUP BY hour_bucket ORDER BY hour_bucket DESC""")
    (key,) = query.group_by
    rolling = query.items[-1].expr
    assert isinstance(rolling, Window)
    assert rolling.function == Aggregate("SUM", (query.items[2].expr,), False, None, (), rolling.span)
    assert [item.expr for item in rolling.order_by] == [key]
    assert query.order_by[0].expr == key


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("SUM(x) OVER ()", "SUM(SUM(x))"),
        ("COUNT(x) OVER ()", "SUM(COUNT(x))"),
        ("MIN(x) OVER ()", "MIN(MIN(x))"),
        ("MAX(x + k) OVER ()", "MAX(MAX(x + k))"),
        ("SUM(k) OVER ()", "SUM(k)"),
        ("SUM(k + 1) OVER ()", "SUM(k + 1)"),
        ("AVG(COUNT(*)) OVER ()", "AVG(COUNT(*))"),
        ("COUNT(*) OVER ()", "COUNT(*)"),
    ],
)
def test_a_window_over_groups(written: str, means: str) -> None:
    window = select(f"SELECT k, {written} AS w FROM t GROUP BY k").items[1].expr
    assert isinstance(window, Window)
    outer, _, inner = means.removesuffix(")").partition("(")
    if inner == "*":
        assert window.function == expr(means)
    else:
        assert isinstance(window.function, Aggregate)
        assert (window.function.name, window.function.args) == (outer, (expr(inner),))


def test_the_filter_of_a_window_over_groups_goes_where_it_can_be_read() -> None:
    rows = select("SELECT k, SUM(x) FILTER (WHERE y > 1) OVER () AS s FROM t GROUP BY k").items[1].expr
    assert isinstance(rows, Window)
    assert isinstance(rows.function, Aggregate)
    assert rows.function.args == (Aggregate("SUM", (expr("x"),), False, expr("y > 1"), (), rows.span),)
    groups = select("SELECT k, SUM(x) FILTER (WHERE COUNT(*) > 1) OVER () AS s FROM t GROUP BY k").items[1].expr
    assert isinstance(groups, Window)
    assert isinstance(groups.function, Aggregate)
    assert groups.function.filter == expr("COUNT(*) > 1")


def test_a_condition_on_a_window_moves_behind_it() -> None:
    query = select("SELECT a, ROW_NUMBER() OVER (PARTITION BY b ORDER BY c) AS n FROM t WHERE n <= 3 AND a > 1")
    assert query.where == expr("a > 1")
    window = query.items[1].expr
    assert query.qualify == Call("<=", (window, Literal(3, window.span)), window.span)


def test_qualify_and_a_condition_on_a_window_are_both_kept() -> None:
    query = select("SELECT a FROM t WHERE RANK() OVER (ORDER BY a) = 1 QUALIFY COUNT(*) OVER () > 2")
    assert query.where is None
    assert isinstance(query.qualify, Call)
    assert (query.qualify.name, len(query.qualify.args)) == ("AND", 2)


def test_windows_in_subqueries_and_ctes_bind() -> None:
    query = select(
        "WITH r AS (SELECT a, RANK() OVER (ORDER BY b) AS n FROM t)"
        " SELECT a FROM r WHERE n = 1 AND EXISTS (SELECT ROW_NUMBER() OVER (ORDER BY u.c) AS m FROM u WHERE u.a = r.a)"
    )
    assert isinstance(query.from_item, SubqueryRef)
    assert query.qualify is None


WRONG_QUERIES = [
    # windows
    ("SELECT LAG(x) OVER (ORDER BY RANK() OVER (ORDER BY a)) FROM t", "QL228", "RANK() OVER (ORDER BY a)"),
    ("SELECT SUM(RANK() OVER (ORDER BY a)) FROM t", "QL228", "RANK() OVER (ORDER BY a)"),
    ("SELECT RANK() OVER (ORDER BY a) AS r, SUM(r) FROM t", "QL228", "SUM(r)"),
    ("SELECT a FROM t GROUP BY a HAVING RANK() OVER (ORDER BY a) = 1", "QL228", "RANK() OVER (ORDER BY a)"),
    ("SELECT RANK() OVER (ORDER BY a) AS r FROM t GROUP BY r", "QL228", "r"),
    ("SELECT a FROM t JOIN u ON RANK() OVER () = 1", "QL228", "RANK() OVER ()"),
    ("SELECT RANK() FROM t", "QL228", "RANK()"),
    ("SELECT UPPER(a) OVER () FROM t", "QL209", "UPPER(a)"),
    ("SELECT ROW_NUMBR() OVER (ORDER BY a) FROM t", "QL209", "ROW_NUMBR()"),
    ("SELECT ROW_NUMBER(a) OVER (ORDER BY a) FROM t", "QL205", "ROW_NUMBER(a)"),
    ("SELECT NTH_VALUE(a) OVER (ORDER BY a) FROM t", "QL205", "NTH_VALUE(a)"),
    ("SELECT NTILE(0) OVER (ORDER BY a) FROM t", "QL226", "0"),
    ("SELECT NTILE(b) OVER (ORDER BY a) FROM t", "QL226", "b"),
    ("SELECT a, AVG(x) OVER () FROM t GROUP BY a", "QL217", "AVG(x)"),
    ("SELECT a, COUNT(DISTINCT x) OVER () FROM t GROUP BY a", "QL217", "COUNT(DISTINCT x)"),
    # frames
    ("SELECT SUM(x) OVER (ORDER BY a ROWS BETWEEN CURRENT ROW AND 1 PRECEDING) FROM t", "QL229", None),
    ("SELECT SUM(x) OVER (ORDER BY a ROWS -1 PRECEDING) FROM t", "QL229", "-1"),
    ("SELECT SUM(x) OVER (ORDER BY a ROWS 1.5 PRECEDING) FROM t", "QL229", "1.5"),
    ("SELECT SUM(x) OVER (ORDER BY a ROWS b PRECEDING) FROM t", "QL229", "b"),
    ("SELECT SUM(x) OVER (ORDER BY a, b RANGE 1 PRECEDING) FROM t", "QL229", "1"),
    ("SELECT SUM(x) OVER (ORDER BY a RANGE INTERVAL '-1 hour' PRECEDING) FROM t", "QL229", "INTERVAL '-1 hour'"),
    ("SELECT SUM(x) OVER (GROUPS 1 PRECEDING) FROM t", "QL229", None),
    # groups
    ("SELECT GROUPING(b) FROM t GROUP BY a", "QL237", "b"),
    ("SELECT a FROM t WHERE GROUPING(a) = 0 GROUP BY a", "QL206", "GROUPING(a)"),
    ("SELECT DISTINCT ON (a) a FROM t ORDER BY b", "QL227", "b"),
    ("SELECT * FROM t GROUP BY a", "QL217", "*"),
    ("SELECT x.*, COUNT(*) FROM t x", "QL217", "x.*"),
    ("SELECT SUMM(x) AS s, a FROM t GROUP BY a", "QL209", "SUMM(x)"),
    ("SELECT a AS s, SUM(x) AS s FROM t GROUP BY s", "QL206", "s"),
    # subqueries
    ("SELECT (SELECT a, b FROM u) AS x FROM t", "QL219", "(SELECT a, b FROM u)"),
    ("SELECT a FROM t WHERE a IN (SELECT * FROM u)", "QL219", "a IN (SELECT * FROM u)"),
    # time windows
    ("SELECT COUNT(*) FROM t GROUP BY TUMBLE(at, 5)", "QL226", "5"),
    ("SELECT COUNT(*) FROM t GROUP BY TUMBLE(at, INTERVAL '1 month')", "QL226", "INTERVAL '1 month'"),
    ("SELECT COUNT(*) FROM t GROUP BY TUMBLE(at, INTERVAL '0 s')", "QL226", "INTERVAL '0 s'"),
    ("SELECT COUNT(*) FROM t GROUP BY HOP(at, INTERVAL '1 s', INTERVAL '1 day')", "QL226", None),
    ("SELECT COUNT(*) FROM t GROUP BY TUMBLE(at)", "QL205", "TUMBLE(at)"),
    ("SELECT HOP_START(at, INTERVAL '1 s', INTERVAL '2 s') FROM t", "QL236", None),
    ("SELECT SESSION_END(at, INTERVAL '1 s') FROM t GROUP BY SESSION(at, INTERVAL '2 s')", "QL236", None),
    ("SELECT TUMBLE(at, INTERVAL '1 s') FROM t", "QL236", "TUMBLE(at, INTERVAL '1 s')"),
    ("SELECT 1 AS a FROM t GROUP BY ROLLUP(SESSION(at, INTERVAL '1 s'))", "QL236", None),
    ("SELECT * FROM TUMBLE(t, at)", "QL106", "TUMBLE(t, at)"),
    ("SELECT * FROM TUMBLE(t PARTITION BY k, at, INTERVAL '1 s')", "QL106", "k"),
    ("SELECT * FROM HOP(t, at, INTERVAL '1 s', 5)", "QL226", "5"),
    # what is no view
    ("SELECT a FROM t WHERE CHANGE_DETECTED()", "QL303", "CHANGE_DETECTED()"),
    ("SELECT a FROM t EMIT CHANGES", "QL303", None),
    ("SELECT CHANGE_TYPE() FROM t", "QL208", "CHANGE_TYPE()"),
    ("SELECT a FROM t LIMIT (SELECT 1)", "QL216", "(SELECT 1)"),
    ("SELECT RANDOM() AS r FROM t", "QL235", "RANDOM()"),
    ("SELECT a FROM t WHERE b = GEN_RANDOM_UUID()", "QL235", "GEN_RANDOM_UUID()"),
    ("SELECT a FROM t WHERE b < CLOCK_TIMESTAMP()", "QL235", "CLOCK_TIMESTAMP()"),
    ("SELECT SUM(a, b) AS s FROM t", "QL205", "SUM(a, b)"),
    ("SELECT COUNT(DISTINCT a, b) AS s FROM t", "QL205", "COUNT(DISTINCT a, b)"),
    ("SELECT CORR(a) AS s FROM t", "QL205", "CORR(a)"),
    ("SELECT b, MAX_BY(a, c) AS s FROM t GROUP BY b", "QL209", "MAX_BY(a, c)"),
    ("SELECT UNNEST(a) AS s FROM t", "QL209", "UNNEST(a)"),
    # columns
    ("SELECT _id, a FROM t", "QL238", "_id"),
    ('SELECT a AS "$a" FROM t', "QL238", 'a AS "$a"'),
    ('SELECT a AS "a.b" FROM t', "QL238", 'a AS "a.b"'),
    ('SELECT a AS "" FROM t', "QL238", 'a AS ""'),
    ("SELECT t.a, u.a FROM t CROSS JOIN u", "QL218", "u.a"),
    ("SELECT t.a, u.a FROM t CROSS JOIN u UNION SELECT 1 AS x, 2 AS y", "QL218", "u.a"),
]


@pytest.mark.parametrize(("query", "code", "place"), WRONG_QUERIES)
def test_wrong_queries_are_told_with_their_place(query: str, code: str, place: str | None) -> None:
    found, where, _ = mistake_in(query)
    assert found == code
    assert where == place or place is None


def mistake_in(query: str) -> tuple[str, str, str]:
    """Of the parser or the binder."""
    source = Source(f"CREATE MATERIALIZED VIEW v AS {query}")
    for each in parse(source)[1]:
        assert each.span is not None
        return each.code, source.slice(each.span), each.hint or ""
    return mistake(query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT SUM(x) OVER () AS s FROM t",
        "SELECT a FROM t QUALIFY a > 1",
        "SELECT a FROM t GROUP BY ROLLUP(a)",
        "SELECT * FROM SESSION(t, at, INTERVAL '1 hour')",
        "SELECT window_start FROM t GROUP BY SESSION(at, INTERVAL '1 hour')",
    ],
)
def test_one_shot_queries_refuse_what_only_views_know(query: str) -> None:
    node = read(query)
    with pytest.raises(CompileError, match="not supported here"):
        bind_query(node.query, Scope(), Binder(Schema(), None, False, bind_query))


def test_a_window_without_an_order_is_warned_of() -> None:
    scope = Scope()
    node = read("CREATE MATERIALIZED VIEW v AS SELECT ROW_NUMBER() OVER (PARTITION BY a) AS n FROM t")
    bind_view(node, Binder(Schema(), None, False, bind_query, for_view=True), scope)
    assert [each.code for each in scope.warnings] == ["QL230"]


# -- grouping -------------------------------------------------------------------------------------------------------


def test_grouping_sets_share_their_expressions() -> None:
    query = select("SELECT UPPER(a) AS u, GROUPING(u, b) AS g, COUNT(*) AS n FROM t GROUP BY ROLLUP(u, b)")
    first, second = query.group_by
    assert (first, second) == (expr("UPPER(a)"), expr("b"))
    assert query.grouping_sets == ((first, second), (first,), ())
    assert query.items[1].expr == Call("GROUPING", (first, second), query.span)


def test_two_spellings_of_one_grouping_expression_are_one() -> None:
    query = select("SELECT a, COUNT(*) AS n FROM t GROUP BY GROUPING SETS ((a), (t.a, b), ())")
    assert query.group_by == (expr("a"), expr("b"))
    assert query.grouping_sets == ((expr("a"),), (expr("a"), expr("b")), ())


def test_distinct_on_binds_aliases_and_positions() -> None:
    query = select("SELECT DISTINCT ON (k, 2) a AS k, b FROM t ORDER BY 2, k, c DESC")
    assert query.distinct_on == (expr("a"), expr("b"))


@pytest.mark.parametrize("kind", ["INTERSECT ALL", "EXCEPT ALL", "UNION ALL", "EXCEPT"])
def test_set_operations_bind(kind: str) -> None:
    query = bound(f"SELECT a FROM t {kind} SELECT b FROM u").query
    assert output_columns(query) == ("a",)


# -- time windows ---------------------------------------------------------------------------------------------------

HOUR = "INTERVAL '1' HOUR"


def test_tumble_in_group_by() -> None:
    query = select(f"SELECT TUMBLE_END(at, {HOUR}) AS e, window_start, k FROM t GROUP BY TUMBLE(at, {HOUR}), k")
    start = expr(f"DATE_BIN({HOUR}, at)")
    assert query.group_by == (start, expr("k"))
    assert [item.expr for item in query.items[:2]] == [expr(f"DATE_BIN({HOUR}, at) + {HOUR}"), start]
    assert isinstance(query.where, Call)
    assert query.where.args[0] == expr("at")


def test_hop_in_group_by() -> None:
    args = "at, INTERVAL '2' SECOND, INTERVAL '10' SECOND"
    query = select(f"SELECT HOP_START({args}) AS s, window_end AS e, COUNT(*) AS n FROM t GROUP BY k, HOP({args})")
    start = Field("$hop", ("window_start",), query.span)
    assert query.group_by == (expr("k"), start)
    assert query.items[0].expr == start
    assert query.items[1].expr == Call("+", (start, expr("INTERVAL '10' SECOND")), query.span)
    (join,) = query.joins
    assert join.kind == "CROSS"
    assert join.item == UnnestRef(expr(f"HOP_STARTS({args})"), "$hop", ("window_start",), False, query.span)


def test_session_in_group_by() -> None:
    query = select(f"SELECT u, window_end, COUNT(*) AS n FROM t GROUP BY SESSION(at, {HOUR}), UPPER(k) HAVING u > 'a'"
                   .replace("SELECT u", "SELECT UPPER(k) AS u"))  # fmt: skip
    key, start, end = query.group_by
    assert key == expr("UPPER(k)")
    for window, name in ((start, "SESSION_START"), (end, "SESSION_END")):
        assert isinstance(window, Window)
        assert window.function == expr(f"{name}(at, {HOUR})")
        assert window.partition_by == (key,)
        assert [item.expr for item in window.order_by] == [expr("at")]
    assert query.items[1].expr == end


def inner(query: str) -> Select:
    item = select(query).from_item
    assert isinstance(item, SubqueryRef)
    assert isinstance(item.query, Select)
    return item.query


@pytest.mark.parametrize(
    "written",
    [f"TUMBLE(t, at, {HOUR}) AS b", f"TABLE(TUMBLE(TABLE t, DESCRIPTOR(at), {HOUR})) b", f"tumble(t, at, {HOUR}) b"],
)
def test_tumble_in_from(written: str) -> None:
    query = inner(f"SELECT b.k, window_start FROM {written}")
    assert [item.alias for item in query.items] == [None, "window_start", "window_end"]
    assert query.items[1].expr == expr(f"DATE_BIN({HOUR}, at)")
    assert query.where is not None


def test_hop_in_from_is_a_join_with_the_starts() -> None:
    query = inner("SELECT * FROM HOP(t, at, INTERVAL '2' SECOND, INTERVAL '10' SECOND) AS b")
    (join,) = query.joins
    assert isinstance(join.item, UnnestRef)
    assert join.item.array == expr("HOP_STARTS(at, INTERVAL '2' SECOND, INTERVAL '10' SECOND)")


def test_session_in_from_is_a_window_over_its_partition() -> None:
    query = inner(f"SELECT * FROM TABLE(SESSION(TABLE t PARTITION BY k, l, DESCRIPTOR(at), {HOUR}))")
    start = query.items[1].expr
    assert isinstance(start, Window)
    assert start.partition_by == (expr("k"), expr("l"))


def test_a_collection_may_be_called_tumble() -> None:
    assert select("SELECT hop FROM tumble").items[0].expr == Field("tumble", ("hop",), select("SELECT 1").span)


# -- columns and functions ------------------------------------------------------------------------------------------


def test_a_column_list_names_the_columns() -> None:
    assert output_columns(bound("SELECT _id, COUNT(*) FROM t GROUP BY _id", header="v (id, n)").query) == ("id", "n")
    assert output_columns(bound("SELECT a FROM t UNION SELECT b FROM u", header="v (x)").query) == ("x",)


@pytest.mark.parametrize(
    ("header", "query", "code", "place"),
    [
        ("v (a, b)", "SELECT x FROM t", "QL210", "a, b"),
        ("v (a)", "SELECT * FROM t", "QL210", "a"),
        ("v (_id)", "SELECT x FROM t", "QL238", "_id"),
    ],
)
def test_wrong_column_lists(header: str, query: str, code: str, place: str) -> None:
    assert mistake(query, header)[:2] == (code, place)


def test_an_id_may_come_with_a_star() -> None:
    assert output_columns(bound("SELECT * FROM (SELECT _id, a FROM t) AS s").query) == ("_id", "a")


def test_functions_of_the_user_must_be_repeatable() -> None:
    assert bound("SELECT RESCALED(a) AS m FROM t", repeatable={"RESCALED"})
    assert bound("SELECT RESCALED(a) AS m FROM t", repeatable=None)
    code, place, hint = mistake("SELECT RESCALED(a) AS m FROM t", repeatable={"OTHER"})
    assert (code, place) == ("QL235", "RESCALED(a)")
    assert "repeatable=True" in hint


def test_the_clock_of_a_view_is_the_moving_one() -> None:
    query = select("SELECT a FROM t WHERE at > NOW() - INTERVAL '7 days'")
    assert isinstance(query.where, Call)
    later = query.where.args[1]
    assert isinstance(later, Call)
    assert later.args[0] == Field("EVENT", ("now",), query.span)


# -- views of one text ----------------------------------------------------------------------------------------------


def graph(*views: tuple[str, str]) -> ViewGraph:
    known = ViewGraph()
    for header, query in views:
        node = bound(query, header=header)
        known.add(node, view_options(node).target)
    return known


@pytest.mark.parametrize(
    ("views", "code"),
    [
        ([("v", "SELECT a FROM v")], "QL239"),
        ([("v WITH (target = 'w')", "SELECT a FROM w")], "QL239"),
        ([("v", "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM v)")], "QL239"),
        ([("a", "SELECT x FROM b"), ("b", "SELECT x FROM a")], "QL239"),
        ([("a WITH (target = 'ta')", "SELECT x FROM tb"), ("b WITH (target = 'tb')", "SELECT x FROM ta")], "QL239"),
        ([("a", "SELECT x FROM c"), ("b", "SELECT x FROM a"), ("c", "SELECT x FROM t JOIN b USING (x)")], "QL239"),
        ([("a", "SELECT x FROM t"), ("a", "SELECT x FROM t")], "QL231"),
        ([("a", "SELECT x FROM t"), ("b WITH (target = 'a')", "SELECT x FROM t")], "QL231"),
        ([('""', "SELECT x FROM t")], "QL240"),
        ([('"a$b"', "SELECT x FROM t")], "QL240"),
        ([('"system.x"', "SELECT x FROM t")], "QL240"),
        ([("v", 'SELECT x FROM t JOIN "_queryleaf.active" USING (x)')], "QL240"),
    ],
)
def test_names_that_are_taken_and_circles(views: list[tuple[str, str]], code: str) -> None:
    with pytest.raises(CompileError) as caught:
        graph(*views)
    assert caught.value.code == code
    assert caught.value.span is not None


def test_a_view_over_a_view_is_no_circle() -> None:
    found = graph(("a", "SELECT x FROM t"), ("b", "SELECT x FROM a JOIN t USING (x)"), ("c", "SELECT x FROM a"))
    assert found.reads["b"] == {"a", "t"}


def test_a_cte_of_the_views_name_is_not_the_view() -> None:
    assert graph(("v", "WITH v AS (SELECT a FROM t) SELECT a FROM v")).reads["v"] == {"t"}
