"""Joins: both sides' rows are kept by key, and a change of one side meets what is kept of the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from queryleaf_cdc.dataflow.join_rules import Alone, ByMarks, ByTotals, Pairs, Rule, Sides, shown
from queryleaf_cdc.dataflow.join_side import Arriving, Changes, Side
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.rows import Delta, Row
from queryleaf_cdc.dataflow.state import fetch
from queryleaf_cdc.plans.dataflow import Join

_NONE: Changes = []


class Joined:
    """State: the rows of both sides that have a key without NULL (or null-safe)."""

    def __init__(self, node: Join, context: Context) -> None:
        self._left = Side(node.left_keys, node.null_safe, context)
        self._right = Side(node.right_keys, node.null_safe, context)
        self._left_alone, self._right_alone = _alone(node)
        self._rule = self._rule_of(node, context)

    def _rule_of(self, node: Join, context: Context) -> Rule:
        sides = Sides(self._left, self._right, self._left_alone, self._right_alone, node.kind != "MARK")
        test = None if node.condition is None else context.test(node.condition)
        if node.kind == "INNER":
            return Pairs(sides, test)
        return ByTotals(sides) if test is None else ByMarks(sides, test)

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        left, right = self._left.arriving(inputs[0]), self._right.arriving(inputs[1])
        keys = {**right.keys, **left.keys}
        fetch([self._left.rows.wanting(keys), self._right.rows.wanting(keys)])
        rule, left_of, right_of = self._rule, left.by_key, right.by_key
        self._left.read(keys, left_of, lambda key: rule.needs_left(key, right_of.get(key, _NONE)))
        self._right.read(keys, right_of, lambda key: rule.needs_right(key, left_of.get(key, _NONE)))
        output = _unmatched(left, self._left_alone) + _unmatched(right, self._right_alone)
        for key in keys:
            output += rule.change(key, left_of.get(key, _NONE), right_of.get(key, _NONE))
        return output


def _alone(node: Join) -> tuple[Alone | None, Alone | None]:
    """How a left row, and a right row, stands in the output by itself."""
    no_left, no_right = (None,) * node.left_width, (None,) * node.right_width

    def left(row: Row, matched: bool) -> Row | None:
        return None if matched else row + no_right

    def right(row: Row, matched: bool) -> Row | None:
        return None if matched else no_left + row

    def marked(row: Row, matched: bool) -> Row:
        return (*row, matched)

    if node.kind == "MARK":
        return marked, None
    return (left if node.kind in ("LEFT", "FULL") else None), (right if node.kind in ("RIGHT", "FULL") else None)


def _unmatched(arriving: Arriving, alone: Alone | None) -> Delta:
    return [] if alone is None else shown(alone, arriving.unkeyed, False, 1)
