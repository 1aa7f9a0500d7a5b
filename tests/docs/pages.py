"""The project's pages, taken apart: fenced blocks, links, headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page for pattern in ("*.md", "grammar/*.md", "docs/*.md", "examples/**/README.md") for page in ROOT.glob(pattern)
)

_FENCE = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block. ``tag`` is all that stands behind the opening fence."""

    page: Path
    line: int
    tag: str
    text: str

    @property
    def label(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(*tags: str) -> list[Block]:
    """The blocks of all pages with one of these tags."""
    found = [block for page in PAGES for block in blocks_of(page)]
    return [block for block in found if block.tag in tags]


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text("utf-8")
    for match in _FENCE.finditer(text):
        yield Block(page, text.count("\n", 0, match.start()) + 1, match[1].strip(), match[2])


def prose(page: Path) -> str:
    """The page without its blocks and code."""
    return re.sub(r"`[^`\n]*`", "``", _FENCE.sub("", page.read_text("utf-8")))


def links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


def anchors(page: Path) -> set[str]:
    """As they are made from headings: lower case, words joined by hyphens, no other signs."""
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
