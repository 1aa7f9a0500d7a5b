"""BIT_AND, BIT_OR and BIT_XOR of whole numbers, in 64 bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bson import Decimal128

from queryleaf_cdc.functions.server_numbers import LONG_MAX, LONG_MIN, as_decimal, integer, is_number
from queryleaf_cdc.values import Value

_WIDTH = 64


class Bits:
    """How many whole numbers there are, and in how many each bit is set. Negative ones are two's complements."""

    __slots__ = ("count", "set")

    def __init__(self) -> None:
        self.count = 0
        self.set = [0] * _WIDTH

    def add(self, values: Sequence[Value], weight: int) -> None:
        for value in values:
            found = _whole(value)
            if found is not None:
                self.count += weight
                for place in range(_WIDTH):
                    if found >> place & 1:
                        self.set[place] += weight

    def document(self) -> list[int]:
        """Up to the last bit that is set anywhere."""
        used = max((place + 1 for place, count in enumerate(self.set) if count), default=0)
        return [self.count, *self.set[:used]]

    @classmethod
    def load(cls, document: Any) -> Bits:
        found = cls()
        found.count, *used = map(int, document)
        found.set[: len(used)] = used
        return found


def _whole(value: Value) -> int | None:
    """A whole number of any width; None for what is none, or beyond 64 bits."""
    if not is_number(value):
        return None
    number = as_decimal(value) if isinstance(value, Decimal128) else value
    if number != number or not LONG_MIN <= number <= LONG_MAX or number != int(number):
        return None
    return int(number) if LONG_MIN <= int(number) <= LONG_MAX else None


def conjunction(kept: Bits) -> Value:
    return _number(kept, [count == kept.count for count in kept.set])


def disjunction(kept: Bits) -> Value:
    return _number(kept, [count > 0 for count in kept.set])


def parity(kept: Bits) -> Value:
    return _number(kept, [count % 2 == 1 for count in kept.set])


def _number(kept: Bits, bits: list[bool]) -> Value:
    if not kept.count:
        return None
    found = sum(1 << place for place, bit in enumerate(bits) if bit)
    return integer(found - (1 << _WIDTH) if bits[-1] else found, False)
