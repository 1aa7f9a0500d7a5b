"""What a stream remembers does not grow with what went through it, but for what frames and bounds need."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import encode

from queryleaf_cdc.dataflow.state import MemoryStore
from tests.streams.engine import Stream

KEYS = 10
START = datetime(2026, 3, 1)
OVER = "OVER (PARTITION BY k ORDER BY CHANGE_TIMESTAMP()"
PER_KEY = "SELECT {} FROM a WHERE CHANGE_DETECTED()"
SIDES = (
    "(SELECT k, v, CHANGE_TIMESTAMP() AS at FROM a WHERE CHANGE_DETECTED()) x {} JOIN "
    "(SELECT k, v, CHANGE_TIMESTAMP() AS at FROM b WHERE CHANGE_DETECTED()) y "
    "ON x.k = y.k AND x.at BETWEEN y.at - INTERVAL '1 minute' AND y.at + INTERVAL '1 minute'"
)
QUERIES = {
    "lag": (PER_KEY.format(f"LAG(v, 3) {OVER}) AS x"), 80),
    "rows": (PER_KEY.format(f"SUM(v) {OVER} ROWS BETWEEN 20 PRECEDING AND CURRENT ROW) AS x"), 100),
    "range": (PER_KEY.format(f"SUM(v) {OVER} RANGE BETWEEN INTERVAL '1 hour' PRECEDING AND CURRENT ROW) AS x"), 112),
    "running": (PER_KEY.format(f"MAX(v) {OVER} ROWS UNBOUNDED PRECEDING) AS x"), 80),
    "inner": (f"SELECT x.v, y.v AS w FROM {SIDES.format('INNER')}", 4),
    "full": (f"SELECT x.v, y.v AS w FROM {SIDES.format('FULL')}", 4),
    "tumble": (
        "SELECT k, SUM(v) AS s FROM a WHERE CHANGE_DETECTED() "
        "GROUP BY k, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '1 minute')",
        2,
    ),
    "hop": (
        "SELECT k, SUM(v) AS s FROM a WHERE CHANGE_DETECTED() "
        "GROUP BY k, HOP(CHANGE_TIMESTAMP(), INTERVAL '1 minute', INTERVAL '5 minutes')",
        8,
    ),
    "session": (
        "SELECT k, SUM(v) AS s FROM a WHERE CHANGE_DETECTED() "
        "GROUP BY k, SESSION(CHANGE_TIMESTAMP(), INTERVAL '15 seconds')",
        2,
    ),
}  # fmt: skip
"""name → query, and how many rows of one key it may hold"""


def change(n: int) -> dict[str, Any]:
    """One each ten seconds: of each key one in a hundred seconds, in a and b by turns."""
    at = START + timedelta(seconds=10 * n)
    document = {"_id": n, "k": n // 2 % KEYS, "v": n % 7}
    return {
        "_id": {"_data": f"{n:010d}"},
        "operationType": "insert",
        "ns": {"db": "test", "coll": "ab"[n % 2]},
        "documentKey": {"_id": n},
        "fullDocument": document,
        "wallTime": at,
    }


def held(stream: Stream, first: int, last: int) -> int:
    for at in range(first, last, 50):
        stream.batch([change(n) for n in range(at, at + 50)])
    return stream.flow.rows


@pytest.mark.parametrize("name", QUERIES)
def test_ten_times_the_changes_hold_no_more(name: str) -> None:
    sql, most = QUERIES[name]
    stream = Stream(sql)
    few, many = held(stream, 0, 1_500), held(stream, 1_500, 15_000)
    assert many <= KEYS * most + KEYS + 5, (few, many)
    assert many <= 2 * few + KEYS


@pytest.mark.parametrize("name", ["inner", "full", "tumble", "hop", "session"])
def test_time_alone_empties_it(name: str) -> None:
    stream = Stream(QUERIES[name][0])
    held(stream, 0, 500)
    stream.step({}, START + timedelta(days=2))
    assert stream.flow.rows <= 4, "nothing but what has no key"


def test_what_windows_only_pass_on_is_not_kept() -> None:
    """Else some dozens of large documents would be too much for the one that a partition is stored in."""
    store = MemoryStore()
    sql = f"SELECT k, body, LAG(v) {OVER}) AS before FROM a WHERE CHANGE_DETECTED()"
    stream = Stream(sql, store=store)
    events = [change(n) for n in range(0, 200, 2 * KEYS)]
    for event in events:
        event["fullDocument"]["body"] = "x" * 100_000
    rows = [row.values for row in stream.batch(events[:5])]
    stream.restart()
    rows += [row.values for row in stream.batch(events[5:])]
    values = [event["fullDocument"]["v"] for event in events]
    assert [row["before"] for row in rows] == [None, *values[:-1]]
    assert all(len(row["body"]) == 100_000 for row in rows)
    assert sum(len(encode(each)) for each in store.documents.values()) < 10_000
