"""Cases by seed."""

from __future__ import annotations

from random import Random

from tests.views.documents import draw_collections
from tests.views.histories import History, draw_history
from tests.views.queries import View, draw_views


def draw_group(
    seed: int, views: int = 10, changes: int = 100, clock: bool = True
) -> tuple[History, list[tuple[View, ...]]]:
    """One history, and several views over it: DuckDB's tables are then filled once for all of them."""
    random = Random(seed)
    history = draw_history(random, draw_collections(random), changes)
    return history, [draw_views(Random(f"{seed}/{number}"), history, f"v{number}", clock) for number in range(views)]
