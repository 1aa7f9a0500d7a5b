"""Random changes of random documents: as a change stream tells them, and as rows of DuckDB's tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import duckdb

from tests.streams.changes import START, Document, History, change_event
from tests.views.documents import Collection, draw_collections, draw_document, row_of

STREAMS = 2
"""so many collections change; what comes behind them is looked up in"""


@dataclass(frozen=True)
class Recorded:
    """``rows`` are those of each collection: the documents of the last one, and else op, at, the document that is there
    (of a delete the old one), and the document before."""

    history: History
    collections: tuple[Collection, ...]
    documents: dict[str, list[Document]]
    rows: dict[str, list[tuple[Any, ...]]]


def draw_recorded(random: Random, count: int) -> Recorded:
    collections = draw_collections(random)
    *streams, table = collections if len(collections) > STREAMS else (*collections, collections[0])
    table = Collection("d", table.columns)
    documents = {table.name: [draw_document(random, table, key) for key in range(random.choice((0, 6, 15)))]}
    rows: dict[str, list[tuple[Any, ...]]] = {each.name: [] for each in streams}
    rows[table.name] = [row_of(table, each) for each in documents[table.name]]
    there: dict[tuple[str, int], Document] = {}
    events, now = [], START
    for seq in range(count):
        now += timedelta(milliseconds=random.choice((1, 7, 400, 2_000, 30_000)))
        collection, key = random.choice(streams), random.randrange(12)
        before = there.pop((collection.name, key), None)
        after = None if before is not None and random.random() < 0.15 else _document(random, collection, key, before)
        kind = "insert" if before is None else "delete" if after is None else random.choice(("update", "replace"))
        events.append(change_event(seq, kind, collection.name, key, before, after, now))
        operation = {"insert": "INSERT", "delete": "DELETE"}.get(kind, "UPDATE")
        old = row_of(collection, before) if before is not None else (None,) * len(collection.columns)
        new = row_of(collection, after) if after is not None else old
        rows[collection.name].append((operation, now, *new, *old))
        if after is not None:
            there[collection.name, key] = after
    return Recorded(History(tuple(events), ()), (*streams, table), documents, rows)


def _document(random: Random, collection: Collection, key: int, before: Document | None) -> Document:
    """Of an update, every other field stays as it is."""
    found = draw_document(random, collection, key)
    if before is None:
        return found
    return {name: before[name] if name in before and random.random() < 0.5 else each for name, each in found.items()}


def connected(recorded: Recorded) -> duckdb.DuckDBPyConnection:
    """With ``op``, ``moment``, the columns, and those of before as ``old_...``."""
    found = duckdb.connect()
    found.execute("SET default_null_order='nulls_last_on_asc_first_on_desc'; SET threads=1; SET TimeZone='UTC'")
    found.execute("SET order_by_non_integer_literal=true; PRAGMA disable_optimizer")
    for collection in recorded.collections:
        plain = [f"{each.name} {each.family.value}" for each in collection.columns]
        is_table = collection.name in recorded.documents
        columns = plain if is_table else ["op VARCHAR", "moment TIMESTAMP", *plain, *(f"old_{each}" for each in plain)]
        found.execute(f"CREATE TABLE {collection.name} ({', '.join(columns)})")
        rows = recorded.rows[collection.name]
        if rows:
            values = ", ".join(f"({', '.join('?' * len(columns))})" for _ in rows)
            flat = [value for row in rows for value in row]
            found.execute(f"INSERT INTO {collection.name} VALUES {values}", flat)
    return found
