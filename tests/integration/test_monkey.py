"""A short run of ``monkey.py``; the long ones are part of ``make soak``."""

from __future__ import annotations

from pathlib import Path

from monkey import run


def test_the_shell_lives_whatever_is_done_to_it(tmp_path: Path) -> None:
    assert run(4, 2, tmp_path) == []
