"""What a join's output changes for one key, when rows of it come and go on either side.

Pairs change by ΔL ⋈ R as it was, then L as it is now ⋈ ΔR. A row may also stand in the output alone: padded with NULLs
while it matches nothing, or with a mark that says whether it matches. If all rows of a key match each other, that
follows from the number of rows on the other side. Else how many rows it matches is kept beside it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sized
from typing import Protocol

from queryleaf_cdc.dataflow.join_side import Changes, Side
from queryleaf_cdc.dataflow.operator import TooMuchAtOnce
from queryleaf_cdc.dataflow.rows import Delta, Row, consolidated
from queryleaf_cdc.frozen import frozen

_ONE_CHANGE = 2
"""rows: the one before and the one after it"""
_MAX_PAIRS = 2_000_000
"""of one key in a step: some 700 MB with what follows (measured), or some seconds of testing"""

Test = Callable[[object], bool]
Alone = Callable[[Row, bool], Row | None]
"""What stands in the output for a row by itself, when it is matched and when it is not."""


@frozen
class Sides:
    left: Side
    right: Side
    left_alone: Alone | None
    right_alone: Alone | None
    pairs: bool
    """whether pairs of rows are in the output at all"""


class Rule(Protocol):
    def change(self, key: Hashable, left: Changes, right: Changes) -> Delta:
        """Applies one key's changes to both sides; what changes in the output. The key and its pages are at hand."""

    def needs_left(self, key: Hashable, right: Changes) -> bool:
        """Whether all left rows of the key must be at hand when these right rows change. The key itself is."""

    def needs_right(self, key: Hashable, left: Changes) -> bool:
        """The same for right rows."""


class Pairs:
    """The rule where no row stands alone."""

    def __init__(self, sides: Sides, test: Test | None) -> None:
        self._sides = sides
        self._test = test

    def needs_left(self, key: Hashable, right: Changes) -> bool:
        return bool(right)

    def needs_right(self, key: Hashable, left: Changes) -> bool:
        return bool(left)

    def change(self, key: Hashable, left: Changes, right: Changes) -> Delta:
        output: Delta = []
        sides = self._sides
        if left:
            others = sides.right.rows.get(key).weighted()
            _refuse_too_many(left, others)
            output = [(row + other, weight * times) for _, row, weight in left for other, times in others]
            sides.left.apply(key, left)
        if right:
            others = sides.left.rows.get(key).weighted()
            _refuse_too_many(right, others)
            output += [(other + row, weight * times) for _, row, weight in right for other, times in others]
            sides.right.apply(key, right)
        if self._test is not None:
            output = [each for each in output if self._test(each[0])]
        return consolidated(output) if left and right else output


def _refuse_too_many(changes: Changes, others: Sized) -> None:
    """One document's change is done in any case. Raises TooMuchAtOnce."""
    if len(changes) > _ONE_CHANGE and len(changes) * len(others) > _MAX_PAIRS:
        raise TooMuchAtOnce(f"{len(changes)} rows that change meet {len(others)} rows of the same key")


class ByTotals:
    """The rule where all rows of a key match each other: a row is matched while the other side has rows."""

    def __init__(self, sides: Sides) -> None:
        self._sides = sides
        self._pairs = Pairs(sides, None) if sides.pairs else None

    def needs_left(self, key: Hashable, right: Changes) -> bool:
        if self._pairs is not None:
            return bool(right)
        before, after = _filled(self._sides.right, key, right)
        return before != after

    def needs_right(self, key: Hashable, left: Changes) -> bool:
        return self._pairs is not None and bool(left)

    def change(self, key: Hashable, left: Changes, right: Changes) -> Delta:
        sides = self._sides
        standing = [
            _Standing(side, alone, key, changes, *_filled(other, key, of_other))
            for side, alone, changes, other, of_other in (
                (sides.left, sides.left_alone, left, sides.right, right),
                (sides.right, sides.right_alone, right, sides.left, left),
            )
            if alone is not None
        ]
        output = [each for one in standing for each in one.before()]
        output += self._applied(key, left, right)
        output += [each for one in standing for each in one.after()]
        return consolidated(output) if left and right else output

    def _applied(self, key: Hashable, left: Changes, right: Changes) -> Delta:
        if self._pairs is not None:
            return self._pairs.change(key, left, right)
        if left:
            self._sides.left.apply(key, left)
        if right:
            self._sides.right.apply(key, right)
        return []


