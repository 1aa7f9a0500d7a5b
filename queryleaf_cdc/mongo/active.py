"""The worker's copy of the catalog, as of the checkpoint: what it knows about each trigger and each view."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import Any

from bson.binary import Binary
from bson.timestamp import Timestamp

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.mongo.catalog import CatalogEntry
from queryleaf_cdc.values import Document

BEYOND = b"\xff"
"""as an encoded ``_id``: after every ``_id`` there is"""


@frozen
class Copied:
    """How far a scan's collection is copied, in the order of ``_id``.

    ``chunks`` are, in that order, the encoded last ``_id`` and the time of each chunk: a change of a document in it is
    in it already, or comes after that time. ``last`` holds the last ``_id`` itself."""

    chunks: tuple[tuple[bytes, Timestamp], ...] = ()
    last: tuple[Any, ...] = ()
    done: bool = False

    def document(self) -> Document:
        chunks = [{"to": to, "at": at} for to, at in self.chunks]
        return {"chunks": chunks, "last": list(self.last), "done": self.done}

    @classmethod
    def of(cls, document: Document) -> Copied:
        chunks = tuple((bytes(each["to"]), each["at"]) for each in document["chunks"])
        return cls(chunks, tuple(document["last"]), document["done"])


@frozen
class Version:
    """One build of a view: its state and, until it takes the target's place, its rows have collections of their own."""

    uid: str
    sql: str
    target: str
    since: Timestamp | None = None
    """when it took the target's place"""
    collection: Binary | None = None
    """UUID of its rows' collection since then: another one of the same name is not ours"""

    def document(self) -> Document:
        known = {"uid": self.uid, "sql": self.sql, "target": self.target}
        return {**known, "since": self.since, "collection": self.collection}

    @classmethod
    def of(cls, document: Document) -> Version:
        return cls(document["uid"], document["sql"], document["target"], document["since"], document["collection"])


@frozen
class Build:
    """A version on its way."""

    version: Version
    copied: Mapping[int, Copied] = field(default_factory=dict)
    """by Scan.number"""
    rows: int = 0
    """documents that were copied"""
    total: int = 0
    """documents that there were, about"""
    swapping: bool = False
    not_before: datetime | None = None

    def progress(self) -> dict[str, int]:
        return {"rows": self.rows, "total": max(self.rows, self.total)}

    @classmethod
    def new(cls, sql: str, target: str, not_before: datetime | None = None) -> Build:
        return cls(Version(uuid.uuid4().hex, sql, target), not_before=not_before)

    def document(self) -> Document:
        copied = [{"scan": number, **each.document()} for number, each in self.copied.items()]
        return {
            "version": self.version.document(),
            "copied": copied,
            "rows": self.rows,
            "total": self.total,
            "swapping": self.swapping,
            "not_before": self.not_before,
        }

    @classmethod
    def of(cls, document: Document) -> Build:
        copied = {each["scan"]: Copied.of(each) for each in document["copied"]}
        version = Version.of(document["version"])
        counts = (document["rows"], document["total"])
        return cls(version, copied, *counts, document["swapping"], document["not_before"])


@frozen
class ActiveEntry:
    """What the worker knows about one trigger or view."""

    entry: CatalogEntry
    state: str = "running"
    """running, paused, failed, stopped; of a trigger also backfilling: catching up from ``held_at``; of a view also
    backfilling: being built, and rebuilding: a version of it is there"""
    held_at: Document | None = None
    """position of a trigger that is not part of the main program"""
    reason: str | None = None
    live: Version | None = None
    """of a view: what its target holds"""
    followed: bool = False
    """whether the changes are applied to the live version"""
    build: Build | None = None
    attempts: int = 0
    """how often a view was rebuilt because of some trouble that has not been over for long"""
    troubled_at: datetime | None = None

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def is_view(self) -> bool:
        return self.entry.view is not None

    def versions(self) -> list[Version]:
        """Of a view: what its target holds, and what is being built."""
        found = [self.live] if self.live is not None else []
        return [*found, self.build.version] if self.build is not None else found

    def document(self) -> Document:
        document: Document = {
            "_id": self.name,
            "entry": self.entry.document(),
            "state": self.state,
            "held_at": self.held_at,
            "reason": self.reason,
        }
        if self.is_view:
            document["live"] = self.live.document() if self.live else None
            document["followed"] = self.followed
            document["build"] = self.build.document() if self.build else None
            document["attempts"] = self.attempts
            document["troubled_at"] = self.troubled_at
        return document

    @classmethod
    def of(cls, document: Document) -> ActiveEntry:
        found = cls(CatalogEntry.of(document["entry"]), document["state"], document["held_at"], document["reason"])
        if not found.is_view:
            return found
        return replace(
            found,
            live=Version.of(document["live"]) if document["live"] else None,
            followed=document["followed"],
            build=Build.of(document["build"]) if document["build"] else None,
            attempts=document["attempts"],
            troubled_at=document["troubled_at"],
        )


def owner_of(active: Mapping[str, ActiveEntry], collection: str) -> ActiveEntry | None:
    """The view that maintains a collection, by its own name or the target's."""
    for each in active.values():
        if each.entry.view is not None and collection in (each.name, each.entry.view.target):
            return each
    return None


def blocked(active: Mapping[str, ActiveEntry], entry: ActiveEntry) -> ActiveEntry | None:
    """The view that this one's build waits for in vain: it has no rows, and waits itself for the user."""
    assert entry.entry.view is not None
    for collection in entry.entry.view.reads:
        owner = owner_of(active, collection)
        if owner is None or owner is entry:
            continue
        if owner.build is None and owner.live is None:
            return owner
        if owner.build is not None and (found := blocked(active, owner)) is not None:
            return found
    return None
