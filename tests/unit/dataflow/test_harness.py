"""The law notices what it is there for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from random import Random

import pytest

from queryleaf_cdc.dataflow.arrangement import Arrangement
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.rows import Delta, Row, consolidated
from tests.unit.dataflow.harness import Law, hold


def _row(rng: Random) -> Row:
    return (rng.randrange(3), rng.choice([1, 1.0, "x", None]))


class _Remembering:
    """Passes rows on, and keeps them by their first column for nothing."""

    def __init__(self, context: Context) -> None:
        self._rows = Arrangement(context.state, lambda row: b"")

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        delta = consolidated(inputs[0])
        self._rows.fetch({row[0]: row[:1] for row, _ in delta})
        for row, weight in delta:
            self._rows.change(row[0]).add(row, weight)
        return delta


class _Forgetful(_Remembering):
    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        return [each for each in super().step(inputs, now) if each[1] != -1]


class _Untidy(_Remembering):
    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        super().step([[(row, 1) for row, weight in consolidated(inputs[0]) if weight > 0]], now)
        return list(inputs[0])


def _all(inputs: Sequence[list[Row]], now: datetime) -> list[Row]:
    return inputs[0]


def test_rows_that_pass_through_are_those_that_came_in() -> None:
    hold(Law(_Remembering, [_row], _all))


@pytest.mark.parametrize("broken", [_Forgetful, _Untidy])
def test_what_is_lost_or_left_behind_is_noticed(broken: type[_Remembering]) -> None:
    with pytest.raises(AssertionError, match="seed"):
        hold(Law(broken, [_row], _all))


def test_a_width_that_changes_is_noticed_and_a_float_that_is_close_is_not() -> None:
    def floats(inputs: Sequence[list[Row]], now: datetime) -> list[Row]:
        return [(key, value * (1 + 1e-12) if isinstance(value, float) else value) for key, value in inputs[0]]

    with pytest.raises(AssertionError, match="missing"):
        hold(Law(_Remembering, [_row], floats))
    hold(Law(_Remembering, [_row], floats, tolerance=1e-9))
