"""A random history of two collections as a change stream tells it, and the same changes as rows of tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from bson import Int64, Timestamp

Document = dict[str, Any]
START = datetime(2025, 3, 1)
COLLECTIONS = ("a", "b")
COLUMNS = {"k": "BIGINT", "v": "BIGINT", "x": "DOUBLE", "t": "TIMESTAMP"}


@dataclass(frozen=True)
class History:
    """``events`` in commit order, no two at one time; ``rows`` are (collection, seq, op, at, id, k, v, x, t): the
    document that is there, of a delete the old one."""

    events: tuple[Document, ...]
    rows: tuple[tuple[Any, ...], ...]


def draw_history(random: Random, count: int) -> History:
    documents: dict[tuple[str, int], Document] = {}
    events, rows, now = [], [], START
    for seq in range(count):
        now += timedelta(milliseconds=random.choice((1, 7, 400, 2_000, 30_000)))
        collection, key = random.choice(COLLECTIONS), random.randrange(12)
        before = documents.get((collection, key))
        after = None if before is not None and random.random() < 0.15 else _document(random, key, now)
        kind = "insert" if before is None else "delete" if after is None else random.choice(("update", "replace"))
        events.append(change_event(seq, kind, collection, key, before, after, now))
        there = after if after is not None else before
        assert there is not None
        operation = {"insert": "INSERT", "delete": "DELETE"}.get(kind, "UPDATE")
        rows.append((collection, seq, operation, now, key, *(there.get(name) for name in COLUMNS)))
        if after is None:
            del documents[collection, key]
        else:
            documents[collection, key] = after
    return History(tuple(events), tuple(rows))


def _document(random: Random, key: int, now: datetime) -> Document:
    found: Document = {"_id": key, "k": random.randrange(3), "t": now - timedelta(seconds=random.randrange(40))}
    if random.random() < 0.85:
        found["v"] = random.choice((int, Int64))(random.randrange(-5, 20))
    if random.random() < 0.8:
        found["x"] = random.choice((0.5, 1.25, -3.0, 1e6, 0.1))
    return found


def change_event(
    seq: int, kind: str, collection: str, key: int, before: Document | None, after: Document | None, now: datetime
) -> Document:
    event: Document = {
        "_id": {"_data": f"{seq:08d}"},
        "operationType": kind,
        "ns": {"db": "d", "coll": collection},
        "documentKey": {"_id": key},
        "clusterTime": Timestamp(int((now - datetime(1970, 1, 1)).total_seconds()), seq + 1),
        "wallTime": now,
    }
    if after is not None:
        event["fullDocument"] = after
    if before is not None:
        event["fullDocumentBeforeChange"] = before
    return event
