"""The collections that a stream or a view looks up, as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from queryleaf_cdc.mongo.handles import Db
from queryleaf_cdc.mongo.lookups import lookup
from queryleaf_cdc.mongo.one_shot import run_query
from queryleaf_cdc.plans.stream import TableScan
from queryleaf_cdc.runtime.execution import Functions
from queryleaf_cdc.runtime.feeds import SnapshotScan


class LookedUpTables:
    """Implements ``dataflow.operator.Tables``."""

    def __init__(self, tables: Sequence[TableScan], functions: Functions, database: Db) -> None:
        self._database = database
        self._tables = {each.scan.number: (each, SnapshotScan(each, functions)) for each in tables}

    def rows(self, scan: int, path: str | None, keys: Sequence[object]) -> Sequence[tuple[Any, ...]]:
        table, snapshot = self._tables[scan]
        if path is None:
            found = run_query(self._database, table.scan.collection, [*snapshot.pipeline, {"$limit": 1}])
        else:
            found = lookup(self._database, table.scan.collection, path, keys, snapshot.pipeline)
        return [row for row, _ in snapshot.rows(found)]
