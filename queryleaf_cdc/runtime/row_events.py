"""The rows of a stream as the INSERTs that its trigger is fired by, each with the chain of triggers that led to it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from queryleaf_cdc.dataflow.flow import FlowRow
from queryleaf_cdc.events import Event
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.plans.dataflow import Closing, Sessions, at_work
from queryleaf_cdc.plans.stream import FlowPlan
from queryleaf_cdc.runtime.times import wall_time

_MOST = 10_000
"""changes whose chains are remembered; of older ones rows rarely come"""


@frozen
class Chain:
    """How deep a change is, and which triggers led to it."""

    depth: int = 0
    triggers: tuple[str, ...] = ()


_NONE = Chain()


class RowEvents:
    """Of one stream. A row is as deep as the deepest of its changes, as far as these are known: they are forgotten with
    the process. Of a group it is the deepest of the changes at hand. What comes when its window ends begins anew.

    Rows are said to be of the collection of their changes, if it is one; else of ``name``."""

    def __init__(self, flow: FlowPlan, name: str, database: str) -> None:
        self._collections = {each.scan.collection for each in flow.sources}
        self._namespace = {"db": database, "coll": min(self._collections) if len(self._collections) == 1 else name}
        self._begins_anew = any(
            isinstance(node, Closing | Sessions) and not node.every_change for node in at_work(flow.dataflow.root)
        )
        self._at_hand: dict[str, Event] = {}
        self._chains: dict[str, Chain] = {}

    def see(self, events: Iterable[Event]) -> None:
        """The changes at hand from now on, whatever they are of."""
        self._at_hand = {event["_id"]["_data"]: event for event in events}
        for id, event in self._at_hand.items():
            if event.get("_depth") and event["ns"]["coll"] in self._collections:
                self._chains[id] = _chain(event)
        while len(self._chains) > _MOST:
            del self._chains[next(iter(self._chains))]

    def insert(self, row: FlowRow, passed: datetime) -> Event:
        """``passed`` is when a row comes that comes of no change at hand."""
        events = [self._at_hand[id] for id in row.changes if id in self._at_hand]
        chain = self._chain(row.changes)
        return {
            "_id": {"_data": row.token},
            "operationType": "insert",
            "ns": self._namespace,
            "documentKey": {"_id": row.id},
            "fullDocument": row.values,
            "wallTime": max(map(wall_time, events), default=passed),
            "_depth": chain.depth,
            "_chain": chain.triggers,
        }

    def _chain(self, changes: tuple[str, ...]) -> Chain:
        if changes:
            known = [self._of_change(id) for id in changes]
        elif self._begins_anew:
            known = []
        else:
            known = [_chain(event) for event in self._at_hand.values() if event["ns"]["coll"] in self._collections]
        return max(known, key=lambda chain: chain.depth, default=_NONE)

    def _of_change(self, id: str) -> Chain:
        event = self._at_hand.get(id)
        return _chain(event) if event is not None else self._chains.get(id, _NONE)


def _chain(event: Event) -> Chain:
    return Chain(event.get("_depth", 0), tuple(event.get("_chain", ())))
