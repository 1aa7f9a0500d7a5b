"""Which spec a call means, by what its arguments can be: decided from the syntax alone, so that both faces agree."""

from __future__ import annotations

from queryleaf_cdc.functions import FUNCTIONS
from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.functions.mql import Const, Ref
from queryleaf_cdc.functions.spec import Arg, FunctionSpec
from queryleaf_cdc.syntax.expressions import Call, Case, Expr, Literal
from queryleaf_cdc.values import Interval, Type


def resolve(name: str, args: tuple[Expr, ...]) -> FunctionSpec | None:
    """The spec of the call; its ``for_intervals`` if an argument may be an interval but not just anything, what its
    ``for_literals`` chooses if there are literals.

    None for a function of the program that runs the worker."""
    spec = FUNCTIONS.get(name)
    if spec is None:
        return None
    if spec.for_intervals is not None and any(_is_interval(arg) for arg in args):
        return spec.for_intervals
    if spec.for_literals is not None and any(isinstance(arg, Literal) for arg in args):
        return spec.for_literals(tuple(_static(arg) for arg in args)) or spec
    return spec


def _is_interval(expr: Expr) -> bool:
    if not isinstance(expr, Literal | Call | Case):
        return False
    type_ = _static(expr).type
    return bool(type_ & Type.INTERVAL) and not type_ & Type.STRING


def _static(expr: Expr) -> Arg:
    """What the expression may yield, with nothing known about any field."""
    match expr:
        case Literal(Interval() as interval):
            return Arg(Const(interval.document()), Type.INTERVAL)
        case Literal(value):
            return Arg(Const(value), type_of_value(value))
        case Call(name, args):
            spec = resolve(name, args)
            type_ = Type.ANY if spec is None else spec.result_type(tuple(_static(arg) for arg in args))
            return Arg(Ref("$value"), type_)
        case Case(whens, default):
            type_ = Type.NULL if default is None else _static(default).type
            for _, value in whens:
                type_ |= _static(value).type
            return Arg(Ref("$value"), type_)
        case _:
            return Arg(Ref("$value"), Type.ANY)
