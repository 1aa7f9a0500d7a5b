"""The rows of a stream as the INSERTs that its trigger is fired by, each with the chain of triggers that led to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from queryleaf_cdc.dataflow.flow import FlowRow
from queryleaf_cdc.events import Event
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.plans.dataflow import Closing, Sessions, at_work
from queryleaf_cdc.plans.stream import FlowPlan
from queryleaf_cdc.runtime.times import wall_time

_MOST = 20_000
"""changes whose chains are remembered: as many as a batch has at most; of older ones rows rarely come"""


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
        self._latest = _NONE
        """of the changes at hand"""
        self._chains: dict[str, Chain] = {}
        """of changes that triggers made"""

    def see(self, events: Sequence[Event]) -> None:
        """The changes at hand from now on, whatever they are of: all as deep as each other."""
        self._at_hand = {event["_id"]["_data"]: event for event in events}
        self._latest = _NONE
        if events and events[0].get("_depth"):
            self._remember()

    def _remember(self) -> None:
        for id, event in self._at_hand.items():
            if event["ns"]["coll"] in self._collections:
                chain = Chain(event["_depth"], tuple(event["_chain"]))
                self._latest = self._chains[id] = self._latest if chain == self._latest else chain
        if len(self._chains) > _MOST:
            for id in list(self._chains)[:-_MOST]:
                del self._chains[id]

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
        if not self._chains:
            return _NONE
        if not changes:
            return _NONE if self._begins_anew else self._latest
        return max((self._chains.get(id, _NONE) for id in changes), key=lambda chain: chain.depth)
