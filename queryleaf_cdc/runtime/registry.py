"""What statements do to the catalog: they register, replace and drop, and what depends on them follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from queryleaf_cdc.compiler import Program
from queryleaf_cdc.errors import CompileError, InputError, ServerError
from queryleaf_cdc.frontend import parse
from queryleaf_cdc.mongo.catalog import Catalog, CatalogEntry, refuse_drop
from queryleaf_cdc.mongo.registration import Drop, Registered, entry_of_statement, to_drop
from queryleaf_cdc.plans.program import (
    DropStatement,
    NamedStreamStatement,
    RefreshStatement,
    SinkStatement,
    TriggerStatement,
    ViewStatement,
)
from queryleaf_cdc.source import Source
from queryleaf_cdc.syntax.statements import CreateStream

_UNREACHABLE = "QL503"

Compile = Callable[[str, str, Mapping[str, str]], Program]
"""(text, name, registered streams) → program"""


class Registry:
    """The catalog of one session."""

    def __init__(self, catalog: Catalog, compile: Compile) -> None:
        self._catalog = catalog
        self._compile = compile

    def streams(self) -> Mapping[str, str]:
        """The registered streams and their SQL, asked for when a name is looked up."""
        return _Texts(self._catalog, "view")

    def sinks(self) -> Mapping[str, str]:
        """The registered sinks and their SQL, asked for when a text makes a sink."""
        return _Texts(self._catalog, "sink")

    def register(self, program: Program, statement: Registered, replace: bool) -> str:
        """Returns created, replaced or unchanged. Raises InputError QL410 to QL414, QL418."""
        node, entry = statement.node, entry_of_statement(program, statement)
        replaces = node.or_replace or replace
        dependents = list(self._restated(entry)) if replaces and entry.kind == "view" else []
        status = self._store(entry, replaces, node.if_not_exists)
        if status == "created":
            return status
        restated = [self._store(each, True, False) for each in dependents]
        return "replaced" if "replaced" in restated else status

    def drop(self, program: Program, node: Drop) -> str:
        """Returns dropped or unchanged. Raises InputError QL411, QL414."""
        known = to_drop(program, node, self._catalog.get(node.name))
        return "dropped" if known is not None and self._catalog.drop(node.name) else "unchanged"

    def planned(self, program: Program) -> list[tuple[str, str]]:
        """What registering the program's statements would do, by name, in order."""
        entries = {each.name: each for each in self._catalog.list()}
        planned = []
        for statement in program.statements:
            match statement:
                case TriggerStatement() | ViewStatement() | SinkStatement() | NamedStreamStatement():
                    entry = entry_of_statement(program, statement)
                    planned.append((entry.name, self._catalog.planned(entry, entries)))
                    entries[entry.name] = entry
                case DropStatement(node):
                    known = to_drop(program, node, entries.get(node.name))
                    if known is not None:
                        del entries[node.name]
                        refuse_drop(known, tuple(entries.values()))
                    planned.append((node.name, "unchanged" if known is None else "dropped"))
                case RefreshStatement(node):
                    if node.name not in entries:
                        raise self._catalog.unknown(node.name)
                    planned.append((node.name, "refreshed"))
        return planned

    def _store(self, entry: CatalogEntry, or_replace: bool, if_not_exists: bool) -> str:
        maintained = self._catalog.maintained()
        return self._catalog.register(
            entry.name,
            entry.sql,
            or_replace=or_replace,
            if_not_exists=if_not_exists,
            start=entry.start,
            images=[each for each in entry.images if entry.view is None or each not in maintained],
            kind=entry.kind,
            view=entry.view,
            streams=entry.streams,
        )

    def _restated(self, stream: CatalogEntry) -> Iterator[CatalogEntry]:
        """What reads a stream, with its new definition; streams first. Also where the stream itself has that: whoever
        replaced it may not have come further. Raises InputError QL418."""
        entries = self._catalog.list()
        known = next((each for each in entries if each.name == stream.name), None)
        if known is None or known.kind != stream.kind:
            return
        streams = {each.name: each.sql for each in entries if each.kind == "view"} | {stream.name: stream.sql}
        readers = [each for each in entries if stream.name in each.streams]
        for each in sorted(readers, key=lambda each: (each.kind != "view", len(each.streams))):
            try:
                program = self._compile(_own_text(each.sql), each.name, streams)
            except CompileError as error:
                text = f"{each.name} reads {stream.name}, and does not fit its new definition: {error.message}"
                raise InputError("QL418", text, hint=f"drop {each.name} first") from error
            (statement,) = [found for found in program.statements if isinstance(found, Registered)]
            entry = entry_of_statement(program, statement)
            if each.kind == "view":
                streams[each.name] = entry.sql
            yield entry


def _own_text(sql: str) -> str:
    """A registered text without the streams that it reads."""
    source = Source(sql)
    *before, last = parse(source)[0]
    own = [node for node in before if not isinstance(node, CreateStream)]
    return ";\n".join(source.slice(node.span).rstrip().rstrip(";") for node in (*own, last))


class _Texts(Mapping[str, str]):
    """The SQL of what is registered of a kind, by name. Read from the catalog once, and only when somebody asks.
    Whoever may not read that knows of none; a server that does not answer raises ServerError QL503, as it would for
    what the statement asks of it."""

    def __init__(self, catalog: Catalog, kind: str) -> None:
        self._catalog = catalog
        self._kind = kind
        self._found: dict[str, str] | None = None

    def _read(self) -> dict[str, str]:
        if self._found is None:
            try:
                self._found = {each.name: each.sql for each in self._catalog.list() if each.kind == self._kind}
            except ServerError as error:
                if error.code == _UNREACHABLE:
                    raise
                self._found = {}
        return self._found

    def __getitem__(self, name: str) -> str:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())
