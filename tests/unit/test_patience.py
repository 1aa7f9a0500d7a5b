"""How long a reader waits for a server that is away."""

from __future__ import annotations

import pytest

from queryleaf_cdc.errors import ServerError
from queryleaf_cdc.mongo.change_source import StreamFault
from queryleaf_cdc.mongo.faults import Todo
from queryleaf_cdc.runtime import patience
from queryleaf_cdc.runtime.patience import Patience
from queryleaf_cdc.runtime.row_stream import pause_after


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(patience.time, "monotonic", lambda: now[0])
    return now


def test_it_ends_by_the_clock_however_quick_the_answers_are(clock: list[float]) -> None:
    waiting = Patience()
    began, attempts = clock[0], 0
    while (pause := waiting.pause()) is not None:
        assert 0 < pause <= 2
        clock[0] += pause
        attempts += 1
    assert patience.SECONDS <= clock[0] - began < patience.SECONDS + 2
    assert attempts > patience.SECONDS / 2


def test_one_failure_is_not_worth_a_word(clock: list[float]) -> None:
    waiting = Patience()
    told = []
    for _ in range(3):
        waiting.pause()
        told.append(waiting.is_strained)
    assert told == [False, True, True]


def test_what_time_does_not_mend_is_not_waited_for() -> None:
    with pytest.raises(ServerError, match="QL521"):
        pause_after(StreamFault(Todo.POSITION_LOST, ValueError("gone")), Patience())
    assert pause_after(StreamFault(Todo.RESUME, ValueError("away")), Patience()) > 0
