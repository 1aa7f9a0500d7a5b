"""Random views on a real server: after every batch of a random history they are what DuckDB says."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo import MongoClient

from tests.views.checking import check_together
from tests.views.drawing_cases import draw_group
from tests.views.server import ServerEngine
from tests.views.test_memory import assert_are_checked


@pytest.mark.parametrize("seed", range(200, 203))
@pytest.mark.parametrize("created_after", (0, 5))
def test_views_are_what_duckdb_says(client: MongoClient[dict[str, Any]], seed: int, created_after: int) -> None:
    # The clock of a server is the real one: filters that time passes are left to the tests in memory.
    history, groups = draw_group(seed, views=5 if created_after else 10, changes=100, clock=False)
    make = lambda: ServerEngine(client, f"t_views_{seed}", history)  # noqa: E731
    verdicts = check_together(groups, history, make, created_after)
    for views, verdict in zip(groups, verdicts, strict=True):
        assert verdict.failure is None, f"{[view.sql for view in views]}\n{verdict.failure.message}"
    assert_are_checked(verdicts)
