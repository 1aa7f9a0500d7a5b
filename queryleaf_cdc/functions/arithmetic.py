"""``+ - * / % ^`` and their named kin. What is no number gives NULL, strings included.

``+`` and ``-`` also take dates and intervals. ``*``, ``/`` and ``NEG`` of an interval are overloads
(``FunctionSpec.for_intervals``), so that the product of two plain fields stays short."""

from __future__ import annotations

import math
from collections.abc import Callable

from bson import Decimal128

from queryleaf_cdc.functions import server_numbers as numbers
from queryleaf_cdc.functions import temporal
from queryleaf_cdc.functions.building import (
    NUMBER_OR_NULL,
    Branch,
    bind_args,
    choose,
    may,
    number_tests,
    scalar,
)
from queryleaf_cdc.functions.mql import Const, Mql, Op, bind, cond, named, op
from queryleaf_cdc.functions.spec import Arg, FunctionSpec
from queryleaf_cdc.values import Type, Value

MINUS_ONE = Arg(Const(-1), Type.NUMBER)


def numeric_mongo(name: str, *args: Arg, divides: bool = False) -> Mql:
    """The server's operator over numbers, NULL for anything else; and for a zero divisor, with ``divides``."""
    return bind_args(args, lambda *bound: choose(number_branches(name, bound, divides)))


def number_branches(name: str, args: tuple[Arg, ...], divides: bool = False) -> list[Branch]:
    if not all(may(arg, Type.NUMBER) for arg in args):
        return []
    tests = number_tests(*args)
    if divides:
        divisor = args[1]
        if not divisor.is_const:
            tests = (*tests, op("$ne", divisor.mongo, Const(0)))
        elif numbers.is_zero(divisor.const):
            return []
    return [(tests, Op(name, tuple(arg.mongo for arg in args)))]


def _mixed(
    name: str,
    over_numbers: Callable[[Value, Value], Value],
    otherwise: Callable[[Value, Value], Value],
    operator: str,
    other_branches: Callable[[Arg, Arg], list[Branch]],
    other_type: Callable[[Arg, Arg], Type],
) -> FunctionSpec:
    """An operator over two numbers first, then over what else it takes."""

    def evaluate(a: Value, b: Value) -> Value:
        if numbers.is_number(a) and numbers.is_number(b):
            return over_numbers(a, b)
        return otherwise(a, b)

    def branches(a: Arg, b: Arg) -> Mql:
        return choose(number_branches(operator, (a, b), operator == "$divide") + other_branches(a, b))

    def type_of(args: tuple[Arg, ...]) -> Type:
        first, second = args
        number = Type.NUMBER if may(first, Type.NUMBER) and may(second, Type.NUMBER) else Type.NULL
        return number | other_type(first, second) | Type.NULL

    return scalar(name, 2, type_of, evaluate, lambda a, b: bind_args((a, b), branches), check=_no_number_beside_a_date)


def _no_number_beside_a_date(args: tuple[Arg, ...]) -> str | None:
    kinds = {Type.DATE: False, Type.NUMBER: False}
    for arg in args:
        for each in kinds:
            kinds[each] |= arg.may(each) and arg.only(each | Type.NULL)
    return (
        "a timestamp and a number: write the number as an interval, such as INTERVAL '7 days'"
        if all(kinds.values())
        else None
    )


def _negative(value: Value) -> Value:
    return numbers.multiply(value, -1) if numbers.is_number(value) else None


def _power(base: Value, exponent: Value) -> Value:
    """Integers stay exact while they fit 64 bits; with a decimal it is decimal; no real result is NULL."""
    if not numbers.is_number(base) or not numbers.is_number(exponent):
        return None
    decimal = isinstance(base, Decimal128) or isinstance(exponent, Decimal128)
    if numbers.is_zero(exponent):
        return Decimal128("1") if decimal else numbers.same_width(1, base, exponent)
    if numbers.is_nan(base) or numbers.is_nan(exponent):
        return Decimal128("NaN") if decimal else math.nan
    if numbers.is_zero(base) and numbers.to_decimal(exponent) < 0:
        return None
    if decimal:
        raised = numbers.CONTEXT.power(numbers.to_decimal(base), numbers.to_decimal(exponent))
        return None if raised.is_nan() else numbers.to_bson(raised)
    if isinstance(base, int) and isinstance(exponent, int) and (exponent > 0 or abs(base) == 1):
        return _integer_power(base, exponent)
    return _double_power(float(base), float(exponent))


def _integer_power(base: int, exponent: int) -> Value:
    if abs(base) <= 1:
        return numbers.same_width(base ** (2 - exponent % 2), base, exponent)
    if exponent < 64:
        return numbers.same_width(base**exponent, base, exponent)
    return _double_power(float(base), float(exponent))


