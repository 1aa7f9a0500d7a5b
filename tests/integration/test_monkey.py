"""A short run of ``tests.integration.monkey``; the long ones are part of ``make soak``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.monkey import run


@pytest.mark.parametrize("seed", [1, 4])
def test_the_shell_lives_whatever_is_done_to_it(tmp_path: Path, seed: int) -> None:
    assert run(seed, 3, tmp_path) == []
