"""UNION ALL of streams is one stream, in the order of the commits."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from queryleaf_cdc.dataflow.state import MemoryStore
from tests.streams.changes import draw_history
from tests.streams.engine import Stream
from tests.streams.queries import Question, draw_groups, draw_windows
from tests.streams.sessions import draw_sessions
from tests.streams.test_random_streams import check

PART = "SELECT _id AS id, k, v, x, CHANGE_TYPE() AS op, CHANGE_TIMESTAMP() AS ts FROM {} WHERE CHANGE_DETECTED()"
UNION = f"WITH u AS ({PART.format('a')} UNION ALL {PART.format('b')}) "
THEIRS = "WITH u AS (SELECT * FROM a UNION ALL SELECT * FROM b) "


def of_both(question: Question) -> Question:
    """What is asked of one collection's changes, asked of both."""
    mine = question.sql.replace("CHANGE_TIMESTAMP()", "ts").replace("CHANGE_TYPE()", "op").replace("_id AS id", "id")
    mine = UNION + mine.replace("FROM a WHERE CHANGE_DETECTED()", "FROM u WHERE TRUE")
    theirs = question.duckdb.removeprefix("WITH ").replace("FROM a", "FROM u")
    joint = ", " if question.duckdb.startswith("WITH ") else ""
    return replace(question, sql=mine, duckdb=THEIRS.rstrip() + (joint or " ") + theirs)


@pytest.mark.parametrize("seed", range(20))
def test_windows(seed: int) -> None:
    check(of_both(draw_windows(Random(7000 + seed))), seed)


@pytest.mark.parametrize("seed", range(20))
def test_groups_and_sessions(seed: int) -> None:
    random = Random(8000 + seed)
    check(of_both(random.choice((draw_groups, draw_sessions))(random)), seed)


@pytest.mark.parametrize("seed", range(4))
def test_rows_come_in_the_order_of_commits_and_know_their_change(seed: int) -> None:
    history = draw_history(Random(seed), 100)
    rows = list(Stream(f"{UNION}SELECT id FROM u", store=MemoryStore()).run(history, Random(seed)))
    assert [row.changes for row in rows] == [(event["_id"]["_data"],) for event in history.events]


@pytest.mark.parametrize(
    "asked",
    [
        "SELECT id, COUNT(*) OVER (ORDER BY cid ROWS UNBOUNDED PRECEDING) AS n FROM u",
        "SELECT id, SUM(v) OVER (ROWS UNBOUNDED PRECEDING) AS n, LAG(id) OVER () AS before FROM u",
        "SELECT id, LAG(id) OVER (ORDER BY ts) AS before FROM u",
        "SELECT k, COUNT(*) AS n, MAX(v) AS most FROM u GROUP BY k EMIT CHANGES",
        "SELECT id, LAG(id) OVER (ORDER BY cid) AS before FROM (SELECT * FROM u UNION ALL SELECT * FROM u) w",
    ],
)
def test_it_does_not_matter_what_comes_in_one_batch(asked: str) -> None:
    """Nor that changes of one transaction have one time."""
    history = draw_history(Random(5), 60)
    for at, event in enumerate(history.events):
        event["wallTime"] = history.events[at // 4 * 4]["wallTime"]
    union = UNION.replace("SELECT _id", "SELECT CHANGE_ID() AS cid, _id")
    one, all_at_once = Stream(union + asked), Stream(union + asked)
    singly = [row.values for event in history.events for row in one.batch([event])]
    assert [row.values for row in all_at_once.batch(history.events)] == singly
