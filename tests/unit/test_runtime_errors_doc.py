"""Every code that the runtime and the server's side give is explained."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_code_has_its_section() -> None:
    used: set[str] = set()
    for room in ("mongo", "runtime", "sinks"):
        for path in (ROOT / "queryleaf_cdc" / room).glob("*.py"):
            used |= set(re.findall(r'"(QL\d{3})[":]', path.read_text("utf-8")))
    told = set(re.findall(r"^## (QL\d{3}) — ", (ROOT / "docs" / "errors.md").read_text("utf-8"), re.MULTILINE))
    assert used - told == set()
