"""Random collections, and random documents for them.

A column's family says what its values are in MongoDB and what DuckDB's column is. A NULL is a null or a missing field.
Whole numbers come in every width: 1, 1.0, Int64(1), Decimal128('1')."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from random import Random
from typing import Any

from bson import Decimal128, Int64

Document = dict[str, Any]

START = datetime(2025, 3, 1)


class Family(Enum):
    """The value is DuckDB's type."""

    KEY = "BIGINT"
    INT = "HUGEINT"
    REAL = "DOUBLE"
    WILD = "double"
    DECIMAL = "DECIMAL(18,2)"
    TEXT = "VARCHAR"
    BOOL = "BOOLEAN"
    TIME = "TIMESTAMP"
    TEXTS = "VARCHAR[]"
    INTS = "BIGINT[]"


@dataclass(frozen=True)
class Column:
    """``path`` may be nested (``p.q``); DuckDB has it flat, as ``name``. ``nulls`` is how often it is NULL."""

    path: str
    family: Family
    nulls: float = 0.0

    @property
    def name(self) -> str:
        return self.path.replace(".", "_")


@dataclass(frozen=True)
class Collection:
    name: str
    columns: tuple[Column, ...]


_OPTIONAL = (
    ("j", Family.KEY), ("n", Family.INT), ("x", Family.REAL), ("y", Family.REAL), ("d", Family.DECIMAL),
    ("g", Family.TEXT), ("s", Family.TEXT), ("f", Family.BOOL), ("ts", Family.TIME), ("p.q", Family.KEY),
    ("p.t", Family.TEXT), ("w", Family.WILD), ("l", Family.TEXTS), ("m", Family.INTS),
)  # fmt: skip
_RARE = ("d", "y", "p.t", "m", "w")


def draw_collections(random: Random) -> tuple[Collection, ...]:
    """Two or three collections, each with a unique ``_id``, a key ``k`` of few values, and some of the others."""
    return tuple(_collection(random, name) for name in ("a", "b", "c")[: random.choice((2, 3))])


def _collection(random: Random, name: str) -> Collection:
    columns = [Column("_id", Family.KEY), Column("k", Family.KEY, random.choice((0.0, 0.1, 0.3)))]
    for path, family in _OPTIONAL:
        if random.random() < (0.35 if path in _RARE else 0.7):
            columns.append(Column(path, family, random.choice((0.0, 0.1, 0.3))))
    return Collection(name, tuple(columns))


def draw_document(random: Random, collection: Collection, key: int) -> Document:
    document: Document = {"_id": key}
    for column in collection.columns[1:]:
        if random.random() >= column.nulls:
            put(document, column.path, draw_value(random, column.family))
        elif random.random() < 0.4:
            put(document, column.path, None)
    return document


def put(document: Document, path: str, value: Any) -> None:
    outer, _, inner = path.partition(".")
    if inner:
        document.setdefault(outer, {})[inner] = value
    else:
        document[outer] = value


def draw_value(random: Random, family: Family) -> Any:
    """Doubles and decimals are quarters: their sums and products are exact, so that they can be compared."""
    match family:
        case Family.KEY:
            return _width(random, random.choice((0, 1, 1, 2, 2, 3, 4)))
        case Family.INT:
            return _width(random, 2**40 if random.random() < 0.04 else random.randint(-3, 8))
        case Family.REAL:
            return random.randint(-20, 40) / 4
        case Family.WILD:
            return random.choice((1.5, 1.5, -0.25, 2.0, float("nan"), float("inf"), float("-inf")))
        case Family.DECIMAL:
            return Decimal128(str(random.randint(-20, 40) / 4))
        case Family.TEXT:
            return random.choice(("a", "a", "b", "B", "ab", "é", ""))
        case Family.BOOL:
            return random.random() < 0.5
        case Family.TIME:
            return START + timedelta(minutes=20 * random.randint(0, 36), milliseconds=random.choice((0, 0, 1)))
        case Family.TEXTS:
            return [random.choice(("a", "b", "é")) for _ in range(random.randint(0, 3))]
        case Family.INTS:
            return [random.choice((1, 2, 2, None)) for _ in range(random.randint(0, 3))]


def _width(random: Random, value: int) -> Any:
    match random.randrange(12):
        case 0 | 1:
            return Int64(value)
        case 2 | 3:
            return float(value)
        case 4:
            return Decimal128(str(value))
        case _:
            return value


def row_of(collection: Collection, document: Document) -> tuple[Any, ...]:
    """The document as DuckDB's row."""
    return tuple(_plain(_read(document, column.path), column.family) for column in collection.columns)


def _read(document: Document, path: str) -> Any:
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _plain(value: Any, family: Family) -> Any:
    if value is None:
        return None
    match family:
        case Family.KEY | Family.INT:
            return int(value.to_decimal() if isinstance(value, Decimal128) else value)
        case Family.DECIMAL:
            return value.to_decimal()
        case _:
            return value
