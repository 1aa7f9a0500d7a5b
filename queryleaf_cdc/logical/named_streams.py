"""Streams with a name: CREATE VIEW puts one down, FROM takes it up.

A name is put in place before anything is bound, as a query in FROM would stand there. The SQL of what is registered
carries the streams that it reads, so that a worker needs nothing but that text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend import parse
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.plans.program import Definitions
from queryleaf_cdc.source import Source, Span
from queryleaf_cdc.syntax.queries import FromItem, Query, Select, SetOperation, SubqueryRef, TableRef
from queryleaf_cdc.syntax.statements import CreateStream


@frozen
class NamedStream:
    """``query`` has other streams in place of their names; ``sql`` are the statements that define it: those of the
    streams that it reads, each once, and then its own."""

    query: Query
    sql: Definitions


@dataclass
class NamedStreams:
    """The streams that a text may name: those registered (name → SQL, as the catalog has it), and its own."""

    registered: Mapping[str, str]
    own: dict[str, NamedStream | None] = field(default_factory=dict)
    """None for what the text has dropped"""

    def get(self, name: str) -> NamedStream | None:
        if name not in self.own and name in self.registered:
            self.own[name] = _defined(self.registered[name])
        return self.own.get(name)

    def add(self, node: CreateStream, sql: Definitions) -> None:
        """A CREATE VIEW with other streams in place."""
        self.own[node.name] = NamedStream(node.query, sql)

    def drop(self, name: str) -> None:
        self.own[name] = None

    def copy(self) -> NamedStreams:
        return NamedStreams(self.registered, dict(self.own))

    def in_place(self, query: Query, owner: str | None = None) -> tuple[Query, Definitions]:
        """The query with streams in place of their names, and the SQL of these. ``owner`` is what the query is called.

        Raises CompileError QL239."""
        placing = _Placing(self.get, owner)
        return placing.query(query, frozenset()), tuple(dict.fromkeys(placing.sql))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None


@dataclass
class _Placing:
    """Of one query; ``sql`` is that of the streams that were met on the way."""

    find: Callable[[str], NamedStream | None]
    owner: str | None
    sql: list[tuple[str, str]] = field(default_factory=list)

    def query(self, query: Query, ctes: frozenset[str]) -> Query:
        changed = []
        for cte in query.ctes:
            changed.append(replace(cte, query=self.query(cte.query, ctes)))
            ctes |= {cte.name}
        query = replace(query, ctes=tuple(changed))
        if isinstance(query, SetOperation):
            return replace(query, left=self.query(query.left, ctes), right=self.query(query.right, ctes))
        return self._select(query, ctes)

    def _select(self, query: Select, ctes: frozenset[str]) -> Select:
        joins = tuple(replace(join, item=self._item(join.item, ctes)) for join in query.joins)
        first = self._item(query.from_item, ctes) if query.from_item is not None else None
        return replace(query, from_item=first, joins=joins)

    def _item(self, item: FromItem, ctes: frozenset[str]) -> FromItem:
        match item:
            case SubqueryRef(query):
                return replace(item, query=self.query(query, ctes))
            case TableRef(name, alias, span) if name not in ctes and (stream := self.find(name)) is not None:
                if name == self.owner:
                    raise CompileError("QL239", f"{name} reads itself", span, "a view reads other streams")
                self.sql += stream.sql
                return SubqueryRef(_at(stream.query, span), alias, (), span, stream=True)
            case _:
                return item


def _at(node: Any, span: Span) -> Any:
    """The same with all its places where the name stands: it may come from another text."""
    if isinstance(node, Span):
        return span
    if isinstance(node, tuple):
        return tuple(_at(each, span) for each in node)
    if is_dataclass(node) and not isinstance(node, type):
        return replace(node, **{each.name: _at(getattr(node, each.name), span) for each in fields(node)})
    return node


def _defined(sql: str) -> NamedStream | None:
    """The last statement of a registered text; what stands before it are streams that it reads, and CREATE TABLEs."""
    source = Source(sql)
    nodes, _ = parse(source)
    streams = NamedStreams({})
    texts = tuple((node.name if isinstance(node, CreateStream) else "", source.slice(node.span)) for node in nodes)
    for node in nodes:
        if isinstance(node, CreateStream):
            streams.add(replace(node, query=streams.in_place(node.query)[0]), texts)
    return next(reversed(streams.own.values()), None)
