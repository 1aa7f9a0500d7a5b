"""A short run of ``tests.integration.monkey``; the long ones are part of ``make soak``."""

from __future__ import annotations

from pathlib import Path

from tests.integration.monkey import run


def test_the_shell_lives_whatever_is_done_to_it(tmp_path: Path) -> None:
    assert run(4, 2, tmp_path) == []
