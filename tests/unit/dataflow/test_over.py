"""Windows are what their definitions say, after every batch; and they cost what changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any
from unittest.mock import patch

import pytest
from bson import Int64

from queryleaf_cdc.dataflow.arranged import Arranged
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.over import Windows
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.state import State
from queryleaf_cdc.dataflow.windows import memo
from queryleaf_cdc.plans.dataflow import Over, WindowFunction
from queryleaf_cdc.syntax.expressions import Expr, Frame, OrderItem
from queryleaf_cdc.values import Interval
from tests.unit.dataflow import plain_windows
from tests.unit.dataflow.harness import START, BsonStore, Law, hold
from tests.unit.dataflow.plain_order import NOTHING, SPAN, by, call, column, literal, orders, some_row

FIRST_ROW = ("UNBOUNDED", None, "PRECEDING")
LAST_ROW = ("UNBOUNDED", None, "FOLLOWING")
CURRENT = ("CURRENT ROW", None, "")


def preceding(offset: Any) -> tuple[str, Expr | None, str]:
    return "OFFSET", literal(offset), "PRECEDING"


def following(offset: Any) -> tuple[str, Expr | None, str]:
    return "OFFSET", literal(offset), "FOLLOWING"


BOUNDS = [
    (FIRST_ROW, CURRENT),
    (FIRST_ROW, LAST_ROW),
    (CURRENT, LAST_ROW),
    (CURRENT, CURRENT),
    (preceding(2), CURRENT),
    (preceding(1), following(1)),
    (preceding(3), preceding(2)),
    (following(1), following(3)),
    (following(2), LAST_ROW),
    (FIRST_ROW, preceding(1)),
]


def window(
    name: str,
    *args: Expr,
    frame: Frame | None = None,
    distinct: bool = False,
    filter: Expr | None = None,
    order_by: tuple[OrderItem, ...] = (),
) -> WindowFunction:
    return WindowFunction(name, args, distinct, filter, order_by, frame, SPAN)


def over(
    *functions: WindowFunction,
    order_by: tuple[OrderItem, ...] = (by(1),),
    first: int | None = None,
    first_by: str = "ROW_NUMBER",
) -> Over:
    return Over(NOTHING, (column(0),), order_by, functions, first, first_by)


def law(node: Over, draw: Any = some_row, tolerance: float | None = None) -> Law:
    def expected(inputs: Sequence[list[Row]], now: datetime) -> Iterator[Row]:
        return plain_windows.expected(node, inputs[0])

    return Law(lambda context: Windows(node, context), [draw], expected, tolerance=tolerance)


FRAMED = (
    ("COUNT",),
    ("SUM", column(3)),
    ("FIRST_VALUE", column(2)),
    ("LAST_VALUE", column(2)),
    ("NTH_VALUE", column(2), literal(2)),
    ("ARRAY_AGG", column(3)),
)


def framed(frame: Frame | None) -> list[WindowFunction]:
    return [window(*each, frame=frame) for each in FRAMED]


@pytest.mark.parametrize("order_by", orders(1))
@pytest.mark.parametrize("name", ["ROW_NUMBER", "RANK", "DENSE_RANK", "PERCENT_RANK", "CUME_DIST"])
def test_ranks(name: str, order_by: tuple[OrderItem, ...]) -> None:
    hold(law(over(window(name), order_by=order_by)), range(8))


@pytest.mark.parametrize("buckets", [1, 2, 3, 7, Int64(4)])
def test_ntile_makes_buckets_that_are_as_equal_as_can_be(buckets: int) -> None:
    hold(law(over(window("NTILE", literal(buckets)))), range(10))


def test_a_number_of_buckets_that_makes_none_is_null() -> None:
    node = over(window("NTILE", literal(0)))
    operator = Windows(node, Context(State(BsonStore(), 100), {}))
    assert operator.step([[((0, 1), 1)]], START) == [((0, 1, None), 1)]


@pytest.mark.parametrize("name", ["LAG", "LEAD"])
@pytest.mark.parametrize(
    "rest",
    [
        (),
        (literal(2),),
        (literal(3), literal("none")),
        (literal(1), column(2)),
        (literal(0),),
        (literal(-1),),
        (literal(None),),
        (column(3), column(1)),
    ],
)
def test_lag_and_lead(name: str, rest: tuple[Expr, ...]) -> None:
    hold(law(over(window(name, column(3), *rest), order_by=(by(1), by(2, descending=True)))), range(12))


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("unit", ["ROWS", "GROUPS", "RANGE"])
def test_frames(unit: str, bounds: Any) -> None:
    start, end = bounds
    frame = Frame(unit, start, end, SPAN)
    for descending in (False, True):
        hold(law(over(*framed(frame), order_by=(by(1, descending),))), range(3))
    for function in framed(frame):
        hold(law(over(function)), range(2))


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("unit", ["ROWS", "GROUPS", "RANGE"])
@pytest.mark.parametrize("exclude", ["CURRENT ROW", "GROUP", "TIES"])
def test_frames_that_exclude(exclude: str, unit: str, bounds: Any) -> None:
    frame = Frame(unit, *bounds, SPAN, exclude)
    hold(law(over(*framed(frame), window("MAX", column(3), frame=frame))), range(2))
    distinct = [window(name, column(3), frame=frame, distinct=True) for name in ("COUNT", "ARRAY_AGG")]
    hold(law(over(*distinct, order_by=(by(1, True),))), range(1))


def _gappy_row(rng: Random) -> Row:
    return (rng.randrange(2), rng.randrange(12), "x", rng.choice([None, None, 1, 2]))


@pytest.mark.parametrize(
    "function",
    [
        ("LAG", column(3)),
        ("LEAD", column(3)),
        ("LAG", column(3), literal(2), column(1)),
        ("LEAD", column(3), literal(-1)),
        ("LAG", column(3), literal(0)),
        ("LEAD", column(3), column(1)),
        ("FIRST_VALUE", column(3)),
        ("LAST_VALUE", column(3)),
        ("NTH_VALUE", column(3), literal(2)),
    ],
)
def test_nulls_that_do_not_count(function: Any) -> None:
    for frame in (None, Frame("ROWS", preceding(3), CURRENT, SPAN), Frame("ROWS", FIRST_ROW, LAST_ROW, SPAN, "GROUP")):
        ignoring = replace(window(*function, frame=frame), ignore_nulls=True)
        hold(law(over(ignoring), _gappy_row), range(6))


@pytest.mark.parametrize(
    "function", [("LAST_VALUE", column(1)), ("SUM", column(3)), ("NTH_VALUE", column(3), literal(2))]
)
def test_a_range_may_end_far_behind_its_row(function: Any) -> None:
    def spread(rng: Random) -> Row:
        return (0, rng.randrange(60), "x", rng.randrange(4))

    for end in (preceding(3), following(3)):
        hold(law(over(window(*function, frame=Frame("RANGE", FIRST_ROW, end, SPAN))), spread), range(5))


def test_the_default_frame_ends_with_the_last_peer_or_without_an_order_with_the_partition() -> None:
    for order_by in ((by(1),), (by(2), by(1)), ()):
        hold(law(over(*framed(None), order_by=order_by)), range(12))


def _timed_row(rng: Random) -> Row:
    times = [datetime(2024, 1, 31), datetime(2024, 2, 29), datetime(2024, 3, 1), datetime(2024, 3, 31), None, 7, "x"]
    near = datetime(2024, 2, 28) + timedelta(hours=rng.randrange(100))
    return (rng.randrange(2), rng.choice([*times, near, near, near]), rng.choice("ab"), rng.randrange(4))


@pytest.mark.parametrize(
    "offset", [Interval(milliseconds=7_200_000), Interval(days=1), Interval(months=1), Interval(1, 2, 3)]
)
def test_ranges_of_time(offset: Interval) -> None:
    bounds = ((preceding(offset), CURRENT), (preceding(offset), following(offset)), (following(offset), LAST_ROW))
    for start, end in bounds:
        for descending in (False, True):
            node = over(*framed(Frame("RANGE", start, end, SPAN)), order_by=(by(1, descending),))
            hold(law(node, _timed_row), range(6))


def _fraction_row(rng: Random) -> Row:
    return (
        rng.randrange(3),
        rng.choice([rng.randrange(30) / 10, rng.random(), float("inf"), 1e300, 3]),
        "x",
        rng.randrange(4),
    )


def test_ranges_of_fractions() -> None:
    frame = Frame("RANGE", preceding(0.25), following(0.5), SPAN)
    hold(law(over(*framed(frame)), _fraction_row), range(12))


AGGREGATES = ["COUNT", "SUM", "AVG", "MIN", "MAX", "STDDEV", "VAR_POP", "MEDIAN"]


@pytest.mark.parametrize("name", AGGREGATES)
def test_aggregates_over_sliding_and_growing_frames(name: str) -> None:
    frames = [None, Frame("ROWS", preceding(3), CURRENT, SPAN), Frame("ROWS", preceding(1), following(2), SPAN)]
    for frame in frames:
        hold(law(over(window(name, column(3), frame=frame)), tolerance=1e-9), range(6))


def _double_row(rng: Random) -> Row:
    values = [0.1, 1e16, -1e16, 1.0, 1e-8, 1e300, -1e300, None]
    return (0, rng.randrange(20), "x", rng.choice(values))


def test_a_sum_of_doubles_is_exact_in_every_frame() -> None:
    frame = Frame("ROWS", preceding(3), CURRENT, SPAN)
    hold(law(over(window("SUM", column(3), frame=frame)), _double_row), range(12))


@pytest.mark.parametrize("name", ["COUNT", "SUM", "MIN", "ARRAY_AGG"])
def test_distinct_and_filter(name: str) -> None:
    frame = Frame("ROWS", preceding(3), following(1), SPAN)
    odd = call("<>", column(3), literal(1))
    hold(law(over(window(name, column(3), frame=frame, distinct=True))), range(10))
    hold(
        law(over(window(name, column(3), frame=frame, filter=odd), window("COUNT", frame=frame, filter=odd))), range(10)
    )


def test_flags_and_texts() -> None:
    frame = Frame("GROUPS", preceding(1), CURRENT, SPAN)
    flag = call(">", column(3), literal(1))
    functions = [window("BOOL_AND", flag, frame=frame), window("BOOL_OR", flag, frame=frame)]
    functions.append(window("STRING_AGG", column(2), literal("+"), frame=frame))
    hold(law(over(*functions)), range(15))


def _visit(rng: Random) -> Row:
    return (rng.randrange(2), rng.choice([None, *[START + timedelta(minutes=rng.randrange(200)) for _ in range(6)]]))


def test_sessions_end_where_the_gap_is_too_long() -> None:
    gap = literal(Interval(milliseconds=600_000))
    functions = [window("SESSION_START", column(1), gap), window("SESSION_END", column(1), gap)]
    hold(law(over(*functions), _visit), range(40))


@pytest.mark.parametrize("first_by", ["ROW_NUMBER", "RANK"])
@pytest.mark.parametrize("first", [1, 2, 5])
def test_only_the_first_rows_are_wanted(first: int, first_by: str) -> None:
    hold(law(over(window(first_by), first=first, first_by=first_by)), range(15))
    beside = [
        window("LEAD", column(3)),
        window("LAG", column(3), literal(2)),
        window("COUNT"),
        window("NTILE", literal(2)),
    ]
    for each in beside:
        hold(law(over(window(first_by), each, first=first, first_by=first_by)), range(6))


def test_groups_that_go_beyond_the_rows_that_are_wanted() -> None:
    for first in (1, 2):
        ahead = window("COUNT", frame=Frame("GROUPS", CURRENT, following(2), SPAN))
        hold(law(over(ahead, window("ROW_NUMBER"), first=first, order_by=(by(1, nulls_first=True),))), range(60))


def test_functions_of_all_kinds_together() -> None:
    near = Frame("RANGE", preceding(1), CURRENT, SPAN)
    functions = [
        window("LAG", column(3)),
        window("LEAD", column(3), literal(2)),
        window("SUM", column(3), frame=near),
        window("COUNT", frame=Frame("ROWS", preceding(2), CURRENT, SPAN)),
        window("LAST_VALUE", column(3), frame=Frame("GROUPS", CURRENT, following(1), SPAN)),
    ]
    hold(law(over(*functions)), range(30))
    hold(law(over(*functions, window("RANK"))), range(10))
    hold(law(over(*functions, window("FIRST_VALUE", column(3)))), range(10))


def test_the_first_rows_of_the_partition_are_not_those_of_other_frames() -> None:
    peers = Frame("RANGE", CURRENT, CURRENT, SPAN)
    functions = [window("NTH_VALUE", column(3), literal(nth), frame=frame) for nth, frame in ((1, None), (3, peers))]
    hold(law(over(*functions)), range(10))


def _mostly_later(rng: Random) -> Row:
    """Rows that come in order, more or less: the clock is the generator's own."""
    _CLOCK[0] += rng.choice((0, 1, 3))
    return (rng.randrange(2), _CLOCK[0] - (rng.randrange(20) if rng.random() < 0.1 else 0), "x", rng.randrange(4))


