"""GROUP BY SESSION over a stream."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from queryleaf_cdc import compile_sql
from queryleaf_cdc.dataflow.state import MemoryStore
from queryleaf_cdc.errors import CompileError
from tests.streams.changes import draw_history
from tests.streams.engine import Stream
from tests.streams.sessions import Sessions, draw_sessions
from tests.streams.test_random_streams import check

OF_T = (
    "SELECT k, COUNT(*) AS n, SUM(v) AS v, MAX(v) AS most, window_start AS first, window_end AS past FROM a"
    " WHERE CHANGE_DETECTED() GROUP BY k, SESSION(t, INTERVAL '{} seconds')"
)


@pytest.mark.parametrize("seed", range(25))
def test_by_the_time_of_commits(seed: int) -> None:
    check(draw_sessions(Random(5000 + seed)), seed)


@pytest.mark.parametrize("seed", range(12))
def test_by_another_time_sessions_merge_and_rows_are_late(seed: int) -> None:
    random, gap = Random(seed), (3, 12, 25)[seed % 3]
    history = draw_history(random, 250)
    stream, naive = (
        Stream(OF_T.format(gap), store=MemoryStore() if seed % 2 else None),
        Sessions(timedelta(seconds=gap)),
    )
    found: list[dict[str, Any]] = []
    at = 0
    while at < len(history.events):
        stop = min(at + random.choice((1, 2, 10)), len(history.events))
        found += [row.values for row in stream.batch(history.events[at:stop])]
        naive.batch(history, range(at, stop), history.events[stop - 1]["wallTime"])
        at = stop
        if seed % 2 and random.random() < 0.5:
            stream.restart()
    known = [[v for _, v in each.rows if v is not None] for each in naive.ended]
    expected = [
        {"k": s.key, "n": len(s.rows), "v": sum(v) if v else None, "most": max(v, default=None)}
        | {"first": s.start, "past": s.end}
        for s, v in zip(naive.ended, known, strict=True)
    ]
    order = lambda row: (row["past"], row["first"], row["k"])  # noqa: E731
    assert sorted(found, key=order) == sorted(expected, key=order)
    assert stream.flow.late == naive.late
    assert naive.late or gap > 12


def test_with_every_change() -> None:
    history = draw_history(Random(1), 60)
    sql = "SELECT COUNT(*) AS n, window_start AS first, window_end AS past FROM a WHERE CHANGE_DETECTED()"
    stream = Stream(f"{sql} GROUP BY SESSION(CHANGE_TIMESTAMP(), INTERVAL '10 seconds') EMIT CHANGES")
    rows = [row.values for row in stream.run(history, Random(1))]
    expected: list[dict[str, Any]] = []
    for at in (row[3] for row in history.rows if row[0] == "a"):
        last = expected[-1] if expected and at < expected[-1]["past"] else {"n": 0, "first": at}
        expected.append({"n": last["n"] + 1, "first": last["first"], "past": at + timedelta(seconds=10)})
    assert rows == expected


def test_what_has_ended_is_forgotten() -> None:
    store = MemoryStore()
    stream = Stream(OF_T.format(5), store=store)
    list(stream.run(draw_history(Random(1), 100), Random(1)))
    assert len(store.documents) == 2, "how far sessions were given out, and how many rows"


def test_a_busy_session_is_not_looked_at_with_each_row() -> None:
    """When it is due is written once for each gap that passes, not once for each row."""
    store = MemoryStore()
    sql = "SELECT COUNT(*) AS n FROM a WHERE CHANGE_DETECTED() GROUP BY SESSION(CHANGE_TIMESTAMP(), INTERVAL '1 day')"
    stream = Stream(sql, store=store)
    for event in draw_history(Random(1), 60).events:
        before = dict(store.documents)
        stream.batch([event])
        written = [id for id, document in store.documents.items() if document is not before.get(id)]
    assert len(written) <= 1


def test_an_aggregate_of_where_the_session_ends_is_refused() -> None:
    with pytest.raises(CompileError) as raised:
        compile_sql(
            "SELECT MAX(SESSION_END(t, INTERVAL '1 day')) AS m FROM a WHERE CHANGE_DETECTED()"
            " GROUP BY SESSION(t, INTERVAL '1 day')"
        )
    assert "session begins or ends" in f"{raised.value}"
