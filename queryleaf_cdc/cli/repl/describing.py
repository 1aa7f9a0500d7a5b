r"""``\d``, ``\dt`` and ``\status``: what is in the database."""

from __future__ import annotations

from typing import Any

from queryleaf_cdc.cli.catalog import remarks
from queryleaf_cdc.cli.repl.highlighting import fragments
from queryleaf_cdc.cli.repl.layout import table
from queryleaf_cdc.cli.repl.reading import Command
from queryleaf_cdc.cli.repl.screen import Line, plain, styled
from queryleaf_cdc.cli.repl.shell import Shell, counted
from queryleaf_cdc.errors import InputError, did_you_mean
from queryleaf_cdc.frontend import parse
from queryleaf_cdc.mongo.sampling import collection_names, collection_sizes, sampled_paths
from queryleaf_cdc.source import Source
from queryleaf_cdc.syntax.queries import Select, TableRef
from queryleaf_cdc.syntax.statements import CreateSink, CreateStream, CreateTrigger

_STATUS = {
    "kind": "kind",
    "state": "state",
    "lag s": "lag_seconds",
    "events": "events",
    "errors": "errors",
    "dead": "dead_letters",
}


def describe(shell: Shell, command: Command) -> None:
    """One name, or all."""
    if command.argument:
        shell.screen.page(_one(shell, command.argument.strip('"')))
    else:
        entries = shell.ql.registered()
        targets = {each.view.target for each in entries if each.view is not None}
        rows = [{"name": each, "kind": "collection"} for each in collection_names(shell.ql.database)]
        rows = [each for each in rows if each["name"] not in targets]
        rows += [{"name": each.name, "kind": _kind(each)} for each in entries]
        _show_all(shell, sorted(rows, key=lambda each: each["name"]), "there is nothing yet")


def collections(shell: Shell, command: Command) -> None:
    views = {each.view.target: each.name for each in shell.ql.registered() if each.view is not None}
    rows = [
        {"collection": name, "documents": size, **({"view": views.get(name, "")} if views else {})}
        for name, size in collection_sizes(shell.ql.database).items()
    ]
    _show_all(shell, rows, "there are no collections yet")


def status(shell: Shell, command: Command) -> None:
    found = shell.ql.status()
    rows = [{"name": name, **{head: each[key] for head, key in _STATUS.items()}} for name, each in found.items()]
    rows = [{**each, "kind": _KINDS.get(each["kind"], each["kind"])} for each in rows]
    _show_all(shell, rows, "nothing is registered")
    for name, each in found.items():
        for remark in remarks(each):
            shell.screen.say(f"{name}: {remark}", "yellow")


def _show_all(shell: Shell, rows: list[dict[str, Any]], nothing: str) -> None:
    if rows:
        shell.show_rows(rows)
    else:
        shell.screen.say(nothing)


def _kind(entry: Any) -> str:
    watched = _watched(entry)
    kind = _KINDS.get(entry.kind, entry.kind)
    return f"{kind} on {watched}" if watched else kind


_KINDS = {"materialized_view": "materialized view", "view": "stream"}
"""as SHOW calls them"""


def _watched(entry: Any) -> str | None:
    """The collection of a registered trigger, sink or stream; None where there is not just one."""
    statements, _ = parse(Source(entry.sql))
    match statements:
        case [CreateTrigger(collection=collection)]:
            return collection
        case [CreateSink(query=Select(from_item=TableRef(name=name)))]:
            return name
        case [CreateStream(query=Select(from_item=TableRef(name=name)))]:
            return name
    return None


def _one(shell: Shell, name: str) -> list[Line]:
    """Raises InputError QL451."""
    entries = {each.name: each for each in shell.ql.registered()}
    known = collection_names(shell.ql.database)
    lines = _registered(shell, entries[name]) if name in entries else []
    collection = entries[name].view.target if name in entries and entries[name].view is not None else name
    if collection in known:
        lines += _fields(shell, collection)
        readers = [_reader(each, collection) for each in entries.values()]
        lines += [plain(each) for each in readers if each]
    if not lines:
        raise InputError("QL451", f"there is no {name}", hint=did_you_mean(name, (*known, *entries)))
    return lines


def _registered(shell: Shell, entry: Any) -> list[Line]:
    status = shell.ql.status().get(entry.name, {})
    waiting = status.get("pending")
    head = styled("bold", f"{_kind(entry)}, {status.get('state', entry.state)}")
    remains = [plain(counted(waiting, "row") + " to be delivered")] if waiting else []
    return [head, *_sql_lines(entry.sql), *remains, *(plain(each) for each in (remarks(status) if status else ()))]


def _sql_lines(sql: str) -> list[Line]:
    """Highlighted, as it was written."""
    lines: list[list[tuple[str, str]]] = [[]]
    for style, text in fragments(sql):
        first, *others = text.split("\n")
        lines[-1].append((style, first))
        lines += [[(style, other)] for other in others]
    return [tuple(line) for line in lines]


def _fields(shell: Shell, collection: str) -> list[Line]:
    paths = sampled_paths(shell.ql.database, collection)
    if not paths:
        return [plain(f"collection {collection}, empty")]
    rows = [{"field": path, "types": ", ".join(sorted(types))} for path, types in paths.items()]
    return [styled("bold", f"collection {collection}"), *table(rows, ("field", "types"), shell.screen.width)]


def _reader(entry: Any, collection: str) -> str | None:
    if entry.view is not None and collection in entry.view.reads:
        return f"read by the view {entry.name}"
    kind = _KINDS.get(entry.kind, entry.kind)
    return f"watched by the {kind} {entry.name}" if _watched(entry) == collection else None
