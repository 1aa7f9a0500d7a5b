"""Casts. A value that cannot be cast gives NULL.

A text is read as PostgreSQL reads it: blanks around it do not count, and nothing else may be left over. To an integer,
numbers round half away from zero (as PostgreSQL's numeric). A double becomes a decimal of 15 digits (as there)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal

from bson import Decimal128, Int64, ObjectId
from bson.datetime_ms import DatetimeMS

from queryleaf_cdc.functions import server_numbers as numbers
from queryleaf_cdc.functions.building import bind_arg, choose, scalar
from queryleaf_cdc.functions.interval_text import interval_of
from queryleaf_cdc.functions.json_text import json_of
from queryleaf_cdc.functions.kind_tests import is_kind
from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.functions.moments import in_range, moment
from queryleaf_cdc.functions.mql import FALSE, NULL, TRUE, Array, Const, Mql, all_of, cond, named, op
from queryleaf_cdc.functions.objectids import is_object_id
from queryleaf_cdc.functions.spec import Arg, FunctionSpec
from queryleaf_cdc.functions.texts import date_text, text_mongo, text_of
from queryleaf_cdc.functions.timestamps import TIMESTAMP, parse_timestamp
from queryleaf_cdc.values import Type, Value

BLANKS = " \t\n\r\v\f"
_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_NUMBER = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf|infinity|nan)\Z", re.IGNORECASE)
_TRUE = ("t", "tr", "tru", "true", "y", "ye", "yes", "on", "1")
_FALSE = ("f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0")
_SMALLEST_DOUBLE = 2.2250738585072014e-308


def _converted(value: Mql, to: str) -> Mql:
    return named("$convert", input=value, to=Const(to), onError=NULL, onNull=NULL)


def _trimmed(value: Mql) -> Mql:
    return named("$trim", input=value, chars=Const(BLANKS))


def _integer_of(value: Value) -> int | None:
    """The nearest integer of a number, text or boolean, of whatever size."""
    match type_of_value(value):
        case Type.BOOL:
            return int(value)
        case Type.STRING if len(value) < 1000:
            text = value.strip(BLANKS)
            return int(text) if _INTEGER.match(text) else None
        case Type.NUMBER if numbers.is_finite(value):
            if isinstance(value, int):
                return int(value)
            exact = value.to_decimal() if isinstance(value, Decimal128) else Decimal(value)
            if exact.adjusted() > 20:
                return None
            return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP, context=_WIDE))
    return None


_WIDE = Context(prec=800)


def _to_integer(value: Value) -> int | None:
    found = _integer_of(value)
    return found if found is not None and numbers.INT_MIN <= found <= numbers.INT_MAX else None


def _to_bigint(value: Value) -> Int64 | None:
    found = _integer_of(value)
    return Int64(found) if found is not None and numbers.LONG_MIN <= found <= numbers.LONG_MAX else None


def _to_integer_mongo(width: str) -> Callable[[Arg], Mql]:
    def of_bound(arg: Arg) -> Mql:
        branches = []
        if arg.may(Type.NUMBER):
            branches.append(((is_kind(arg, Type.NUMBER),), _converted(half_away(arg.mongo), width)))
        if arg.may(Type.STRING):
            branches.append(((is_kind(arg, Type.STRING),), _converted(_trimmed(arg.mongo), width)))
        if arg.may(Type.BOOL):
            branches.append(((is_kind(arg, Type.BOOL),), _converted(arg.mongo, width)))
        return choose(branches)

    return lambda arg: bind_arg(arg, of_bound)


def half_away(number: Mql) -> Mql:
    """``$round`` takes a half to the even neighbour."""
    part = op("$subtract", number, op("$trunc", number))
    half = op("$eq", op("$abs", part), Const(0.5))
    return cond(half, op("$add", number, part), op("$round", number))


def _to_double(value: Value) -> float | None:
    match type_of_value(value):
        case Type.NUMBER:
            return numbers.to_double(value)
        case Type.STRING:
            text = value.strip(BLANKS)
            if not _NUMBER.match(text):
                return None
            number = float(text)
            return None if _left_range(number, text) else number
    return None


def _left_range(number: float, text: str) -> bool:
    """The server refuses a text beyond the doubles, and one in the realm of the denormalized."""
    if math.isinf(number):
        return text.lstrip("+-")[:1] not in ("i", "I")
    return abs(number) < _SMALLEST_DOUBLE and Decimal(text) != 0


def _to_decimal(value: Value) -> Decimal128 | None:
    match type_of_value(value):
        case Type.NUMBER:
            found = numbers.to_decimal(value)
            return numbers.to_bson(_shortest(found) if isinstance(value, float) else found)
        case Type.STRING:
            text = value.strip(BLANKS)
            return _decimal_of_text(text) if _NUMBER.match(text) else None
    return None


_LONG_ONE = Decimal(f"1.{'0' * 33}")


def _shortest(number: Decimal) -> Decimal:
    """2.5 for the 2.50000000000000 that becomes of a double: a quotient has no more zeros than it needs."""
    return numbers.CONTEXT.add(numbers.CONTEXT.divide(number, _LONG_ONE), Decimal(0))


def _shortest_mongo(number: Mql) -> Mql:
    return op("$add", op("$divide", number, Const(Decimal128(_LONG_ONE))), Const(Decimal128("0")))


def _decimal_of_text(text: str) -> Decimal128 | None:
    exact = Decimal(text)
    rounded = numbers.CONTEXT.create_decimal(exact)
    if exact.is_finite() and (rounded.is_infinite() or (rounded.is_zero() and not exact.is_zero())):
        return None
    return numbers.to_bson(rounded)


def _to_number_mongo(width: str) -> Callable[[Arg], Mql]:
    def of_bound(arg: Arg) -> Mql:
        branches = []
        if arg.may(Type.NUMBER):
            number = _converted(arg.mongo, width)
            if width == "decimal":
                is_double = op("$eq", op("$type", arg.mongo), Const("double"))
                number = cond(is_double, _shortest_mongo(number), number)
            branches.append(((is_kind(arg, Type.NUMBER),), number))
        if arg.may(Type.STRING):
            branches.append(((is_kind(arg, Type.STRING),), _converted(_trimmed(arg.mongo), width)))
        return choose(branches)

    return lambda arg: bind_arg(arg, of_bound)


def _to_boolean(value: Value) -> bool | None:
    match type_of_value(value):
        case Type.BOOL:
            return bool(value)
        case Type.NUMBER:
            return None if numbers.is_nan(value) else not numbers.is_zero(value)
        case Type.STRING:
            text = ascii_lower(value.strip(BLANKS))
            return True if text in _TRUE else False if text in _FALSE else None
    return None


def ascii_lower(text: str) -> str:
    """As ``$toLower``: it knows the letters of ASCII only."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def _to_boolean_mongo(arg: Arg) -> Mql:
    def of_bound(arg: Arg) -> Mql:
        branches = []
        if arg.may(Type.BOOL):
            branches.append(((is_kind(arg, Type.BOOL),), arg.mongo))
        if arg.may(Type.NUMBER):
            nan = op("$eq", arg.mongo, Const(float("nan")))
            branches.append(((is_kind(arg, Type.NUMBER),), cond(nan, NULL, op("$ne", arg.mongo, Const(0)))))
        if arg.may(Type.STRING):
            text = op("$toLower", _trimmed(arg.mongo))
            false = cond(op("$in", text, _texts(_FALSE)), FALSE, NULL)
            branches.append(((is_kind(arg, Type.STRING),), cond(op("$in", text, _texts(_TRUE)), TRUE, false)))
        return choose(branches)

    return bind_arg(arg, of_bound)


