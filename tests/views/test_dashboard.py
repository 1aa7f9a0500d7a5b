"""A dashboard as people write it: hourly sums over the last seven days, and a rolling sum over the hours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from random import Random

import pytest

from tests.views.documents import START, Document
from tests.views.example_files import ExampleOracle
from tests.views.example_runs import differs
from tests.views.histories import Batch, Change
from tests.views.memory import MemoryEngine
from tests.views.queries import View
from tests.views.texts import Pair

TABLE = """CREATE TABLE orders (
  _id INT PRIMARY KEY, status TEXT, customer_id INT, total_amount DOUBLE, created_at TIMESTAMP
);"""

DASHBOARD = """
SELECT
  DATE_TRUNC('hour', created_at) as hour_bucket,
  COUNT(*) as orders_count,
  SUM(total_amount) as revenue,
  AVG(total_amount) as avg_order_value,
  COUNT(DISTINCT customer_id) as unique_customers,
  -- Rolling window calculations
  SUM(total_amount) OVER (
    ORDER BY DATE_TRUNC('hour', created_at)
    ROWS BETWEEN 23 PRECEDING AND CURRENT ROW
  ) as rolling_24h_revenue
FROM orders
WHERE status = 'completed'
  AND created_at >= CURRENT_TIMESTAMP - INTERVAL '7 days'
GROUP BY hour_bucket
ORDER BY hour_bucket DESC
"""
DUCKDB = DASHBOARD.replace("SUM(total_amount) OVER", "SUM(SUM(total_amount)) OVER")
DUCKDB = DUCKDB.replace("CURRENT_TIMESTAMP", "getvariable('now')")


def history(seed: int, batches: int) -> Iterator[Batch]:
    """Three weeks. Some batches are time that passes, and nothing else."""
    random, now, known = Random(seed), START, dict[int, Document]()
    for _ in range(batches):
        now += timedelta(hours=random.choice((0, 1, 3, 12)), minutes=random.randrange(60))
        changes: list[Change] = []
        for _ in range(random.choice((0, 0, 3, 20))):
            key = random.randint(1, 200)
            before = known.pop(key, None)
            after = None if before is not None and random.random() < 0.3 else _order(key, random)
            if after is not None:
                after["created_at"] = now - timedelta(minutes=random.randrange(8 * 24 * 60))
                known[key] = after
            kind = "delete" if after is None else "insert" if before is None else "replace"
            changes.append(Change("orders", kind, before, after))
        yield Batch((tuple(changes),), now)


def _order(key: int, random: Random) -> Document:
    amount = None if random.random() < 0.05 else random.randint(1, 99_999) / 100
    status = random.choice(("completed", "completed", "open"))
    return {"_id": key, "status": status, "customer_id": random.randint(1, 9), "total_amount": amount}


@pytest.mark.parametrize("seed", range(4))
def test_it_is_right_whatever_comes_and_whatever_time_passes(seed: int) -> None:
    oracle, engine = ExampleOracle({"orders": TABLE}), MemoryEngine(seed)
    view = View("sales_dashboard_realtime", Pair(DASHBOARD, DUCKDB))
    engine.create(view)
    sizes = []
    for batch in history(seed, 80):
        oracle.connection.execute("SET VARIABLE now = ?::TIMESTAMP", [batch.now])
        oracle.apply(batch.changes())
        engine.apply(batch)
        names, expected = oracle.answer(view.duckdb)
        found = ([each.get(name) for name in names] for each in engine.rows(view))
        assert differs(found, expected) is None, batch.now
        sizes.append(len(expected))
    assert max(sizes) > 10
    assert any(later < earlier for earlier, later in pairwise(sizes))
