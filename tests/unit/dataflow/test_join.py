"""Joins of every kind: by keys, by null-safe keys, without keys; with and without a further condition."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from random import Random

import pytest
from bson import Decimal128, Int64

from queryleaf_cdc.dataflow import join_rules
from queryleaf_cdc.dataflow.join import Joined
from queryleaf_cdc.dataflow.operator import Context, TooMuchAtOnce
from queryleaf_cdc.dataflow.rows import Delta, Row, identity
from queryleaf_cdc.dataflow.state import MemoryStore, State
from queryleaf_cdc.plans.dataflow import ROW, Join, Scan
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Call, Expr, Field
from tests.unit.dataflow.harness import START, Law, hold

KINDS = ("INNER", "LEFT", "RIGHT", "FULL", "MARK")
SPAN = Span(0, 0)
INPUT = Scan(0, "any", "any", (), None, SPAN)
LEFT_SMALLER = Call("<", (Field(ROW, (2,), SPAN), Field(ROW, (5,), SPAN)), SPAN)


def _columns(count: int) -> tuple[Expr, ...]:
    return tuple(Field(ROW, (column,), SPAN) for column in range(count))


def _join(kind: str, null_safe: tuple[bool, ...], condition: Expr | None) -> Join:
    keys = _columns(len(null_safe))
    return Join(INPUT, INPUT, kind, keys, keys, null_safe, condition, 3, 3)


def _row(rng: Random) -> Row:
    key = rng.choice([1, 1.0, Int64(1), Decimal128("1"), 2, "x", True, None, None, 3, 4])
    return (key, rng.choice([1, 2, None]), rng.choice([1, 2, 3, None]))


def _matches(node: Join, left: Row, right: Row) -> bool:
    for at, safe in enumerate(node.null_safe):
        if identity(left[at]) != identity(right[at]) or (left[at] is None and not safe):
            return False
    if node.condition is None:
        return True
    return left[2] is not None and right[2] is not None and left[2] < right[2]


def _expected(node: Join, inputs: Sequence[list[Row]]) -> list[Row]:
    left, right = inputs
    if node.kind == "MARK":
        return [(*row, any(_matches(node, row, other) for other in right)) for row in left]
    output: list[Row] = [row + other for row in left for other in right if _matches(node, row, other)]
    if node.kind in ("LEFT", "FULL"):
        output += [(*row, None, None, None) for row in left if not any(_matches(node, row, each) for each in right)]
    if node.kind in ("RIGHT", "FULL"):
        output += [(None, None, None, *row) for row in right if not any(_matches(node, each, row) for each in left)]
    return output


@pytest.mark.parametrize("condition", [None, LEFT_SMALLER], ids=["", "condition"])
@pytest.mark.parametrize("null_safe", [(), (False,), (True,), (False, True), (False, False)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_the_output_is_the_join_of_the_inputs(kind: str, null_safe: tuple[bool, ...], condition: Expr | None) -> None:
    node = _join(kind, null_safe, condition)

    def make(context: Context) -> Joined:
        return Joined(node, context)

    def expected(inputs: Sequence[list[Row]], now: datetime) -> list[Row]:
        return _expected(node, inputs)

    hold(Law(make, [_row, _row], expected, most_reads=4), range(8), batches=12)


def _step(joined: Joined, left: Delta, right: Delta) -> Delta:
    return joined.step([left, right], START)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_without_a_key_leaves_no_state(kind: str) -> None:
    state = State(MemoryStore(), 1000)
    joined = Joined(_join(kind, (False,), None), Context(state, {}))
    _step(joined, [((None, 1, 1), 1)], [((None, 1, 1), 1)])
    assert state.changes() == []


@pytest.mark.parametrize("condition", [None, LEFT_SMALLER], ids=["", "condition"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_and_goes_in_one_batch_is_not_seen(kind: str, condition: Expr | None) -> None:
    joined = Joined(_join(kind, (False,), condition), Context(State(MemoryStore(), 1000), {}))
    left, right = (1, 1, 1), (1, 2, 2)
    _step(joined, [(left, 1)], [])
    assert _step(joined, [], [(right, 1), (right, -1)]) == []
    output = _step(joined, [(left, -1), (left, 2), (left, -1)], [(right, 1)])
    assert all(output.count((row, -weight)) == 0 for row, weight in output)


def test_a_mark_does_not_read_the_rows_that_it_tells_of() -> None:
    """EXISTS over a key of many rows costs what changes, not what is there."""
    store = MemoryStore()

    def joined() -> tuple[State, Joined]:
        state = State(store, 1000)
        return state, Joined(_join("MARK", (False,), None), Context(state, {}))

    state, first = joined()
    _step(first, [], [((1, n, n), 1) for n in range(5000)])
    store.write(state.changes())
    state, second = joined()
    asked: list[bytes] = []
    load = store.load

    def counted(ids: Sequence[bytes]) -> dict[bytes, dict[str, object]]:
        asked.extend(ids)
        return load(ids)

    store.load = counted  # type: ignore[method-assign]
    assert _step(second, [((1, 0, 0), 1)], [((1, 7, 7), -1)]) == [((1, 0, 0, True), 1)]
    assert len(asked) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_too_many_pairs_at_once_are_refused_but_for_one_change(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(join_rules, "_MAX_PAIRS", 3)
    joined = Joined(_join(kind, (False,), LEFT_SMALLER), Context(State(MemoryStore(), 100), {}))
    joined.step([[], [((1, at, 9), 1) for at in range(2)]], START)
    assert joined.step([[((1, 0, 1), 1), ((1, 0, 2), 1)], []], START)
    with pytest.raises(TooMuchAtOnce):
        joined.step([[((1, at, 1), 1) for at in range(5, 8)], []], START)