_CLOCK = [0]


@pytest.mark.parametrize(("long", "kept"), [(4, 2), (12, 1), (3, 3)])
def test_running_functions_go_on_from_what_is_remembered(long: int, kept: int) -> None:
    frames = [None, Frame("ROWS", FIRST_ROW, CURRENT, SPAN), Frame("ROWS", FIRST_ROW, preceding(1), SPAN)]
    sums = [window("SUM", column(3), frame=frame) for frame in frames]
    nodes = [over(each) for each in (*sums, window("DENSE_RANK"))]
    nodes.append(over(*sums, window("DENSE_RANK"), window("NTH_VALUE", column(3), literal(5))))
    nodes.append(over(sums[0], window("LAG", column(3)), window("RANK"), order_by=(by(1, descending=True),)))
    with patch.object(memo, "_LONG", long), patch.object(memo, "_KEPT", kept):
        for node in nodes:
            hold(law(node, _mostly_later), range(8))
            hold(law(node), range(4))


class TestManyRows:
    """One partition of 20,000 rows in pages, of which none are in memory."""

    def _opened(self, *functions: WindowFunction, **options: Any) -> tuple[BsonStore, State, Windows]:
        store = BsonStore()
        state = State(store, 100_000)
        node = over(*functions, **options)
        Windows(node, Context(state, {})).step([[((0, at, "x", at), 1) for at in range(20_000)]], START)
        store.write(state.changes())
        state = State(store, 100_000)
        store.reads = 0
        return store, state, Windows(node, Context(state, {}))

    def test_a_row_at_the_end_costs_what_it_reaches(self) -> None:
        near = Frame("ROWS", preceding(2), CURRENT, SPAN)
        functions = (window("LAG", column(3)), window("ROW_NUMBER"), window("SUM", column(3), frame=near))
        store, state, windows = self._opened(*functions)
        row = (0, 20_000, "x", 7)
        assert windows.step([[(row, 1)]], START) == [((*row, 19_999, 20_001, 40_004), 1)]
        assert store.reads <= 2
        assert len(state.changes()) <= 3

    def test_a_row_in_the_middle_concerns_its_neighbours_only(self) -> None:
        store, _, windows = self._opened(window("LEAD", column(3)))
        row = (0, 9_000.5, "x", 7)
        output = windows.step([[(row, 1)]], START)
        before = (0, 9_000, "x", 9_000)
        assert sorted(output) == sorted([((*before, 9_001), -1), ((*before, 7), 1), ((*row, 9_001), 1)])
        assert store.reads <= 3

    def test_of_a_partition_whose_head_is_wanted_the_rest_is_not_looked_at(self) -> None:
        store, _, windows = self._opened(window("RANK"), first=3, first_by="RANK")
        late, tie = (0, 15_000, "y", 1), (0, 2, "y", 1)
        assert windows.step([[(late, 1)]], START) == []
        assert windows.step([[(tie, 1)]], START) == [((*tie, 3), 1)]
        assert store.reads <= 4

    def test_a_running_sum_goes_on_where_it_was(self) -> None:
        store, _, windows = self._opened(window("SUM", column(3)), window("DENSE_RANK"))
        total = sum(range(20_000))
        assert windows.step([[((0, 20_000, "x", 1), 1)]], START) == [((0, 20_000, "x", 1, total + 1, 20_001), 1)]
        reads = store.reads
        with patch.object(Arranged, "entries", _few_entries(Arranged.entries)):
            assert windows.step([[((0, 20_001, "x", 1), 1)]], START) == [((0, 20_001, "x", 1, total + 2, 20_002), 1)]
        assert store.reads == reads


def _few_entries(entries: Any) -> Any:
    """Fails where more than a few entries are looked at."""

    def counted(*args: Any) -> Iterator[Any]:
        for at, entry in enumerate(entries(*args)):
            assert at < 200
            yield entry

    return counted
