"""Random chains of everything that a stream can do give what DuckDB says of the table of changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random

import pytest

from queryleaf_cdc.dataflow import along
from queryleaf_cdc.dataflow.state import MemoryStore
from tests.streams.engine import Stream, one_by_one
from tests.streams.grammar import draw_any, draw_one_by_one, draw_ranked
from tests.streams.queries import Question
from tests.streams.recorded import Recorded, connected, draw_recorded
from tests.streams.test_random_streams import ask
from tests.views.comparison import difference

Drawn = Callable[[Random, Recorded], Question]


def check_any(seed: int, events: int = 200, draw: Drawn = draw_any) -> None:
    random = Random(seed)
    recorded = draw_recorded(random, events)
    question = draw(random, recorded)
    names, expected = ask(connected(recorded), question.duckdb)
    store = MemoryStore() if seed % 2 else None
    stream = Stream(question.sql, recorded.documents, store, timedelta(seconds=seed % 3))
    rows = stream.run(recorded.history, random)
    wrong = difference([tuple(row.values[name] for name in names) for row in rows], expected)
    assert wrong is None, f"{question.sql}\n{question.duckdb}\n{wrong}"


@pytest.mark.parametrize("seed", range(60))
def test_one_change_at_a_time(seed: int) -> None:
    """What has no memory takes another way than the rest."""
    random = Random(seed)
    recorded = draw_recorded(random, 100)
    question = draw_one_by_one(random, recorded)
    names, expected = ask(connected(recorded), question.duckdb)
    rows = one_by_one(question.sql, recorded.history)
    wrong = difference([tuple(row[name] for name in names) for row in rows], expected)
    assert wrong is None, f"{question.sql}\n{question.duckdb}\n{wrong}"


@pytest.mark.parametrize("seed", range(90))
def test_any(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(along, "_SLACK", (1, 3, 32)[seed % 3])  # partitions are shortened early, too
    check_any(seed)


@pytest.mark.parametrize("seed", range(40))
def test_windows_over_the_groups_of_each_window(seed: int) -> None:
    check_any(seed, draw=draw_ranked)
