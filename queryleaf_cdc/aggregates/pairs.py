"""CORR, COVAR_POP, REGR_SLOPE and their kin: statistics of pairs (y, x), from exact sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, isfinite, nan
from typing import Any

from bson import Decimal128

from queryleaf_cdc.aggregates import integers
from queryleaf_cdc.aggregates.moments import root
from queryleaf_cdc.functions.server_numbers import Number, as_decimal, integer, is_number
from queryleaf_cdc.values import Value

_FIELDS = ("y", "x", "yy", "xx", "xy")


class Pairs:
    """Σy, Σx, Σy², Σx² and Σxy of the pairs of numbers among the values, as integers over powers of two. A pair with
    anything but numbers does not count."""

    __slots__ = ("count", "infinite", "shift", "x", "xx", "xy", "y", "yy")

    def __init__(self) -> None:
        self.count = 0
        """of all pairs, those with a NaN or an infinity too"""
        self.infinite = 0
        self.y = self.x = 0
        """· 2^shift"""
        self.yy = self.xx = self.xy = 0
        """· 2^(2 · shift)"""
        self.shift = 0

    def add(self, values: Sequence[Value], weight: int) -> None:
        for value in values:
            if isinstance(value, list | tuple) and len(value) == 2 and all(map(is_number, value)):
                self.count += weight
                y, x = map(_double, value)
                if isfinite(y) and isfinite(x):
                    self._add(y, x, weight)
                else:
                    self.infinite += weight
        if not any(getattr(self, each) for each in _FIELDS):
            self.shift = 0

    def _add(self, y: float, x: float, weight: int) -> None:
        over_y, under_y = y.as_integer_ratio()
        over_x, under_x = x.as_integer_ratio()
        shift = max(under_y, under_x).bit_length() - 1
        if shift > self.shift:
            self._widen(shift - self.shift)
        y, x = (over_y << self.shift) // under_y, (over_x << self.shift) // under_x
        self.y += weight * y
        self.x += weight * x
        self.yy += weight * y * y
        self.xx += weight * x * x
        self.xy += weight * x * y

    def _widen(self, by: int) -> None:
        self.y <<= by
        self.x <<= by
        self.yy <<= 2 * by
        self.xx <<= 2 * by
        self.xy <<= 2 * by
        self.shift += by

    def document(self) -> list[Any]:
        return [self.count, self.infinite, self.shift, *(integers.stored(getattr(self, each)) for each in _FIELDS)]

    @classmethod
    def load(cls, document: Any) -> Pairs:
        found = cls()
        found.count, found.infinite, found.shift, *sums = document
        for name, value in zip(_FIELDS, sums, strict=True):
            setattr(found, name, integers.loaded(value))
        return found

    # Products of deviations from the means, times count, times 4^shift.

    @property
    def deviations_y(self) -> int:
        return self.count * self.yy - self.y * self.y

    @property
    def deviations_x(self) -> int:
        return self.count * self.xx - self.x * self.x

    @property
    def deviations_xy(self) -> int:
        return self.count * self.xy - self.x * self.y


def _double(value: Number) -> float:
    return float(as_decimal(value)) if isinstance(value, Decimal128) else float(value)


Fraction = tuple[int, int]


def _of(fraction: Callable[[Pairs], Fraction | None]) -> Callable[[Pairs], Value]:
    """NULL where there is no fraction, NaN where a pair is not finite."""

    def result(kept: Pairs) -> Value:
        if not kept.count:
            return None
        if kept.infinite:
            return nan
        found = fraction(kept)
        return None if found is None or not found[1] else _quotient(*found)

    return result


def _quotient(over: int, under: int) -> float:
    try:
        return over / under
    except OverflowError:
        return -inf if (over < 0) != (under < 0) else inf


def count(kept: Pairs) -> Value:
    return integer(kept.count, False)


covariance = _of(lambda kept: (kept.deviations_xy, kept.count * kept.count << 2 * kept.shift))
sample_covariance = _of(lambda kept: (kept.deviations_xy, kept.count * (kept.count - 1) << 2 * kept.shift))
slope = _of(lambda kept: (kept.deviations_xy, kept.deviations_x))
intercept = _of(
    lambda kept: (
        kept.y * kept.deviations_x - kept.x * kept.deviations_xy,
        kept.count * kept.deviations_x << kept.shift,
    )
)
mean_y = _of(lambda kept: (kept.y, kept.count << kept.shift))
mean_x = _of(lambda kept: (kept.x, kept.count << kept.shift))
squares_y = _of(lambda kept: (kept.deviations_y, kept.count << 2 * kept.shift))
squares_x = _of(lambda kept: (kept.deviations_x, kept.count << 2 * kept.shift))
products = _of(lambda kept: (kept.deviations_xy, kept.count << 2 * kept.shift))


def _determination(kept: Pairs) -> Fraction | None:
    """PostgreSQL: NULL where all x are the same, else 1 where all y are."""
    if kept.deviations_x and not kept.deviations_y:
        return 1, 1
    return kept.deviations_xy**2, kept.deviations_x * kept.deviations_y


determination = _of(_determination)


def correlation(kept: Pairs) -> Value:
    """NULL where all x, or all y, are the same."""
    if not kept.count:
        return None
    if kept.infinite:
        return nan
    under = kept.deviations_x * kept.deviations_y
    if not under:
        return None
    size = root(kept.deviations_xy**2, under)
    return -size if kept.deviations_xy < 0 else size
