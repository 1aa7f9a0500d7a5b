"""Arguments of aggregates that must be known before any row is."""

from __future__ import annotations

from bson import Decimal128

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.functions.server_numbers import is_number
from queryleaf_cdc.syntax.expressions import Aggregate, Call, Expr, Literal
from queryleaf_cdc.values import Value

NOT_CONSTANT = "QL304"


def separator(node: Aggregate) -> str:
    """Of STRING_AGG; by default a comma."""
    if len(node.args) < 2:
        return ","
    value = _constant(node.args[1])
    if not isinstance(value, str):
        raise CompileError(NOT_CONSTANT, "STRING_AGG needs a constant separator", node.args[1].span)
    return value


def fractions(node: Aggregate) -> float | list[float]:
    """Of PERCENTILE_CONT and PERCENTILE_DISC: one, or those of an array."""
    value = _constant(node.args[0]) if node.args else None
    several = value if isinstance(value, list) else [value]
    found = [_fraction(each) for each in several]
    known = [each for each in found if each is not None]
    if not known or len(known) < len(found):
        span = node.args[0].span if node.args else node.span
        raise CompileError(NOT_CONSTANT, f"{node.name} needs a constant fraction from 0 to 1", span)
    return known if isinstance(value, list) else known[0]


def _fraction(value: Value) -> float | None:
    if not is_number(value):
        return None
    found = float(value.to_decimal() if isinstance(value, Decimal128) else value)
    return found if 0 <= found <= 1 else None


def _constant(expr: Expr) -> Value:
    """Its value; None where it is not a constant."""
    match expr:
        case Literal(value):
            return value
        case Call("ARRAY", args):
            return [_constant(arg) for arg in args]
        case _:
            return None
