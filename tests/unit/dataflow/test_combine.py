"""DISTINCT, INTERSECT and EXCEPT, against counting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from random import Random

import pytest
from bson import Decimal128, Int64

from queryleaf_cdc.dataflow.combine import Combined
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.rows import Row, row_identity
from queryleaf_cdc.dataflow.state import MemoryStore, NegativeWeight, State
from queryleaf_cdc.plans.dataflow import Combine, Scan
from queryleaf_cdc.source import Span
from tests.unit.dataflow.harness import START, Law, hold

INPUT = Scan(0, "any", "any", (), None, Span(0, 0))
Counts = Counter[Hashable]


def _distinct(left: Counts) -> Counts:
    return Counter(set(left))


def _intersection(left: Counts, right: Counts) -> Counts:
    return Counter(set(left) & set(right))


def _difference(left: Counts, right: Counts) -> Counts:
    return Counter(set(left) - set(right))


CASES = [
    (Combine((INPUT,), "DISTINCT"), _distinct),
    (Combine((INPUT, INPUT), "INTERSECT"), _intersection),
    (Combine((INPUT, INPUT), "INTERSECT", True), Counter.__and__),
    (Combine((INPUT, INPUT), "EXCEPT"), _difference),
    (Combine((INPUT, INPUT), "EXCEPT", True), Counter.__sub__),
]


def _row(rng: Random) -> Row:
    return (rng.choice([1, 1.0, Int64(1), Decimal128("1.0"), True, "x", None]), rng.choice([None, 1, [1], [1.0]]))


def _combined(node: Combine) -> tuple[State, Combined]:
    state = State(MemoryStore(), 1000)
    return state, Combined(node, Context(state, {}))


@pytest.mark.parametrize(("node", "count"), CASES, ids=lambda each: getattr(each, "kind", ""))
def test_the_output_counts_as_sql_does(node: Combine, count: Callable[..., Counts]) -> None:
    def expected(inputs: Sequence[list[Row]], now: datetime) -> list[Row]:
        some = {row_identity(row): row for rows in inputs for row in rows}
        counts = count(*(Counter(map(row_identity, rows)) for rows in inputs))
        return [some[identity] for identity in counts.elements()]

    def make(context: Context) -> Combined:
        return Combined(node, context)

    hold(Law(make, [_row] * len(node.inputs), expected, same=row_identity, most_reads=1))


def test_a_row_goes_as_it_came() -> None:
    _, combined = _combined(Combine((INPUT,), "DISTINCT"))
    (shown,) = combined.step([[((1,), 1)]], START)
    assert combined.step([[((1.0,), 1), ((1,), -1)]], START) == []
    (gone,) = combined.step([[((1.0,), -1)]], START)
    assert (shown, gone) == (((1,), 1), ((1,), -1))
    assert type(gone[0][0]) is int


def test_a_row_is_shown_as_one_that_came() -> None:
    _, combined = _combined(Combine((INPUT,), "DISTINCT"))
    ((row, _),) = combined.step([[((1.0,), 1), ((1,), -1), ((1,), 1), ((1.0,), 1)]], START)
    assert type(row[0]) is float


def test_what_nets_to_nothing_writes_nothing() -> None:
    state, combined = _combined(Combine((INPUT,), "DISTINCT"))
    assert combined.step([[((1,), -1), ((2,), 1), ((1.0,), 1), ((2,), -1)]], START) == []
    assert state.changes() == []


def test_a_row_that_never_came_cannot_go() -> None:
    _, combined = _combined(Combine((INPUT, INPUT), "EXCEPT"))
    combined.step([[((1,), 1)], []], START)
    with pytest.raises(NegativeWeight):
        combined.step([[], [((1,), -1)]], START)
