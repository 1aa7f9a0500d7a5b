"""ABS, SIGN, ROUND and their kin, roots and logarithms. What is no number gives NULL.

ROUND is half away from zero, and so is a tie in the digits that people see: to a positive number of digits a double
is taken with 15 significant digits, which is PostgreSQL's own cast to numeric (ROUND(2.675, 2) is 2.68, though
the double lies below). From 1e15 on, and to whole numbers, tens and so on, its exact value counts.

Functions of the mathematical library run in the worker: their last digit is the machine's own affair."""

from __future__ import annotations

import decimal
import math
import random
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from bson import Decimal128, Int64

from queryleaf_cdc.functions import server_numbers as numbers
from queryleaf_cdc.functions.building import (
    NUMBER_OR_NULL,
    Branch,
    between,
    bind_args,
    choose,
    finite,
    may,
    number_tests,
    scalar,
)
from queryleaf_cdc.functions.mql import NULL, Const, Mql, bind, cond, named, op
from queryleaf_cdc.functions.server_numbers import Number
from queryleaf_cdc.functions.spec import Arg, FunctionSpec, WorkerSide
from queryleaf_cdc.values import Type, Value

_LONG_MIN = Const(Int64(numbers.LONG_MIN))
_NO_DIGITS = Arg(Const(0), Type.NUMBER)
_15_DIGITS_UNTIL = 1e15


def _clock() -> Value:
    now = datetime.now(UTC).replace(tzinfo=None)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _unary(
    name: str, evaluate: Callable[[Number], Value], lowered: Callable[[Arg], list[Branch]] | None, because: str = ""
) -> FunctionSpec:
    """A function of one number."""

    def guarded(value: Value) -> Value:
        return evaluate(value) if numbers.is_number(value) else None

    def to_mongo(value: Arg) -> Mql:
        assert lowered is not None
        if not may(value, Type.NUMBER):
            return NULL
        return bind_args((value,), lambda bound: choose(lowered(bound)))

    return scalar(name, 1, NUMBER_OR_NULL, guarded, to_mongo if lowered else None, because)


def _abs(value: Number) -> Number:
    if isinstance(value, Decimal128):
        exact = numbers.as_decimal(value)
        return 2.0**63 if exact == numbers.LONG_MIN else numbers.to_bson(exact.copy_abs())
    if isinstance(value, float):
        return math.fabs(value)
    return numbers.integer(abs(value), numbers.is_wide(value))


def _abs_mongo(value: Arg) -> list[Branch]:
    """The smallest 64-bit integer has no absolute value among them: the server fails, here it is a double."""
    safe = cond(op("$eq", value.mongo, _LONG_MIN), Const(2.0**63), value.mongo)
    return [(number_tests(value), op("$abs", safe))]


def _sign(value: Number) -> int | None:
    if numbers.is_nan(value):
        return None
    if isinstance(value, Decimal128):
        exact = numbers.as_decimal(value)
        return (exact > 0) - (exact < 0)
    return (value > 0) - (value < 0)


def _sign_mongo(value: Arg) -> list[Branch]:
    every = between(value.mongo, Const(-math.inf), Const(math.inf))
    return [(every, op("$cmp", value.mongo, Const(0)))]


def _directed(up: bool) -> Callable[[Number], Value]:
    """CEIL and FLOOR. Of a decimal with more than 34 digits before the point, NaN, since the server says so."""
    rounding = decimal.ROUND_CEILING if up else decimal.ROUND_FLOOR
    whole: Callable[[float], int] = math.ceil if up else math.floor

    def directed(value: Number) -> Number:
        if isinstance(value, float):
            return math.copysign(float(whole(value)), value) if math.isfinite(value) else value
        if isinstance(value, Decimal128):
            exact = numbers.as_decimal(value)
            return numbers.to_bson(exact.quantize(Decimal(1), rounding=rounding, context=numbers.CONTEXT))
        return value

    return directed


def _plain_mongo(name: str) -> Callable[[Arg], list[Branch]]:
    return lambda value: [(number_tests(value), op(name, value.mongo))]


