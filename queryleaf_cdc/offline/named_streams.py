"""Streams with a name, and which triggers read them: what a server keeps in its catalog."""

from __future__ import annotations

from queryleaf_cdc.compiler import Program
from queryleaf_cdc.errors import InputError
from queryleaf_cdc.mongo.registration import entry_of_statement
from queryleaf_cdc.plans.program import Definitions, NamedStreamStatement
from queryleaf_cdc.syntax.queries import Query
from queryleaf_cdc.syntax.statements import DropStream


class OfflineStreams:
    """``sql`` is for those who compile: name → SQL."""

    def __init__(self) -> None:
        self.sql: dict[str, str] = {}
        self._queries: dict[str, Query] = {}
        """with other streams in place"""
        self._readers: dict[str, frozenset[str]] = {}
        """trigger or stream → the streams that it reads"""

    def create(self, program: Program, statement: NamedStreamStatement) -> None:
        """Raises InputError QL410; QL424 for another definition of what is read already."""
        node = statement.node
        if node.name in self.sql and node.if_not_exists:
            return
        if node.name in self.sql and not node.or_replace:
            raise InputError("QL410", f"view {node.name} exists", hint="say CREATE OR REPLACE")
        if node.name in self.sql and self._queries[node.name] != node.query:
            self._refuse_read(node.name, "QL424", "without a server it cannot be replaced")
        self.sql[node.name] = entry_of_statement(program, statement).sql
        self._queries[node.name] = node.query
        self.read(node.name, statement.streams)

    def drop(self, node: DropStream) -> None:
        """Raises InputError QL411, QL414."""
        if node.name not in self.sql:
            if not node.if_exists:
                raise InputError("QL411", f"there is no view {node.name}")
            return
        self._refuse_read(node.name, "QL414", "it stays")
        del self.sql[node.name]
        self.forget(node.name)

    def read(self, name: str, streams: Definitions) -> None:
        """A trigger or a stream of this name reads these."""
        self._readers[name] = frozenset(each for each, _ in streams if each)

    def forget(self, name: str) -> None:
        self._readers.pop(name, None)

    def _refuse_read(self, stream: str, code: str, text: str) -> None:
        readers = sorted(name for name, streams in self._readers.items() if stream in streams)
        if readers:
            raise InputError(code, f"view {stream} is read by {', '.join(readers)}: {text}", hint="drop these first")
