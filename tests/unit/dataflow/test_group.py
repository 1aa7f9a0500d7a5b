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
from queryleaf_cdc.errors import CompileError
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


def by(expr: Expr, descending: bool = False, nulls_first: bool = False) -> OrderItem:
    return OrderItem(expr, descending, nulls_first, SPAN)


def known(rows: list[Row], position: int) -> list[Value]:
    return [row[position] for row in rows if row[position] is not None]


def once(values: list[Value]) -> list[Value]:
    return sorted(set(values))


def test_distinct_aggregates() -> None:
    amount = column(1)
    hold(
        Law(
            group(
                1,
                aggregate("COUNT", amount, distinct=True),
                aggregate("SUM", amount, distinct=True),
                aggregate("AVG", amount, distinct=True, where=Call(">", (column(2), Literal(1, SPAN)), SPAN)),
                aggregate("COUNT", column(2), distinct=True),
                aggregate("SUM", amount),
            ),
            [lambda rng: (rng.choice("ab"), rng.choice((None, 1, 2, 3, 0.25, 7)), rng.choice((0, 1, 2, 3, 4)))],
            recomputed(
                over(lambda values: len(set(values))),
                over(lambda values: sum(set(values)) if values else None),
                lambda rows: over(lambda v: statistics.mean(map(float, set(v))) if v else None)(
                    [row for row in rows if row[2] > 1]
                ),
                over(lambda values: len(set(values)), 2),
                over(lambda values: sum(values) if values else None),
            ),
            tolerance=1e-15,
            most_reads=4,
        )
    )


def test_distinct_is_blind_to_the_width_of_numbers() -> None:
    values = (1, 1.0, Int64(1), Decimal128("1"), True, "1", 2, 2.0)
    hold(
        Law(
            group(0, aggregate("COUNT", column(0), distinct=True), aggregate("SUM", column(0), distinct=True)),
            [lambda rng: (rng.choice(values),)],
            recomputed(
                lambda rows: len({row_identity(row) for row in rows}),
                lambda rows: sum({float(str(row[0])) for row in rows if type(row[0]) not in (str, bool)}) or None,
                keys=0,
            ),
            same=row_identity,
        )
    )


def test_a_distinct_value_that_came_and_went_leaves_no_width() -> None:
    state = State(MemoryStore(), 10)
    operator = group(1, aggregate("SUM", column(1), distinct=True))(Context(state, {}))
    assert operator.step([[(("a", 1.0), 1), (("a", 1.0), -1), (("a", 2), 1)]], START) == [(("a", 2), 1)]
    state.changes()
    state.commit()
    output = operator.step([[(("a", 1), 1)]], START)
    assert list(map(repr, output)) == ["(('a', 2), -1)", "(('a', 3), 1)"]


def test_extremes_by_order() -> None:
    hold(
        Law(
            group(
                1,
                aggregate("MIN", column(1)),
                aggregate("MAX", column(1)),
                aggregate("MIN", column(2), where=Call(">", (column(1), Literal(2, SPAN)), SPAN)),
                aggregate("FIRST", column(2), by=[by(column(1), descending=True), by(column(2))]),
                aggregate("LAST", column(2), by=[by(column(1), nulls_first=True), by(column(2))]),
                aggregate("COUNT"),
            ),
            [lambda rng: (rng.choice("ab"), rng.choice((None, *range(12))), rng.choice("pqrstuvwxyz"))],
            recomputed(
                lambda rows: min(known(rows, 1), default=None),
                lambda rows: max(known(rows, 1), default=None),
                lambda rows: min([row[2] for row in rows if row[1] is not None and row[1] > 2], default=None),
                lambda rows: min(rows, key=lambda row: (-row[1] if row[1] is not None else 99, row[2]))[2],
                lambda rows: max(rows, key=lambda row: (row[1] if row[1] is not None else -99, row[2]))[2],
                len,
            ),
        )
    )


def test_extremes_of_all_kinds() -> None:
    values = (None, 1, -3, 2.5, math.nan, math.inf, Int64(9), "", "z", True, datetime(2025, 1, 1), Decimal128("NaN"))

    def rank(value: Value) -> tuple[int, float]:
        kinds = (str, bool, datetime)
        if type(value) in kinds:
            return kinds.index(type(value)) + 1, len(str(value))
        number = float(str(value))
        return 0, math.inf if number != number else min(number, 1e300)

    def is_nan(value: Value) -> bool:
        return str(value).lower() == "nan"

    def smallest(found: list[Value]) -> Value:
        return min([each for each in found if not is_nan(each)] or found, key=rank, default=None)

    hold(
        Law(
            group(0, aggregate("MIN", column(0)), aggregate("MAX", column(0))),
            [lambda rng: (rng.choice(values),)],
            recomputed(
                lambda rows: smallest(known(rows, 0)),
                lambda rows: max(known(rows, 0), key=rank, default=None),
                keys=0,
            ),
            same=row_identity,
        )
    )


