"""The streams of one session: what a text asks for, and which are open."""

from __future__ import annotations

from weakref import WeakSet

from queryleaf_cdc.compiler import Program
from queryleaf_cdc.errors import InputError, ServerError, did_you_mean
from queryleaf_cdc.lowering.changelog import selecting
from queryleaf_cdc.mongo.catalog import Catalog
from queryleaf_cdc.mongo.faults import server_errors
from queryleaf_cdc.mongo.handles import Db
from queryleaf_cdc.mongo.images import enable_images
from queryleaf_cdc.plans.program import ChangelogStatement, FlowStatement, StreamStatement
from queryleaf_cdc.runtime.changelog import Changelog, Select
from queryleaf_cdc.runtime.execution import Functions
from queryleaf_cdc.runtime.row_stream import RowStream
from queryleaf_cdc.runtime.since import Since
from queryleaf_cdc.runtime.stream_rows import OneByOne, StreamRows
from queryleaf_cdc.runtime.subscription import Subscription


class Streams:
    """Opens streams, and closes those that are still open."""

    def __init__(self, database: Db, catalog: Catalog, functions: Functions) -> None:
        self._database = database
        self._catalog = catalog
        self._functions = functions
        self._open: WeakSet[RowStream] = WeakSet()

    def open(self, program: Program, since: Since | None) -> RowStream:
        """The rows of the program's one statement. Raises InputError QL442 when that is no stream."""
        only = program.statements[0] if len(program.statements) == 1 else None
        if isinstance(only, ChangelogStatement):
            return self._keep(self._changelog(only.collection, selecting(only, self._functions), only.columns, since))
        if not isinstance(only, StreamStatement | FlowStatement):
            raise InputError(
                "QL442",
                "stream() takes one SELECT ... WHERE CHANGE_DETECTED(), or one with EMIT CHANGES",
                source=program.source,
            )
        if only.plan.requires.images:
            enable_images(self._database, only.plan.requires.images)
        return self._keep(Subscription(self._database, self._rows_of(only), since, only.columns))

    def _rows_of(self, statement: StreamStatement | FlowStatement) -> StreamRows:
        if isinstance(statement, FlowStatement):
            from queryleaf_cdc.runtime.flowing import Flowing

            return Flowing(statement.plan, self._functions, self._database)
        return OneByOne(statement.plan, self._functions)

    def follow(self, name: str) -> RowStream:
        """The rows of a view or a collection, and how they change. Raises InputError QL411 when there is neither."""
        return self._keep(self._changelog(name, lambda document: document, None))

    def close(self) -> None:
        for stream in list(self._open):
            stream.close()

    def _changelog(
        self, name: str, select: Select, columns: tuple[str, ...] | None, since: Since | None = None
    ) -> Changelog:
        view = self._view_target(name)
        if view is None:
            self._require(name)
            return Changelog(self._database, name, select, columns, since=since)
        return Changelog(self._database, view, select, columns, lambda: self._catalog.get(name) is None, since)

    def _view_target(self, name: str) -> str | None:
        """The collection of a materialized view; also None for whoever may not read the catalog."""
        try:
            known = self._catalog.get(name)
        except ServerError:
            return None
        return known.view.target if known is not None and known.view is not None else None

    def _require(self, name: str) -> None:
        with server_errors("list the collections", f"read on {self._database.name}"):
            there = self._database.list_collection_names()
        if name not in there:
            raise InputError("QL411", f"there is no view or collection {name}", hint=did_you_mean(name, there))

    def _keep(self, stream: RowStream) -> RowStream:
        self._open.add(stream)
        return stream
