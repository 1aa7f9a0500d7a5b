"""query: one-shot statements, and a streaming SELECT."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click

from queryleaf_cdc.cli import formats
from queryleaf_cdc.cli.changes import Changes
from queryleaf_cdc.cli.connection import Connection, connected
from queryleaf_cdc.cli.inputs import read_sql, show_warnings


@click.command("query")
@click.argument("sql")
@click.option("--format", "form", type=click.Choice(formats.FORMATS), help="[default: table on a terminal, else jsonl]")
@click.option("--json", "as_json", is_flag=True, help="Rows as JSON lines, also on a terminal.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="End after N rows.")
@click.option("--since", metavar="TIME|TOKEN", help="Begin a stream there: an ISO time, or what CHANGE_ID() gave.")
@connected
def query_command(
    sql: str, form: str | None, as_json: bool, limit: int | None, since: str | None, connection: Connection
) -> None:
    """Run one-shot SQL, or print the rows of a streaming SELECT.

    SQL is text, the name of a file that ends in .sql, or - for standard input."""
    from queryleaf_cdc.plans.program import ChangelogStatement, FlowStatement, StreamStatement

    form = "jsonl" if as_json else form or formats.default_format()
    text, name = _text(sql)
    with connection.open() as ql:
        program = ql.compile(text, name=name)
        show_warnings(program)
        statements = program.statements
        endless = [isinstance(each, StreamStatement | FlowStatement | ChangelogStatement) for each in statements]
        streams = endless == [True]
        if any(endless) and not streams:
            raise click.UsageError("a streaming SELECT never ends: give it alone, and the other statements before")
        if since is not None and not streams:
            raise click.UsageError("--since says where a streaming SELECT begins, and this is none")
        if streams:
            with ql.stream(text, since=since) as stream:
                _let_collect()
                stream.on_trouble = _tell_of_trouble
                follows = isinstance(statements[0], ChangelogStatement)
                writer = Changes(form, stream.columns) if follows else formats.writer(form, stream.columns)
                _write(islice(_arriving(stream), limit), writer)
            return
        for result in ql.execute_all(text, name=name):
            _show(result, form, limit)


def _text(sql: str) -> tuple[str, str]:
    """A name of a file, or SQL itself."""
    if sql == "-" or (" " not in sql and "\n" not in sql and sql.endswith(".sql")):
        return read_sql(Path(sql))
    return sql, "<sql>"


def _arriving(stream: Any) -> Iterator[Any]:
    """Rows as they come, for as long as somebody reads them."""
    while not stream.closed:
        row = stream.poll()
        if row is not None:
            yield row
        elif formats.nobody_reads():
            raise BrokenPipeError


def _tell_of_trouble(trouble: str | None) -> None:
    click.echo("the server is back" if trouble is None else f"the server is away; waiting for it: {trouble}", err=True)


def _write(rows: Iterator[Any], writer: formats.Writer) -> None:
    for row in rows:
        writer.row(row)


def _let_collect() -> None:
    """A stream lives long; what was loaded for it lives as long as it does."""
    gc.freeze()
    gc.enable()


def _show(result: Any, form: str, limit: int | None) -> None:
    if result.is_query:
        _show_rows(result[:limit], result.columns, form)
    elif form == "jsonl":
        what = {"rowcount": result.rowcount}
        click.echo(json.dumps(what if result.status is None else {"name": result.name, "status": result.status}))
    else:
        said = f"{result.rowcount} rows" if result.status is None else f"{result.name}: {result.status}"
        click.echo(said, err=form == "csv")


def _show_rows(rows: Any, columns: tuple[str, ...] | None, form: str) -> None:
    if form == "table":
        from queryleaf_cdc.cli.tables import show_table

        show_table(list(rows), columns)
        return
    found = columns or tuple(dict.fromkeys(name for row in rows for name in row))
    _write(iter(rows), formats.writer(form, found))
