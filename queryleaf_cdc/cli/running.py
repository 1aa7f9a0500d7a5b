"""apply and run."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import click

from queryleaf_cdc.cli.connection import Connection, connected
from queryleaf_cdc.cli.inputs import read_sql, show_warnings

_BAR_WIDTH = 20

Stop = SimpleQueue[int]
"""Signals that came. Unlike an Event it may be told by a handler that is interrupted by another signal."""


@click.command("apply")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Say what would happen; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="As JSON lines.")
@connected
def apply_command(files: tuple[Path, ...], dry_run: bool, as_json: bool, connection: Connection) -> None:
    """Register the triggers, views and sinks of FILES.

    Prints created, replaced, unchanged or dropped for each. All files are compiled before any is registered."""
    with connection.open() as ql:
        for name, status in register(ql, files, dry_run):
            click.echo(json.dumps({"name": name, "status": status}) if as_json else f"{name}: {status}")


def register(ql: Any, files: tuple[Path, ...], dry_run: bool = False) -> list[tuple[str, str]]:
    """All files are compiled before any is registered; a file that is registered already is left as it is.

    That the server does not answer is told before: to compile for it would take long."""
    from queryleaf_cdc.mongo.deployment import require_replica_set

    texts = [read_sql(file) for file in files]
    require_replica_set(ql.client)
    for text, name in texts:
        show_warnings(ql.compile(text, name=name))
    done: list[tuple[str, str]] = []
    for text, name in texts:
        done += ql.plan_registration(text, name=name) if dry_run else ql.apply(text, name=name)
    return done


@click.command("run")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@connected
def run_command(files: tuple[Path, ...], connection: Connection) -> None:
    """Register what FILES hold; work until SIGINT or SIGTERM."""
    stop: Stop = SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: stop.put(number))
    with connection.open() as ql:
        if connection.embedded is not None:
            click.echo(f"server: {embedded_uri(ql)}", err=True)
        for name, status in register(ql, files):
            click.echo(f"{name}: {status}", err=True)
        ql.start()
        try:
            _report_until(stop, ql.worker)
        finally:
            ql.stop()


def embedded_uri(ql: Any) -> str:
    """For others who want to connect to the private server."""
    from queryleaf_cdc.mongo.embedded import uri_of

    return uri_of(ql.client.address[1])


def _is_told(stop: Stop, seconds: float) -> bool:
    """Within so many seconds."""
    try:
        stop.get(timeout=seconds)
    except Empty:
        return False
    return True


def _report_until(stop: Stop, worker: Any) -> None:
    """One line a second: on a terminal in place, else JSON lines. Raises the error that ends the worker."""
    terminal = sys.stdout.isatty()
    before, since = worker.metrics.events, time.monotonic()
    said: dict[str, str] = {}
    while not _is_told(stop, 1.0):
        worker.check()
        said = _say_reasons(said, worker.reasons())
        now, at = worker.metrics.events, time.monotonic()
        line = {"events_per_second": round((now - before) / (at - since), 1), "state": worker.state, **_totals(worker)}
        before, since = now, at
        if terminal:
            click.echo(f"\r\x1b[K{_fitting(_terminal_line(line))}", nl=False)
        else:
            click.echo(json.dumps(line))
        sys.stdout.flush()
    if terminal:
        click.echo()


def _say_reasons(said: dict[str, str], reasons: dict[str, str]) -> dict[str, str]:
    """Why a trigger or view does not go on, once, on stderr: a worker goes on without it."""
    start = "\r\x1b[K" if sys.stderr.isatty() else ""
    for name, reason in reasons.items():
        if said.get(name) != reason:
            click.echo(f"{start}{name} {' '.join(reason.split())}", err=True)
    return reasons


def _totals(worker: Any) -> dict[str, Any]:
    counters = list(worker.metrics.by_trigger.values())
    return {
        "events": worker.metrics.events,
        "lag_seconds": round(worker.metrics.lag_seconds, 3),
        "errors": sum(each["errors"] for each in counters),
        "dead_letters": sum(each["dead_letters"] for each in counters),
        "trouble": worker.trouble,
        "building": worker.building(),
    }


def _terminal_line(line: dict[str, Any]) -> str:
    """What matters most comes first: a narrow terminal shows no more."""
    text = (
        f"{line['state']}  {line['events_per_second']:10,.0f} events/s   lag {line['lag_seconds']:.1f} s"
        f"   errors {line['errors']}   dead letters {line['dead_letters']}"
    )
    bars = [_bar(name, **each) for name, each in line["building"].items()]
    return "   ".join([*([line["trouble"]] if line["trouble"] else []), *bars, text])


def _fitting(text: str) -> str:
    """A line that wraps could not be written over."""
    width = shutil.get_terminal_size().columns - 1
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _bar(name: str, rows: int, total: int) -> str:
    """How far a view is built."""
    share = rows / total if total else 0.0
    filled = round(share * _BAR_WIDTH)
    return f"{name} {'█' * filled}{'░' * (_BAR_WIDTH - filled)} {share:4.0%}"
