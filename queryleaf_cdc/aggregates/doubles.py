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


class Apart:
    """What the expansion of a sum cannot hold: hardly any sum has it."""

    __slots__ = ("infinite", "large", "negative_infinite", "not_a_number")

    def __init__(self) -> None:
        self.large = 0
        self.not_a_number = 0
        self.infinite = 0
        self.negative_infinite = 0

    def __bool__(self) -> bool:
        return bool(self.large or self.not_a_number or self.infinite or self.negative_infinite)

    def add(self, value: float, weight: int) -> None:
        """Counts NaN or an infinity."""
        if value == inf:
            self.infinite += weight
        elif value == -inf:
            self.negative_infinite += weight
        else:
            self.not_a_number += weight

    def special(self) -> float | None:
        """The sum, if it is no number for these."""
        if self.not_a_number or (self.infinite and self.negative_infinite):
            return nan
        if self.infinite:
            return inf
        return -inf if self.negative_infinite else None

    def document(self) -> tuple[Any, ...]:
        return integers.stored(self.large), self.not_a_number, self.infinite, self.negative_infinite

    @classmethod
    def load(cls, document: Sequence[Any]) -> Apart:
        found = cls()
        large, found.not_a_number, found.infinite, found.negative_infinite = document
        found.large = integers.loaded(large)
        return found


class Doubles:
    """The exact sum of doubles, and their number."""

    __slots__ = ("apart", "count", "parts")

    def __init__(self) -> None:
        self.count = 0
        self.parts: tuple[float, ...] = ()
        self.apart: Apart | None = None

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
        if self.apart is not None:
            special = self.apart.special()
            return nearest(self.exact() + whole) if special is None else special
        if not whole:
            return self.parts[0] if self.parts else 0.0
        if -_EXACT_INT <= whole <= _EXACT_INT:
            return fsum([*self.parts, whole]) + 0.0
        return nearest(self.exact() + whole)

    def mean(self, whole: int, count: int) -> float:
        """The sum and an integer, divided."""
        total = self.total(whole)
        if self.apart is None or isfinite(total) or self.apart.special() is not None:
            return total / count
        return nearest((self.exact() + whole) / count)

    def exact(self) -> Fraction:
        """The sum of those that are finite."""
        large = self.apart.large << _UNIT if self.apart is not None else 0
        return sum(map(Fraction, self.parts), Fraction(large))

    def _add_one_by_one(self, values: Sequence[float], weight: int) -> None:
        apart = self.apart or Apart()
        total = self.exact()
        for value in values:
            if isfinite(value):
                total += Fraction(value) * weight
            else:
                apart.add(value, weight)
        apart.large = int(total / (1 << _UNIT)) if abs(total) >= _LARGE else 0
        total -= apart.large << _UNIT
        parts: list[float] = []
        while total:
            parts.append(float(total))
            total -= Fraction(parts[-1])
        self.parts = tuple(parts)
        self.apart = apart if apart else None

    def document(self) -> tuple[float, ...]:
        return (self.count, *self.parts)

    @classmethod
    def load(cls, document: Sequence[float], apart: Sequence[Any] | None) -> Doubles:
        found = cls()
        count, *parts = document
        found.count, found.parts = int(count), tuple(parts)
        found.apart = Apart.load(apart) if apart is not None else None
        return found


def nearest(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def _expansion(terms: list[float]) -> tuple[float, ...] | None:
    """The exact sum of the terms; None if it is large, or NaN or an infinity is among them."""
    if len(terms) == 1 and -_LARGE < terms[0] < _LARGE:
        return (terms[0],) if terms[0] else ()
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
