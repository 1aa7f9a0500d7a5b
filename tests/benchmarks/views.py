"""Events per second through materialized views, against a bare read of the same events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from queryleaf_cdc import QueryLeaf
from tests.benchmarks.place import Place, Rows, insert, read_all, work_off
from tests.benchmarks.rows import RUNS, Row, at_least, rate, ratios

EVENTS = 60_000
GROUPS = 1_000


def documents(count: int, first: int = 0) -> Rows:
    """``g`` has 1,000 values, ``k`` is different everywhere, ``t`` grows."""
    return [
        {"k": i, "g": i % GROUPS, "amount": i * 7919 % 10_007, "t": i, "b": "x" * 50}
        for i in range(first, first + count)
    ]


def customers(ql: QueryLeaf) -> None:
    insert(ql.database.customers, [{"id": i, "region": i % 50, "name": f"customer {i}"} for i in range(GROUPS)])


@dataclass(frozen=True)
class Case:
    """``prepare`` fills other collections before the view is built."""

    what: str
    sql: str
    target: float
    prepare: Callable[[QueryLeaf], object] = lambda ql: None
    updates: bool = False


SUMS = "SELECT g, COUNT(*) AS n, SUM(amount) AS total, AVG(amount) AS average FROM src GROUP BY g"
CASES = (
    Case("COUNT, SUM, AVG by 1,000 groups, inserts", SUMS, 0.9),
    Case("COUNT, SUM, AVG by 1,000 groups, updates", SUMS, 0.8, updates=True),
    Case("COUNT, SUM, AVG, a group per event", SUMS.replace("SELECT g", "SELECT k").replace("BY g", "BY k"), 0.55),
    Case("MIN, MAX by 1,000 groups", "SELECT g, MIN(amount) AS low, MAX(amount) AS high FROM src GROUP BY g", 0.25),
    Case("COUNT DISTINCT by 1,000 groups", "SELECT g, COUNT(DISTINCT amount) AS n FROM src GROUP BY g", 0.25),
    Case(
        "join with 1,000 customers",
        "SELECT s.k, s.amount, c.name FROM src s JOIN customers c ON c.id = s.g",
        0.25,
        customers,
    ),
    Case(
        "LAG over 1,000 partitions",
        "SELECT k, amount - LAG(amount) OVER (PARTITION BY g ORDER BY t) AS step FROM src",
        0.25,
    ),
    Case(
        "top 10 of each of 1,000 groups",
        "SELECT g, k, amount FROM (SELECT g, k, amount, ROW_NUMBER() OVER (PARTITION BY g ORDER BY amount DESC, k) AS"
        " place FROM src) ranked WHERE place <= 10",
        0.25,
    ),
    Case(
        "join, then COUNT and SUM by region",
        "SELECT c.region, COUNT(*) AS n, SUM(s.amount) AS total FROM src s JOIN customers c ON c.id = s.g"
        " GROUP BY c.region",
        0.2,
        customers,
    ),
)


def views(place: Place) -> list[Row]:
    return [row for case in CASES for row in _measured(place, case)]


def _measured(place: Place, case: Case) -> list[Row]:
    raw, view = [], []
    for _ in range(RUNS):
        with place.database() as ql:
            case.prepare(ql)
            if case.updates:
                insert(ql.database.src, documents(EVENTS))
            ql.execute(f"CREATE MATERIALIZED VIEW v AS {case.sql}")
            work_off(ql)
            start = place.now()
            if case.updates:
                ql.database.src.update_many({}, {"$inc": {"amount": 1}})
            else:
                insert(ql.database.src, documents(EVENTS))
            raw.append(read_all(ql.database, "src", start, EVENTS, images=case.updates))
            view.append(work_off(ql))
            _check(ql, case)
    kind = "updates, both images" if case.updates else "inserts"
    ratio = at_least(
        f"view: {case.what}", rate(EVENTS, view), ratios(raw, view), case.target, f"the raw read of {kind}"
    )
    return [ratio]


def _check(ql: QueryLeaf, case: Case) -> None:
    """A figure for work that was not done is no figure."""
    rows = list(ql.database.v.find())
    counted = [row["n"] for row in rows if "n" in row]
    if not rows or (counted and "DISTINCT" not in case.sql and sum(counted) != EVENTS):
        raise AssertionError(f"{case.what}: {len(rows)} rows that count {sum(counted)} events")