def listed(rows: list[Row]) -> Value:
    return [row[2] for row in sorted(rows, key=lambda row: (-row[1], row[2]))]


def test_lists() -> None:
    hold(
        Law(
            group(
                1,
                aggregate("ARRAY_AGG", column(2), by=[by(column(1), descending=True), by(column(2))]),
                aggregate("STRING_AGG", column(3), Literal("/", SPAN), by=[by(column(2))]),
                aggregate("ARRAY_AGG", column(1), distinct=True, by=[by(column(1), descending=True)]),
                aggregate("STRING_AGG", column(3), distinct=True),
                aggregate("ARRAY_AGG", column(2), where=Call(">", (column(1), Literal(2, SPAN)), SPAN)),
            ),
            [lambda rng: (rng.choice("ab"), rng.randrange(5), rng.randrange(30), rng.choice((None, 1, "a", "b")))],
            recomputed(
                listed,
                lambda rows: (
                    "/".join(
                        row[3]
                        for row in sorted(rows, key=lambda row: (row[2], str(row[3]), row[1]))
                        if isinstance(row[3], str)
                    )
                    or None
                ),
                lambda rows: sorted({row[1] for row in rows}, reverse=True),
                lambda rows: ",".join(once([row[3] for row in rows if isinstance(row[3], str)])) or None,
                lambda rows: sorted(row[2] for row in rows if row[1] > 2) or None,
            ),
        )
    )


def percentile(rows: list[Row], fraction: float, descending: bool = False) -> Value:
    values = sorted(numbers([row[1] for row in rows]), reverse=descending)
    if not values:
        return None
    place = fraction * (len(values) - 1)
    low, high = values[math.floor(place)], values[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place)) * 1.0


def disc(rows: list[Row], fraction: float) -> Value:
    values = sorted(known(rows, 1), key=lambda value: (isinstance(value, str), value))
    return values[max(math.ceil(fraction * len(values)) - 1, 0)] if values else None


def test_percentiles() -> None:
    several = Call("ARRAY", (Literal(0.25, SPAN), Literal(1, SPAN)), SPAN)
    up, down = by(column(1)), by(column(1), descending=True)
    hold(
        Law(
            group(
                1,
                aggregate("PERCENTILE_CONT", Literal(0.3, SPAN), by=[up]),
                aggregate("PERCENTILE_CONT", Literal(0.3, SPAN), by=[down]),
                aggregate("MEDIAN", column(1)),
                aggregate("PERCENTILE_DISC", Literal(0.4, SPAN), by=[up]),
                aggregate("PERCENTILE_DISC", several, by=[up]),
                aggregate("MODE", by=[up]),
            ),
            [lambda rng: (rng.choice("ab"), rng.choice((None, "x", 2.5, *range(9))))],
            recomputed(
                lambda rows: percentile(rows, 0.3),
                lambda rows: percentile(rows, 0.3, descending=True),
                lambda rows: statistics.median(map(float, found)) if (found := numbers(known(rows, 1))) else None,
                lambda rows: disc(rows, 0.4),
                lambda rows: [disc(rows, 0.25), disc(rows, 1)] if known(rows, 1) else None,
                lambda rows: min(
                    statistics.multimode(known(rows, 1)),
                    key=lambda value: (isinstance(value, str), value),
                    default=None,
                ),
            ),
            tolerance=1e-12,
        )
    )


def test_aggregates_of_one_order_share_their_rows() -> None:
    state = State(MemoryStore(), 10)
    x, t = column(1), column(2)
    of_t = [by(t)]
    operator = group(
        1,
        aggregate("MIN", x),
        aggregate("MAX", x),
        aggregate("PERCENTILE_DISC", Literal(0.5, SPAN), by=[by(x)]),
        aggregate("FIRST", x, by=of_t),
        aggregate("ARRAY_AGG", t, by=of_t),
    )(Context(state, {}))
    operator.step([[(("a", 1, 2), 1), (("a", 3, 1), 1)]], START)
    assert len(state.changes()) == 3  # the group, its rows by x, its rows by t


@pytest.mark.parametrize(
    "bad",
    [
        aggregate("STRING_AGG", column(0), column(1)),
        aggregate("PERCENTILE_CONT", Literal(1.5, SPAN), by=[by(column(0))]),
        aggregate("PERCENTILE_DISC", column(0), by=[by(column(0))]),
        aggregate("ARRAY_AGG", column(0), distinct=True, by=[by(column(1))]),
        aggregate("MODE", column(0), distinct=True),
    ],
)
def test_arguments_that_must_be_constant(bad: Aggregate) -> None:
    with pytest.raises(CompileError) as raised:
        group(1, bad)(Context(State(MemoryStore(), 10), {}))
    assert raised.value.diagnostics[0].code == "QL304"


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
