"""Whole days beside a DATE, as PostgreSQL counts: ``CURRENT_DATE - 7``, ``shipped::date - placed::date``.

Only here is a DATE told from a TIMESTAMP; further down both are the same."""

from __future__ import annotations

from sqlglot import exp

from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Call, Expr, Literal
from queryleaf_cdc.values import Interval

_FUNCTIONS = ("MAKE_DATE", "TO_DATE", "CURRENT_DATE")


def is_day(node: exp.Expr) -> bool:
    """Whether PostgreSQL would call this a DATE; sums of days are not looked into."""
    while type(node) is exp.Paren:
        node = node.this
    match node:
        case exp.Cast():
            type_ = node.args["to"].meta.get("type")
            return node.meta.get("literal") == "DATE" or (type_ is not None and type_.name == "DATE")
        case exp.Column():
            return not node.this.args.get("quoted") and node.name.upper() == "CURRENT_DATE"
        case exp.Anonymous():
            return str(node.this).upper() in _FUNCTIONS
    return False


def operate(operator: str, left: Expr, right: Expr, days: tuple[bool, bool], span: Span) -> tuple[Expr, bool] | None:
    """``left ± right``, and whether that is a DATE again; None where no whole days are in play.

    ``days`` tells which of the two is a DATE."""
    if days == (True, True):
        apart = Call("-", (left, right), span)
        return (Call("EXTRACT", (Literal("DAY", span), apart), span), False) if operator == "-" else None
    if days == (True, False) and (count := _days(right)) is not None:
        return Call(operator, (left, count), span), True
    if days == (False, True) and operator == "+" and (count := _days(left)) is not None:
        return Call("+", (right, count), span), True
    return None


def _days(count: Expr) -> Expr | None:
    match count:
        case Literal(int() as number) if not isinstance(number, bool) and abs(number) < 2**31:
            return Literal(Interval(0, number, 0), count.span)
        case Call("CAST INTEGER" | "CAST BIGINT"):
            return Call("*", (count, Literal(Interval(0, 1, 0), count.span)), count.span)
    return None
