"""Queries over documents in memory give the rows that SQL says."""

from __future__ import annotations

import math
from typing import Any

import pytest
from bson import Decimal128, Int64

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.testing import OfflineDatabase

DATA: dict[str, list[dict[str, Any]]] = {
    "ships": [
        {"_id": 1, "name": "Fram", "line": "A", "tons": 400, "tags": ["ice", "wood"]},
        {"_id": 2, "name": "Gjøa", "line": "A", "tons": 70, "tags": []},
        {"_id": 3, "name": "Maud", "line": "B", "tons": None},
        {"_id": 4, "name": "Nautilus", "tons": 400.0, "tags": "steel"},
    ],
    "crews": [
        {"_id": 1, "ship": 1, "who": "Nansen", "pay": 10},
        {"_id": 2, "ship": 1, "who": "Sverdrup", "pay": 8},
        {"_id": 3, "ship": 2, "who": "Amundsen", "pay": None},
        {"_id": 4, "ship": 9, "who": "Nemo", "pay": Decimal128("2.5")},
    ],
}


def rows(sql: str, **data: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    db = OfflineDatabase()
    db.seed({**DATA, **data})
    return [tuple(each.values()) for each in db.execute(sql)]


# -- FROM -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("join", "expected"),
    [
        ("JOIN", [("Fram", "Nansen"), ("Fram", "Sverdrup"), ("Gjøa", "Amundsen")]),
        (
            "LEFT JOIN",
            [("Fram", "Nansen"), ("Fram", "Sverdrup"), ("Gjøa", "Amundsen"), ("Maud", None), ("Nautilus", None)],
        ),
        ("RIGHT JOIN", [("Fram", "Nansen"), ("Fram", "Sverdrup"), ("Gjøa", "Amundsen"), (None, "Nemo")]),
        (
            "FULL JOIN",
            [
                ("Fram", "Nansen"),
                ("Fram", "Sverdrup"),
                ("Gjøa", "Amundsen"),
                ("Maud", None),
                ("Nautilus", None),
                (None, "Nemo"),
            ],
        ),
    ],
)
def test_joins(join: str, expected: list[tuple[Any, ...]]) -> None:
    assert (
        rows(f"SELECT s.name, c.who FROM ships s {join} crews c ON c.ship = s._id ORDER BY s.name, c.who") == expected
    )


def test_where_filters_after_outer_joins() -> None:
    sql = "SELECT s.name FROM ships s LEFT JOIN crews c ON c.ship = s._id WHERE c._id IS NULL ORDER BY 1"
    assert rows(sql) == [("Maud",), ("Nautilus",)]
    sql = "SELECT c.who FROM ships s RIGHT JOIN crews c ON c.ship = s._id WHERE s.name IS NULL"
    assert rows(sql) == [("Nemo",)]


def test_cross_join_and_a_comma_are_the_same() -> None:
    assert rows("SELECT COUNT(*) AS n FROM ships s CROSS JOIN crews c") == [(16,)]
    assert rows("SELECT s.name FROM ships s, crews c WHERE c.ship = s._id AND c.pay < 9") == [("Fram",)]


def test_three_sources_and_using() -> None:
    sql = """
    SELECT s.name, c.who, d.who AS other FROM ships s
    JOIN crews c ON c.ship = s._id JOIN crews d ON d.ship = s._id AND d._id > c._id"""
    assert rows(sql) == [("Fram", "Nansen", "Sverdrup")]
    assert rows("SELECT s.name, c.who FROM ships s JOIN crews c USING (_id) WHERE s._id = 4") == [("Nautilus", "Nemo")]


def test_null_joins_nothing() -> None:
    assert rows("SELECT a._id FROM ships a JOIN ships b ON a.line = b.line AND a._id <> b._id ORDER BY 1") == [
        (1,),
        (2,),
    ]


def test_unnest() -> None:
    assert rows("SELECT s._id, t FROM ships s CROSS JOIN UNNEST(s.tags) AS t ORDER BY t") == [(1, "ice"), (1, "wood")]
    sql = """
    SELECT s._id, u.tag, u.place FROM ships s
    LEFT JOIN UNNEST(s.tags) WITH ORDINALITY AS u(tag, place) ON TRUE ORDER BY s._id, u.place"""
    assert rows(sql) == [(1, "ice", 1), (1, "wood", 2), (2, None, None), (3, None, None), (4, None, None)]
    assert rows("SELECT x FROM UNNEST(ARRAY[3, 1, 2]) AS x ORDER BY x DESC") == [(3,), (2,), (1,)]