def _texts(texts: tuple[str, ...]) -> Mql:
    return Array(tuple(Const(text) for text in texts))


def _to_timestamp(value: Value) -> datetime | DatetimeMS | None:
    if isinstance(value, datetime | DatetimeMS):
        return value
    return parse_timestamp(value) if type(value) is str else None


def _to_timestamp_mongo(arg: Arg) -> Mql:
    def of_bound(arg: Arg) -> Mql:
        branches = []
        if arg.may(Type.DATE):
            branches.append(((is_kind(arg, Type.DATE),), arg.mongo))
        if arg.may(Type.STRING):
            looks_right = named("$regexMatch", input=arg.mongo, regex=Const(TIMESTAMP))
            read = named("$dateFromString", dateString=arg.mongo, onError=NULL)
            branches.append(((all_of(is_kind(arg, Type.STRING), looks_right),), read))
        return choose(branches)

    return bind_arg(arg, of_bound)


def _to_date(value: Value) -> datetime | None:
    found = moment(_to_timestamp(value))
    return None if found is None else datetime(found.year, found.month, found.day)


def _to_date_mongo(arg: Arg) -> Mql:
    def of_bound(arg: Arg) -> Mql:
        return choose([(in_range(arg.mongo), named("$dateTrunc", date=arg.mongo, unit=Const("day")))])

    return bind_arg(Arg(_to_timestamp_mongo(arg), Type.DATE | Type.NULL), of_bound)


