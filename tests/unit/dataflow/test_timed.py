"""Rows are there while the clock is between their moments, whatever was written when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random

import pytest
from bson.datetime_ms import DatetimeMS

from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.state import State
from queryleaf_cdc.dataflow.timed import Timed
from queryleaf_cdc.functions.bson_order import milliseconds
from queryleaf_cdc.plans.dataflow import While
from queryleaf_cdc.syntax.expressions import Expr
from queryleaf_cdc.values import Interval, Value
from tests.unit.dataflow.harness import START, BsonStore, Law, hold
from tests.unit.dataflow.plain_order import NOTHING, call, column, literal, value

HOUR = call("+", column(0), literal(Interval(milliseconds=3_600_000)))
NODES = [
    While(NOTHING, None, HOUR),
    While(NOTHING, column(0), None),
    While(NOTHING, column(0), HOUR),
    While(NOTHING, column(0), column(1)),
    While(NOTHING, None, None),
]


def _moment(rng: Random) -> Value:
    if rng.random() < 0.15:
        return rng.choice([None, 5, "2025-03-01", DatetimeMS(10**15), DatetimeMS(-(10**15)), datetime(1960, 1, 1)])
    return START + timedelta(minutes=rng.randrange(-120, 1200))


def _row(rng: Random) -> Row:
    return (_moment(rng), _moment(rng), rng.randrange(2))


def _is_past(expr: Expr | None, row: Row, now: datetime, default: bool) -> bool | None:
    if expr is None:
        return default
    found = value(expr, row)
    return milliseconds(found) <= milliseconds(now) if isinstance(found, datetime | DatetimeMS) else None


def _law(node: While) -> Law:
    def expected(inputs: Sequence[list[Row]], now: datetime) -> Iterator[Row]:
        for row in inputs[0]:
            if _is_past(node.since, row, now, True) is True and _is_past(node.until, row, now, False) is False:
                yield row

    return Law(lambda context: Timed(node, context), [_row], expected)


@pytest.mark.parametrize("node", NODES)
def test_rows_are_there_between_their_moments(node: While) -> None:
    hold(_law(node), range(40))


class TestClock:
    """Rows (moment,) that stay for an hour."""

    def setup_method(self) -> None:
        self.store = BsonStore()
        self._open()

    def _open(self) -> None:
        self.state = State(self.store, 1000)
        self.timed = Timed(NODES[2], Context(self.state, {}))

    def _step(self, delta: list[tuple[Row, int]], minutes: float) -> list[tuple[Row, int]]:
        output = self.timed.step([delta], START + timedelta(minutes=minutes))
        self.store.write(self.state.changes())
        self.state.commit()
        return output

    def test_a_row_comes_and_goes_without_any_write(self) -> None:
        row = (START + timedelta(minutes=10),)
        assert self._step([(row, 1)], 0) == []
        assert self.timed.next_due == row[0]
        assert self._step([], 9) == []
        assert self._step([], 10) == [(row, 1)]
        assert self.timed.next_due == row[0] + timedelta(hours=1)
        assert self._step([], 70) == [(row, -1)]
        assert self.timed.next_due is None
        assert not self.store.documents

    def test_the_next_moment_is_known_after_a_restart(self) -> None:
        rows = [(START + timedelta(minutes=each),) for each in (30, 20, -10)]
        self._step([(row, 1) for row in rows], 0)
        self._open()
        assert self.timed.next_due == START + timedelta(minutes=20)

    def test_a_row_that_slept_through_its_hour_is_never_shown(self) -> None:
        row = (START + timedelta(minutes=10),)
        self._step([(row, 1)], 0)
        assert self._step([], 500) == []
        assert self._step([(row, -1)], 501) == []
        assert not self.store.documents

    def test_a_row_that_had_expired_when_it_came_may_be_deleted(self) -> None:
        row = (START - timedelta(hours=2),)
        assert self._step([(row, 1)], 0) == []
        assert self._step([(row, -1)], 1) == []

    def test_a_row_deleted_at_its_last_moment_goes_once(self) -> None:
        row = (START,)
        assert self._step([(row, 2)], 0) == [(row, 2)]
        assert self._step([(row, -2)], 60) == [(row, -2)]
        assert not self.store.documents
