"""SUM and AVG: exact for all widths of numbers at once."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from bson import Decimal128, Int64

from queryleaf_cdc.aggregates import integers
from queryleaf_cdc.aggregates.decimals import Decimals
from queryleaf_cdc.aggregates.doubles import Doubles
from queryleaf_cdc.functions import server_numbers as numbers
from queryleaf_cdc.values import Document, Value

_ONLY_INT, _ONLY_FLOAT = {int}, {float}


class Sum:
    """The exact sum of the numbers among the values, and how many there are of each width."""

    __slots__ = ("decimals", "doubles", "integers", "total", "wide")

    def __init__(self) -> None:
        self.integers = 0
        self.wide = 0
        """integers of 64 bits"""
        self.total = 0
        """of the integers"""
        self.doubles: Doubles | None = None
        self.decimals: Decimals | None = None

    @property
    def count(self) -> int:
        doubles, decimals = self.doubles, self.decimals
        return self.integers + (doubles.count if doubles else 0) + (decimals.count if decimals else 0)

    def add(self, values: Sequence[Value], weight: int) -> None:
        kinds = set(map(type, values))
        if kinds == _ONLY_INT:
            self._add_integers(values, weight)
        elif kinds == _ONLY_FLOAT:
            self._add_doubles(values, weight)
        else:
            self._add_mixed(values, kinds, weight)

    def _add_mixed(self, values: Sequence[Value], kinds: set[type], weight: int) -> None:
        if int in kinds or Int64 in kinds:
            self._add_integers([value for value in values if type(value) is int or type(value) is Int64], weight)
        if float in kinds:
            self._add_doubles([value for value in values if type(value) is float], weight)
        if Decimal128 in kinds:
            self._add_decimals([value for value in values if type(value) is Decimal128], weight)

    def _add_integers(self, values: Sequence[int], weight: int) -> None:
        self.integers += weight * len(values)
        self.total += weight * sum(values)
        if Int64 in set(map(type, values)) or max(values) > numbers.INT_MAX or min(values) < numbers.INT_MIN:
            self.wide += weight * sum(map(numbers.is_wide, values))

    def _add_doubles(self, values: Sequence[float], weight: int) -> None:
        doubles = self.doubles
        if doubles is None:
            doubles = self.doubles = Doubles()
        doubles.add(values, weight)
        if not doubles.count:
            self.doubles = None

    def _add_decimals(self, values: Sequence[Decimal128], weight: int) -> None:
        decimals = self.decimals
        if decimals is None:
            decimals = self.decimals = Decimals()
        decimals.add(values, weight)
        if not decimals.count:
            self.decimals = None

    def document(self) -> Document:
        found: Document = {}
        if self.integers:
            found["i"] = (self.integers, self.wide, integers.stored(self.total))
        if self.doubles is not None:
            found["d"] = self.doubles.document()
            if self.doubles.apart is not None:
                found["x"] = self.doubles.apart.document()
        if self.decimals is not None:
            found["q"] = self.decimals.document()
        return found

    @classmethod
    def load(cls, document: Any) -> Sum:
        found = cls()
        if "i" in document:
            found.integers, found.wide, total = document["i"]
            found.total = integers.loaded(total)
        if "d" in document:
            found.doubles = Doubles.load(document["d"], document.get("x"))
        if "q" in document:
            found.decimals = Decimals.load(document["q"])
        return found


def total(kept: Sum) -> Value:
    """As wide as its widest part."""
    if kept.decimals is not None:
        return kept.decimals.total(_rest(kept))
    if kept.doubles is not None:
        return kept.doubles.total(kept.total)
    return numbers.integer(kept.total, kept.wide > 0) if kept.integers else None


def mean(kept: Sum) -> Value:
    if kept.decimals is not None:
        return numbers.divide(kept.decimals.total(_rest(kept)), kept.count)
    if kept.doubles is not None:
        return kept.doubles.mean(kept.total, kept.count)
    return kept.total / kept.integers if kept.integers else None


def _rest(kept: Sum) -> Decimal:
    """What is not decimal, as the server converts it."""
    whole = Decimal(kept.total)
    if kept.doubles is None:
        return whole
    return numbers.CONTEXT.add(whole, numbers.double_to_decimal(kept.doubles.total(), 34))
