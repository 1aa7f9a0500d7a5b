"""Which time has passed for a stream, by the changes that it has seen."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from queryleaf_cdc import compile_sql
from queryleaf_cdc.plans.program import FlowStatement
from queryleaf_cdc.runtime.flowing import Flowing

SQL = "SELECT COUNT(*) AS n FROM t WHERE CHANGE_DETECTED() GROUP BY TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '1 minute')"
NOON = datetime(2026, 3, 1, 12)
SECOND = timedelta(seconds=1)


def change(number: int, at: datetime) -> dict[str, Any]:
    """As the server sends it, with the row that it has made."""
    return {
        "_id": {"_data": f"{number:030d}"},
        "operationType": "insert",
        "ns": {"db": "test", "coll": "t"},
        "documentKey": {"_id": number},
        "wallTime": at,
        "_ql": {"new": [at.replace(second=0, microsecond=0)]},
    }


def flowing() -> Flowing:
    (statement,) = compile_sql(SQL).statements
    assert isinstance(statement, FlowStatement)
    return Flowing(statement.plan, {}, None)  # type: ignore[arg-type]


def test_a_change_behind_one_of_the_next_window_is_not_late() -> None:
    stream = flowing()
    found = [*stream.of([change(1, NOON - SECOND)]), *stream.of([change(2, NOON + SECOND / 1000)])]
    found += stream.of([change(3, NOON - SECOND / 1000)])
    assert (found, stream.late) == ([], 0)
    assert [dict(row) for row in stream.of([change(4, NOON + 2 * SECOND)])] == [{"n": 2}]


def test_one_behind_the_end_of_its_window_is() -> None:
    stream = flowing()
    assert [dict(row) for row in stream.of([change(1, NOON - SECOND)])] == []
    assert [dict(row) for row in stream.of([change(2, NOON + 2 * SECOND)])] == [{"n": 1}]
    assert (list(stream.of([change(3, NOON - SECOND)])), stream.late) == ([], 1)
