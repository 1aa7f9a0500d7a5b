"""GROUP BY: its output, added up, is what the aggregates are over the rows that are there."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import datetime

import pytest
from bson import Binary, Decimal128, Int64, ObjectId

from queryleaf_cdc.dataflow.group import GroupBy
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.rows import Row, consolidated, row_identity
from queryleaf_cdc.dataflow.state import MemoryStore, State
from queryleaf_cdc.plans.dataflow import ROW, Group, Scan
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Aggregate, Call, Expr, Field, Literal, OrderItem
from queryleaf_cdc.values import Value
from tests.unit.dataflow.harness import START, Law, hold

SPAN = Span(0, 0)
INPUT = Scan(0, "t", "t", (), None, SPAN)


def column(position: int) -> Field:
    return Field(ROW, (position,), SPAN)


def aggregate(
    name: str, *args: Expr, distinct: bool = False, where: Expr | None = None, by: Sequence[OrderItem] = ()
) -> Aggregate:
    return Aggregate(name, args, distinct, where, tuple(by), SPAN)


def group(keys: int, *aggregates: Aggregate, always: bool = False) -> Callable[[Context], GroupBy]:
    return lambda context: GroupBy(Group(INPUT, keys, aggregates, always), context)


Fold = Callable[[list[Value]], Value]


def recomputed(
    *folds: Callable[[list[Row]], Value], keys: int = 1
) -> Callable[[Sequence[list[Row]], datetime], Iterable[Row]]:
    """The groups of the rows, each fold over each group's rows."""

    def expected(inputs: Sequence[list[Row]], now: datetime) -> Iterable[Row]:
        groups: dict[Hashable, list[Row]] = {}
        for row in inputs[0]:
            groups.setdefault(row_identity(row[:keys]), []).append(row)
        return [(*rows[0][:keys], *(fold(rows) for fold in folds)) for rows in groups.values()]

    return expected


def over(fold: Fold, position: int = 1) -> Callable[[list[Row]], Value]:
    """The fold over the values of a column that are not NULL."""
    return lambda rows: fold([row[position] for row in rows if row[position] is not None])


def numbers(values: list[Value]) -> list[Value]:
    return [each for each in values if type(each) in (int, float, Int64)]


def plain_sum(values: list[Value]) -> Value:
    found = numbers(values)
    if not found:
        return None
    if not any(isinstance(each, float) for each in found):
        return sum(found)
    try:
        return math.fsum(found)
    except ValueError:
        return math.nan


def plain_average(values: list[Value]) -> Value:
    found = numbers(values)
    return plain_sum([float(each) for each in found]) / len(found) if found else None


VALUES: list[Value] = [0, 1, 2, -3, 0.1, 0.7, -2.5, 1e9 + 0.3, None, "12", True, math.nan, math.inf, -math.inf]


def test_linear_aggregates() -> None:
    amount = column(1)
    above = Call(">", (column(2), Literal(1, SPAN)), SPAN)
    hold(
        Law(
            group(
                1,
                aggregate("COUNT"),
                aggregate("COUNT", amount),
                aggregate("SUM", amount),
                aggregate("AVG", amount),
                aggregate("SUM", amount, where=above),
                aggregate("COUNT", where=above),
            ),
            [lambda rng: (rng.choice("abc"), rng.choice(VALUES), rng.randrange(4))],
            recomputed(
                len,
                over(len),
                over(plain_sum),
                over(plain_average),
                lambda rows: over(plain_sum)([row for row in rows if row[2] > 1]),
                lambda rows: len([row for row in rows if row[2] > 1]),
            ),
            tolerance=1e-15,
            most_reads=1,
        )
    )


def test_statistics_and_truth() -> None:
    def deviation(values: list[Value]) -> Value:
        return statistics.stdev(values) if len(values) > 1 else None

    hold(
        Law(
            group(2, *(aggregate(n, column(2)) for n in ("STDDEV", "VAR_POP")), aggregate("BOOL_OR", column(3))),
            [
                lambda rng: (
                    rng.randrange(2),
                    None,
                    rng.choice((None, 1, 2.5, 1e6, rng.random())),
                    rng.choice((True, False)),
                )
            ],
            recomputed(
                over(deviation, 2),
                over(lambda values: float(statistics.pvariance(values)) if values else None, 2),
                over(any, 3),
                keys=2,
            ),
            tolerance=1e-12,
        )
    )


KEYS: list[Value] = [
    None, True, False, 0, 1, 2**40, 1.5, math.nan, "", "a", "$x.y", ObjectId(b"1" * 12), datetime(2025, 1, 1),
    b"x", Binary(b"x", 5), [], [1, None], {}, {"a": 1, "$b.c": [2]}, {"a": [{}]}, Decimal128("0.1"),
    "k" * 2048, ["k" * 2048],
]  # fmt: skip


@pytest.mark.parametrize("keys", [1, 2])
def test_keys_of_all_kinds(keys: int) -> None:
    hold(
        Law(
            group(keys, aggregate("COUNT"), aggregate("SUM", column(2))),
            [lambda rng: (rng.choice(KEYS), rng.choice((1, "x")), rng.randrange(9))],
            recomputed(len, over(sum, 2), keys=keys),
        )
    )


def test_a_group_keeps_the_key_that_was_first_seen() -> None:
    hold(
        Law(
            group(1, aggregate("COUNT")),
            [lambda rng: (rng.choice((1, 1.0, Int64(1), Decimal128("1"), Decimal128("1.0"), True)),)],
            recomputed(len),
            same=row_identity,
        )
    )


def test_without_keys_there_is_always_one_row() -> None:
    hold(
        Law(
            group(0, aggregate("COUNT"), aggregate("SUM", column(0)), always=True),
            [lambda rng: (rng.randrange(3),)],
            lambda inputs, now: [(len(inputs[0]), sum(row[0] for row in inputs[0]) if inputs[0] else None)],
            leaves_nothing=False,
        )
    )


def test_without_keys_there_may_be_no_row() -> None:
    hold(Law(group(0, aggregate("COUNT")), [lambda rng: (rng.randrange(3),)], recomputed(len, keys=0)))


def test_weights_count_without_being_rows() -> None:
    operator = group(1, aggregate("COUNT"), aggregate("SUM", column(1)))(Context(State(MemoryStore(), 10), {}))
    assert operator.step([[(("a", 0.1), 10**15)]], START) == [(("a", 10**15, 1e14), 1)]
    assert consolidated(operator.step([[(("a", 0.1), -(10**15 - 1))]], START)) == [
        (("a", 10**15, 1e14), -1),
        (("a", 1, 0.1), 1),
    ]


def test_what_nets_to_nothing_writes_nothing() -> None:
    state = State(MemoryStore(), 10)
    operator = group(1, aggregate("COUNT"), aggregate("SUM", column(1)))(Context(state, {}))
    operator.step([[(("a", 1), 1), (("a", 1.0), 1)]], START)
    state.changes()
    state.commit()
    assert operator.step([[(("a", 1), 1), (("a", 1), -1)]], START) == []
    assert state.changes() == []
    assert operator.step([[(("a", 1.0), -1), (("a", 2), 1)]], START) == [
        (("a", 2, 2.0), -1),
        (("a", 2, 3), 1),
    ]