def _sqrt(value: Number) -> Number | None:
    if isinstance(value, Decimal128):
        exact = numbers.as_decimal(value)
        return None if exact.is_nan() or exact < 0 else numbers.to_bson(numbers.CONTEXT.sqrt(exact))
    return math.sqrt(value) if value >= 0 else None


def _sqrt_mongo(value: Arg) -> list[Branch]:
    return [(between(value.mongo, Const(0), Const(math.inf)), op("$sqrt", value.mongo))]


def digits_of(value: Value) -> int | None:
    """The number of digits to keep; None for anything but a whole number from -20 to 100 (the server's limits)."""
    if not numbers.is_number(value) or not numbers.is_finite(value):
        return None
    exact = numbers.to_decimal(value)
    return int(exact) if exact == exact.to_integral_value() and -20 <= exact <= 100 else None


def _truncate_to(value: Number, digits: int) -> Number:
    """``$trunc`` with a number of digits."""
    if digits == 0:
        return numbers.truncate(value)  # type: ignore[return-value]
    if isinstance(value, Decimal128):
        return numbers.to_bson(numbers.truncate_decimal(numbers.as_decimal(value), digits))
    if isinstance(value, float):
        if not math.isfinite(value):
            return value
        return float(numbers.truncate_decimal(numbers.double_to_decimal(value, 34), digits))
    if digits > 0:
        return value
    unit = 10**-digits
    cut = abs(value) // unit * unit
    return numbers.integer(cut if value > 0 else -cut, numbers.is_wide(value))


def _is_seen(value: Number, digits: int) -> bool:
    """Whether the 15 significant digits of a double count, and not its exact value."""
    return digits > 0 and isinstance(value, float) and abs(value) < _15_DIGITS_UNTIL


def _seen_to_digits(value: float, digits: int, rounding: str) -> float:
    """What the steps of ``_half_away`` and ``_truncate_to`` come to on 15 digits, ten times faster."""
    seen = numbers.double_to_decimal(value, 15)
    if digits < 15 - seen.adjusted():
        seen = seen.quantize(Decimal((0, (1,), -digits)), rounding=rounding, context=numbers.CONTEXT)
    return float(seen)


def _as_seen_mongo(value: Mql, digits: int) -> Mql:
    if digits <= 0:
        return value
    small = (
        op("$gt", value, Const(-_15_DIGITS_UNTIL)),
        op("$lt", value, Const(_15_DIGITS_UNTIL)),
    )
    is_double = op("$eq", op("$type", value), Const("double"))
    return cond(op("$and", is_double, *small), op("$toDecimal", value), value)


def _half_away(value: Number, digits: int) -> Number:
    """Cut off, then add the unit if twice the rest reaches it."""
    cut = _truncate_to(value, digits)
    rest = numbers.subtract(value, cut)
    return numbers.add(cut, _truncate_to(numbers.multiply(2, rest), digits))


def _half_away_mongo(value: Mql, digits: int) -> Mql:
    def with_cut(cut: Mql) -> Mql:
        twice = op("$multiply", Const(2), op("$subtract", value, cut))
        return op("$add", cut, _truncate_mongo(twice, digits))

    return bind(_truncate_mongo(value, digits), with_cut)


def _truncate_mongo(value: Mql, digits: int) -> Mql:
    return op("$trunc", value) if digits == 0 else op("$trunc", value, Const(digits))


def _to_digits(
    name: str,
    rounding: str,
    compute: Callable[[Number, int], Number],
    compute_mongo: Callable[[Mql, int], Mql],
) -> FunctionSpec:
    """ROUND and TRUNC. NaN and the infinities come out as they are."""

    def evaluate(value: Value, digits: Value = 0) -> Value:
        kept = digits_of(digits)
        if kept is None or not numbers.is_number(value):
            return None
        if not numbers.is_finite(value):
            return numbers.to_bson(numbers.as_decimal(value)) if isinstance(value, Decimal128) else value
        if _is_seen(value, kept):
            rounded = _seen_to_digits(value, kept, rounding)
            return rounded + 0.0 if rounding == decimal.ROUND_HALF_UP else rounded  # a sum is never -0
        return compute(value, kept)

    def to_mongo(value: Arg, digits: Arg = _NO_DIGITS) -> Mql:
        if not digits.is_const:
            raise WorkerSide(f"{name} to a number of digits that is not constant")
        kept = digits_of(digits.const)
        if kept is None or not may(value, Type.NUMBER):
            return NULL
        return bind_args((value,), lambda bound: lowered(bound, kept))

    def lowered(value: Arg, digits: int) -> Mql:
        def converted(seen: Mql) -> Mql:
            result = compute_mongo(seen, digits)
            return named("$convert", input=result, to=op("$type", value.mongo)) if digits > 0 else result

        body = bind(_as_seen_mongo(value.mongo, digits), converted)
        return choose([(finite(value.mongo), body), (number_tests(value), value.mongo)])

    return scalar(name, (1, 2), NUMBER_OR_NULL, evaluate, to_mongo)


