"""replay: recorded change events through the triggers, without a server."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

from queryleaf_cdc.cli.connection import procedures_option, register_from
from queryleaf_cdc.cli.inputs import file_argument, open_file, read_schema, read_sql, schema_option
from queryleaf_cdc.errors import InputError


@click.command("replay")
@file_argument
@click.option(
    "--events",
    "events_file",
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    help="Change events, one JSON object per line (extended JSON); - for standard input.",
)
@click.option(
    "--data",
    "data_file",
    type=click.Path(path_type=Path),
    help="JSON: collection → documents that are there before the first event.",
)
@schema_option
@procedures_option
def replay_command(
    file: Path, events_file: Path, data_file: Path | None, schema_file: Path | None, procedures: tuple[str, ...]
) -> None:
    """Print what the triggers of FILE would do to recorded changes.

    No server is needed. Each effect is a JSON line. Procedures are not called: a CALL is one of the lines."""
    from queryleaf_cdc.compiler import compile_sql
    from queryleaf_cdc.offline.recorded import read_events
    from queryleaf_cdc.offline.replay import replay

    text, name = read_sql(file)
    functions = functions_of(procedures)
    program = compile_sql(text, name=name, schema=read_schema(schema_file), functions=functions)
    with _lines(events_file) as lines:
        events = read_events(lines, "<stdin>" if str(events_file) == "-" else str(events_file))
        for effect in replay(program, events, functions=functions, data=read_data(data_file)):
            click.echo(json.dumps(effect, ensure_ascii=False))


@contextmanager
def _lines(file: Path) -> Iterator[IO[bytes]]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    with open_file(file) as opened:
        yield opened


def read_data(file: Path | None) -> dict[str, list[dict[str, Any]]]:
    """``{"stock": [{"_id": "tea", "on_hand": 3}, ...], ...}`` as extended JSON. Raises InputError QL430 to QL433."""
    if file is None:
        return {}
    from bson import json_util

    text, name = read_sql(file)
    try:
        collections = json_util.loads(text, json_options=json_util.JSONOptions(tz_aware=False))
        if all(isinstance(each, dict) for documents in collections.values() for each in documents):
            return dict(collections)
    except (ValueError, AttributeError, TypeError):
        pass
    raise InputError("QL433", f'{name} is not of the form {{"collection": [{{"_id": ...}}, ...]}}')


class _FunctionsOnly:
    """Stands for the QueryLeaf object of ``register(ql)``: functions are kept, procedures are left alone."""

    def __init__(self) -> None:
        self.functions: dict[str, Callable[..., Any]] = {}

    def function(self, name: str) -> Callable[[Any], Any]:
        def register(function: Any) -> Any:
            self.functions[name.upper()] = function
            return function

        return register

    def procedure(self, name: str) -> Callable[[Any], Any]:
        return lambda function: function

    def __getattr__(self, name: str) -> Any:
        return _NotHere(f"ql.{name}")


class _NotHere:
    """What ``register(ql)`` may keep for its procedures, as they are not called; it cannot be used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> _NotHere:
        return _NotHere(f"{self._name}.{name}")

    def __getitem__(self, key: object) -> _NotHere:
        return _NotHere(f"{self._name}[{key!r}]")

    def __call__(self, *args: object, **kwargs: object) -> Any:
        raise InputError("QL436", f"register(ql) uses {self._name}, and a replay has no server")


def functions_of(places: tuple[str, ...]) -> dict[str, Callable[..., Any]] | None:
    """The functions that ``register(ql)`` adds; None leaves open which there are."""
    if not places:
        return None
    found = _FunctionsOnly()
    for place in places:
        register_from(place, found)
    return found.functions
