"""What tallies are worth after values came and went, against plain recomputation."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from random import Random

import bson
import pytest
from bson import Decimal128, Int64

from queryleaf_cdc.aggregates import LINEAR
from queryleaf_cdc.mongo.decoding import OPTIONS
from queryleaf_cdc.values import Value

INF, NAN = math.inf, math.nan


def after(name: str, *changes: tuple[list[Value], int]) -> Value:
    """The aggregate after values came (weight 1) and went (-1), the tally stored and loaded in between."""
    spec = LINEAR[name]
    tally = spec.tally()
    for values, weight in changes:
        tally.add(values, weight)
        stored = bson.decode(bson.encode({"": tally.document()}), OPTIONS)[""]
        tally = spec.tally.load(stored)
    return spec.result(tally)


def exactly(value: Value) -> tuple[type, str]:
    return type(value), repr(value)


@pytest.mark.parametrize(
    ("values", "total", "average"),
    [
        ([], None, None),
        (["a", None, True, [1]], None, None),
        ([1, 2, "x", True, None], 3, 1.5),
        ([1, Int64(2)], Int64(3), 1.5),
        ([2**31 - 1, 1], Int64(2**31), 2.0**30),
        ([Int64(2**63 - 1), Int64(2**63 - 1), 2], 2.0**64, 2.0**64 / 3),
        ([1, 0.5], 1.5, 0.75),
        ([0.1] * 10, 1.0, 0.1),
        ([1e308, 1e308], INF, 1e308),
        ([1e308, 1e308, -1e308], 1e308, 1e308 / 3),
        ([1e16, 1.0, -1e16], 1.0, 1 / 3),
        ([5e-324, -5e-324, 5e-324], 5e-324, 0.0),
        ([INF, 1.0], INF, INF),
        ([-INF, 1], -INF, -INF),
        ([INF, -INF], NAN, NAN),
        ([NAN, INF], NAN, NAN),
        ([-0.0], 0.0, 0.0),
        ([Int64(2**53 + 1), 1.0], 2.0**53 + 2, (2.0**53 + 2) / 2),
        ([Decimal128("1.10"), Decimal128("2.2")], Decimal128("3.30"), Decimal128("1.65")),
        ([Decimal128("1E+1")], Decimal128("10"), Decimal128("10")),
        ([Decimal128("0.1"), 1, 0.5], Decimal128("1.6"), None),
        ([Decimal128("Infinity"), 1], Decimal128("Infinity"), Decimal128("Infinity")),
        ([Decimal128("Infinity"), Decimal128("-Infinity")], Decimal128("NaN"), Decimal128("NaN")),
        ([Decimal128("-Infinity"), NAN], Decimal128("NaN"), Decimal128("NaN")),
        ([Decimal128("-Infinity"), INF], Decimal128("NaN"), Decimal128("NaN")),
        ([Decimal128("Infinity"), -INF, 1], Decimal128("NaN"), Decimal128("NaN")),
        ([Decimal128("9E+6144"), Decimal128("9E+6144")], Decimal128("Infinity"), Decimal128("Infinity")),
    ],
)
def test_sum_and_average_are_exact_and_as_wide_as_their_widest_part(
    values: list[Value], total: Value, average: Value
) -> None:
    assert exactly(after("SUM", (values, 1))) == exactly(total)
    if average is not None or total is None:
        assert exactly(after("AVG", (values, 1))) == exactly(average)


NASTY: list[Value] = [
    0, 1, -7, 2**31 - 1, Int64(3), Int64(2**62), Int64(-(2**63)), 0.1, -0.0, 1.5, 1e308, -1e308, 1.7e308, 5e-324,
    1e16, 3.3e-200, NAN, INF, -INF, Decimal128("0.1"), Decimal128("-2.50"), Decimal128("1E+3"), Decimal128("NaN"),
    Decimal128("-Infinity"), Decimal128("1E-6176"), None, "12", True, False, [1], {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("name", sorted(LINEAR))
@pytest.mark.parametrize("seed", range(40))
def test_what_went_leaves_no_trace(name: str, seed: int) -> None:
    rng = Random(seed)
    pool = rng.choice((NASTY, NASTY, [each for each in NASTY if isinstance(each, float)], NASTY[:7]))
    stay = [rng.choice(pool) for _ in range(rng.randrange(6))]
    go = [rng.choice(pool) for _ in range(rng.randrange(1, 6))]
    there, back = [*stay, *go], list(go)
    rng.shuffle(there)
    rng.shuffle(back)
    half = rng.randrange(len(back))
    found = after(name, (there, 1), (go, 3), (back[:half], -1), (back[half:], -1), (go, -3))
    assert exactly(found) == exactly(after(name, (stay, 1)))


@pytest.mark.parametrize("seed", range(40))
def test_the_sum_of_doubles_is_that_of_fsum(seed: int) -> None:
    rng = Random(seed)
    values = [rng.choice((1, -1)) * rng.random() * 2.0 ** rng.randrange(-1074, 960) for _ in range(rng.randrange(1, 9))]
    more = [rng.uniform(-1e3, 1e3) for _ in range(5)]
    assert after("SUM", (more, 1), (values, 1), (more, -1)) == math.fsum(values)


@pytest.mark.parametrize("seed", range(40))
def test_the_sum_of_decimals_is_rounded_once(seed: int) -> None:
    rng = Random(seed)
    values = [Decimal128(f"{rng.randrange(-(10**20), 10**20)}E{rng.randrange(-12, 1)}") for _ in range(6)]
    total = sum((Fraction(each.to_decimal()) for each in values), Fraction(0))
    found = after("SUM", (values, 1)).to_decimal()
    assert Fraction(found) == total
    assert found.as_tuple().exponent == min(each.to_decimal().as_tuple().exponent for each in values)


@pytest.mark.parametrize(
    ("name", "reference", "least"),
    [
        ("STDDEV", statistics.stdev, 2),
        ("STDDEV_SAMP", statistics.stdev, 2),
        ("STDDEV_POP", statistics.pstdev, 1),
        ("VARIANCE", statistics.variance, 2),
        ("VAR_SAMP", statistics.variance, 2),
        ("VAR_POP", statistics.pvariance, 1),
    ],
)
def test_statistics_agree_with_the_standard_library(
    name: str, reference: Callable[[list[Fraction]], Fraction], least: int
) -> None:
    for seed in range(30):
        rng = Random(seed)
        values = [
            rng.choice((rng.randrange(100), rng.uniform(-1, 1), 1e9 + rng.random())) for _ in range(rng.randrange(5))
        ]
        expected = reference(list(map(Fraction, values))) if len(values) >= least else None
        found = after(name, ([1e5, 3], 1), ([*values, "no number", None], 1), ([3, 1e5], -1))
        assert found == (expected if expected is None else pytest.approx(float(expected), rel=1e-14))


def test_deviations_of_huge_and_of_tiny_values() -> None:
    assert after("STDDEV_POP", ([1e300, -1e300], 1)) == 1e300
    assert after("VAR_POP", ([1e300, -1e300], 1)) == INF
    assert after("STDDEV_POP", ([1e-300, -1e-300], 1)) == 1e-300
    assert math.isnan(after("STDDEV_POP", ([1, INF], 1)))
    assert after("STDDEV", ([Decimal128("1.5"), 2.5], 1)) == pytest.approx(math.sqrt(0.5))
    assert after("STDDEV", ([Decimal128("1.5"), "x"], 1)) is None


def _pairs(rng: Random) -> list[tuple[float, float]]:
    return [(rng.choice((rng.randrange(9), rng.uniform(-1, 1))), rng.randrange(9) + 0.25) for _ in range(8)]


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("CORR", lambda y, x: statistics.correlation(x, y)),
        ("COVAR_SAMP", lambda y, x: statistics.covariance(x, y)),
        ("COVAR_POP", lambda y, x: statistics.covariance(x, y) * 7 / 8),
        ("REGR_SLOPE", lambda y, x: statistics.linear_regression(x, y).slope),
        ("REGR_INTERCEPT", lambda y, x: statistics.linear_regression(x, y).intercept),
        ("REGR_R2", lambda y, x: statistics.correlation(x, y) ** 2),
        ("REGR_AVGY", lambda y, x: statistics.fmean(y)),
        ("REGR_AVGX", lambda y, x: statistics.fmean(x)),
        ("REGR_SYY", lambda y, x: statistics.pvariance(y) * 8),
        ("REGR_SXX", lambda y, x: statistics.pvariance(x) * 8),
        ("REGR_SXY", lambda y, x: statistics.covariance(x, y) * 7),
        ("REGR_COUNT", lambda y, x: 8),
    ],
)
def test_statistics_of_pairs_agree_with_the_standard_library(
    name: str, reference: Callable[[list[float], list[float]], float]
) -> None:
    for seed in range(20):
        values = _pairs(Random(seed))
        expected = reference([y for y, _ in values], [x for _, x in values])
        gone: list[Value] = [[1e5, 0.1], [3, 1e-9], [NAN, 1]]
        found = after(name, (gone, 1), ([*map(list, values), [1, None], ["x", 2], None], 1), (gone, -1))
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "pairs", "expected"),
    [
        ("CORR", [], None),
        ("REGR_COUNT", [], 0),
        ("COVAR_SAMP", [[1, 2]], None),
        ("COVAR_POP", [[1, 2]], 0.0),
        ("CORR", [[1, 2], [3, 2]], None),
        ("CORR", [[1e200, 1], [-1e200, 2]], -1.0),
        ("REGR_SLOPE", [[1, 2], [3, 2]], None),
        ("REGR_R2", [[1, 2], [3, 2]], None),
        ("REGR_R2", [[2, 1], [2, 3]], 1.0),
        ("REGR_SYY", [[1e300, 1], [-1e300, 2]], INF),
        ("REGR_AVGX", [[1, Decimal128("0.5")], [2, Int64(1)]], 0.75),
        ("COVAR_POP", [[1, INF], [1, 1]], NAN),
    ],
)
def test_statistics_of_few_or_of_odd_pairs(name: str, pairs: list[Value], expected: Value) -> None:
    assert after(name, (pairs, 1)) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("BIT_AND", [6, Int64(3), 2.0, Decimal128("7"), None, "x", 0.5, NAN, INF, True], 2),
        ("BIT_OR", [4, 1, -8], -3),
        ("BIT_XOR", [5, 5, 3], 3),
        ("BIT_AND", [-1, 2**62 + 1], 2**62 + 1),
        ("BIT_OR", [-(2**63), 1e300], -(2**63)),
        ("BIT_AND", ["x"], None),
        ("BIT_OR", [0], 0),
    ],
)
def test_bits(name: str, values: list[Value], expected: Value) -> None:
    assert after(name, ([9, -5], 1), (values, 1), ([-5, 9], -1)) == expected


def test_counts_and_truth() -> None:
    assert after("COUNT", ([None, 0, "", False], 1)) == 3
    assert after("COUNT", ([], 1)) == 0
    assert after("BOOL_AND", ([True, None, 1, "x"], 1)) is True
    assert after("BOOL_AND", ([True, False], 1), ([False], -1)) is True
    assert after("EVERY", ([True, False], 1)) is False
    assert after("BOOL_OR", ([True, False], 1), ([True], -1)) is False
    assert after("BOOL_OR", ([None, 1], 1)) is None


def test_a_tally_is_as_large_as_what_is_left() -> None:
    tally = LINEAR["SUM"].tally()
    values: list[Value] = [1e308, 1e-300, Decimal128("1E+5000"), INF, 2**80, 0.1]
    tally.add(values, 1)
    tally.add(values, -1)
    assert tally.document() == {}
    assert Decimal(after("SUM", ([Decimal128("7")], 1)).to_decimal()) == 7