def test_ctes_and_subqueries_in_from() -> None:
    sql = """
    WITH paid (ship, total) AS (SELECT ship, SUM(pay) AS total FROM crews GROUP BY ship)
    SELECT s.name, p.total FROM ships s JOIN paid p ON p.ship = s._id WHERE p.total > 1"""
    assert rows(sql) == [("Fram", 18)]
    assert rows("SELECT t.n FROM (SELECT COUNT(*) AS n FROM ships) AS t") == [(4,)]


def test_star() -> None:
    db = OfflineDatabase()
    db.seed(DATA)
    assert db.execute("SELECT * FROM crews WHERE _id = 1") == [DATA["crews"][0]]
    (row,) = db.execute("SELECT c.*, s.name AS who FROM crews c JOIN ships s ON s._id = c.ship WHERE c._id = 3")
    assert row == {"_id": 3, "ship": 2, "who": "Gjøa", "pay": None}


# -- GROUP BY ---------------------------------------------------------------------------------------------------------


def test_aggregates_leave_nulls_out() -> None:
    sql = "SELECT COUNT(*) AS a, COUNT(pay) AS b, SUM(pay) AS c, AVG(pay) AS d, MIN(pay) AS e, MAX(pay) AS f FROM crews"
    ((a, b, c, d, e, f),) = rows(sql)
    assert (a, b) == (4, 3) and c == Decimal128("20.5") and e == Decimal128("2.5") and f == 10
    assert str(d).startswith("6.8333")


def test_aggregates_of_nothing() -> None:
    sql = "SELECT COUNT(*) AS a, SUM(pay) AS b, AVG(pay) AS c, MIN(pay) AS d, ARRAY_AGG(pay) AS e, BOOL_AND(pay) AS f"
    assert rows(f"{sql} FROM crews WHERE ship = 77") == [(0, None, None, None, None, None)]
    assert rows("SELECT ship, COUNT(*) AS n FROM crews WHERE ship = 77 GROUP BY ship") == []


def test_groups_take_null_and_missing_together_and_1_and_1_0() -> None:
    data = [{"k": None}, {}, {"k": 1}, {"k": 1.0}, {"k": Int64(1)}, {"k": True}, {"k": "1"}]
    assert sorted(n for (n,) in rows("SELECT COUNT(*) AS n FROM g GROUP BY k", g=data)) == [1, 1, 2, 3]


def test_group_by_expression_alias_ordinal_and_having() -> None:
    sql = "SELECT tons > 100 AS big, COUNT(*) AS n FROM ships GROUP BY {} HAVING COUNT(*) > 1 ORDER BY n"
    for key in ("big", "1", "tons > 100"):
        assert rows(sql.format(key)) == [(True, 2)]


def test_order_dependent_aggregates() -> None:
    sql = """
    SELECT STRING_AGG(who, '/' ORDER BY who DESC) AS s, ARRAY_AGG(pay ORDER BY _id) AS a,
      FIRST(who ORDER BY pay NULLS LAST) AS f, LAST(who ORDER BY _id) AS l FROM crews"""
    assert rows(sql) == [
        ("Sverdrup/Nemo/Nansen/Amundsen", [10, 8, None, Decimal128("2.5")], "Nemo", "Nemo"),
    ]


def test_distinct_and_filtered_aggregates() -> None:
    sql = """
    SELECT COUNT(DISTINCT tons) AS a, SUM(DISTINCT tons) AS b, COUNT(*) FILTER (WHERE tons > 100) AS c,
      BOOL_OR(tons > 100) AS d, BOOL_AND(tons > 100) AS e FROM ships"""
    assert rows(sql) == [(2, 470, 2, True, False)]


@pytest.mark.parametrize(
    ("values", "total", "kind"),
    [
        ([1, 2], 3, int),
        ([2**31 - 1, 1], 2**31, Int64),
        ([Int64(1), 2], 3, Int64),
        ([0.1] * 10, 1.0, float),
        ([1e308, 1e308], math.inf, float),
        ([1, 0.5], 1.5, float),
        ([1, "x", None, True], 1, int),
        ([Decimal128("0.1"), 1], Decimal128("1.1"), Decimal128),
    ],
)
def test_the_width_of_a_sum(values: list[Any], total: object, kind: type) -> None:
    ((found,),) = rows("SELECT SUM(v) AS s FROM n", n=[{"v": value} for value in values])
    assert found == total and type(found) is kind


# -- subqueries -------------------------------------------------------------------------------------------------------


