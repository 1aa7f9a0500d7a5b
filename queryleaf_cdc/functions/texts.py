"""Values as text: what ``CAST(x AS TEXT)``, ``||`` and CONCAT write.

Numbers are written with the fewest decimal places that read back as the same number, in plain digits from 1E-6 up
(``0.1``, ``1E-7``, ``10000000000000000``); doubles below 1E-40 have up to 34 digits. Dates are ISO 8601 (years 0 to
9999). Arrays, documents and other kinds have no text."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from bson import Decimal128, Int64, ObjectId
from bson.datetime_ms import DatetimeMS

from queryleaf_cdc.functions.bson_order import milliseconds
from queryleaf_cdc.functions.building import bind_arg
from queryleaf_cdc.functions.kind_tests import TYPE_NAMES, when
from queryleaf_cdc.functions.moments import EPOCH
from queryleaf_cdc.functions.mql import NULL, Array, Const, Mql, Over, Var, all_of, bind, named, op
from queryleaf_cdc.functions.server_numbers import CONTEXT
from queryleaf_cdc.functions.spec import Arg
from queryleaf_cdc.values import Type, Value

_PLACES = 40
"""The most decimal places that are tried for a double."""

_YEAR_1 = -62_135_596_800_000
"""earlier dates have no text: many drivers cannot write them, not even in a pipeline"""
_YEAR_10000 = 253_402_300_800_000


def text_of(value: Value) -> str | None:
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is Int64 or kind is ObjectId:
        return str(value)
    if kind is float:
        return _double_text(value)
    if kind is Decimal128:
        return "NaN" if value.to_decimal().is_nan() else str(value)
    return date_text(value) if isinstance(value, datetime | DatetimeMS) else None


def _double_text(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    shortest = repr(value)
    if "e" not in shortest and not shortest.endswith(".0"):
        return shortest
    if value == int(value) and abs(value) < 1e16:
        return str(int(value))
    exact = CONTEXT.create_decimal(Decimal(value))
    for places in range(_PLACES):
        rounded = _round(exact, places)
        if float(rounded) == value:
            return str(Decimal128(rounded))
    return str(Decimal128(exact))


def _round(value: Decimal, places: int) -> Decimal:
    if value.as_tuple().exponent >= -places:  # type: ignore[operator]
        return value
    return value.quantize(Decimal((0, (1,), -places)), rounding=ROUND_HALF_EVEN, context=CONTEXT)


def date_text(value: datetime | DatetimeMS) -> str | None:
    """``2025-09-05T10:00:00.000Z``; None outside the years 1 to 9999."""
    time = milliseconds(value)
    if not _YEAR_1 <= time < _YEAR_10000:
        return None
    moment = EPOCH + timedelta(milliseconds=time)
    return f"{moment.isoformat(timespec='milliseconds')[:23]}Z"


def text_mongo(arg: Arg) -> Mql:
    """The text of any value, NULL where there is none."""
    if arg.is_const:
        return Const(text_of(arg.const))
    if arg.only(Type.STRING | Type.NULL):
        return arg.mongo
    if arg.only(Type.BOOL | Type.OBJECTID | Type.NULL):
        return op("$toString", arg.mongo)
    return bind_arg(arg, _text_of_bound)


def _text_of_bound(arg: Arg) -> Mql:
    names = [name for kind, name in TYPE_NAMES.items() if kind & _AS_THEY_ARE and arg.may(kind)]
    names += ["int", "long", "decimal"] if arg.may(Type.NUMBER) else []
    plain = op("$in", op("$type", arg.mongo), Array(tuple(Const(name) for name in names)))
    date = when(_writable_date(arg), op("$toString", arg.mongo)) if arg.may(Type.DATE) else NULL
    double = op("$eq", op("$type", arg.mongo), Const("double"))
    rest = when(double, double_text_mongo(arg.mongo), date) if arg.may(Type.NUMBER) else date
    return when(plain, op("$toString", arg.mongo), rest) if names else rest


_AS_THEY_ARE = Type.STRING | Type.BOOL | Type.OBJECTID


def _writable_date(arg: Arg) -> Mql:
    """Its bounds shut other kinds out as well."""
    first, last = Const(datetime(1, 1, 1)), Const(datetime(9999, 12, 31, 23, 59, 59, 999000))
    return all_of(op("$gte", arg.mongo, first), op("$lte", arg.mongo, last))


def double_text_mongo(value: Mql) -> Mql:
    """``$toString`` writes 6 digits of a double. So: its exact decimal value (a sum with a decimal keeps 34 digits,
    ``$toDecimal`` but 15), rounded to as few places as read back as the double."""
    each, candidate = Var(), Var()

    def shortest(exact: Mql) -> Mql:
        candidates = Over("$map", op("$range", Const(0), Const(_PLACES)), each, "in", op("$round", exact, each))
        read_back = named("$convert", input=candidate, to=Const("double"), onError=NULL)
        right = Over("$filter", candidates, candidate, "cond", op("$eq", read_back, value))
        return op("$toString", op("$ifNull", op("$first", right), exact))

    return bind(op("$add", value, Const(Decimal128("0"))), shortest)
