"""What failed once, smaller."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.views.case_files import FOLDER, read
from tests.views.checking import Verdict, check
from tests.views.memory import CALM, MIXED, RESTARTS, ROLLBACKS, MemoryEngine, Mishaps


@pytest.mark.parametrize("mishaps", (CALM, ROLLBACKS, RESTARTS, MIXED), ids=("calm", "rollbacks", "restarts", "mixed"))
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.sql")), ids=lambda path: path.stem)
def test_what_failed_once_does_not_fail_again(path: Path, mishaps: Mishaps) -> None:
    verdict = check(read(path.read_text()), lambda: MemoryEngine(1, mishaps=mishaps))
    assert verdict == Verdict(rows=verdict.rows), verdict.refused or (verdict.failure and verdict.failure.message)
