"""How far a window function reaches: which rows a row's value is computed from, and so, the other way round, which
rows a change may concern. Too far is harmless, too near is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from queryleaf_cdc.dataflow.partitions import Order
from queryleaf_cdc.dataflow.rows import Row

Reached = Callable[[Row, int], bool]
"""Asked for one row (and its weight) after the other while walking away: whether it is still within reach."""


Begin = Callable[[Row], Reached]
"""For a walk that starts beside a row, towards either end."""


class Rule(Protocol):
    """One kind of distance. Rules that are equal reach equally far."""

    def begin(self, origin: Row) -> Reached:
        """For a walk that starts beside this row, towards either end."""

    def mirrored(self) -> Rule:
        """How far, the other way, the rows are that reach a row by this rule."""


@dataclass(frozen=True)
class All:
    """To the end of the partition."""

    def begin(self, origin: Row) -> Reached:
        return lambda row, weight: True

    def mirrored(self) -> Rule:
        return self


@dataclass(frozen=True)
class Rows:
    count: int

    def begin(self, origin: Row) -> Reached:
        left = self.count

        def reached(row: Row, weight: int) -> bool:
            nonlocal left
            if left <= 0:
                return False
            left -= weight
            return True

        return reached

    def mirrored(self) -> Rule:
        return self


@dataclass(frozen=True)
class Groups:
    """The peers, and this many groups of peers beyond them, whole."""

    count: int
    order: Order

    def begin(self, origin: Row) -> Reached:
        group, left = self.order(origin), self.count

        def reached(row: Row, weight: int) -> bool:
            nonlocal group, left
            order = self.order(row)
            if order != group:
                if not left:
                    return False
                group = order
                left -= 1
            return True

        return reached

    def mirrored(self) -> Rule:
        return self


@dataclass(frozen=True)
class Side:
    """What is reached towards one end: whatever any of the rules reaches."""

    rules: frozenset[Rule] = frozenset()

    @property
    def is_all(self) -> bool:
        return ALL in self.rules

    def __or__(self, other: Side) -> Side:
        return Side(self.rules | other.rules)

    def mirrored(self) -> Side:
        return Side(frozenset(rule.mirrored() for rule in self.rules))

    def walk(self) -> Begin:
        """The function that begins a walk."""
        if not self.rules:
            return lambda origin: _nothing
        if self.is_all:
            return ALL.begin
        if len(self.rules) == 1:
            (rule,) = self.rules
            return rule.begin
        begins = [rule.begin for rule in self.rules]

        def begin(origin: Row) -> Reached:
            walks = [begin(origin) for begin in begins]
            return lambda row, weight: True in [walk(row, weight) for walk in walks]

        return begin


def _nothing(row: Row, weight: int) -> bool:
    return False


ALL = All()
NOTHING = Side()
EVERYTHING = Side(frozenset((ALL,)))


def rows(count: int) -> Side:
    return Side(frozenset((Rows(count),))) if count > 0 else NOTHING


def peers(order: Order, groups: int = 0) -> Side:
    return Side(frozenset((Groups(groups, order),)))


@dataclass(frozen=True)
class Reach:
    """``reads_before`` and ``reads_after``: the rows that a row's value is computed from. ``concerns_before`` and
    ``concerns_after``: the rows whose value a change may alter. Further: how many of the partition's first rows it
    reads, whether it knows positions, and whether it runs on from the partition's first row."""

    reads_before: Side = NOTHING
    reads_after: Side = NOTHING
    concerns_before: Side = NOTHING
    concerns_after: Side = NOTHING
    head: int = 0
    positions: bool = False
    running: bool = False

    def __or__(self, other: Reach) -> Reach:
        return Reach(
            self.reads_before | other.reads_before,
            self.reads_after | other.reads_after,
            self.concerns_before | other.concerns_before,
            self.concerns_after | other.concerns_after,
            max(self.head, other.head),
            self.positions or other.positions,
            self.running or other.running,
        )


def reading(before: Side, after: Side) -> Reach:
    """Of a function that knows nothing but the rows it reads: who reads a row is concerned when it changes."""
    return Reach(before, after, after.mirrored(), before.mirrored())


def together(reaches: Iterable[Reach]) -> Reach:
    found = Reach()
    for each in reaches:
        found |= each
    return found
