"""What is known about the fields of collections."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from queryleaf_cdc.syntax.statements import CreateTable


@dataclass(frozen=True)
class Table:
    """Fields of one collection. ``closed`` means that no other field is meant to exist (CREATE TABLE).

    Types are declarations, not promises: MongoDB may hold anything, so they never remove a guard."""

    columns: frozenset[str]
    closed: bool


@dataclass(frozen=True)
class Schema:
    """Collection name → table. Collections that are not listed may have any field."""

    tables: Mapping[str, Table] = field(default_factory=dict)

    def get(self, collection: str) -> Table | None:
        return self.tables.get(collection)

    def with_table(self, name: str, table: Table) -> Schema:
        return Schema({**self.tables, name: table})

    def with_view(self, names: Iterable[str], columns: tuple[str, ...] | None) -> Schema:
        """With a view's columns under all its names; None leaves them open."""
        table = Table(frozenset(columns or ()), columns is not None)
        known = self.tables if isinstance(self.tables, ChainMap) else ChainMap(self.tables)  # type: ignore[arg-type]
        return Schema(known.new_child(dict.fromkeys(names, table)))


def declared(schema: Schema, node: CreateTable) -> Schema:
    """The schema with what CREATE TABLE says."""
    return schema.with_table(node.name, Table(frozenset(column.name for column in node.columns), True))
