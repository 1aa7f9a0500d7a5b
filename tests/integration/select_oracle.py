"""The same small tables in MongoDB and in DuckDB, and answers in a form that can be compared."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
from bson import Decimal128
from pymongo.database import Database

NAN = float("nan")
Row = tuple[Any, ...]

TABLES: dict[str, tuple[str, list[Row]]] = {
    "orders": (
        "_id INTEGER, customer_id INTEGER, status VARCHAR, amount DOUBLE, qty INTEGER, tags VARCHAR[],"
        " placed TIMESTAMP",
        [
            (1, 1, "paid", 10.5, 2, ["a", "b"], datetime(2025, 1, 1, 10)),
            (2, 1, "open", 7.0, None, [], datetime(2025, 1, 2)),
            (3, 2, "paid", NAN, 1, ["b"], None),
            (4, None, None, None, 3, None, datetime(2025, 2, 1)),
            (5, 3, "paid", -4.25, 0, ["c", "c", None], datetime(2024, 12, 31)),
            (6, 9, "Open", 10.5, -2, None, None),
            (7, 2, "paid", 100.0, 2, ["a"], datetime(2025, 1, 1, 10)),
            (8, 2, None, 0.0, 2, ["x"], None),
        ],
    ),
    "customers": (
        "_id INTEGER, name VARCHAR, city VARCHAR, vip BOOLEAN, boss INTEGER",
        [
            (1, "Ann", "Bern", True, None),
            (2, "Bob", "Bern", False, 1),
            (3, "Cid", None, None, 1),
            (4, "Dee", "Rome", True, 2),
            (5, None, "Rome", False, 9),
        ],
    ),
    "items": (
        "_id INTEGER, order_id INTEGER, sku VARCHAR, price DOUBLE, n INTEGER",
        [
            (1, 1, "p", 1.5, 2),
            (2, 1, "q", 2.0, None),
            (3, 2, "p", 1.5, 1),
            (4, 3, None, 3.0, 4),
            (5, None, "r", None, 1),
            (6, 7, "p", NAN, 2),
            (7, 7, "p", 1.5, 2),
            (8, 99, "q", -2.0, 5),
        ],
    ),
    "a": ("k INTEGER, v INTEGER", [(1, 1), (1, 1), (2, None), (None, 3), (None, None), (3, -5), (4, 7)]),
    "b": ("k INTEGER, v INTEGER", [(1, 1), (2, 2), (2, None), (None, 3), (5, 7), (4, 7), (4, 7)]),
    "nothing": ("k INTEGER, v INTEGER", []),
}


def fill_mongo(db: Database[dict[str, Any]]) -> None:
    """NULL is a missing field, but for every third row, where it is null."""
    for name, (columns, rows) in TABLES.items():
        db.create_collection(name)
        names = [column.split()[0] for column in columns.split(",")]
        documents = [
            {n: v for n, v in zip(names, row, strict=True) if v is not None or number % 3 == 0}
            for number, row in enumerate(rows)
        ]
        if documents:
            db[name].insert_many(documents)


def fill_duckdb() -> duckdb.DuckDBPyConnection:
    """Set to PostgreSQL's order of NULLs."""
    connection = duckdb.connect()
    connection.execute("SET default_null_order='nulls_last_on_asc_first_on_desc'; SET threads=1; SET TimeZone='UTC'")
    for name, (columns, rows) in TABLES.items():
        connection.execute(f"CREATE TABLE {name} ({columns})")
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            connection.executemany(f"INSERT INTO {name} VALUES ({marks})", [list(row) for row in rows])
    return connection


def plain(value: Any) -> Any:
    """A value that is equal where SQL's values are: 1 and 1.0, NaN and NaN, both sides' rounding."""
    match value:
        case Decimal128():
            return plain(value.to_decimal())
        case bool() | None | str() | datetime():
            return value
        case int() | float() | Decimal():
            number = float(value)
            if math.isnan(number):
                return "NaN"
            return float(f"{number:.9g}") + 0.0
        case list() | tuple():
            return tuple(map(plain, value))
        case dict():
            return tuple((key, plain(each)) for key, each in value.items())
        case _:
            return str(value)


def plain_rows(rows: Iterable[Iterable[Any]]) -> list[Row]:
    return [tuple(map(plain, row)) for row in rows]


def mongo_rows(rows: Iterable[dict[str, Any]], columns: tuple[str, ...]) -> list[Row]:
    """In the order of the columns; a missing field is NULL, and no row may have any other."""
    found = []
    for row in rows:
        assert row.keys() <= set(columns), f"{sorted(row)} are not {columns}"
        found.append(tuple(plain(row.get(name)) for name in columns))
    return found


def difference(mine: list[Row], theirs: list[Row], ordered: bool) -> str | None:
    """None when the answers are equal, else what to show."""
    if mine == theirs or (not ordered and Counter(mine) == Counter(theirs)):
        return None
    show = lambda rows: "\n  ".join(map(repr, rows if ordered else sorted(rows, key=repr)))  # noqa: E731
    return f"queryleaf:\n  {show(mine)}\nduckdb:\n  {show(theirs)}"
