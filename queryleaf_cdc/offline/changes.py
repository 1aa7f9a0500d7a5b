"""Change events as a change stream with both images delivers them, made from writes in memory."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import Binary, Int64, Timestamp

from queryleaf_cdc.dataflow.rows import identity
from queryleaf_cdc.events import Event
from queryleaf_cdc.offline.store import Written
from queryleaf_cdc.values import Document

_SESSION = {"id": Binary(uuid.UUID(int=1).bytes, 4), "uid": Binary(b"\0" * 32)}
"""The session of all writes that triggers make."""


@dataclass
class Oplog:
    """Numbers the events of one database."""

    database: str
    position: int = 0
    transactions: int = 0

    def event(self, written: Written, now: datetime, *, whole: bool = False) -> Event:
        """The event of one write. ``whole`` says that a replacement wrote it."""
        self.position += 1
        kind = _operation_type(written, whole)
        event: dict[str, Any] = {
            "_id": {"_data": f"{self.position:016X}"},
            "operationType": kind,
            "clusterTime": Timestamp(int((now - datetime(1970, 1, 1)).total_seconds()), self.position),
            "wallTime": now,
            "ns": {"db": self.database, "coll": written.collection},
            "documentKey": {"_id": written.key},
        }
        if written.origin is not None:
            event |= {"lsid": _SESSION, "txnNumber": Int64(self.transactions)}
        if written.after is not None:
            event["fullDocument"] = written.after
        if written.before is not None:
            event["fullDocumentBeforeChange"] = written.before
        if kind == "update":
            assert written.before is not None and written.after is not None
            event["updateDescription"] = _description(written.before, written.after)
        return event


def _operation_type(written: Written, whole: bool) -> str:
    if written.before is None:
        return "insert"
    if written.after is None:
        return "delete"
    return "replace" if whole else "update"


def is_change(written: Written) -> bool:
    """Whether a write is one: an update that leaves all as it was makes no event."""
    if written.before is None or written.after is None:
        return True
    before, after = written.before, written.after
    return list(before) != list(after) or any(_differ(before[name], after[name]) for name in after)


def _differ(a: object, b: object) -> bool:
    return type(a) is not type(b) or identity(a) != identity(b)


def _description(before: Document, after: Document) -> Document:
    """By top-level fields; a server may be finer."""
    changed = {n: value for n, value in after.items() if n not in before or _differ(before[n], value)}
    return {
        "updatedFields": changed,
        "removedFields": [name for name in before if name not in after],
        "truncatedArrays": [],
    }


def described(document: Document, description: Document) -> Document:
    """The document after an update that is known by its ``updateDescription`` only."""
    changed = dict(document)
    for path, value in (description.get("updatedFields") or {}).items():
        changed = _with(changed, path.split("."), value)
    for path in description.get("removedFields") or []:
        changed = _without(changed, path.split("."))
    for each in description.get("truncatedArrays") or []:
        changed = _truncated(changed, each["field"].split("."), each["newSize"])
    return changed


def _with(place: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    name, rest = path[0], path[1:]
    if isinstance(place, list) and name.isdigit():
        items = [*place, *[None] * (int(name) + 1 - len(place))]
        items[int(name)] = _with(items[int(name)], rest, value)
        return items
    fields = place if isinstance(place, dict) else {}
    return {**fields, name: _with(fields.get(name), rest, value)}


def _without(place: Any, path: list[str]) -> Any:
    name, rest = path[0], path[1:]
    if isinstance(place, list) and name.isdigit() and rest:
        return [_without(each, rest) if i == int(name) else each for i, each in enumerate(place)]
    if not isinstance(place, dict) or name not in place:
        return place
    if rest:
        return {**place, name: _without(place[name], rest)}
    return {key: value for key, value in place.items() if key != name}


def _truncated(place: Any, path: list[str], size: int) -> Any:
    if not path:
        return place[:size] if isinstance(place, list) else place
    name, rest = path[0], path[1:]
    if isinstance(place, list) and name.isdigit() and int(name) < len(place):
        return [_truncated(each, rest, size) if i == int(name) else each for i, each in enumerate(place)]
    if isinstance(place, dict) and name in place:
        return {**place, name: _truncated(place[name], rest, size)}
    return place
