"""A streaming SELECT over recorded changes, in memory: what a subscription does, without a server."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from bson import decode, encode, json_util

from queryleaf_cdc import compile_sql
from queryleaf_cdc.dataflow.flow import FlowRow, StreamFlow
from queryleaf_cdc.dataflow.rows import Delta
from queryleaf_cdc.dataflow.state import MemoryStore
from queryleaf_cdc.lowering.shared_stream import Member
from queryleaf_cdc.lowering.trigger_plan import lower_body
from queryleaf_cdc.mongo.decoding import OPTIONS
from queryleaf_cdc.offline.replay import replay
from queryleaf_cdc.plans.program import FlowStatement, StreamStatement
from queryleaf_cdc.plans.stream import FlowPlan
from queryleaf_cdc.runtime.feeds import DocumentScan, ViewFeed
from tests.streams.changes import Document, History
from tests.views.comparison import plain


class Documents:
    """Collections that do not change; implements ``dataflow.operator.Tables``."""

    def __init__(self, plan: FlowPlan, documents: dict[str, list[Document]]) -> None:
        self._scans = {each.scan.number: DocumentScan(each.scan, {}) for each in plan.tables}
        self._of = {each.scan.number: documents[each.scan.collection] for each in plan.tables}
        self.asked = 0

    def rows(self, scan: int, path: str | None, keys: Sequence[object]) -> Sequence[tuple[Any, ...]]:
        self.asked += 1
        wanted = set(map(plain, keys))
        found: list[tuple[tuple[Any, ...], int]] = []
        for each in self._of[scan]:
            if path is None or _at(each, path) in wanted:
                self._scans[scan].add(each, 1, found)
        return [row for row, _ in found][: None if path is not None else 1]


def _at(document: Document, path: str) -> Hashable:
    found: Any = document
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return plain(found)


class Stream:
    """With a ``store``, every step is written to it; ``restart`` goes on from there with nothing in memory. The time
    that has passed is ``slack`` behind the changes."""

    def __init__(
        self,
        sql: str,
        documents: dict[str, list[Document]] | None = None,
        store: MemoryStore | None = None,
        slack: timedelta = timedelta(0),
        cache_rows: int = 100,
    ) -> None:
        self._slack = slack
        self._cache_rows = cache_rows
        *_, statement = compile_sql(sql).statements
        if isinstance(statement, StreamStatement):  # it needs no memory: sorted it takes the way of the others
            *_, statement = compile_sql(f"{sql} ORDER BY 1").statements
        assert isinstance(statement, FlowStatement)
        plan = statement.plan
        self.tables = Documents(plan, documents or {})
        self._plan = plan
        self._now = datetime.min
        self._store = store
        self.restart()
        self._feeds = [
            ViewFeed("stream", each, Member(each.plan, lower_body(each.node, "_ql"), ()), {}) for each in plan.sources
        ]

    def restart(self) -> None:
        plan = self._plan
        self.flow = StreamFlow(plan.dataflow, plan.changes, {}, self.tables, self._store, self._cache_rows)

    def step(self, deltas: Mapping[int, Delta], now: datetime) -> list[FlowRow]:
        rows = self.flow.step(deltas, now)
        if self._store is not None:
            changes = self.flow.state_changes()
            self._store.write([replace(each, document=_stored(each.document)) for each in changes])
        self.flow.commit()
        return rows

    def run(self, history: History, random: Random) -> Iterator[FlowRow]:
        """All rows, with batches of random sizes; at the end an hour passes."""
        events = list(history.events)
        while events:
            size = random.choice((1, 2, 10, 50))
            batch, events = events[:size], events[size:]
            yield from self.batch(batch)
            if self._store is not None and random.random() < 0.3:
                self.restart()
        last = history.events[-1]["wallTime"]
        yield from self.step({}, last + timedelta(hours=1))

    def batch(self, events: Sequence[Document]) -> list[FlowRow]:
        deltas = {}
        for feed in self._feeds:
            feed.rows = []
            feed.collect(each for each in events if each["ns"]["coll"] == feed.scan.collection)
            if feed.rows:
                deltas[feed.scan.number] = feed.rows
        self._now = max([self._now, *(each["wallTime"] - self._slack for each in events)])
        return self.step(deltas, self._now)


def one_by_one(sql: str, history: History) -> list[Document]:
    """The rows of a stream that has no memory."""
    (statement,) = compile_sql(sql).statements
    assert isinstance(statement, StreamStatement)
    effects = json_util.loads(json_util.dumps(list(replay(sql, history.events))))
    return [effect["document"] for effect in effects]


def _stored(document: Document | None) -> Document | None:
    """As a server gives it back."""
    return None if document is None else decode(encode(document), OPTIONS)
