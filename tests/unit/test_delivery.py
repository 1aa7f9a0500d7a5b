"""Who delivers when: the threads of sinks, with a store in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from queryleaf_cdc.runtime import delivery
from queryleaf_cdc.runtime.delivery import Delivery
from queryleaf_cdc.runtime.limits import Limits, SystemClock
from queryleaf_cdc.runtime.metrics import Metrics

Row = dict[str, Any]


class Store:
    """Stands for ``mongo.outbox.OutboxStore``; counts how often it is asked."""

    def __init__(self, *rows: Row) -> None:
        self.rows = {row["_id"]: row for row in rows}
        self.lock = threading.Lock()
        self.asked = 0

    def add(self, row: Row) -> None:
        with self.lock:
            self.rows[row["_id"]] = row

    def places(self) -> list[str]:
        with self.lock:
            self.asked += 1
            return sorted({each["place"] for each in self.rows.values() if each["place"] is not None})

    def pending(self, limit: int, except_lanes: list[str], place: str | None) -> list[Row]:
        with self.lock:
            found = [each for each in self.rows.values() if each["place"] == place]
        return [each for each in found if each["lane"] not in except_lanes][:limit]

    def delivered(self, ids: list[str]) -> None:
        with self.lock:
            for each in ids:
                del self.rows[each]


def row(name: str, place: str | None) -> Row:
    return {"_id": name, "lane": name, "place": place, "to": {"kind": "x"}, "attempts": 0, "next_at": None}


@contextmanager
def delivering(
    monkeypatch: pytest.MonkeyPatch, store: Store, carry: Callable[[str], None], **limits: int
) -> Iterator[Delivery]:
    monkeypatch.setattr(delivery, "carry", lambda procedures, rows: carry(rows[0]["_id"]))
    made = Delivery(store, {}, Limits(**limits), SystemClock(), Metrics())  # type: ignore[arg-type]
    made.start()
    try:
        yield made
    finally:
        made.stop()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_new_rows_are_delivered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    store, arrived = Store(), threading.Event()
    with delivering(monkeypatch, store, lambda name: arrived.set()) as made:
        time.sleep(0.05)
        store.add(row("a", "0:s"))
        made.wake()
        assert arrived.wait(0.5)


def test_places_are_delivered_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(3)
    store = Store(row("a", "0:s"), row("b", "1:s"), row("c", "0:t"))
    with delivering(monkeypatch, store, lambda name: together.wait(5) and None):
        wait_for(lambda: not store.rows)


def test_procedures_have_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()
    store = Store(*(row(str(number), None) for number in range(50)))
    with delivering(monkeypatch, store, lambda name: threads.add(threading.get_ident())):
        wait_for(lambda: not store.rows)
    assert len(threads) == 1


def test_while_all_threads_are_busy_nobody_is_asked_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    store = Store(row("a", "0:s"), row("b", "1:s"))
    with delivering(monkeypatch, store, lambda name: released.wait(5) and None, sink_threads=1):
        time.sleep(0.3)
        asked = store.asked
        released.set()
        wait_for(lambda: not store.rows)
    assert asked < 5


def test_a_busy_place_leaves_a_thread_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose rows never end has its turn, then another one has."""
    store, others = Store(row("a", "0:busy"), row("b", "0:other")), threading.Event()
    made: list[Delivery] = []

    def carry(name: str) -> None:
        if name == "b":
            others.set()
        elif not others.is_set():
            store.add(row(name + "a", "0:busy"))
            made[0].wake()

    monkeypatch.setattr("queryleaf_cdc.runtime.carrier._ATTEMPTS", 3)
    monkeypatch.setattr(delivery, "carry", lambda procedures, rows: carry(rows[0]["_id"]))
    made.append(Delivery(store, {}, Limits(sink_threads=1), SystemClock(), Metrics()))  # type: ignore[arg-type]
    made[0].start()
    try:
        assert others.wait(5)
    finally:
        made[0].stop()


def test_stopping_waits_for_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, store = threading.Event(), Store(row("a", "0:s"))

    def carry(name: str) -> None:
        begun.set()
        time.sleep(0.2)

    with delivering(monkeypatch, store, carry):
        assert begun.wait(5)
    assert store.rows == {}
