"""Arguments that count something: positions, lengths. A number counts if it is whole, of whatever width; anything else
gives NULL. What lies beyond a text's end makes no difference, so counts are clamped to what the server takes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from bson import Decimal128

from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.functions.mql import NULL, Const, Mql, bind, cond, named, op
from queryleaf_cdc.functions.server_numbers import LONG_MAX, LONG_MIN
from queryleaf_cdc.functions.spec import Arg
from queryleaf_cdc.values import Type, Value

LIMIT = 2**29
"""Beyond every text (a document has 16 MB), and the sum of two is within 32 bits."""


def whole(value: Value) -> int | None:
    """The whole number, clamped to ±LIMIT; None for anything else."""
    if type_of_value(value) is not Type.NUMBER:
        return None
    exact = value.to_decimal() if isinstance(value, Decimal128) else Decimal(value)
    if not exact.is_finite() or exact.adjusted() > 20 or exact != int(exact) or not LONG_MIN <= exact <= LONG_MAX:
        return None
    return max(-LIMIT, min(LIMIT, int(exact)))


def with_whole(arg: Arg, body: Callable[[Mql], Mql]) -> Mql:
    """``body`` of the whole number, NULL where the argument is none."""
    if arg.is_const:
        found = whole(arg.const)
        return NULL if found is None else body(Const(found))

    def of_value(value: Mql) -> Mql:
        # A text or a date converts too, but does not equal its number; "" equals neither null nor a missing field.
        as_long = named("$convert", input=value, to=Const("long"), onError=NULL, onNull=Const(""))
        return bind(as_long, lambda n: cond(op("$eq", n, value), bind(_clamped(n), body), NULL))

    return bind(arg.mongo, of_value)


def _clamped(number: Mql) -> Mql:
    return op("$max", Const(-LIMIT), op("$min", Const(LIMIT), number))
