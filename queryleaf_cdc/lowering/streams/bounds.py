"""The bound of time within which two streams meet, as the join's condition says it."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from queryleaf_cdc.logical.walk import conjunction, conjuncts
from queryleaf_cdc.lowering.streams.delays import delay_of
from queryleaf_cdc.lowering.streams.lineage import definition
from queryleaf_cdc.plans.dataflow import ROW, Join, Node
from queryleaf_cdc.source import NO_SPAN
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal
from queryleaf_cdc.values import Interval

_DAY = 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class Bound:
    """``right_time - before <= left_time <= right_time + after``, in milliseconds; the times are over their sides."""

    left_time: Expr
    right_time: Expr
    before: int
    after: int


@dataclass(frozen=True)
class _Difference:
    """What a comparison says of left minus right: ``shift`` milliseconds at least, or at most, between two times."""

    times: tuple[_Time, _Time]
    shift: int
    is_least: bool

    @property
    def pair(self) -> tuple[Hashable, Hashable]:
        return self.times[0].origin, self.times[1].origin


@dataclass(frozen=True)
class _Time:
    """``expr``, over one side's rows, is ``offset`` milliseconds behind the time that ``origin`` stands for: one side
    may have the beginning and the end of one window."""

    is_left: bool
    expr: Expr
    origin: Hashable
    offset: int

    def at_origin(self) -> Expr:
        if not self.offset:
            return self.expr
        return Call("-", (self.expr, Literal(Interval(0, 0, self.offset), self.expr.span)), self.expr.span)


def beyond_bound(join: Join) -> Expr | None:
    """What is left of the condition where the bound is met: terms that say nothing else are met with it."""
    pair = next(iter(_bounded(join)), None)
    return conjunction([term for term in conjuncts(join.condition) if not _is_bound(join, term, pair)])


def _is_bound(join: Join, term: Expr, pair: object) -> bool:
    if isinstance(term, Call) and term.name in ("<", ">"):
        return False  # the bound includes its ends
    found = [_difference(join, low, high) for low, high in _comparisons(term)]
    return bool(found) and all(each is not None and each.pair == pair for each in found)


def bound_of(join: Join) -> Bound | None:
    """None where the condition leaves one side of it open, or speaks of other times than those of the changes."""
    return next(iter(_bounded(join).values()), None) or _of_one_time(join)


def _bounded(join: Join) -> dict[object, Bound]:
    """By the two times between which it is."""
    found: dict[object, list[_Difference]] = {}
    for low, high in _comparisons(join.condition):
        difference = _difference(join, low, high)
        if difference is not None:
            found.setdefault(difference.pair, []).append(difference)
    bounds = {pair: _bound(differences) for pair, differences in found.items()}
    return {pair: bound for pair, bound in bounds.items() if bound is not None}


def _bound(differences: Sequence[_Difference]) -> Bound | None:
    least = max((each.shift for each in differences if each.is_least), default=None)
    most = min((each.shift for each in differences if not each.is_least), default=None)
    if least is None or most is None:
        return None
    left, right = differences[0].times
    return Bound(left.at_origin(), right.at_origin(), -least, most)


def _of_one_time(join: Join) -> Bound | None:
    """Keys that are times: of one change, or of one window."""
    for left, right in zip(join.left_keys, join.right_keys, strict=True):
        if delay_of(join.left, left) is not None and delay_of(join.right, right) is not None:
            return Bound(left, right, 0, 0)
    return None


def _comparisons(condition: Expr | None) -> Iterator[tuple[Expr, Expr]]:
    """Pairs of which the first is at most the second."""
    return itertools.starmap(_of_times, _compared(condition))


def _of_times(low: Expr, high: Expr) -> tuple[Expr, Expr]:
    """``low <= a - b`` as ``b + low <= a``, and ``a - b <= high`` as ``a <= b + high``."""
    match low, high:
        case Literal(Interval()), Call("-", (one, other)):
            return Call("+", (other, low), low.span), one
        case Call("-", (one, other)), Literal(Interval()):
            return one, Call("+", (other, high), high.span)
        case _:
            return low, high


def _compared(condition: Expr | None) -> Iterator[tuple[Expr, Expr]]:
    for term in conjuncts(condition):
        match term:
            case Call("BETWEEN", (value, low, high)):
                yield low, value
                yield value, high
            case Call("<=" | "<", (low, high)) | Call(">=" | ">", (high, low)):
                yield low, high
            case Call("=", (one, other)):
                yield one, other
                yield other, one


def _difference(join: Join, low: Expr, high: Expr) -> _Difference | None:
    """What ``low <= high`` says."""
    one, other = _time(join, low), _time(join, high)
    if one is None or other is None:
        return None
    (first, shift), (second, other_shift) = one, other
    if first.is_left == second.is_left:
        return None
    if first.is_left:  # left + shift <= right + other_shift
        return _Difference((first, second), other_shift - shift, False)
    return _Difference((second, first), shift - other_shift, True)  # right + shift <= left + other_shift


def _time(join: Join, expr: Expr) -> tuple[_Time, int] | None:
    """A time of one side, and how far behind it the expression is."""
    match expr:
        case Field(source, (int() as at,)) if source == ROW:
            is_left = at < join.left_width
            own = expr if is_left else Field(ROW, (at - join.left_width,), NO_SPAN)
            found = _of_side(join.left if is_left else join.right, own, is_left)
            return (found, found.offset) if found is not None else None
        case Call("+" | "-" as operator, (time, Literal(Interval(0, days, milliseconds)))):
            inner = _time(join, time)
            shift = days * _DAY + milliseconds
            return (inner[0], inner[1] + (shift if operator == "+" else -shift)) if inner is not None else None
        case _:
            return None


def _of_side(side: Node, expr: Expr, is_left: bool) -> _Time | None:
    if delay_of(side, expr) is None:
        return None
    offset, (node, found) = 0, definition(side, expr)
    while isinstance(found, Call) and found.name in ("+", "-"):
        time, length = found.args
        assert isinstance(length, Literal) and isinstance(length.value, Interval)
        shift = length.value.days * _DAY + length.value.milliseconds
        offset += shift if found.name == "+" else -shift
        node, found = definition(node, time)
    return _Time(is_left, expr, (id(node), found), offset)
