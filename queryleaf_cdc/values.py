"""SQL values as Python holds them, and what all faces of an expression must agree on.

A value is what ``bson`` decodes: None, bool, int (int32), Int64, float, Decimal128, str, naive UTC datetime
(DatetimeMS beyond year 9999), ObjectId, Binary/bytes, Regex, list, dict, and the rare BSON kinds.
SQL NULL is None; a missing field reads as None. An interval is a dict of exactly the keys of ``INTERVAL_KEYS``.
"""

from __future__ import annotations

import enum
from typing import Any

from bson import Int64

from queryleaf_cdc.frozen import frozen

Value = Any
Document = dict[str, Any]

INTERVAL_KEYS = ("months", "days", "milliseconds")


class Type(enum.Flag):
    """What an expression may yield, as a set: ``Type.NUMBER | Type.NULL``. Compound BSON kinds that SQL has no
    operators for (regex, timestamp, min/max key, code) are OTHER."""

    NULL = enum.auto()
    BOOL = enum.auto()
    NUMBER = enum.auto()
    STRING = enum.auto()
    DATE = enum.auto()
    INTERVAL = enum.auto()
    OBJECTID = enum.auto()
    BINARY = enum.auto()
    ARRAY = enum.auto()
    DOCUMENT = enum.auto()
    OTHER = enum.auto()
    ANY = NULL | BOOL | NUMBER | STRING | DATE | INTERVAL | OBJECTID | BINARY | ARRAY | DOCUMENT | OTHER


@frozen
class Interval:
    """A span of time as PostgreSQL keeps it: months, days and milliseconds do not turn into each other."""

    months: int = 0
    days: int = 0
    milliseconds: int = 0

    def document(self) -> Document:
        """The stored form; the same document that the server computes."""
        return {"months": self.months, "days": self.days, "milliseconds": Int64(self.milliseconds)}
