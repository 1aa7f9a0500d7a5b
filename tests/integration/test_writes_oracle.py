"""One-shot INSERT, UPDATE and DELETE on a real server, against DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pymongo.database import Database
from select_oracle import TABLES, difference, fill_duckdb, fill_mongo, mongo_rows, plain_rows

from queryleaf_cdc import QueryLeaf

CASES = [
    line for line in (Path(__file__).parent / "write_cases.sql").read_text().splitlines() if line and line[:2] != "--"
]


@pytest.fixture
def ql(db: Database[dict[str, Any]]) -> QueryLeaf:
    fill_mongo(db)
    return QueryLeaf(client=db.client, database=db.name)


@pytest.fixture
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with fill_duckdb() as connection:
        connection.execute("CREATE UNIQUE INDEX pk ON customers (_id)")
        yield connection


def assert_same_tables(ql: QueryLeaf, duck: duckdb.DuckDBPyConnection) -> None:
    for name, (columns, _) in TABLES.items():
        names = tuple(column.split()[0] for column in columns.split(","))
        theirs = plain_rows(duck.execute(f"SELECT {', '.join(names)} FROM {name}").fetchall())
        found = [{k: v for k, v in row.items() if k != "_id" or k in names} for row in ql.database[name].find()]
        assert not difference(mongo_rows(found, names), theirs, False), f"{name} differs"


@pytest.mark.parametrize("sql", CASES)
def test_leaves_what_duckdb_leaves(sql: str, ql: QueryLeaf, duck: duckdb.DuckDBPyConnection) -> None:
    duck.execute(sql)
    ql.execute(sql)
    assert_same_tables(ql, duck)
