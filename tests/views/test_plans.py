"""A view's plan is the same whenever it is compiled: state that was stored belongs to the plan."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tests.views.drawing_cases import draw_group
from tests.views.memory import compiled


@pytest.fixture(autouse=True)
def _collect_quickly() -> Iterator[None]:
    """Only what is made here is looked at: after thousands of tests a collection takes a tenth of a second."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("seed", range(300, 306))
def test_a_view_compiles_to_the_same_plan_every_time(seed: int) -> None:
    _, groups = draw_group(seed, views=10, changes=1)
    for view in (each for views in groups for each in views):
        first = repr(compiled(view).dataflow)
        for _ in range(4):
            gc.collect()
            assert repr(compiled(view).dataflow) == first, view.sql
