"""Calls to the outside world, written in the batch's transaction, delivered after it has committed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import bson
from pymongo.database import Database

from queryleaf_cdc.events import ACTIONS, Event, Origin
from queryleaf_cdc.mongo import names
from queryleaf_cdc.mongo.decoding import OPTIONS
from queryleaf_cdc.mongo.faults import batch_faults
from queryleaf_cdc.values import Document, Value

COUNTED = 10_000
"""rows that wait for a sink are counted up to here"""


def outbox_row(procedure: str, args: Sequence[Value], event: Event, origin: Origin, ordinal: int) -> Document:
    """``ordinal`` counts the calls of one firing. The id, which is also the idempotency key, is the same whenever
    this event is worked on again; ``order`` sorts like the events, then like the triggers' names (NUL comes before
    any character of a longer name)."""
    return {**_row(event, origin, ordinal), "procedure": procedure, "args": list(args)}


def sink_row(
    destination: Document, retries: int, row: Document, event: Event, origin: Origin, ordinal: int
) -> Document:
    """A row that goes where its sink pointed when the change was processed. Rows of a sink wait for each other only,
    and those for a webhook or a file have a ``place`` of their own in the delivery."""
    common = _row(event, origin, ordinal)
    lane = hashlib.sha256(f"{origin.trigger}\0{common['lane']}".encode()).hexdigest()[:32]
    place = _place(lane, origin.trigger, destination)
    return {
        **common,
        "lane": lane,
        **({"place": place} if place is not None else {}),
        "to": destination,
        "row": row,
        "change_id": event["_id"]["_data"],
        "max_attempts": retries + 1,
    }


PLACES = {"webhook": 4, "file": 1}
"""How many rows of one sink are under way at the same time, each from a lane of its own. What procedures get has no
place: there is one thread for them, as users' functions need not bear several."""


def _row(event: Event, origin: Origin, ordinal: int) -> Document:
    order = f"{event['_id']['_data']}:{origin.trigger}\0{ordinal:06d}"
    collection = event["ns"]["coll"]
    key = event.get("documentKey") or {}
    return {
        "_id": hashlib.sha256(order.encode()).hexdigest()[:32],
        "order": order,
        "lane": hashlib.sha256(collection.encode() + b"\0" + bson.encode(key)).hexdigest()[:32],
        "trigger": origin.trigger,
        "operation": ACTIONS.get(event["operationType"], event["operationType"]),
        "collection": collection,
        "key": key,
        "timestamp": event.get("wallTime") or event.get("clusterTime"),
        "state": "pending",
        "attempts": 0,
        "next_at": None,
        "error": None,
    }


def _place(lane: str, sink: str, destination: Document) -> str | None:
    """Another target of the sink is another place: whatever holds up the old one is no business of the new one."""
    width = PLACES.get(destination["kind"])
    if width is None:
        return None
    target = hashlib.sha256(f"{destination['kind']}\0{destination['name']}".encode()).hexdigest()[:8]
    return f"{int(lane, 16) % width}:{sink}:{target}"


def _places_of(sink: str) -> list[re.Pattern[str]]:
    """Of all its targets; anchored, so that an index serves."""
    return [re.compile(f"^{number}:{re.escape(sink)}:[0-9a-f]{{8}}$") for number in range(max(PLACES.values()))]


class OutboxStore:
    """The rows that still have to be delivered. Delivered ones are removed, dead ones stay."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._rows = database.get_collection(names.OUTBOX, OPTIONS)
        self._dead_letters = database.get_collection(names.DEAD_LETTERS, OPTIONS)

    def places(self) -> list[str]:
        """The places that rows are waiting for."""
        with batch_faults():
            return [each for each in self._rows.distinct("place", {"state": "pending"}) if each is not None]

    def pending(self, limit: int, except_lanes: Sequence[str] = (), place: str | None = None) -> list[Document]:
        """Those of one place, in order of their events; rows of one lane (document key) follow each other."""
        query: Document = {"state": "pending", "place": place}
        if except_lanes:
            query["lane"] = {"$nin": list(except_lanes)}
        with batch_faults(), self._rows.find(query).sort("order", 1).limit(limit) as cursor:
            return list(cursor)

    def waiting(self, sink: str) -> tuple[int, str | None]:
        """How many rows of a webhook or a file wait (counted up to a bound), and why the first one of them failed
        last."""
        query = {"state": "pending", "place": {"$in": _places_of(sink)}}
        with batch_faults():
            first = self._rows.find_one(query, {"error": 1}, sort=[("order", 1)])
            count = self._rows.count_documents(query, limit=COUNTED) if first is not None else 0
        return count, first["error"] if first is not None else None

    def is_empty(self) -> bool:
        with batch_faults():
            return self._rows.find_one({"state": "pending"}, {"_id": 1}) is None

    def delivered(self, row_ids: Sequence[str]) -> None:
        with batch_faults():
            self._rows.delete_many({"_id": {"$in": list(row_ids)}})

    def failed(self, row_id: str, error: str, next_at: datetime) -> None:
        change = {"$set": {"error": error, "next_at": next_at}, "$inc": {"attempts": 1}}
        with batch_faults():
            self._rows.update_one({"_id": row_id}, change)

    def dead(self, row: Document, dead_letter: Document) -> None:
        """The dead letter first: a crash in between repeats the call, and loses nothing."""
        with batch_faults():
            self._dead_letters.replace_one({"_id": dead_letter["_id"]}, dead_letter, upsert=True)
            change = {"$set": {"state": "dead", "error": dead_letter["error"]}, "$inc": {"attempts": 1}}
            self._rows.update_one({"_id": row["_id"]}, change)
