"""Views of the examples on a real server: they follow what other clients write. In memory there are all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from queryleaf_cdc.compiler import compile_sql
from tests.views import nexmark, tpch
from tests.views.documents import Collection
from tests.views.example_files import tables_of
from tests.views.example_runs import Chosen, Example, Findings, batches, run
from tests.views.histories import History
from tests.views.queries import View
from tests.views.server import ServerEngine

Client = MongoClient[dict[str, Any]]

AUCTIONS = Chosen(nexmark, "nexmark_q", (3, 4, 5, 6, 9, 11, 13, 16, 19, 21))
WAREHOUSE = Chosen(tpch, "tpch_q", (2, 4, 9, 13, 15, 16, 18, 20, 21, 22))


class ExampleOnServer(ServerEngine):
    """All views are created by one text, when the first of them is asked for."""

    def __init__(self, client: Client, name: str, example: Example) -> None:
        tables = tables_of(example.TEXT)
        super().__init__(client, name, History(tuple(Collection(each, ()) for each in tables), ()))
        self.schema = compile_sql("\n".join(tables.values())).schema
        views = [f"CREATE MATERIALIZED VIEW {name} AS {query};" for name, query in example.VIEWS.items()]
        self.waiting = "\n".join((*tables.values(), *views))

    def create(self, view: View) -> None:
        if self.waiting:
            self.queryleaf.execute(self.waiting)
            self.queryleaf.drain(300)
            self.waiting = ""


@pytest.fixture(scope="module")
def auctions(client: Client) -> Iterator[Findings]:
    before = nexmark.loaded(1_000, side_rows=150)
    engine = ExampleOnServer(client, "t_example_nexmark", AUCTIONS)
    yield run(AUCTIONS, engine, before, batches(nexmark.history(before, 200), 100))
    engine.close()


@pytest.fixture(scope="module")
def warehouse(client: Client) -> Iterator[Findings]:
    before = tpch.loaded(orders=200)
    refreshed = [change for transaction in tpch.refreshes(0, 20) for change in transaction]
    engine = ExampleOnServer(client, "t_example_tpch", WAREHOUSE)
    yield run(WAREHOUSE, engine, before, [*batches(refreshed, 100), list(tpch.edits([*before, *refreshed], 100))])
    engine.close()


@pytest.mark.xdist_group("nexmark_on_server")
@pytest.mark.parametrize("name", AUCTIONS.VIEWS)
def test_nexmark(auctions: Findings, name: str) -> None:
    assert auctions.wrong.get(name) is None
    assert auctions.rows[name] > 0


@pytest.mark.xdist_group("tpch_on_server")
@pytest.mark.parametrize("name", WAREHOUSE.VIEWS)
def test_tpch(warehouse: Findings, name: str) -> None:
    assert warehouse.wrong.get(name) is None
    assert warehouse.rows[name] > 0
