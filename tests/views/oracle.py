"""DuckDB with the same rows: what each view must hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import duckdb

from tests.views.documents import START, Collection, row_of
from tests.views.histories import Batch, Change
from tests.views.queries import View

Row = tuple[Any, ...]


class Oracle:
    """Tables named as the collections, and views named as the views; set to PostgreSQL's order of NULLs."""

    def __init__(self, collections: Sequence[Collection]) -> None:
        self.collections = {each.name: each for each in collections}
        self.connection = duckdb.connect()
        self.connection.execute("SET default_null_order='nulls_last_on_asc_first_on_desc'")
        self.connection.execute("SET threads=1; SET TimeZone='UTC'; SET order_by_non_integer_literal=true")
        self.connection.execute("PRAGMA disable_optimizer")  # a third of the time, over a dozen rows
        self._set_clock(START)
        for each in collections:
            columns = ", ".join(f"{column.name} {column.family.value}" for column in each.columns)
            self.connection.execute(f"CREATE TABLE {each.name} ({columns})")

    def apply(self, batch: Batch) -> None:
        self._set_clock(batch.now)
        for collection in self.collections.values():
            self._write(collection, {each.key: each for each in batch.changes() if each.collection == collection.name})

    def _set_clock(self, now: datetime) -> None:
        self.connection.execute("SET VARIABLE now = ?::TIMESTAMP", [now])

    def _write(self, collection: Collection, changes: dict[object, Change]) -> None:
        """The last change of each document counts."""
        if not changes:
            return
        self.connection.execute(f"DELETE FROM {collection.name} WHERE _id IN ({', '.join(map(str, changes))})")
        rows = [row_of(collection, each.after) for each in changes.values() if each.after is not None]
        if rows:
            values = ", ".join(f"({', '.join('?' * len(collection.columns))})" for _ in rows)
            flat = [value for row in rows for value in row]
            self.connection.execute(f"INSERT INTO {collection.name} VALUES {values}", flat)

    def define(self, views: Iterable[View]) -> None:
        """So that other views, and ``rows``, can read them."""
        for view in views:
            self.connection.execute(f"CREATE OR REPLACE VIEW {view.name} AS {view.duckdb}")

    def rows(self, view: View) -> tuple[tuple[str, ...], list[Row]]:
        """The names of the columns, and the rows."""
        cursor = self.connection.execute(f"SELECT * FROM {view.name}")
        names = tuple(column[0] for column in cursor.description or ())
        return names, [tuple(map(_value, row)) for row in cursor.fetchall()]

    def close(self) -> None:
        self.connection.close()


def _value(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return value
