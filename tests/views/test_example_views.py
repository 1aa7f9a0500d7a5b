"""Every view of the examples in memory, equal to DuckDB's answer as loaded and after further changes."""

from __future__ import annotations

import pytest

from queryleaf_cdc.compiler import compile_sql
from tests.views import nexmark, tpch
from tests.views.example_files import tables_of
from tests.views.example_runs import Findings, batches, run
from tests.views.memory import MemoryEngine


@pytest.fixture(scope="module")
def auctions() -> Findings:
    before = nexmark.loaded(2_000)
    after = batches(nexmark.history(before, 300), 150)
    return run(nexmark, _engine(nexmark.TEXT), before, after)


@pytest.fixture(scope="module")
def warehouse() -> Findings:
    before = tpch.loaded(orders=400)
    refreshed = [change for transaction in tpch.refreshes(0, 20) for change in transaction]
    after = [*batches(refreshed, 100), *batches(tpch.edits([*before, *refreshed], 200), 100)]
    return run(tpch, _engine(tpch.TEXT), before, after)


def _engine(text: str) -> MemoryEngine:
    return MemoryEngine(1, compile_sql("\n".join(tables_of(text).values())).schema)


@pytest.mark.xdist_group("nexmark")
@pytest.mark.parametrize("name", nexmark.VIEWS)
def test_nexmark(auctions: Findings, name: str) -> None:
    assert auctions.wrong.get(name) is None
    assert auctions.rows[name] > 0


@pytest.mark.xdist_group("tpch")
@pytest.mark.parametrize("name", tpch.VIEWS)
def test_tpch(warehouse: Findings, name: str) -> None:
    assert warehouse.wrong.get(name) is None
    assert warehouse.rows[name] > 0
