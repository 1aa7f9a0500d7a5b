"""``_id = '24 hex digits'`` also finds the ObjectId: users copy ids as text."""

from __future__ import annotations

from dataclasses import replace

from bson import ObjectId

from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal, Name

_HEX = frozenset("0123456789abcdefABCDEF")


def is_object_id(text: object) -> bool:
    return isinstance(text, str) and len(text) == 24 and _HEX.issuperset(text)


def accept_object_ids(call: Call) -> Expr:
    """``=``, ``<>`` and ``IN`` between a path that ends in ``_id`` and hex literals, with each literal followed by
    its ObjectId. Everything else comes back as it is."""
    match call:
        case Call("=" | "<>", (Literal(), other)) if _is_id(other):
            return accept_object_ids(Call(call.name, (other, call.args[0]), call.span))
        case Call("=", (operand, Literal(value) as literal)) if _is_id(operand) and is_object_id(value):
            return Call("IN", (operand, literal, _object_id(literal)), call.span)
        case Call("<>", (operand, Literal(value))) if _is_id(operand) and is_object_id(value):
            return Call("NOT", (accept_object_ids(replace(call, name="=")),), call.span)
        case Call("IN", (operand, *options)) if _is_id(operand):
            return replace(call, args=(operand, *(each for option in options for each in _both(option))))
    return call


def _both(option: Expr) -> tuple[Expr, ...]:
    if isinstance(option, Literal) and is_object_id(option.value):
        return (option, _object_id(option))
    return (option,)


def _object_id(literal: Literal) -> Literal:
    return Literal(ObjectId(literal.value), literal.span)


def _is_id(expr: Expr) -> bool:
    return isinstance(expr, Field | Name) and bool(expr.path) and expr.path[-1] == "_id"
