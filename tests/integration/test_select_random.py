"""Random SELECTs on a real server against DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from pymongo import MongoClient
from select_generator import Generator
from select_oracle import difference, fill_duckdb, fill_mongo, mongo_rows, plain_rows

from queryleaf_cdc import QueryLeaf

CHUNK = 50


@pytest.fixture(scope="module")
def ql(client: MongoClient[dict[str, Any]]) -> Iterator[QueryLeaf]:
    name = "t_select_random"
    client.drop_database(name)
    fill_mongo(client[name])
    yield QueryLeaf(client=client, database=name)
    client.drop_database(name)


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with fill_duckdb() as connection:
        yield connection


@pytest.mark.parametrize("chunk", range(8))
def test_same_answers_as_duckdb(chunk: int, ql: QueryLeaf, duck: duckdb.DuckDBPyConnection) -> None:
    found = 0
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        sql, ordered = Generator(seed).query()
        theirs = plain_rows(duck.execute(sql).fetchall())
        found += len(theirs) > 0
        result = ql.execute(sql)
        assert result.columns is not None
        wrong = difference(mongo_rows(result, result.columns), theirs, ordered)
        assert wrong is None, f"seed {seed}: {sql}\n{wrong}"
    assert found > CHUNK / 3, "queries that find nothing test nothing"