def _double_power(base: float, exponent: float) -> float | None:
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    except ValueError:
        return None


def _quotient(a: Value, b: Value) -> Value:
    """DIV: towards zero. Two integers give an integer; else as ``/``, cut off."""
    if not numbers.is_number(a) or not numbers.is_number(b) or numbers.is_zero(b):
        return None
    if isinstance(a, int) and isinstance(b, int):
        quotient = abs(a) // abs(b)
        return numbers.same_width(quotient if (a < 0) == (b < 0) else -quotient, a, b)
    return numbers.truncate(numbers.divide(a, b))


def _quotient_mongo(a: Arg, b: Arg) -> Mql:
    return bind_args((a, b), lambda x, y: choose(_quotient_branches(x, y)))


def _quotient_branches(a: Arg, b: Arg) -> list[Branch]:
    real = number_branches("$divide", (a, b), divides=True)
    if not real:
        return []
    ((tests, quotient),) = real
    cut: Branch = (tests, op("$trunc", quotient))
    if any(each.is_const and not isinstance(each.const, int) for each in (a, b)):
        return [cut]
    whole = tuple(op("$in", op("$type", each.mongo), Const(["int", "long"])) for each in (a, b) if not each.is_const)
    nonzero = () if b.is_const else (op("$ne", b.mongo, Const(0)),)
    return [((*whole, *nonzero), _exact_quotient(a.mongo, b.mongo)), cut]


def _exact_quotient(a: Mql, b: Mql) -> Mql:
    """Through decimals, which hold 64-bit integers exactly; as wide as the wider operand, or wider if need be."""
    narrow = [op("$eq", op("$type", each), Const("int")) for each in (a, b)]

    def fitted(quotient: Mql) -> Mql:
        long = named("$convert", input=quotient, to=Const("long"), onError=Const(2.0**63))
        width = cond(op("$and", *narrow), Const("int"), Const("long"))
        return named("$convert", input=quotient, to=width, onError=long)

    return bind(op("$trunc", op("$divide", op("$toDecimal", a), b)), fitted)


def _product_mongo(a: Arg, b: Arg) -> Mql:
    return numeric_mongo("$multiply", a, b)


def _real_quotient_mongo(a: Arg, b: Arg) -> Mql:
    return numeric_mongo("$divide", a, b, divides=True)


def _negative_mongo(value: Arg) -> Mql:
    return numeric_mongo("$multiply", value, MINUS_ONE)


def _remainder_mongo(a: Arg, b: Arg) -> Mql:
    return numeric_mongo("$mod", a, b, divides=True)


def _negate(value: Value) -> Value:
    return _negative(value) if numbers.is_number(value) else temporal.negate(value)


def _negate_mongo(value: Arg) -> Mql:
    def negative(x: Arg) -> Mql:
        return choose(number_branches("$multiply", (x, MINUS_ONE)) + temporal.negate_branches(x))

    return bind_args((value,), negative)


def _negative_type(args: tuple[Arg, ...]) -> Type:
    number = Type.NUMBER if may(args[0], Type.NUMBER) else Type.NULL
    return number | temporal.negate_type(args[0]) | Type.NULL


_times_any = _mixed("*", numbers.multiply, temporal.scale, "$multiply", temporal.scale_branches, temporal.scale_type)
_through_any = _mixed("/", numbers.divide, temporal.shrink, "$divide", temporal.shrink_branches, temporal.shrink_type)
_negative_any = scalar("NEG", 1, _negative_type, _negate, _negate_mongo)

_POWER_BECAUSE = "the last digit of a power depends on the machine's mathematical library"

ARITHMETIC = (
    _mixed("+", numbers.add, temporal.add, "$add", temporal.add_branches, temporal.add_type),
    _mixed("-", numbers.subtract, temporal.subtract, "$subtract", temporal.subtract_branches, temporal.subtract_type),
    scalar("*", 2, NUMBER_OR_NULL, numbers.numeric(numbers.multiply), _product_mongo, for_intervals=_times_any),
    scalar("/", 2, NUMBER_OR_NULL, numbers.numeric(numbers.divide), _real_quotient_mongo, for_intervals=_through_any),
    scalar("NEG", 1, NUMBER_OR_NULL, _negative, _negative_mongo, for_intervals=_negative_any),
    scalar("%", 2, NUMBER_OR_NULL, numbers.numeric(numbers.modulo), _remainder_mongo),
    scalar("MOD", 2, NUMBER_OR_NULL, numbers.numeric(numbers.modulo), _remainder_mongo),
    scalar("DIV", 2, NUMBER_OR_NULL, _quotient, _quotient_mongo),
    *(scalar(name, 2, NUMBER_OR_NULL, _power, None, _POWER_BECAUSE) for name in ("^", "POWER", "POW")),
)
