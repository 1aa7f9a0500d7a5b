"""Conditions as they are for one operation: TRIGGER_ACTION is known, OLD is NULL on insert, NEW on delete."""

from __future__ import annotations

from queryleaf_cdc.functions import FUNCTIONS
from queryleaf_cdc.logical.walk import rebuild
from queryleaf_cdc.syntax.expressions import Call, Case, Expr, Field, Literal
from queryleaf_cdc.values import Interval

_STRICT = frozenset(
    [
        "=",
        "<>",
        "<",
        "<=",
        ">",
        ">=",
        "BETWEEN",
        "LIKE",
        "ILIKE",
        "~",
        "~*",
        "+",
        "-",
        "*",
        "/",
        "%",
        "^",
        "NEG",
        "||",
        "UPPER",
        "LOWER",
        "LENGTH",
        "ABS",
        "ROUND",
        "FLOOR",
        "CEIL",
    ]
)
"""Functions that are NULL as soon as one argument is."""


def specialize(condition: Expr, action: str) -> Expr:
    """A condition (true or not true) for events of one action, with what is constant folded."""
    return truth(_substitute(condition, action))


def _substitute(node: Expr, action: str) -> Expr:
    match node:
        case Field("EVENT", ("action",), span):
            return Literal(action, span)
        case Call("FIELD_EXISTS", (Field(source),), span) if _absent(source, action):
            return Literal(False, span)
        case Field(source, _, span) if _absent(source, action):
            return Literal(None, span)
        case _:
            return rebuild(node, lambda child: _substitute(child, action))


def _absent(source: str, action: str) -> bool:
    return (source, action) in (("OLD", "INSERT"), ("NEW", "DELETE"))


def truth(node: Expr) -> Expr:
    """Folds a condition where NULL counts as false."""
    match node:
        case Call("AND" | "OR" as name, args, span):
            return _connective(name, tuple(truth(arg) for arg in args), node)
        case Call("NOT", (Call("IS TRUE", (inner,)),), span):
            folded = truth(inner)
            if isinstance(folded, Literal):
                return Literal(folded.value is not True, span)
            return Call("NOT", (Call("IS TRUE", (folded,), span),), span)
        case Call("IS TRUE", (inner,), _):
            return truth(inner)
        case _:
            folded = value(node)
            return Literal(folded.value is True, folded.span) if isinstance(folded, Literal) else folded


def _connective(name: str, args: tuple[Expr, ...], node: Expr) -> Expr:
    """AND without its TRUEs, OR without its FALSEs; the other constant decides alone."""
    decides = name == "OR"
    if any(isinstance(arg, Literal) and arg.value is decides for arg in args):
        return Literal(decides, node.span)
    left = tuple(arg for arg in args if not (isinstance(arg, Literal) and arg.value is (not decides)))
    if not left:
        return Literal(not decides, node.span)
    return left[0] if len(left) == 1 else Call(name, left, node.span)


def value(node: Expr) -> Expr:
    """Folds constants below an expression whose NULL still counts."""
    folded = rebuild(node, value)
    match folded:
        case Call("AND" | "OR" as name, args):
            return _connective(name, args, folded)
        case Call(name, args, span):
            spec = FUNCTIONS.get(name)
            if name in _STRICT and any(isinstance(arg, Literal) and arg.value is None for arg in args):
                return Literal(None, span)
            if spec is None or spec.to_mongo is None or not all(isinstance(arg, Literal) for arg in args):
                return folded
            return _evaluated(folded)
        case Case(whens, default, span) if isinstance(whens[0][0], Literal):
            if whens[0][0].value is True:
                return whens[0][1]
            return value(Case(whens[1:], default, span)) if whens[1:] else default or Literal(None, span)
        case _:
            return folded


_FOLDABLE = frozenset(["=", "<>", "<", "<=", ">", ">=", "BETWEEN", "IN", "NOT", "+", "-", "*", "/", "||"]) | {
    "IS NULL",
    "IS TRUE",
    "IS FALSE",
    "IS UNKNOWN",
    "IS DISTINCT FROM",
}


def _evaluated(node: Call) -> Expr:
    """Only what conditions are made of: folding a function call would hide from ``explain`` what was written."""
    if node.name not in _FOLDABLE:
        return node
    spec = FUNCTIONS[node.name]
    args = [arg.value for arg in node.args if isinstance(arg, Literal)]
    if any(isinstance(arg, Interval) for arg in args):
        return node
    return Literal(spec.evaluate(*args), node.span)
