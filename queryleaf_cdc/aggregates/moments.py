"""STDDEV and VARIANCE, from the exact sums of the values and of their squares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, isfinite, isqrt, nan, sqrt
from typing import Any

from bson import Decimal128

from queryleaf_cdc.aggregates import integers
from queryleaf_cdc.functions.server_numbers import as_decimal, is_number
from queryleaf_cdc.values import Value

_SMALLEST, _LARGEST = -1000, 1000


class Moments:
    """Σx and Σx² of the numbers among the values, as integers over powers of two: every double is one."""

    __slots__ = ("count", "infinite", "shift", "squares", "total")

    def __init__(self) -> None:
        self.count = 0
        """of all numbers, NaN and the infinities too"""
        self.infinite = 0
        """NaN and the infinities"""
        self.total = 0
        """Σx · 2^shift"""
        self.squares = 0
        """Σx² · 2^(2 · shift)"""
        self.shift = 0

    def add(self, values: Sequence[Value], weight: int) -> None:
        for value in values:
            if is_number(value):
                self.count += weight
                double = float(as_decimal(value)) if isinstance(value, Decimal128) else value
                if isfinite(double):
                    numerator, denominator = double.as_integer_ratio()
                    self._add(numerator, denominator, weight)
                else:
                    self.infinite += weight
        if not self.total and not self.squares:
            self.shift = 0

    def _add(self, numerator: int, denominator: int, weight: int) -> None:
        shift = denominator.bit_length() - 1
        if shift > self.shift:
            self.total <<= shift - self.shift
            self.squares <<= 2 * (shift - self.shift)
            self.shift = shift
        numerator <<= self.shift - shift
        self.total += weight * numerator
        self.squares += weight * numerator * numerator

    def document(self) -> list[Any]:
        sums = [integers.stored(self.total), integers.stored(self.squares)]
        found = [self.count, self.shift, *sums]
        return [*found, self.infinite] if self.infinite else found

    @classmethod
    def load(cls, document: Any) -> Moments:
        found = cls()
        found.count, found.shift, total, squares, *infinite = document
        found.total, found.squares = integers.loaded(total), integers.loaded(squares)
        found.infinite = infinite[0] if infinite else 0
        return found


def variance(sample: bool) -> Callable[[Moments], Value]:
    def of(kept: Moments) -> Value:
        return _result(kept, sample, lambda over, under: over / under)

    return of


def deviation(sample: bool) -> Callable[[Moments], Value]:
    def of(kept: Moments) -> Value:
        return _result(kept, sample, root)

    return of


def _result(kept: Moments, sample: bool, of_fraction: Callable[[int, int], float]) -> Value:
    degrees = kept.count - 1 if sample else kept.count
    if degrees < 1:
        return None
    if kept.infinite:
        return nan
    over = kept.count * kept.squares - kept.total * kept.total
    try:
        return of_fraction(over, kept.count * degrees << 2 * kept.shift)
    except OverflowError:
        return inf


def root(over: int, under: int) -> float:
    """√(over / under), also where the fraction itself is beyond the doubles or too small for them."""
    size = over.bit_length() - under.bit_length()
    if _SMALLEST < size < _LARGEST:
        return sqrt(over / under)
    if not over:
        return 0.0
    scale = 128 - size & ~1
    scaled = isqrt((over << scale) // under if scale > 0 else over // (under << -scale))
    return scaled / (1 << scale // 2) if scale > 0 else float(scaled << -scale // 2)
