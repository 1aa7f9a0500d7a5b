"""A row's place among others: the bytes of its order, then the row itself, so that rows that differ in anything have
places of their own. Rows are stored as they stand in their places: nothing is encoded twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any

import bson
from bson import CodecOptions, DatetimeConversion

from queryleaf_cdc.dataflow.rows import Row, exact

Order = Callable[[Row], bytes]

OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)
_LENGTH = 4
_LONG = 1024


def placed(order: bytes, encoded: bytes) -> bytes:
    """The place of a row that ``exact`` encoded. At the end is a copy of the length that BSON begins with.

    Long rows differ early by a hash: the bounds of pages, which are beginnings of places, stay short."""
    if len(encoded) > _LONG:
        order += b"\x00" + blake2b(encoded, digest_size=8).digest()
    return order + b"\x00" + encoded + encoded[:_LENGTH]


def place_by(order: Order) -> Callable[[Row], bytes]:
    return lambda row: placed(order(row), exact(row))


def encoded_in(place: bytes) -> bytes:
    """The encoded row that stands in a place."""
    return place[-_LENGTH - int.from_bytes(place[-_LENGTH:], "little") : -_LENGTH]


def read(stored: bytes, order: Order) -> tuple[list[bytes], list[Row], list[bytes]]:
    """Places, rows, and encoded rows, from encoded rows one after another."""
    rows = [tuple(each[""]) for each in bson.decode_all(stored, OPTIONS)]
    encoded = list(_cut(stored))
    return [placed(order(row), each) for row, each in zip(rows, encoded, strict=True)], rows, encoded


def _cut(rows: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(rows):
        end = start + int.from_bytes(rows[start : start + _LENGTH], "little")
        yield rows[start:end]
        start = end
