"""compile, check, explain: no server."""

from __future__ import annotations

import json
from pathlib import Path

import click

from queryleaf_cdc.cli.inputs import file_argument, read_schema, read_sql, schema_option, show_warnings
from queryleaf_cdc.compiler import Program, compile_sql


def compile_file(file: Path, schema_file: Path | None) -> Program:
    text, name = read_sql(file)
    return compile_sql(text, name=name, schema=read_schema(schema_file))


@click.command("compile")
@file_argument
@click.option("--format", "form", type=click.Choice(["json", "pretty", "mongosh"]), default="json", show_default=True)
@schema_option
def compile_command(file: Path, form: str, schema_file: Path | None) -> None:
    """Print the pipelines and actions that FILE compiles to."""
    program = compile_file(file, schema_file)
    show_warnings(program)
    if form == "json":
        click.echo(json.dumps(program.to_json(), indent=2, ensure_ascii=False))
        return
    from queryleaf_cdc.cli import printing

    click.echo(printing.pretty(program) if form == "pretty" else printing.mongosh(program))


@click.command("check")
@file_argument
@schema_option
@click.option("--json", "as_json", is_flag=True, help="Diagnostics as JSON.")
def check_command(file: Path, schema_file: Path | None, as_json: bool) -> int:
    """Report all mistakes in FILE; exit code 1 when there are any."""
    from queryleaf_cdc.errors import CompileError
    from queryleaf_cdc.lowering.output import diagnostics_json
    from queryleaf_cdc.source import Source

    text, name = read_sql(file)
    source = Source(text, name)
    try:
        found = compile_sql(text, name=name, schema=read_schema(schema_file)).diagnostics
    except CompileError as error:
        found = error.diagnostics
    if as_json:
        click.echo(json.dumps(diagnostics_json(found, source), indent=2, ensure_ascii=False))
    else:
        for each in found:
            click.echo(each.render(source), err=True)
    return 1 if any(each.severity == "error" for each in found) else 0


@click.command("explain")
@file_argument
@schema_option
def explain_command(file: Path, schema_file: Path | None) -> None:
    """Show what runs in the server, what in the worker, and why."""
    from queryleaf_cdc.cli import printing

    program = compile_file(file, schema_file)
    show_warnings(program)
    printing.show_tree(program)
