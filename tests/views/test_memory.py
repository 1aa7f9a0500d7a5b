"""Random views in memory: after every batch of a random history they are what DuckDB says.

``python -m tests.views.fuzz --seed N`` looks into one seed, and shrinks what fails."""

from __future__ import annotations

import pytest

from tests.views.checking import Verdict, check_together
from tests.views.drawing_cases import draw_group
from tests.views.memory import MemoryEngine

VIEWS = 10
"""of each seed"""


@pytest.mark.parametrize("seed", range(30))
def test_views_are_what_duckdb_says(seed: int) -> None:
    history, groups = draw_group(seed, VIEWS, changes=100)
    verdicts = check_together(groups, history, lambda: MemoryEngine(seed))
    for views, verdict in zip(groups, verdicts, strict=True):
        assert verdict.failure is None, f"{[view.sql for view in views]}\n{verdict.failure.message}"
    assert_are_checked(verdicts)


@pytest.mark.parametrize("seed", range(100, 110))
def test_it_does_not_matter_when_a_view_is_created(seed: int) -> None:
    history, groups = draw_group(seed, VIEWS, changes=60)
    for created_after in (len(history.batches) // 2, len(history.batches)):
        verdicts = check_together(groups, history, lambda: MemoryEngine(seed), created_after)
        for views, verdict in zip(groups, verdicts, strict=True):
            assert verdict.failure is None, f"{[view.sql for view in views]}\n{verdict.failure.message}"
        assert_are_checked(verdicts)


def assert_are_checked(verdicts: list[Verdict]) -> None:
    refused = [verdict.refused for verdict in verdicts if verdict.refused is not None]
    assert len(refused) <= len(verdicts) // 5, refused
    assert not [each for each in refused if not each.startswith("CompileError")], refused
