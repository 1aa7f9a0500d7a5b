"""The views of an example as they are written, and DuckDB with the tables that the same file declares."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import duckdb

from tests.views.documents import Document
from tests.views.histories import Change

EXAMPLES = Path(__file__).parents[2] / "examples"
Row = tuple[Any, ...]

_COMMENT = re.compile(r"--.*")
_TABLE = re.compile(r"^CREATE TABLE (\w+) \(.*?\);", re.MULTILINE | re.DOTALL)
_VIEW = re.compile(r"^CREATE MATERIALIZED VIEW (\w+) AS\n(.*?);", re.MULTILINE | re.DOTALL)
_KEY = re.compile(r",\s*PRIMARY KEY \([^)]*\)| PRIMARY KEY")


def text_of(example: str) -> str:
    return (EXAMPLES / example / "views.sql").read_text()


def module_of(example: str, name: str) -> ModuleType:
    """A module of the example's folder."""
    spec = importlib.util.spec_from_file_location(f"{example}_{name}", EXAMPLES / example / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def tables_of(text: str) -> dict[str, str]:
    """The declarations, by the table's name."""
    return {found[1]: found[0] for found in _TABLE.finditer(_COMMENT.sub("", text))}


def views_of(text: str) -> dict[str, str]:
    """The SELECTs, by the view's name."""
    return {found[1]: found[2] for found in _VIEW.finditer(_COMMENT.sub("", text))}


class ExampleOracle:
    """``money`` is DuckDB's type for what the file declares as DOUBLE."""

    def __init__(self, tables: Mapping[str, str], money: str = "DOUBLE") -> None:
        self.connection = duckdb.connect()
        self.connection.execute("SET default_null_order='nulls_last_on_asc_first_on_desc'")
        self.connection.execute("SET threads=1; SET TimeZone='UTC'")
        for name, text in tables.items():
            self.connection.execute(_KEY.sub("", text).replace("DOUBLE", money))
            self.connection.execute(f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS _id INT")

    def apply(self, changes: Iterable[Change]) -> None:
        """The last change of each document counts."""
        last: dict[str, dict[object, Change]] = {}
        for change in changes:
            last.setdefault(change.collection, {})[change.key] = change
        for collection, by_key in last.items():
            keys = ", ".join(map(str, by_key))
            self.connection.execute(f"DELETE FROM {collection} WHERE _id IN ({keys})")
            self._insert(collection, [each.after for each in by_key.values() if each.after is not None])

    def _insert(self, collection: str, documents: list[Document]) -> None:
        """From a file: row by row would take seconds."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "rows.json"
            path.write_text("\n".join(json.dumps(each, default=datetime.isoformat) for each in documents))
            described = self.connection.execute(f"DESCRIBE {collection}").fetchall()
            columns = ", ".join(f"{name}: '{type_}'" for name, type_, *_ in described)
            if documents:
                self.connection.execute(
                    f"INSERT INTO {collection} SELECT * FROM read_json('{path}', columns = {{{columns}}})"
                )

    def answer(self, query: str) -> tuple[tuple[str, ...], list[Row]]:
        """The names of the columns, and the rows."""
        cursor = self.connection.execute(query)
        return tuple(column[0] for column in cursor.description or ()), cursor.fetchall()

    def close(self) -> None:
        self.connection.close()