def test_correlated_subqueries() -> None:
    sql = (
        "SELECT name, (SELECT SUM(c.pay) FROM crews c WHERE c.ship = ships._id) AS pay FROM ships ORDER BY _id LIMIT 2"
    )
    assert rows(sql) == [("Fram", 18), ("Gjøa", None)]
    sql = "SELECT name FROM ships WHERE {} (SELECT 1 FROM crews c WHERE c.ship = ships._id) ORDER BY _id"
    assert rows(sql.format("EXISTS")) == [("Fram",), ("Gjøa",)]
    assert rows(sql.format("NOT EXISTS")) == [("Maud",), ("Nautilus",)]


def test_a_subquery_in_a_subquery_reads_both_outer_rows() -> None:
    sql = """
    SELECT s.name FROM ships s WHERE EXISTS (
      SELECT 1 FROM crews c WHERE c.ship = s._id AND EXISTS (
        SELECT 1 FROM crews d WHERE d.ship = s._id AND d._id > c._id))"""
    assert rows(sql) == [("Fram",)]


def test_in_is_three_valued() -> None:
    assert rows("SELECT who FROM crews WHERE ship IN (SELECT _id FROM ships WHERE line = 'A') ORDER BY 1") == [
        ("Amundsen",),
        ("Nansen",),
        ("Sverdrup",),
    ]
    assert rows("SELECT who FROM crews WHERE pay NOT IN (SELECT tons FROM ships)") == []
    assert rows("SELECT who FROM crews WHERE ship NOT IN (SELECT _id FROM ships)") == [("Nemo",)]


def test_a_subquery_in_having() -> None:
    sql = "SELECT ship FROM crews GROUP BY ship HAVING COUNT(*) > (SELECT COUNT(*) - 3 FROM ships)"
    assert rows(sql) == [(1,)]


def test_a_subquery_over_groups_reads_their_keys() -> None:
    found = rows("SELECT ship, (SELECT s.name FROM ships s WHERE s._id = crews.ship) AS n FROM crews GROUP BY ship")
    assert found == [(1, "Fram"), (2, "Gjøa"), (9, None)]


def test_a_subquery_over_groups_cannot_read_their_rows() -> None:
    with pytest.raises(CompileError, match="QL217"):
        rows("SELECT ship, (SELECT s.name FROM ships s WHERE s.name = crews.who) AS n FROM crews GROUP BY ship")


# -- order, slices, sets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("v", [-math.inf, 1, 2.5, math.nan, None]),
        ("v DESC", [None, math.nan, 2.5, 1, -math.inf]),
        ("v NULLS FIRST", [None, -math.inf, 1, 2.5, math.nan]),
        ("v DESC NULLS LAST", [math.nan, 2.5, 1, -math.inf, None]),
    ],
)
def test_order_of_nulls_and_nan(order: str, expected: list[object]) -> None:
    data = [{"v": value} for value in (2.5, None, math.nan, 1, -math.inf)]
    assert list(map(repr, expected)) == [repr(v) for (v,) in rows(f"SELECT v FROM o ORDER BY {order}", o=data)]


def test_kinds_follow_each_other_in_an_order() -> None:
    values = [True, "b", {"a": 1}, [1], 3, "a", {"a": 0}, [0, 5]]
    found = [v for (v,) in rows("SELECT v FROM o ORDER BY v", o=[{"v": value} for value in values])]
    assert found == [3, "a", "b", {"a": 0}, {"a": 1}, [0, 5], [1], True]


def test_limit_and_offset() -> None:
    assert rows("SELECT _id FROM ships ORDER BY _id LIMIT 2 OFFSET 1") == [(2,), (3,)]
    assert rows("SELECT _id FROM ships ORDER BY _id LIMIT 0") == []
    assert rows("SELECT _id FROM ships ORDER BY _id OFFSET 9") == []


def test_distinct() -> None:
    assert rows("SELECT DISTINCT tons FROM ships ORDER BY tons") == [(70,), (400,), (None,)]
    assert rows("SELECT DISTINCT line, tons IS NULL AS n FROM ships ORDER BY line, n") == [
        ("A", False),
        ("B", True),
        (None, False),
    ]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("UNION", [1, 2, 3, 4, 9]),
        ("UNION ALL", [1, 1, 1, 2, 2, 3, 4, 9]),
        ("INTERSECT", [1, 2]),
        ("EXCEPT", [3, 4]),
    ],
)
def test_set_operations(operation: str, expected: list[int]) -> None:
    sql = f"SELECT _id AS n FROM ships {operation} SELECT ship FROM crews ORDER BY n"
    assert [n for (n,) in rows(sql)] == expected


def test_a_query_without_from() -> None:
    assert rows("SELECT 1 + 1 AS two, 'x' AS x") == [(2, "x")]
    assert rows("SELECT 1 AS one WHERE 1 > 2") == []
