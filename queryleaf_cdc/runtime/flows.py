"""A durable stream at work in a lane: what it remembers and what its rows do is written in the batch's transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from queryleaf_cdc.dataflow.flow import StreamFlow
from queryleaf_cdc.events import Event
from queryleaf_cdc.lowering.shared_stream import in_worker
from queryleaf_cdc.mongo.catalog import CatalogEntry
from queryleaf_cdc.mongo.handles import Db
from queryleaf_cdc.mongo.view_state import MongoStateStore, create_state, state_name, state_ops
from queryleaf_cdc.plans.program import TriggerStatement
from queryleaf_cdc.plans.sink import Destination
from queryleaf_cdc.runtime.computing import Computing, computing_faults
from queryleaf_cdc.runtime.execution import Functions
from queryleaf_cdc.runtime.feeds import ViewFeed
from queryleaf_cdc.runtime.firing import Firing
from queryleaf_cdc.runtime.looked_up import LookedUpTables
from queryleaf_cdc.runtime.row_events import RowEvents
from queryleaf_cdc.runtime.triggers import CompiledTrigger


class CompiledFlow:
    """A trigger or sink over the rows of a stream. ``feeds`` are the stream's scans, by Scan.number."""

    def __init__(
        self,
        statement: TriggerStatement,
        functions: Functions,
        feeds: Mapping[tuple[str, int], ViewFeed],
        destination: Destination | None,
    ) -> None:
        assert statement.flow is not None
        self.uid = statement.plan.name
        self.plan = statement.plan
        self.flow = statement.flow
        self.functions = functions
        self.feeds = {number: feed for (owner, number), feed in feeds.items() if owner == self.uid}
        self.trigger = CompiledTrigger(in_worker(statement), functions, destination)


def state_of(entry: CatalogEntry) -> str:
    """The collection of what a registered stream remembers. Another definition has another one, also when it is again
    one that was there before: whoever still wants to drop what that remembered must not meet it here."""
    text = f"{entry.name}\0{entry.registered_at}\0{entry.sql}"
    return state_name(_uid(f"{text}\0{entry.replaced_in}" if entry.replaced_in else text))


def _uid(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class RunningFlow(Computing):
    """``state`` is the collection of what it remembers."""

    def __init__(self, compiled: CompiledFlow, database: Db, state: str) -> None:
        self.uid = compiled.uid
        self.compiled: CompiledFlow
        self.state = state
        is_empty = create_state(database, state)
        store = MongoStateStore(database, state.removeprefix(state_name("")), is_empty)
        flow, functions = compiled.flow, compiled.functions
        tables = LookedUpTables(flow.tables, functions, database)
        self._flow = StreamFlow(flow.dataflow, flow.changes, functions, tables, store)
        super().__init__(compiled, store, self._flow)
        self._rows = RowEvents(flow, compiled.plan.collection, database.name)

    def clear(self) -> None:
        super().clear()
        self._rows.see(())

    def see(self, events: Sequence[Event]) -> None:
        """The events of the batch, whatever they are of."""
        self._rows.see(events)

    def is_concerned(self) -> bool:
        return self.has_rows() or self.is_closing

    def step(self, firing: Firing) -> None:
        """Adds the batch's writes to the buffer. Raises BatchTooLarge, and what firing raises."""
        deltas = {number: feed.rows for number, feed in self.compiled.feeds.items() if feed.rows}
        self._stepped = True
        with computing_faults():
            rows = self._flow.step(deltas, self.passed)
        self.late = self._flow.late
        buffer = firing.buffer
        buffer.exact[self.state] = None
        buffer.ops += state_ops(self.state, self._flow.state_changes())
        firing.rows(self.compiled.trigger, [self._rows.insert(row, self.passed) for row in rows])
