"""query: one-shot statements, and a streaming SELECT."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from queryleaf_cdc.cli.connection import Connection, connected
from queryleaf_cdc.cli.inputs import read_sql


@click.command("query")
@click.argument("sql")
@click.option("--json", "as_json", is_flag=True, help="Rows as JSON lines, also on a terminal.")
@connected
def query_command(sql: str, as_json: bool, connection: Connection) -> None:
    """Run one-shot SQL, or print the rows of a streaming SELECT.

    SQL is text, or the name of a file that ends in .sql."""
    from queryleaf_cdc.compiler import compile_sql
    from queryleaf_cdc.plans.program import StreamStatement

    text, name = _text(sql)
    statements = compile_sql(text, name=name).statements
    with connection.open() as ql:
        if len(statements) == 1 and isinstance(statements[0], StreamStatement):
            with ql.stream(text) as rows:
                for row in rows:
                    click.echo(row_json(row))
                    sys.stdout.flush()
            return
        for result in ql.execute_all(text, name=name):
            _show(result, as_json or not sys.stdout.isatty())


def _text(sql: str) -> tuple[str, str]:
    """A name of a file, or SQL itself."""
    if sql == "-" or (" " not in sql and "\n" not in sql and sql.endswith(".sql")):
        return read_sql(Path(sql))
    return sql, "<sql>"


def row_json(row: Any) -> str:
    from queryleaf_cdc.lowering.output import extended

    return json.dumps(extended(dict(row)), ensure_ascii=False)


def _show(result: Any, as_json: bool) -> None:
    if result.status is not None:
        click.echo(
            json.dumps({"name": result.name, "status": result.status}) if as_json else f"{result.name}: {result.status}"
        )
    elif not result.is_query:
        click.echo(json.dumps({"rowcount": result.rowcount}) if as_json else f"{result.rowcount} rows")
    elif as_json:
        for row in result:
            click.echo(row_json(row))
    else:
        from queryleaf_cdc.cli.tables import show_table

        show_table(list(result), result.columns)
