"""The bound of time within which two streams meet, as the join's condition says it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from queryleaf_cdc.logical.walk import conjunction, conjuncts
from queryleaf_cdc.lowering.streams.lineage import is_commit_time
from queryleaf_cdc.plans.dataflow import ROW, Join
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


def beyond_bound(join: Join) -> Expr | None:
    """What is left of the condition where the bound is met: terms that say nothing else are met with it."""
    return conjunction([term for term in conjuncts(join.condition) if not _is_bound(join, term)])


def _is_bound(join: Join, term: Expr) -> bool:
    if isinstance(term, Call) and term.name in ("<", ">"):
        return False  # the bound includes its ends
    pairs = list(_comparisons(term))
    return bool(pairs) and all(_difference(join, low, high) is not None for low, high in pairs)


def bound_of(join: Join) -> Bound | None:
    """None where the condition leaves one side of it open, or speaks of other times than those of the changes."""
    least: int | None = None
    most: int | None = None
    times: tuple[Expr, Expr] | None = None
    for low, high in _comparisons(join.condition):
        found = _difference(join, low, high)
        if found is None:
            continue
        times, difference, is_lower = found
        if is_lower:
            least = difference if least is None else max(least, difference)
        else:
            most = difference if most is None else min(most, difference)
    if times is None or least is None or most is None:
        return None
    return Bound(*times, -least, most)


def _comparisons(condition: Expr | None) -> Iterator[tuple[Expr, Expr]]:
    """Pairs of which the first is at most the second."""
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


def _difference(join: Join, low: Expr, high: Expr) -> tuple[tuple[Expr, Expr], int, bool] | None:
    """What ``low <= high`` says of left minus right: the times, a number, and whether it is the least or the most."""
    one, other = _time(join, low), _time(join, high)
    if one is None or other is None or one[0] == other[0]:
        return None
    (side, time, offset), (_, other_time, other_offset) = one, other
    if side == "left":  # left + offset <= right + other_offset
        return (time, other_time), other_offset - offset, False
    return (other_time, time), offset - other_offset, True  # right + offset <= left + other_offset


def _time(join: Join, expr: Expr) -> tuple[str, Expr, int] | None:
    """The side whose commit time this is, the time over that side's rows, and what is added to it."""
    match expr:
        case Field(source, (int() as at,)) if source == ROW:
            if at < join.left_width:
                return ("left", expr, 0) if is_commit_time(join.left, expr) else None
            moved = Field(ROW, (at - join.left_width,), NO_SPAN)
            return ("right", moved, 0) if is_commit_time(join.right, moved) else None
        case Call("+" | "-" as operator, (time, Literal(Interval(0, days, milliseconds)))):
            found = _time(join, time)
            shift = days * _DAY + milliseconds
            return (found[0], found[1], found[2] + (shift if operator == "+" else -shift)) if found else None
        case _:
            return None
