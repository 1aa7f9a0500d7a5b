"""One-shot SELECT on a real server against DuckDB, an independent implementation of the same dialect."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pymongo import MongoClient
from select_oracle import difference, fill_duckdb, fill_mongo, mongo_rows, plain_rows

from queryleaf_cdc import QueryLeaf

CASES = [
    line for line in (Path(__file__).parent / "select_cases.sql").read_text().splitlines() if line and line[:2] != "--"
]


@pytest.fixture(scope="module")
def ql(client: MongoClient[dict[str, Any]]) -> Iterator[QueryLeaf]:
    name = "t_select_oracle"
    client.drop_database(name)
    fill_mongo(client[name])
    yield QueryLeaf(client=client, database=name)
    client.drop_database(name)


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with fill_duckdb() as connection:
        yield connection


def names_of(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    return tuple(column[0] for column in connection.description or ())


@pytest.mark.parametrize("case", CASES)
def test_same_answer_as_duckdb(case: str, ql: QueryLeaf, duck: duckdb.DuckDBPyConnection) -> None:
    kind, _, sql = case.partition(" ")
    mine, _, other = sql.partition(" ;; ")
    theirs = plain_rows(duck.execute(other or mine).fetchall())
    columns = names_of(duck)
    result = ql.execute(mine)
    columns = result.columns if result.columns is not None else columns
    rows = mongo_rows(({k: v for k, v in row.items() if k != "_id" or "_id" in columns} for row in result), columns)
    assert not difference(rows, theirs, kind == "="), difference(rows, theirs, kind == "=")
