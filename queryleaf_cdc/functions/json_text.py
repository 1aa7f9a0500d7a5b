"""JSON texts to values."""

from __future__ import annotations

import json
from typing import Any

import bson
from bson import Int64
from bson.errors import InvalidDocument

from queryleaf_cdc.functions.server_numbers import integer
from queryleaf_cdc.values import Value


def json_of(value: Value) -> Value:
    """The value that a JSON text denotes, None if it denotes none; what is no text is JSON already."""
    if type(value) is not str:
        return value
    try:
        found = json.loads(value, parse_int=_integer, parse_constant=_refuse)
        bson.encode({"": found})  # a lone surrogate or a key with a NUL is JSON, but cannot be stored
    except (ValueError, RecursionError, InvalidDocument, OverflowError):
        return None
    return found


def _integer(digits: str) -> int | Int64 | float:
    return integer(int(digits), False) if len(digits) < 25 else float(digits)  # type: ignore[return-value]


def _refuse(name: str) -> Any:
    raise ValueError(name)
