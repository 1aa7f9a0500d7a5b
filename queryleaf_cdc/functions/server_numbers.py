"""Arithmetic on BSON numbers, bit for bit as the server does it (measured on MongoDB 6.0.5).

- int op int is int if it fits 32 bits, else Int64; with an Int64 operand Int64; beyond 64 bits double.
- A double meets a Decimal128 with 34 digits in a sum, but with 15 digits everywhere else.
- A sum starts from +0, so it is never -0, and decimals in it lose a positive exponent (1E+1 + 0 = 10).
- ``%`` of an integer by a double with a whole int32 value is an integer."""

from __future__ import annotations

import decimal
import math
import sys
from collections.abc import Callable
from decimal import Decimal

from bson import Decimal128, Int64

Number = int | float | Decimal128

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1

CONTEXT = decimal.Context(
    prec=34, Emin=-6143, Emax=6144, clamp=1, rounding=decimal.ROUND_HALF_EVEN, traps=[], capitals=1
)
_ZERO = Decimal(0)
_NAN = Decimal("NaN")

_NUMBERS = frozenset((int, float, Int64, Decimal128))


def is_number(value: object) -> bool:
    return type(value) in _NUMBERS


def integer(value: int, wide: bool) -> Number:
    """An integer result: Int64 if an operand was one or it does not fit 32 bits; a double beyond 64 bits."""
    if INT_MIN <= value <= INT_MAX:
        return Int64(value) if wide else value
    if LONG_MIN <= value <= LONG_MAX:
        return Int64(value)
    return float(value)


def same_width(value: int, a: Number, b: Number) -> Number:
    """An integer result of two numbers: a double if one of them is a double, else as wide as the wider."""
    if isinstance(a, float) or isinstance(b, float):
        return float(value)
    return integer(value, is_wide(a) or is_wide(b))  # type: ignore[arg-type]


def is_wide(value: int) -> bool:
    """Whether BSON keeps this integer in 64 bits."""
    return type(value) is Int64 or not INT_MIN <= value <= INT_MAX


def to_bson(value: Decimal) -> Decimal128:
    """All NaNs are one: the sign and payload of a NaN do not survive."""
    if value.is_nan():
        return Decimal128("NaN")
    return Decimal128(CONTEXT.plus(value) if not value.is_zero() else CONTEXT.create_decimal(value))


def as_decimal(value: Decimal128) -> Decimal:
    """As a Python decimal; a signalling NaN, at which Python would raise, becomes a quiet one."""
    exact = value.to_decimal()
    return _NAN if exact.is_nan() else exact


def double_to_decimal(value: float, digits: int) -> Decimal:
    """As the server converts: to 34 digits, or to exactly 15 digits, trailing zeros kept."""
    if value == 0 or not math.isfinite(value):
        return Decimal(value)
    exact = CONTEXT.create_decimal(Decimal(value))
    if digits == 34:
        return exact
    rounded = exact.quantize(Decimal((0, (1,), exact.adjusted() - 14)), context=CONTEXT)
    if len(rounded.as_tuple().digits) > 15:
        rounded = exact.quantize(Decimal((0, (1,), exact.adjusted() - 13)), context=CONTEXT)
    return rounded


def to_decimal(value: Number, digits: int = 15) -> Decimal:
    """``$toDecimal``, as a Python decimal."""
    if isinstance(value, Decimal128):
        return as_decimal(value)
    if isinstance(value, float):
        return double_to_decimal(value, digits)
    return Decimal(value)


def add(a: Number, b: Number) -> Number:
    kinds = (type(a), type(b))
    if kinds == (float, float):
        return 0.0 + a + b  # type: ignore[operator]
    if Decimal128 in kinds:
        return _decimal_sum(a, b)
    if float in kinds:
        return _mixed_sum(a, b)  # type: ignore[arg-type]
    total = a + b  # type: ignore[operator]
    if not LONG_MIN <= total <= LONG_MAX:
        return _mixed_sum(a, b)  # type: ignore[arg-type]
    return integer(total, is_wide(a) or is_wide(b))  # type: ignore[arg-type]


def _mixed_sum(a: int | float, b: int | float) -> float:
    """The server's sum in two doubles: a high part and what was lost; only the high part comes out."""
    if -(2**53) <= a <= 2**53 and -(2**53) <= b <= 2**53:
        return 0.0 + a + b
    plain = float(a) + float(b)
    if not math.isfinite(plain):
        return plain
    high, lost = 0.0, 0.0
    for each in (*_halves(a), *_halves(b)):
        part, rest = _two_sum(each, lost)
        high, part = _two_sum(high, part)
        lost = part + rest
    return high


def _halves(value: int | float) -> tuple[float, ...]:
    if isinstance(value, float):
        return (value,)
    upper = (value >> 32 if value >= 0 else -(-value >> 32)) << 32
    return (float(value - upper), float(upper))


def _two_sum(a: float, b: float) -> tuple[float, float]:
    total = a + b
    shift = total - a
    return total, (a - (total - shift)) + (b - shift)


def _decimal_sum(a: Number, b: Number) -> Decimal128:
    total, rest = _ZERO, _ZERO
    for each in (a, b):
        if isinstance(each, Decimal128):
            total = CONTEXT.add(total, as_decimal(each))
        else:
            rest = CONTEXT.add(rest, to_decimal(each, 34))
    return to_bson(CONTEXT.add(total, rest))


