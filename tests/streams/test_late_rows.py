"""Rows whose window of time has been given out are late, also for one who has begun anew since."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from queryleaf_cdc.dataflow.state import MemoryStore
from tests.streams.changes import History, draw_history
from tests.streams.engine import Stream

GROUPS = "SELECT k, COUNT(*) AS n, SUM(v) AS v, window_start FROM a WHERE CHANGE_DETECTED() GROUP BY k, {}"


def run(stream: Stream, history: History, seed: int, restarts: bool) -> tuple[list[dict[str, Any]], int]:
    """The rows, and how many were late."""
    random, rows = Random(seed), []
    events = list(history.events)
    while events:
        size = random.choice((1, 2, 10))
        rows += stream.batch(events[:size])
        del events[:size]
        if restarts:
            stream.restart()
    return [row.values for row in rows], stream.flow.late


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "window", ["TUMBLE(t, INTERVAL '20 seconds')", "HOP(t, INTERVAL '5 seconds', INTERVAL '20 seconds')"]
)
def test_a_restart_makes_no_row_less_late(window: str, seed: int) -> None:
    history, sql = draw_history(Random(seed), 200), GROUPS.format(window)
    without = run(Stream(sql), history, seed, False)
    assert without[1]
    assert run(Stream(sql, store=MemoryStore()), history, seed, True) == without


def test_no_window_is_given_out_twice() -> None:
    history = draw_history(Random(1), 300)
    rows, _ = run(Stream(GROUPS.format("TUMBLE(t, INTERVAL '20 seconds')"), store=MemoryStore()), history, 1, True)
    windows = [(row["k"], row["window_start"]) for row in rows]
    assert len(set(windows)) == len(windows)


def test_nothing_is_written_while_no_window_ends() -> None:
    """Beside the group that the row joins, and once when it opens."""
    store = MemoryStore()
    stream = Stream(GROUPS.format("TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '1 day')"), store=store)
    events = [each for each in draw_history(Random(1), 40).events if each["ns"]["coll"] == "a"]
    written = []
    for event in events:
        before = dict(store.documents)
        stream.batch([event])
        written.append(sum(store.documents[id] is not before.get(id) for id in store.documents))
    assert written[-1] == 1
