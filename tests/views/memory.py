"""Views in memory: compiled, and computed by the dataflow, without a server.

Batches are now and then computed, rolled back and computed again; and the dataflow is dropped and made anew over what
is stored, as after a restart. Errors of a view show when its rows are asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

import bson

from queryleaf_cdc.compiler import compile_sql
from queryleaf_cdc.dataflow.rows import Delta, Row, identity
from queryleaf_cdc.dataflow.view import RowChange, ViewDataflow
from queryleaf_cdc.logical.schema import Schema
from queryleaf_cdc.lowering.worker_face import evaluator
from queryleaf_cdc.mongo.decoding import OPTIONS
from queryleaf_cdc.plans.dataflow import DataflowPlan, Scan
from queryleaf_cdc.plans.program import ViewStatement
from queryleaf_cdc.plans.view import ViewPlan
from tests.unit.dataflow.harness import BsonStore
from tests.views.documents import START, Document
from tests.views.histories import Batch
from tests.views.queries import View

Changes = list[tuple[Document | None, Document | None]]
"""documents before and after"""


@dataclass(frozen=True)
class Mishaps:
    """How likely a batch is rolled back at first, or comes after a restart; and how much state is cached."""

    rollbacks: float
    restarts: float
    cache_rows: tuple[int, ...]


CALM = Mishaps(0, 0, (100_000,))
ROLLBACKS = Mishaps(1, 0, (100_000,))
RESTARTS = Mishaps(0, 1, (1,))
MIXED = Mishaps(0.15, 0.1, (1, 20, 100_000))


class MemoryEngine:
    def __init__(self, seed: int, schema: Schema | None = None, mishaps: Mishaps = MIXED) -> None:
        self.random = Random(seed)
        self.schema = schema
        self.mishaps = mishaps
        self.documents: dict[str, dict[object, Document]] = {}
        self.views: dict[str, _Maintained] = {}
        self.now = START

    def apply(self, batch: Batch) -> None:
        self.now = batch.now
        changes: dict[str, Changes] = {}
        for each in batch.changes():
            before, after = _decoded(each.before), _decoded(each.after)
            changes.setdefault(each.collection, []).append((before, after))
            known = self.documents.setdefault(each.collection, {})
            if after is None:
                del known[each.key]
            else:
                known[each.key] = after
        for name, view in self.views.items():
            changes[name] = view.follow(changes, self.now)

    def create(self, view: View) -> None:
        plan = compiled(view, self.schema)
        existing: dict[str, Changes] = {
            name: [(None, each) for each in documents.values()] for name, documents in self.documents.items()
        }
        existing |= {name: [(None, each) for each in known.rows.values()] for name, known in self.views.items()}
        made = _Maintained(plan.dataflow, self.random, self.mishaps)
        made.follow(existing, self.now)
        self.views[view.name] = made

    def rows(self, view: View) -> list[Document]:
        found = self.views[view.name]
        if found.error is not None:
            raise found.error
        return [{name: value for name, value in row.items() if name != "_id"} for row in found.rows.values()]

    def leftovers(self, view: View) -> str | None:
        """What a view that is created now does not have: a few rows are there without any document."""
        found = self.views[view.name]
        at_first = stored_at_first(found.plan, self.now)
        left = [id for id in found.store.documents if id not in at_first]
        return str(found.store.load(left)) if left else None

    def close(self) -> None:
        pass


def compiled(view: View, schema: Schema | None = None) -> ViewPlan:
    program = compile_sql(f"CREATE MATERIALIZED VIEW {view.name} AS {view.sql}", schema=schema)
    (statement,) = program.statements
    assert isinstance(statement, ViewStatement)
    return statement.plan


def stored_at_first(plan: DataflowPlan, now: datetime) -> frozenset[bytes]:
    """The state of a view over no documents: that of the rows that are there without any."""
    view = _Maintained(plan, Random(0), CALM)
    view.follow({}, now)
    return frozenset(view.store.documents)


def _decoded(document: Document | None) -> Document | None:
    """As it comes from a server."""
    return None if document is None else bson.decode(bson.encode(document), OPTIONS)


class _Maintained:
    """A view, its state, and its rows by the identity of their ``_id``."""

    def __init__(self, plan: DataflowPlan, random: Random, mishaps: Mishaps) -> None:
        self.plan = plan
        self.random = random
        self.mishaps = mishaps
        self.store = BsonStore()
        self.cache_rows = random.choice(mishaps.cache_rows)
        self.rows: dict[Hashable, Document] = {}
        self.readers = [_Reader(scan) for scan in self.plan.scans]
        self.error: Exception | None = None
        self.start()

    def start(self) -> None:
        self.dataflow = ViewDataflow(self.plan, {}, self.store, self.cache_rows)

    def follow(self, changes: Mapping[str, Changes], now: datetime) -> Changes:
        """What happens to the view's rows."""
        if self.error is not None:
            return []
        try:
            deltas = {each.number: each.delta(changes.get(each.collection, [])) for each in self.readers}
            return [self._written(change) for change in self._computed(deltas, now)]
        except Exception as error:
            self.error = error
            return []

    def _computed(self, deltas: dict[int, Delta], now: datetime) -> list[RowChange]:
        if self.random.random() < self.mishaps.restarts:
            self.start()
        if self.random.random() < self.mishaps.rollbacks:
            self.dataflow.step({number: list(delta) for number, delta in deltas.items()}, now)
            if self.random.random() < 0.5:
                self.dataflow.state_changes()
            self.dataflow.rollback()
        found = self.dataflow.step(deltas, now)
        self.store.write(self.dataflow.state_changes())
        self.dataflow.commit()
        return found

    def _written(self, change: RowChange) -> tuple[Document | None, Document | None]:
        assert not (isinstance(change.id, dict) and any(name.startswith("$") for name in change.id)), change.id
        key, known = identity(change.id), self.rows.get(identity(change.id))
        assert (known is None) == (change.before is None), f"{change} where there is {known}"
        if change.after is None:
            self.rows.pop(key, None)
            return known, None
        self.rows[key] = after = bson.decode(bson.encode({"_id": change.id, **change.after}), OPTIONS)
        return known, after


class _Reader:
    """A scan's rows of documents."""

    def __init__(self, scan: Scan) -> None:
        self.number = scan.number
        self.collection = scan.collection
        self.alias = scan.alias
        self.columns: list[Callable[[Any], Any]] = [evaluator(each) for each in scan.columns]
        self.condition = None if scan.condition is None else evaluator(scan.condition)

    def delta(self, changes: Changes) -> Delta:
        found: Delta = []
        for before, after in changes:
            found += [(row, -1) for row in self.row(before)]
            found += [(row, 1) for row in self.row(after)]
        return found

    def row(self, document: Document | None) -> list[Row]:
        if document is None:
            return []
        env = {self.alias: document}
        if self.condition is not None and self.condition(env) is not True:
            return []
        return [tuple(column(env) for column in self.columns)]
