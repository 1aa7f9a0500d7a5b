"""Sums of doubles without any error, from which doubles can be taken away again.

The sum is kept as an expansion: the double nearest to it, then the one nearest to what is left, and so on, seldom more
than two (J. R. Shewchuk, Adaptive Precision Floating-Point Arithmetic, 1997; ``math.fsum`` gives the nearest). What
might overflow is kept apart as an integer, and NaN and the infinities are only counted."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import fsum, inf, isfinite, nan
from operator import neg
from typing import Any

from queryleaf_cdc.aggregates import integers

_LARGE = 2.0**960
"""From here on a double does not go into the expansion, whose sums then never overflow."""
_UNIT = 900
"""Large doubles are counted in units of 2**_UNIT, of which they are whole multiples."""
_EXACT_INT = 1 << 53


class Doubles:
    """The exact sum of doubles, and their number."""

    __slots__ = ("count", "infinite", "large", "negative_infinite", "not_a_number", "parts")

    def __init__(self) -> None:
        self.count = 0
        self.parts: tuple[float, ...] = ()
        self.large = 0
        self.not_a_number = 0
        self.infinite = 0
        self.negative_infinite = 0

    def add(self, values: Sequence[float], weight: int) -> None:
        self.count += weight * len(values)
        parts = None
        if weight == 1:
            parts = _expansion([*values, *self.parts])
        elif weight == -1:
            parts = _expansion([*map(neg, values), *self.parts])
        if parts is None:
            self._add_one_by_one(values, weight)
        else:
            self.parts = parts

    def total(self, whole: int = 0) -> float:
        """The double nearest to the sum and an integer; beyond the doubles an infinity."""
        special = self._special()
        if special is not None:
            return special
        if self.large or not -_EXACT_INT <= whole <= _EXACT_INT:
            return nearest(self.exact() + whole)
        if whole:
            return fsum([*self.parts, whole]) + 0.0
        return self.parts[0] if self.parts else 0.0

    def mean(self, whole: int, count: int) -> float:
        """The sum and an integer, divided."""
        total = self.total(whole)
        if isfinite(total) or self._special() is not None:
            return total / count
        return nearest((self.exact() + whole) / count)

    def exact(self) -> Fraction:
        """The sum of those that are finite."""
        return sum(map(Fraction, self.parts), Fraction(self.large << _UNIT))

    def _special(self) -> float | None:
        if self.not_a_number or (self.infinite and self.negative_infinite):
            return nan
        if self.infinite:
            return inf
        return -inf if self.negative_infinite else None

    def _add_one_by_one(self, values: Sequence[float], weight: int) -> None:
        terms: list[Fraction] = []
        for value in values:
            if isfinite(value):
                terms.append(Fraction(value) * weight)
            elif value == inf:
                self.infinite += weight
            elif value == -inf:
                self.negative_infinite += weight
            else:
                self.not_a_number += weight
        self._set(sum(terms, self.exact()))

    def _set(self, total: Fraction) -> None:
        unit = 1 << _UNIT
        self.large = int(total / unit) if abs(total) >= _LARGE else 0
        rest = total - self.large * unit
        parts: list[float] = []
        while rest:
            parts.append(float(rest))
            rest -= Fraction(parts[-1])
        self.parts = tuple(parts)

    def document(self) -> tuple[float, ...]:
        return (self.count, *self.parts)

    def document_of_rest(self) -> tuple[Any, ...] | None:
        """What hardly any sum has."""
        rest = (self.large, self.not_a_number, self.infinite, self.negative_infinite)
        return (integers.stored(self.large), *rest[1:]) if any(rest) else None

    @classmethod
    def load(cls, document: Sequence[float], rest: Sequence[Any] | None) -> Doubles:
        found = cls()
        count, *parts = document
        found.count, found.parts = int(count), tuple(parts)
        if rest is not None:
            large, found.not_a_number, found.infinite, found.negative_infinite = rest
            found.large = integers.loaded(large)
        return found


def nearest(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def _expansion(terms: list[float]) -> tuple[float, ...] | None:
    """The exact sum of the terms; None if it is large, or NaN or an infinity is among them."""
    parts: list[float] = []
    try:
        part = fsum(terms)
        while part:
            if not -_LARGE < part < _LARGE:
                return None
            parts.append(part)
            terms.append(-part)
            part = fsum(terms)
    except (OverflowError, ValueError):
        return None
    return tuple(parts)