def _filled(side: Side, key: Hashable, changes: Changes) -> tuple[bool, bool]:
    """Whether the side has rows of the key, before and after these changes."""
    total = side.rows.get(key).total
    return total > 0, total + sum(weight for *_, weight in changes) > 0


@frozen
class _Standing:
    """The rows of one side that stand alone, while one batch changes them, or whether they are matched."""

    side: Side
    alone: Alone
    key: Hashable
    changes: Changes
    was_matched: bool
    is_matched: bool

    def before(self) -> Delta:
        return [] if self.was_matched == self.is_matched else self._all(self.was_matched, -1)

    def after(self) -> Delta:
        if self.was_matched != self.is_matched:
            return self._all(self.is_matched, 1)
        return shown(self.alone, [(row, weight) for _, row, weight in self.changes], self.is_matched, 1)

    def _all(self, matched: bool, sign: int) -> Delta:
        return shown(self.alone, self.side.rows.get(self.key).weighted(), matched, sign)


def shown(alone: Alone, rows: Delta, matched: bool, sign: int) -> Delta:
    shown = [(alone(row, matched), sign * weight) for row, weight in rows]
    return [(row, weight) for row, weight in shown if row is not None]


class ByMarks:
    """The rule with a condition: beside each row of a side whose rows stand alone is how many rows it matches."""

    def __init__(self, sides: Sides, test: Test) -> None:
        self._sides = sides
        self._test = test

    def needs_left(self, key: Hashable, right: Changes) -> bool:
        return bool(right)

    def needs_right(self, key: Hashable, left: Changes) -> bool:
        return bool(left)

    def change(self, key: Hashable, left: Changes, right: Changes) -> Delta:
        sides, output = self._sides, []
        if left:
            output += self._one_side(key, left, _Facing(sides.left, sides.left_alone, sides.right, sides.right_alone))
        if right:
            output += self._one_side(key, right, _Facing(sides.right, sides.right_alone, sides.left, sides.left_alone))
        return consolidated(output) if left and right else output

    def _one_side(self, key: Hashable, changes: Changes, facing: _Facing) -> Delta:
        output: Delta = []
        is_left = facing.side is self._sides.left
        others = list(facing.other.rows.get(key).entries())
        _refuse_too_many(changes, others)
        changed = [0] * len(others)
        for place, row, weight in changes:
            matches = 0
            for at, (_, other, times) in enumerate(others):
                joined = row + other if is_left else other + row
                if self._test(joined):
                    matches += times
                    changed[at] += weight
                    if self._sides.pairs:
                        output.append((joined, weight * times))
            output += facing.add(key, place, row, weight, matches)
        for (place, row, weight), change in zip(others, changed, strict=True):
            if change:
                output += facing.mark(key, place, row, weight, change)
        return output


@frozen
class _Facing:
    """A side that changes, and the other one."""

    side: Side
    alone: Alone | None
    other: Side
    other_alone: Alone | None

    def add(self, key: Hashable, place: bytes, row: Row, weight: int, matches: int) -> Delta:
        arranged = self.side.rows.change(key)
        _, after = arranged.add_at(place, row, weight)
        if self.alone is None:
            return []
        if after and matches:
            arranged.set_mark(place, matches)
        return shown(self.alone, [(row, weight)], matches > 0, 1)

    def mark(self, key: Hashable, place: bytes, row: Row, weight: int, change: int) -> Delta:
        """The other side's row matches that many rows more."""
        if self.other_alone is None:
            return []
        arranged = self.other.rows.change(key)
        before = arranged.mark(place)
        after = before + change
        arranged.set_mark(place, after)
        if (before > 0) == (after > 0):
            return []
        rows = [(row, weight)]
        return shown(self.other_alone, rows, before > 0, -1) + shown(self.other_alone, rows, after > 0, 1)