def subtract(a: Number, b: Number) -> Number:
    kinds = (type(a), type(b))
    if Decimal128 in kinds:
        return to_bson(CONTEXT.subtract(to_decimal(a), to_decimal(b)))
    if float in kinds:
        return float(a) - float(b)  # type: ignore[arg-type]
    difference = a - b  # type: ignore[operator]
    if not LONG_MIN <= difference <= LONG_MAX:
        return float(a) - float(b)  # type: ignore[arg-type]
    return integer(difference, is_wide(a) or is_wide(b))  # type: ignore[arg-type]


def multiply(a: Number, b: Number) -> Number:
    kinds = (type(a), type(b))
    if Decimal128 in kinds:
        return to_bson(CONTEXT.multiply(to_decimal(a), to_decimal(b)))
    if float in kinds:
        return float(a) * float(b)  # type: ignore[arg-type]
    product = a * b  # type: ignore[operator]
    if not LONG_MIN <= product <= LONG_MAX:
        return float(a) * float(b)  # type: ignore[arg-type]
    return integer(product, is_wide(a) or is_wide(b))  # type: ignore[arg-type]


def divide(a: Number, b: Number) -> Number | None:
    """Real division; None for a zero divisor."""
    if is_zero(b):
        return None
    if type(a) is Decimal128 or type(b) is Decimal128:
        return to_bson(CONTEXT.divide(to_decimal(a), to_decimal(b)))
    return float(a) / float(b)  # type: ignore[arg-type]


def modulo(a: Number, b: Number) -> Number | None:
    """The remainder with the dividend's sign; None for a zero divisor."""
    if is_zero(b):
        return None
    if type(a) is Decimal128 or type(b) is Decimal128:
        return to_bson(_decimal_modulo(to_decimal(a), to_decimal(b)))
    if type(a) is float or (type(b) is float and not _is_whole_int(b)):
        left, right = float(a), float(b)  # type: ignore[arg-type]
        return math.fmod(left, right) if math.isfinite(left) else math.nan
    rest = abs(int(a)) % abs(int(b))  # type: ignore[arg-type]
    wide = is_wide(a) or (type(b) is not float and is_wide(b))  # type: ignore[arg-type]
    return integer(-rest if a < 0 else rest, wide)  # type: ignore[operator]


def _is_whole_int(value: float) -> bool:
    return INT_MIN <= value <= INT_MAX and value == int(value)


def _decimal_modulo(a: Decimal, b: Decimal) -> Decimal:
    """Exact, however far the exponents lie apart (Python's own gives up beyond 34 digits of quotient)."""
    if a.is_nan() or b.is_nan() or a.is_infinite():
        return Decimal("NaN")
    if b.is_infinite():
        return a
    (sign, digits_a, exp_a), (_, digits_b, exp_b) = a.as_tuple(), b.as_tuple()
    coefficient_a, coefficient_b = _coefficient(digits_a), _coefficient(digits_b)
    gap = int(exp_a) - int(exp_b)
    if gap >= 0:
        rest = coefficient_a * pow(10, gap, coefficient_b) % coefficient_b
        exponent = int(exp_b)
    else:
        rest = coefficient_a if gap < -40 else coefficient_a % (coefficient_b * 10**-gap)
        exponent = int(exp_a)
    return Decimal(f"{'-' if sign else ''}{rest}E{exponent}")


def _coefficient(digits: tuple[int, ...]) -> int:
    return int("".join(map(str, digits)))


def truncate(value: Number | None) -> Number | None:
    """``$trunc``."""
    if isinstance(value, float):
        return math.copysign(float(math.trunc(value)), value) if math.isfinite(value) else value
    if isinstance(value, Decimal128):
        return to_bson(truncate_decimal(as_decimal(value), 0))
    return value


def truncate_decimal(value: Decimal, digits: int) -> Decimal:
    """``$trunc`` to so many digits: padded with zeros to them while 34 digits suffice."""
    return quantize(value, digits, decimal.ROUND_DOWN)


def quantize(value: Decimal, digits: int, rounding: str) -> Decimal:
    """As the server: what 34 digits cannot hold to that place keeps its value, with 34 digits."""
    if not value.is_finite():
        return value
    quantized = value.quantize(Decimal((0, (1,), -digits)), rounding=rounding, context=CONTEXT)
    if not quantized.is_nan():
        return quantized
    return value.quantize(Decimal((0, (1,), max(value.adjusted() - 33, -6176))), context=CONTEXT)


def is_zero(value: Number) -> bool:
    return as_decimal(value).is_zero() if isinstance(value, Decimal128) else value == 0


def is_finite(value: Number) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return as_decimal(value).is_finite() if isinstance(value, Decimal128) else True


def is_nan(value: Number) -> bool:
    return as_decimal(value).is_nan() if isinstance(value, Decimal128) else value != value


def to_double(value: Number) -> float | None:
    """``$toDouble``; None for a decimal beyond the doubles or below the smallest normal one, which it refuses."""
    if not isinstance(value, Decimal128):
        return float(value)
    exact = as_decimal(value)
    if exact.is_nan():
        return math.nan
    double = float(exact)
    if math.isinf(double) != exact.is_infinite() or (abs(double) < sys.float_info.min and not exact.is_zero()):
        return None
    return double


def numeric(function: Callable[[Number, Number], Number | None]) -> Callable[[object, object], Number | None]:
    """The function over all values: anything but two numbers gives None."""

    def guarded(a: object, b: object) -> Number | None:
        if type(a) in _NUMBERS and type(b) in _NUMBERS:
            return function(a, b)  # type: ignore[arg-type]
        return None

    return guarded
