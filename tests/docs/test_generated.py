"""Pages and blocks that are made from the code. ``make golden`` rewrites them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
from pages import PAGES, ROOT, Block, blocks, blocks_of

from queryleaf_cdc.cli import COMMANDS, cli
from queryleaf_cdc.cli.demo_printing import fitted
from queryleaf_cdc.cli.repl.commands import COMMANDS as META_COMMANDS
from queryleaf_cdc.compiler import compile_sql
from queryleaf_cdc.lowering.views.rules import RULES

CLI_PAGE = ROOT / "docs" / "cli.md"
SCHEMA = json.loads((ROOT / "docs" / "compiled.schema.json").read_text())
_HEAD = """\
# Command line

Made from the commands' own help. Exit codes and environment variables are told in [Operations](operations.md).

Every command that needs a server takes `--uri`, `--db` and `--embedded`. FILE may be `-` for standard input.
"""


def cli_page() -> str:
    group = click.Context(cli, info_name="queryleaf-cdc", **cli.context_settings)
    parts = [_HEAD, f"```text\n{help_of(group)}\n```\n"]
    for name in COMMANDS:
        command = cli.get_command(group, name)
        assert command is not None
        parts.append(f"## {name}\n\n```text\n{help_of(click.Context(command, group, name))}\n```\n")
    return "\n".join(parts)


def help_of(context: click.Context) -> str:
    context.terminal_width = context.max_content_width = 100
    return "\n".join(line.rstrip() for line in context.get_help().splitlines())


def test_the_reference_of_commands_is_current(update_golden: bool) -> None:
    if update_golden:
        CLI_PAGE.write_text(cli_page(), "utf-8")
    assert CLI_PAGE.read_text("utf-8") == cli_page()


def test_every_command_has_a_summary() -> None:
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        assert not command.get_short_help_str(limit=66).endswith("..."), name


def compiled_before(block: Block) -> Any:
    """The compiled form of the SQL block before this one."""
    sql = [each for each in blocks_of(block.page) if each.tag == "sql" and each.line < block.line][-1]
    document = compile_sql(sql.text).to_json()
    jsonschema.validate(document, SCHEMA)
    (statement,) = document["statements"]
    return statement["watch"] if block.tag == "json watch" else statement


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_compiled_blocks_are_current(page: Path, update_golden: bool) -> None:
    for block in [each for each in blocks_of(page) if each.tag in ("json watch", "json statement")]:
        wanted = fitted(compiled_before(block)) + "\n"
        if update_golden:
            replaced = page.read_text("utf-8").replace(f"```{block.tag}\n{block.text}", f"```{block.tag}\n{wanted}")
            page.write_text(replaced, "utf-8")
        assert wanted == next(each.text for each in blocks_of(page) if (each.tag, each.line) == (block.tag, block.line))


def test_there_are_compiled_blocks() -> None:
    assert len(blocks("json watch", "json statement")) >= 2


EXACTNESS_PAGE = ROOT / "docs" / "exactness.md"
_RULES = re.compile(r"(<!-- rules: .*? -->\n).*?(<!-- end of rules -->)", re.DOTALL)


def table_of_rules() -> str:
    lines = ["| operator | rule | cost of a row that comes or goes | kept |", "|---|---|---|---|"]
    lines += [f"| {each.kind} | {each.rule} | {each.cost} | {each.state or 'nothing'} |" for each in RULES]
    return "\n".join(lines) + "\n"


def test_the_table_of_operators_is_current(update_golden: bool) -> None:
    text = EXACTNESS_PAGE.read_text("utf-8")
    wanted = _RULES.sub(lambda found: f"{found[1]}\n{table_of_rules()}\n{found[2]}", text)
    if update_golden:
        EXACTNESS_PAGE.write_text(wanted, "utf-8")
    assert EXACTNESS_PAGE.read_text("utf-8") == wanted


SCREENS = ROOT / "tests" / "integration" / "screens"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_screens_are_those_of_the_tests(page: Path, update_golden: bool) -> None:
    for block in [each for each in blocks_of(page) if each.tag.startswith("text screen ")]:
        wanted = (SCREENS / f"{block.tag.split()[-1]}.txt").read_text("utf-8")
        if update_golden:
            replaced = page.read_text("utf-8").replace(f"```{block.tag}\n{block.text}", f"```{block.tag}\n{wanted}")
            page.write_text(replaced, "utf-8")
        assert wanted in [each.text for each in blocks_of(page)]


REPL_PAGE = ROOT / "docs" / "repl.md"
_COMMANDS = re.compile(r"(<!-- commands: .*? -->\n).*?(<!-- end of commands -->)", re.DOTALL)


def table_of_repl_commands() -> str:
    lines = ["| command | what it does |", "|---|---|"]
    lines += [f"| `{f'{chr(92)}{each.name} {each.argument}'.rstrip()}` | {each.summary} |" for each in META_COMMANDS]
    return "\n".join(lines).replace("SQL|NAME", "SQL\\|NAME") + "\n"


def test_the_table_of_repl_commands_is_current(update_golden: bool) -> None:
    text = REPL_PAGE.read_text("utf-8")
    wanted = _COMMANDS.sub(lambda found: f"{found[1]}\n{table_of_repl_commands()}\n{found[2]}", text)
    if update_golden:
        REPL_PAGE.write_text(wanted, "utf-8")
    assert REPL_PAGE.read_text("utf-8") == wanted
