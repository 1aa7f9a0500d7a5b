"""status, list, pause, resume, drop."""

from __future__ import annotations

import json
from typing import Any

import click

from queryleaf_cdc.cli.connection import Connection, connected

json_option = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@click.command("status")
@json_option
@connected
def status_command(as_json: bool, connection: Connection) -> None:
    """How each trigger, view and sink is doing."""
    with connection.open() as ql:
        status = ql.status()
    if as_json:
        click.echo(json.dumps(status, indent=2, default=str))
        return
    rows = [{"name": name, **{title: each[key] for title, key in _COLUMNS.items()}} for name, each in status.items()]
    _show(rows, ("name", *_COLUMNS))
    for name, each in status.items():
        progress = each.get("progress")
        if progress:
            click.echo(f"{name}: {progress['rows']:,} of {progress['total']:,} documents are read")
        for remark in remarks(each):
            click.echo(f"{name}: {remark}")


def remarks(status: dict[str, Any]) -> list[str]:
    """What ``status`` says in lines of their own below its table."""
    late = status.get("late")
    said = [" ".join(status["reason"].split())] if status["reason"] else []
    return said + ([f"{late:,} row{'s were' if late > 1 else ' was'} late and left out"] if late else [])


_COLUMNS = {"state": "state", "lag s": "lag_seconds", "events": "events", "errors": "errors", "dead": "dead_letters"}
"""heading → field; the reasons are lines of their own, --json has all"""


@click.command("list")
@json_option
@connected
def list_command(as_json: bool, connection: Connection) -> None:
    """The registered triggers, views and sinks."""
    with connection.open() as ql:
        entries = [{"name": e.name, "kind": e.kind, "state": e.state, "sql": e.sql} for e in ql.registered()]
    if as_json:
        click.echo(json.dumps(entries, indent=2))
        return
    _show([{**each, "sql": " ".join(each["sql"].split())[:60]} for each in entries], ("name", "kind", "state", "sql"))


@click.command("pause")
@click.argument("name")
@connected
def pause_command(name: str, connection: Connection) -> None:
    """Stop trigger, view or sink NAME where it is."""
    with connection.open() as ql:
        ql.pause(name)
    click.echo(f"{name}: paused")


@click.command("resume")
@click.argument("name")
@connected
def resume_command(name: str, connection: Connection) -> None:
    """Let trigger or sink NAME go on; build view NAME anew."""
    with connection.open() as ql:
        ql.resume(name)
    click.echo(f"{name}: resumed")


@click.command("drop")
@click.argument("name")
@connected
def drop_command(name: str, connection: Connection) -> None:
    """Remove trigger, view or sink NAME."""
    with connection.open() as ql:
        ql.drop(name)
    click.echo(f"{name}: dropped")


def _show(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    from queryleaf_cdc.cli.tables import show_table

    if not rows:
        click.echo("nothing is registered")
        return
    show_table(rows, columns)
