"""A new primary's clock may be behind: what is joined by time counts as of the latest time that was seen."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from queryleaf_cdc.dataflow.state import MemoryStore
from tests.streams.changes import History, draw_history
from tests.streams.engine import Stream

PART = "(SELECT _id AS id, k, CHANGE_TIMESTAMP() AS at, CHANGE_ID() AS seq FROM {} WHERE CHANGE_DETECTED())"
JOIN = (
    "SELECT p.seq AS p, q.seq AS q FROM {} p {} {} q"
    " ON p.k = q.k AND p.at BETWEEN q.at - INTERVAL '20 seconds' AND q.at + INTERVAL '40 seconds'"
)


def with_failover(seed: int, back: timedelta) -> History:
    history = draw_history(Random(seed), 160)
    for event in history.events[60:]:
        event["wallTime"] -= back
    return history


def expected(history: History, left: bool, right: bool) -> list[tuple[Any, Any]]:
    latest = history.events[0]["wallTime"]
    sides: dict[str, list[tuple[Any, Any, Any]]] = {"a": [], "b": []}
    for event, (collection, _, _, _, _, k, *_) in zip(history.events, history.rows, strict=True):
        latest = max(latest, event["wallTime"])
        sides[collection].append((event["_id"]["_data"], k, latest))
    before, after = timedelta(seconds=20), timedelta(seconds=40)
    pairs = [
        (one, other)
        for one, k, at in sides["a"]
        for other, same, then in sides["b"]
        if k == same and then - before <= at <= then + after
    ]
    met = {each for pair in pairs for each in pair}
    alone = [(one, None) for one, *_ in sides["a"] if left and one not in met]
    alone += [(None, other) for other, *_ in sides["b"] if right and other not in met]
    return pairs + alone


def sorted_pairs(pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    return sorted(pairs, key=str)


@pytest.mark.parametrize("kind", ["JOIN", "LEFT JOIN", "FULL OUTER JOIN"])
@pytest.mark.parametrize("seed", range(8))
def test_streams_meet_across_a_failover(seed: int, kind: str) -> None:
    history = with_failover(seed, timedelta(seconds=(0, 5, 90, 3600)[seed % 4]))
    sql = JOIN.format(PART.format("a"), kind, PART.format("b"))
    stream = Stream(sql, store=MemoryStore() if seed >= 4 else None)
    rows = []
    for event in history.events:
        rows += stream.batch([event])
        if seed >= 4:
            stream.restart()
    rows += stream.step({}, history.events[-1]["wallTime"] + timedelta(days=1))
    found = [(row.values["p"], row.values["q"]) for row in rows]
    assert sorted_pairs(found) == sorted_pairs(expected(history, kind != "JOIN", kind.startswith("FULL")))