_SOME_DAY = "1970-01-01 "
_TIME = r"\A *[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)? *\z"
_TIME_OF_DAY = re.compile(_TIME.replace(r"\z", r"\Z"))


def _to_time(value: Value) -> str | None:
    if type(value) is str and _TIME_OF_DAY.match(value):
        value = _SOME_DAY + value.strip(" ")
    found = moment(_to_timestamp(value))
    text = None if found is None else date_text(found)
    return None if text is None else text[11:23]


def _to_time_mongo(arg: Arg) -> Mql:
    def of_bound(arg: Arg) -> Mql:
        text = named("$dateToString", date=arg.mongo, format=Const("%H:%M:%S.%L"))
        return choose([(in_range(arg.mongo), text)])

    def dated(arg: Arg) -> Mql:
        if not arg.may(Type.STRING):
            return arg.mongo
        is_time = all_of(is_kind(arg, Type.STRING), named("$regexMatch", input=arg.mongo, regex=Const(_TIME)))
        return cond(
            is_time, op("$concat", Const(_SOME_DAY), named("$trim", input=arg.mongo, chars=Const(" "))), arg.mongo
        )

    timestamp = _to_timestamp_mongo(Arg(bind_arg(arg, dated), arg.type))
    return bind_arg(Arg(timestamp, Type.DATE | Type.NULL), of_bound)


def _to_object_id(value: Value) -> ObjectId | None:
    if isinstance(value, ObjectId):
        return value
    return ObjectId(value) if type(value) is str and is_object_id(value) else None


def _to_object_id_mongo(arg: Arg) -> Mql:
    return _converted(arg.mongo, "objectId")


def _nullable(type_: Type) -> Type:
    return type_ | Type.NULL


def _cast(target: str, type_: Type, evaluate: Callable[[Value], Value], to_mongo: Callable[[Arg], Mql]) -> FunctionSpec:
    return scalar(f"CAST {target}", 1, _nullable(type_), evaluate, to_mongo)


_READS_TEXT = "the server cannot take a text apart like this"

CASTS = (
    _cast("INTEGER", Type.NUMBER, _to_integer, _to_integer_mongo("int")),
    _cast("BIGINT", Type.NUMBER, _to_bigint, _to_integer_mongo("long")),
    _cast("DOUBLE", Type.NUMBER, _to_double, _to_number_mongo("double")),
    _cast("DECIMAL", Type.NUMBER, _to_decimal, _to_number_mongo("decimal")),
    _cast("TEXT", Type.STRING, text_of, text_mongo),
    _cast("BOOLEAN", Type.BOOL, _to_boolean, _to_boolean_mongo),
    _cast("TIMESTAMP", Type.DATE, _to_timestamp, _to_timestamp_mongo),
    _cast("DATE", Type.DATE, _to_date, _to_date_mongo),
    _cast("TIME", Type.STRING, _to_time, _to_time_mongo),
    _cast("OBJECTID", Type.OBJECTID, _to_object_id, _to_object_id_mongo),
    scalar("OBJECTID", 1, _nullable(Type.OBJECTID), _to_object_id, _to_object_id_mongo),
    scalar("CAST INTERVAL", 1, _nullable(Type.INTERVAL), interval_of, None, _READS_TEXT),
    scalar("CAST JSON", 1, Type.ANY, json_of, None, _READS_TEXT),
)
