"""Top-N is what sorting everything and cutting it gives, and it costs what changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import pytest

from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.state import State
from queryleaf_cdc.dataflow.top import TopRows
from queryleaf_cdc.plans.dataflow import Top
from queryleaf_cdc.syntax.expressions import OrderItem
from tests.unit.dataflow.harness import START, BsonStore, Law, hold
from tests.unit.dataflow.plain_order import NOTHING, by, column, orders, partitions, some_row


def _law(node: Top) -> Law:
    def expected(inputs: Sequence[list[Row]], now: datetime) -> Iterator[Row]:
        end = None if node.limit is None else node.offset + node.limit
        for rows in partitions(inputs[0], node.partition_by, node.order_by):
            yield from rows[node.offset : end]

    return Law(lambda context: TopRows(node, context), [some_row], expected)


@pytest.mark.parametrize("order_by", orders(1, 2))
def test_each_partition_shows_its_first_rows(order_by: tuple[OrderItem, ...]) -> None:
    hold(_law(Top(NOTHING, (column(0),), order_by, 2, 0)), range(25))


@pytest.mark.parametrize(("limit", "offset"), [(1, 0), (3, 2), (None, 3), (None, 0), (0, 0), (0, 2), (50, 0), (5, 20)])
def test_limit_and_offset_cut_the_sorted_rows(limit: int | None, offset: int) -> None:
    hold(_law(Top(NOTHING, (), (by(1), by(2)), limit, offset)), range(25))


def test_rows_without_an_order_are_cut_too() -> None:
    hold(_law(Top(NOTHING, (column(0),), (), 3, 1)), range(15))


class TestManyRows:
    """One partition of 20,000 rows in pages."""

    def setup_method(self) -> None:
        self.store = BsonStore()
        self.state, self.top = self._opened()
        self.top.step([[((number, "row"), 1) for number in range(20_000)]], START)
        self._written()

    def _opened(self) -> tuple[State, TopRows]:
        state = State(self.store, 100_000)
        return state, TopRows(Top(NOTHING, (), (by(0),), 10, 5), Context(state, {}))

    def _written(self) -> int:
        changes = self.state.changes()
        self.store.write(changes)
        self.state.commit()
        return len(changes)

    def test_only_the_head_and_the_pages_of_changed_rows_are_touched(self) -> None:
        self.state, self.top = self._opened()
        reads = self.store.reads
        delta = [((number, "row"), -1) for number in (7, 9_000, 18_000)]
        assert dict(self.top.step([delta], START)) == {(7, "row"): -1, (15, "row"): 1}
        assert self.store.reads - reads <= 2
        assert self._written() == 4  # three pages and the directory

    def test_rows_beyond_the_head_change_nothing(self) -> None:
        assert self.top.step([[((15, "another"), 1), ((19_999, "row"), -1)]], START) == []
