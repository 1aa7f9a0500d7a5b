"""A hundred triggers with different conditions on one collection, against one of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.place import Place, Rows, expect, insert
from tests.benchmarks.rows import RUNS, Row, at_least, rate, ratios

TRIGGERS = 100
EVENTS = 40_000


@dataclass(frozen=True)
class Crowd:
    """``condition`` of trigger number i. Every event meets one: trigger ``amount % 100``'s."""

    what: str
    condition: Callable[[int], str]


CROWDS = (
    Crowd("equality", lambda i: f"NEW.kind = 'k{i}'"),
    Crowd("range", lambda i: f"NEW.amount >= {i} AND NEW.amount < {i + 1}"),
    Crowd("equality AND range", lambda i: f"NEW.kind = 'k{i}' AND NEW.amount > {i - 1} AND NEW.name <> 'nobody'"),
    Crowd("OR over two fields", lambda i: f"NEW.kind = 'k{i}' OR NEW.code IN ('c{i}', 'd{i}')"),
)


def trigger(condition: str, number: int) -> str:
    return f"""CREATE TRIGGER t{number} AFTER INSERT ON src WHEN ({condition})
    BEGIN INSERT INTO out (a, n, at) VALUES (NEW.amount, {number}, CURRENT_TIMESTAMP); END;"""


def documents(numbers: int, count: int) -> Rows:
    """Of the kinds 0 to ``numbers`` - 1, in turn."""
    return [
        {"kind": f"k{i % numbers}", "amount": i % numbers, "code": "none", "name": "somebody", "b": "x" * 40}
        for i in range(count)
    ]


def hundred_triggers(place: Place) -> list[Row]:
    return [row for crowd in CROWDS for row in _compared(place, crowd)]


def _compared(place: Place, crowd: Crowd) -> list[Row]:
    alone, together = [], []
    for _ in range(RUNS):
        alone.append(_seconds(place, crowd, 1))
        together.append(_seconds(place, crowd, TRIGGERS))
    figure = rate(EVENTS, together)
    return [
        Row(f"one trigger, {crowd.what}", rate(EVENTS, alone)),
        at_least(f"{TRIGGERS} triggers, {crowd.what}", figure, ratios(alone, together), 0.5, "one trigger"),
    ]


def _seconds(place: Place, crowd: Crowd, triggers: int) -> float:
    """From the first write to the last effect. Every event fires one trigger."""
    with place.database() as ql:
        ql.execute("\n".join(trigger(crowd.condition(i), i) for i in range(triggers)))
        rows = documents(triggers, EVENTS)
        ql.start()
        ql.drain(60)
        began = time.perf_counter()
        insert(ql.database.src, rows)
        ql.drain(300)
        seconds = time.perf_counter() - began
        expect(ql, "out", EVENTS)
        return seconds
