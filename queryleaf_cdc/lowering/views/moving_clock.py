"""Conditions on CURRENT_TIMESTAMP, which moves in a view: from when until when a row is there.

A term compares the clock, moved by an interval or cut to a unit, with a value; it is solved for the clock."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.logical.walk import any_node
from queryleaf_cdc.lowering.views.relation import Relation
from queryleaf_cdc.plans.dataflow import While
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal
from queryleaf_cdc.values import Interval

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_HINT = "compare it with a column, in a term of its own: ts >= CURRENT_TIMESTAMP - INTERVAL '7 days'"


def is_clock(node: Expr) -> bool:
    return isinstance(node, Field) and node.source == "EVENT" and node.path == ("now",)


def is_timed(term: Expr) -> bool:
    """Whether the term reads the moving clock."""
    return any_node(term, is_clock)


def refuse_clock(expr: Expr) -> None:
    """Raises CompileError where the clock stands in a place that cannot move."""
    if is_timed(expr):
        raise _refused(expr.span)


def _refused(span: Span) -> CompileError:
    return CompileError("QL311", "in a view, CURRENT_TIMESTAMP moves: it can only bound a column", span, _HINT)


def timed(relation: Relation, term: Expr) -> Relation:
    """The rows that meet the term, while they do."""
    for since, until in _bounds(term):
        node = While(
            relation.node,
            relation.over(since) if since is not None else None,
            relation.over(until) if until is not None else None,
        )
        relation = replace(relation, node=node)
    return relation


def _bounds(term: Expr) -> list[tuple[Expr | None, Expr | None]]:
    """(since, until): the row is there from the one (included) until the other (excluded)."""
    match term:
        case Call("BETWEEN", (value, low, high), span):
            return [*_bounds(Call(">=", (value, low), span)), *_bounds(Call("<=", (value, high), span))]
        case Call("<" | "<=" | ">" | ">=" as operator, (a, b)):
            if is_timed(a) and is_timed(b):
                raise _refused(term.span)
            # clock OP value, with the clock's side on the left
            return [_solved(a, operator, b) if is_timed(a) else _solved(b, _FLIPPED[operator], a)]
        case _:
            raise _refused(term.span)


def _solved(clock: Expr, operator: str, value: Expr) -> tuple[Expr | None, Expr | None]:
    """``clock OP value``, taken apart until the clock stands alone."""
    span = clock.span
    match clock:
        case Field():
            return _bound(operator, value)
        case Call("+", (a, b)):
            moving, other = (a, b) if is_timed(a) else (b, a)
            _refuse_months(other)
            return _solved(moving, operator, Call("-", (value, other), span))
        case Call("-", (a, b)) if is_timed(a):
            # clock − b: an interval if b is a timestamp; solved alike
            _refuse_months(b)
            _refuse_months(value)
            return _solved(a, operator, Call("+", (b, value) if _is_interval(value) else (value, b), span))
        case Call("-", (a, b)):
            return _solved(b, _FLIPPED[operator], Call("-", (a, value), span))
        case Call("DATE_TRUNC", (Literal(unit), inner)):
            return _truncated(str(unit), inner, operator, value)
        case _:
            raise _refused(span)


def _bound(operator: str, value: Expr) -> tuple[Expr | None, Expr | None]:
    """The clock itself against a value; timestamps have milliseconds."""
    match operator:
        case "<":
            return None, value
        case "<=":
            return None, _later(value)
        case ">":
            return _later(value), None
        case _:
            return value, None


def _later(value: Expr) -> Expr:
    return Call("+", (value, Literal(Interval(milliseconds=1), value.span)), value.span)


def _truncated(unit: str, clock: Expr, operator: str, value: Expr) -> tuple[Expr | None, Expr | None]:
    """``DATE_TRUNC(unit, clock) OP value``: the clock against the unit's beginning, or that of the next."""
    step = _UNITS.get(unit.lower())
    if step is None:
        raise _refused(clock.span)
    span = value.span

    def begin(of: Expr) -> Expr:
        return Call("DATE_TRUNC", (Literal(unit, span), of), span)

    following = Call("+", (begin(value), Literal(step, span)), span)
    earlier = Call("-", (value, Literal(Interval(milliseconds=1), span)), span)
    at_or_after = Call("+", (begin(earlier), Literal(step, span)), span)
    match operator:
        case "<=":  # until the next unit begins
            return _solved(clock, "<", following)
        case "<":
            return _solved(clock, "<", at_or_after)
        case ">":
            return _solved(clock, ">=", following)
        case _:
            return _solved(clock, ">=", at_or_after)


_UNITS = {
    "second": Interval(milliseconds=1000),
    "minute": Interval(milliseconds=60_000),
    "hour": Interval(milliseconds=3_600_000),
    "day": Interval(days=1),
    "week": Interval(days=7),
    "month": Interval(months=1),
    "quarter": Interval(months=3),
    "year": Interval(months=12),
}


def _is_interval(value: Expr) -> bool:
    return isinstance(value, Literal) and isinstance(value.value, Interval)


def _refuse_months(value: Expr) -> None:
    """A month has no fixed length, so the clock minus a month cannot be turned around."""
    if isinstance(value, Literal) and isinstance(value.value, Interval) and value.value.months:
        raise CompileError(
            "QL311",
            "a month has no fixed length: the moving clock takes days and less",
            value.span,
            "INTERVAL '30 days'",
        )
