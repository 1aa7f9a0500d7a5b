"""COUNT, and the aggregates of truth values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from queryleaf_cdc.functions.server_numbers import integer
from queryleaf_cdc.values import Value


class Known:
    """How many values are not NULL."""

    __slots__ = ("count",)

    def __init__(self, count: int = 0) -> None:
        self.count = count

    def add(self, values: Sequence[Value], weight: int) -> None:
        self.count += weight * (len(values) - values.count(None))

    def document(self) -> int:
        return self.count

    @classmethod
    def load(cls, document: Any) -> Known:
        return cls(int(document))


class Flags:
    """How many values are true, and how many false."""

    __slots__ = ("false", "true")

    def __init__(self, true: int = 0, false: int = 0) -> None:
        self.true = true
        self.false = false

    def add(self, values: Sequence[Value], weight: int) -> None:
        for value in values:
            if value is True:
                self.true += weight
            elif value is False:
                self.false += weight

    def document(self) -> list[int]:
        return [self.true, self.false]

    @classmethod
    def load(cls, document: Any) -> Flags:
        return cls(*map(int, document))


def number(kept: Known) -> Value:
    return integer(kept.count, False)


def every(kept: Flags) -> Value:
    return not kept.false if kept.true or kept.false else None


def some(kept: Flags) -> Value:
    return kept.true > 0 if kept.true or kept.false else None
