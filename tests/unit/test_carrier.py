"""How a round goes through the rows of a place: what fails, what waits behind it, and what goes on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from queryleaf_cdc.runtime.carrier import Carrier
from queryleaf_cdc.runtime.limits import Limits, SystemClock
from queryleaf_cdc.runtime.metrics import Metrics
from queryleaf_cdc.sinks.faults import Away, Refused

Row = dict[str, Any]


class Store:
    """Stands for ``mongo.outbox.OutboxStore``: the rows in memory."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = {row["_id"]: row for row in rows}
        self.letters: list[Row] = []

    def pending(self, limit: int, except_lanes: list[str], place: str | None) -> list[Row]:
        left = [each for each in self.rows.values() if each["lane"] not in except_lanes]
        return [dict(each) for each in sorted(left, key=lambda each: str(each["order"]))[:limit]]

    def delivered(self, ids: list[str]) -> None:
        for each in ids:
            del self.rows[each]

    def failed(self, id_: str, error: str, next_at: datetime) -> None:
        self.rows[id_] |= {"attempts": self.rows[id_]["attempts"] + 1, "next_at": next_at, "error": error}

    def dead(self, row: Row, letter: Row) -> None:
        del self.rows[row["_id"]]
        self.letters.append(letter)


def row(name: str, lane: str = "", kind: str = "file") -> Row:
    to = {"kind": kind, "name": "a.jsonl"}
    of_change = {"collection": "orders", "key": {}, "operation": "INSERT"}
    waiting = {"attempts": 0, "next_at": None, "error": None, "max_attempts": 3}
    return {"_id": name, "order": name, "lane": lane or name, "trigger": "s", "to": to, **of_change, **waiting}


class Receiver:
    """Notes what is sent in one go; raises what it is told for a row."""

    def __init__(self, **trouble: Exception) -> None:
        self.trouble = trouble
        self.sent: list[str] = []

    def __call__(self, rows: list[Row]) -> None:
        names = "".join(each["_id"] for each in rows)
        for name in names:
            if name in self.trouble:
                raise self.trouble[name]
        self.sent.append(names)


def carrier(store: Store, receiver: Receiver, page: int = 200) -> Carrier:
    limits = Limits(outbox_page=page, call_retry_seconds=100, max_call_retry_seconds=100)
    return Carrier(store, receiver, limits, SystemClock(), Metrics(), lambda: False)  # type: ignore[arg-type]


def test_lines_of_a_file_go_in_one_go() -> None:
    receiver = Receiver()
    carrier(Store([row("a"), row("b"), row("c")]), receiver).round()
    assert receiver.sent == ["abc"]


def test_others_go_one_by_one() -> None:
    receiver = Receiver()
    carrier(Store([row("a", kind="webhook"), row("b", kind="webhook")]), receiver).round()
    assert receiver.sent == ["a", "b"]


def test_a_row_that_fails_by_itself_holds_up_its_lane_only() -> None:
    store, receiver = Store([row("a", "x"), row("b", "y"), row("c", "y"), row("d", "z")]), Receiver(b=ValueError())
    carrier(store, receiver).round()
    assert (receiver.sent, list(store.rows)) == (["a", "d"], ["b", "c"])


def test_also_what_stands_on_a_later_page() -> None:
    store, receiver = Store([row("a", "x"), row("b", "y"), row("c", "x")]), Receiver(a=ValueError())
    carrier(store, receiver, page=1).round()
    assert (receiver.sent, list(store.rows)) == (["b"], ["a", "c"])


def test_a_refused_row_is_given_up_and_its_lane_goes_on() -> None:
    store, receiver = Store([row("a", "x", "webhook"), row("b", "x", "webhook")]), Receiver(a=Refused("QL620", "no"))
    carrier(store, receiver).round()
    assert (receiver.sent, [each["_id"] for each in store.letters]) == (["b"], ["a"])


def test_a_receiver_that_is_away_costs_one_attempt_of_one_row() -> None:
    store, receiver = Store([row("a"), row("b"), row("c")]), Receiver(a=Away("QL624", "full"))
    tired = carrier(store, receiver)
    pause = tired.round()
    assert [each["attempts"] for each in store.rows.values()] == [1, 0, 0]
    assert (tired.is_held_up, pause >= 50) == (True, True)


def test_the_next_row_finds_out_whether_it_is_back() -> None:
    store, receiver = Store([row("a"), row("b")]), Receiver(a=Away("QL624", "full"))
    tired = carrier(store, receiver)
    tired.round()
    pause = tired.round()
    assert (receiver.sent, list(store.rows), tired.is_held_up) == (["b"], ["a"], False)
    assert pause == pytest.approx(1.0)


def test_after_the_last_attempt_a_row_is_given_up() -> None:
    store, receiver = Store([row("a") | {"attempts": 2}]), Receiver(a=Away("QL624", "full"))
    carrier(store, receiver).round()
    assert [(each["code"], each["attempts"]) for each in store.letters] == [("QL624", 3)]


def test_a_round_ends_when_too_many_lanes_wait() -> None:
    rows = [row(chr(ord("a") + number)) for number in range(20)]
    receiver = Receiver(**{each["_id"]: ValueError() for each in rows[:5]})
    store = Store(rows)
    limits = Limits(outbox_page=5, max_waiting_lanes=5, call_retry_seconds=100, max_call_retry_seconds=100)
    Carrier(store, receiver, limits, SystemClock(), Metrics(), lambda: False).round()  # type: ignore[arg-type]
    assert receiver.sent == []


def test_a_receiver_that_says_when_is_left_alone_until_then() -> None:
    away = Away("QL620", "busy")
    away.retry_after = 500.0
    store = Store([row("a"), row("b")])
    pause = carrier(store, Receiver(a=away)).round()
    assert pause == 500.0
    assert store.rows["a"]["next_at"] is not None
    assert store.rows["b"]["attempts"] == 0