_LOOKS = "CLOCK_TIMESTAMP is the time at which the worker looks"
_ANOTHER = "RANDOM gives another value at every evaluation"
_LIBRARY = "the last digit of {} depends on the machine's mathematical library"


def _library(name: str, double: Callable[[float], float], exact: Callable[[Decimal], Decimal] | None) -> FunctionSpec:
    """A function of the mathematical library; decimals to 34 digits where ``exact`` is there, else as doubles."""

    def evaluate(value: Number) -> Value:
        if isinstance(value, Decimal128) and exact is not None:
            result = exact(numbers.as_decimal(value))
            return None if result.is_nan() and not numbers.is_nan(value) else numbers.to_bson(result)
        as_double = numbers.to_double(value)
        return None if as_double is None else _real(double, as_double)

    return _unary(name, evaluate, None, _LIBRARY.format(name))


def _real(function: Callable[..., float], *values: float) -> float | None:
    try:
        return function(*values)
    except OverflowError:
        return math.inf
    except (ValueError, ZeroDivisionError):
        return None


def _positive(function: Callable[[Decimal], Decimal]) -> Callable[[Decimal], Decimal]:
    return lambda value: function(value) if value.is_nan() or value > 0 else Decimal("NaN")


def _log(*args: Value) -> Value:
    """LOG(x) to base 10, LOG(b, x) to base b."""
    if len(args) == 1:
        return _log10.evaluate(*args)
    if not all(numbers.is_number(each) for each in args):
        return None
    base, value = (numbers.to_double(each) for each in args)
    if base is None or value is None:
        return None
    return _real(lambda: math.log(value) / math.log(base))


_log10 = _library("LOG10", math.log10, _positive(numbers.CONTEXT.log10))

NUMERIC = (
    _unary("ABS", _abs, _abs_mongo),
    _unary("SIGN", _sign, _sign_mongo),
    _to_digits("ROUND", decimal.ROUND_HALF_UP, _half_away, _half_away_mongo),
    _to_digits("TRUNC", decimal.ROUND_DOWN, _truncate_to, _truncate_mongo),
    _unary("CEIL", _directed(True), _plain_mongo("$ceil")),
    _unary("CEILING", _directed(True), _plain_mongo("$ceil")),
    _unary("FLOOR", _directed(False), _plain_mongo("$floor")),
    _unary("SQRT", _sqrt, _sqrt_mongo),
    _library("EXP", math.exp, numbers.CONTEXT.exp),
    _library("LN", math.log, _positive(numbers.CONTEXT.ln)),
    _log10,
    scalar("LOG", (1, 2), NUMBER_OR_NULL, _log, None, _LIBRARY.format("LOG")),
    scalar("PI", 0, Type.NUMBER, lambda: math.pi, lambda: Const(math.pi)),
    _library("DEGREES", math.degrees, None),
    _library("RADIANS", math.radians, None),
    _library("SIN", math.sin, None),
    _library("COS", math.cos, None),
    _library("TAN", math.tan, None),
    _library("ASIN", math.asin, None),
    _library("ACOS", math.acos, None),
    _library("ATAN", math.atan, None),
    scalar("CLOCK_TIMESTAMP", 0, Type.DATE, _clock, None, _LOOKS, repeatable=False),
    scalar("RANDOM", 0, Type.NUMBER, random.random, None, _ANOTHER, repeatable=False),
)
