"""docs/errors.md and the source speak of the same codes, and each code has one meaning."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import queryleaf_cdc

PACKAGE = Path(queryleaf_cdc.__file__).parent
TEXT = (PACKAGE.parent / "docs" / "errors.md").read_text("utf-8")
SECTION = re.compile(r"^## (QL\d{3}) — (.+)$", re.MULTILINE)
HEADINGS = SECTION.findall(TEXT)
DOCUMENTED = [code for code, _ in HEADINGS]


def codes_in(path: Path) -> Iterator[str]:
    """Codes in strings of the code; docstrings and comments do not count."""
    tree = ast.parse(path.read_text("utf-8"))
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield from re.findall(r"\bQL\d{3}\b", node.value)


def used() -> dict[str, set[str]]:
    """Code → the rooms of the house in which it is raised."""
    found = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        for code in codes_in(path):
            found[code].add(path.relative_to(PACKAGE).parts[0].removesuffix(".py"))
    return found


INTERNAL = {"QL599"}
"""cannot happen, unless we made a mistake"""


def test_every_code_is_explained() -> None:
    assert set(used()) - INTERNAL - set(DOCUMENTED) == set()


def test_every_explained_code_is_used() -> None:
    assert set(DOCUMENTED) - set(used()) == set()


def test_sections_stand_in_order_once_each() -> None:
    assert sorted(set(DOCUMENTED)) == DOCUMENTED


@pytest.mark.parametrize("code", DOCUMENTED)
def test_each_section_gives_cause_and_cure(code: str) -> None:
    section = TEXT.partition(f"## {code} — ")[2].partition("\n## ")[0]
    assert "**Cause.**" in section
    assert "**Cure.**" in section


def test_no_heading_is_used_twice() -> None:
    titles = [title for _, title in HEADINGS]
    assert len(set(titles)) == len(titles)


SAME_MEANING = [
    {"frontend"},
    {"frontend", "aggregates", "logical", "lowering", "compiler"},
    {"mongo", "runtime", "sinks", "offline", "testing", "session"},
    {"cli"},
]
"""rooms that may raise the same code: they are stages of one thing"""


def test_a_code_has_one_meaning() -> None:
    """The command line and the frontend have codes of their own; the library shares its codes among its rooms."""
    clashes = {code: rooms for code, rooms in used().items() if not any(rooms <= each for each in SAME_MEANING)}
    assert clashes == {}
