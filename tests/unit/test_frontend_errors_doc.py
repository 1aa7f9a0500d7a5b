"""Every code that the frontend gives is explained."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_code_has_its_section() -> None:
    frontend = ROOT / "queryleaf_cdc" / "frontend"
    used = {code for path in frontend.glob("*.py") for code in re.findall(r'"(QL\d{3})"', path.read_text("utf-8"))}
    told = set(re.findall(r"^## (QL\d{3}) — ", (ROOT / "docs" / "errors.md").read_text("utf-8"), re.MULTILINE))
    assert used - told == set()
