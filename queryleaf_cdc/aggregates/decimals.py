"""Sums of decimals without any error, from which decimals can be taken away again.

Coefficients are added up by exponent, so that the scale of a sum, too, is that of the decimals which are left."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from bson import Decimal128

from queryleaf_cdc.aggregates import integers
from queryleaf_cdc.functions.server_numbers import CONTEXT, as_decimal, to_bson

_SIGN = 1 << 63
_UNUSUAL = 0b11 << 61
_COEFFICIENT = (1 << 49) - 1
_BIAS = 6176
"""of the binary encoding of IEEE 754-2008 decimals, in its upper half"""


class Decimals:
    """The exact sum of decimals, and their number."""

    __slots__ = ("count", "special", "sums")

    def __init__(self) -> None:
        self.count = 0
        self.sums: dict[int, list[int]] = {}
        """exponent → how many decimals, and the sum of their coefficients"""
        self.special: dict[str, int] = {}
        """NaN and the infinities → how many"""

    def add(self, values: Sequence[Decimal128], weight: int) -> None:
        self.count += weight * len(values)
        for value in values:
            high = int.from_bytes(value.bid[8:], "little")
            if high & _UNUSUAL == _UNUSUAL:
                self._add_unusual(value, weight)
            else:
                coefficient = (high & _COEFFICIENT) << 64 | int.from_bytes(value.bid[:8], "little")
                signed = -coefficient if high & _SIGN else coefficient
                self._add((high >> 49 & 0x3FFF) - _BIAS, signed, weight)

    def _add_unusual(self, value: Decimal128, weight: int) -> None:
        """NaN, the infinities, and encodings of zero that nobody writes."""
        decimal = as_decimal(value)
        if decimal.is_finite():
            exponent = decimal.as_tuple().exponent
            assert isinstance(exponent, int)
            self._add(exponent, 0, weight)
        else:
            name = str(decimal)
            self.special[name] = self.special.get(name, 0) + weight

    def _add(self, exponent: int, coefficient: int, weight: int) -> None:
        found = self.sums.setdefault(exponent, [0, 0])
        found[0] += weight
        found[1] += coefficient * weight
        if not found[0]:
            del self.sums[exponent]

    def total(self, rest: Decimal) -> Decimal128:
        """The sum and another number, rounded to 34 digits once each."""
        special = [name for name, count in self.special.items() if count]
        if special:
            return to_bson(sum((Decimal(name) for name in special), rest) if len(special) == 1 else Decimal("NaN"))
        exponent = min((0, *self.sums))
        coefficient = sum(each * 10 ** (at - exponent) for at, (_, each) in self.sums.items())
        return to_bson(CONTEXT.add(Decimal(coefficient).scaleb(exponent, CONTEXT), rest))

    def document(self) -> list[Any]:
        sums = [[exponent, count, integers.stored(each)] for exponent, (count, each) in self.sums.items()]
        special = {name: count for name, count in self.special.items() if count}
        return [self.count, sums, special] if special else [self.count, sums]

    @classmethod
    def load(cls, document: list[Any]) -> Decimals:
        found = cls()
        found.count, sums, *special = document
        found.sums = {exponent: [count, integers.loaded(each)] for exponent, count, each in sums}
        found.special = dict(special[0]) if special else {}
        return found
