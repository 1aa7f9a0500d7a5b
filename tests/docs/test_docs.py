"""The documentation says what is so: SQL compiles, Python runs, commands exist, links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from pages import PAGES, ROOT, Block, anchors, blocks, links, prose

from queryleaf_cdc.cli import COMMANDS, cli
from queryleaf_cdc.compiler import compile_sql
from queryleaf_cdc.errors import CompileError

WRITTEN_BY_MAKE = {ROOT / "docs" / "benchmarks.md"}
"""There once ``make bench`` has been run."""


def label(block: Block) -> str:
    return block.label


@pytest.mark.parametrize("block", blocks("sql"), ids=label)
def test_sql_compiles(block: Block) -> None:
    assert compile_sql(block.text, name=block.label).statements


@pytest.mark.parametrize("block", blocks("sql error"), ids=label)
def test_wrong_sql_gives_the_code_that_is_named(block: Block) -> None:
    (code,) = re.findall(r"^-- (QL\d{3})$", block.text, re.MULTILINE)
    with pytest.raises(CompileError) as caught:
        compile_sql(block.text, name=block.label)
    assert caught.value.code == code


@pytest.mark.parametrize("block", blocks("python"), ids=label)
def test_python_runs(block: Block) -> None:
    exec(compile(block.text, block.label, "exec"), {"__name__": "documentation"})


def commands() -> list[tuple[str, str]]:
    """(where, line) of each call of our command."""
    return [
        (block.label, line.split("#")[0].strip())
        for block in blocks("sh", "sh quickstart")
        for line in block.text.splitlines()
        if line.startswith("queryleaf-cdc ")
    ]


@pytest.mark.parametrize(("where", "line"), commands())
def test_commands_and_their_options_exist(where: str, line: str) -> None:
    words = shlex.split(line)[1:]
    assert words[0] in COMMANDS, where
    command = cli.get_command(click.Context(cli), words[0])
    assert command is not None
    known = {name for option in command.params for name in option.opts}
    assert {word.split("=")[0] for word in words if word.startswith("-")} <= known, where


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists() or target in WRITTEN_BY_MAKE, link
        assert not anchor or anchor in anchors(target), link


def test_every_page_can_be_found_from_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert set((ROOT / "docs").glob("*.md")) - {index} <= linked


def test_the_quickstart_is_two_lines() -> None:
    (block,) = blocks("sh quickstart")
    assert block.page == ROOT / "README.md"
    assert block.text == "make demo\nmake test\n"


ADVERTISEMENT = (
    r"(?i)\b(blazing\w*|seamless\w*|powerful|effortless\w*|cutting.edge|game.chang\w+|revolution\w*|simply)\b"
)
LEFTOVERS = r"\b(TODO|FIXME|XXX|TBD)\b|(?<!\w)/(home|root|tmp|work)/|(?<![\w(&])#\d+\b"
MEASURED = r"\d[\d,.]* *(µs|ms)\b|\d[\d,.]* (events|orders|rows|transactions|changes)(/s| per second| a second)"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_advertisement_no_leftovers_no_figures(page: Path) -> None:
    text = prose(page)
    assert re.findall(ADVERTISEMENT, text) == []
    assert re.findall(LEFTOVERS, text) == []
    if page not in WRITTEN_BY_MAKE:  # figures have one place, where they are measured
        assert re.findall(MEASURED, text) == []
