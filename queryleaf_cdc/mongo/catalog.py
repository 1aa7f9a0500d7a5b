"""What users registered. The worker hears of it through its own stream, in one order with the data.

Writing here needs no running worker. ``_queryleaf.active`` is the worker's copy: the catalog as of the checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson.timestamp import Timestamp
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from queryleaf_cdc.errors import InputError
from queryleaf_cdc.mongo import names
from queryleaf_cdc.mongo.decoding import OPTIONS
from queryleaf_cdc.mongo.deployment import (
    cluster_now,
    ensure_internal_collections,
    note_first_registration,
    require_replica_set,
)
from queryleaf_cdc.mongo.faults import server_errors
from queryleaf_cdc.mongo.images import enable_images

_MAJORITY = WriteConcern("majority", j=True)


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One registered trigger. ``state`` is what the user wants: running or paused."""

    name: str
    sql: str
    state: str = "running"
    start: str = "now"
    """now, or beginning: with what the oplog still has"""
    revision: int = 1
    """grows with every change, so that resuming a failed trigger is a change, too"""
    registered_at: Timestamp | None = None
    """cluster time just before the registration"""
    kind: str = "trigger"
    images: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def document(self) -> dict[str, Any]:
        return {
            "_id": self.name,
            "kind": self.kind,
            "sql": self.sql,
            "hash": self.hash,
            "state": self.state,
            "start": self.start,
            "revision": self.revision,
            "registered_at": self.registered_at,
            "images": list(self.images),
            "changed": datetime.now(UTC),
        }

    @classmethod
    def of(cls, document: dict[str, Any]) -> CatalogEntry:
        return cls(
            document["_id"],
            document["sql"],
            document["state"],
            document["start"],
            document["revision"],
            document["registered_at"],
            document["kind"],
            tuple(document.get("images", ())),
        )


class Catalog:
    """The registered triggers of one database."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = database
        self._entries = database.get_collection(
            names.CATALOG, OPTIONS, write_concern=_MAJORITY, read_concern=ReadConcern("majority")
        )

    def register(
        self,
        name: str,
        sql: str,
        *,
        or_replace: bool = False,
        if_not_exists: bool = False,
        start: str = "now",
        images: Sequence[str] = (),
        kind: str = "trigger",
    ) -> str:
        """Returns created, replaced or unchanged. ``images`` are the collections whose images the SQL needs.

        Raises InputError (QL410) for a name that is taken, ServerError when the server cannot do it."""
        with server_errors(f"register {name}", f"readWrite on {self._database.name}"):
            require_replica_set(self._database.client)
            ensure_internal_collections(self._database)
            known = self.get(name)
            if known is not None and known.sql == sql and (or_replace or if_not_exists):
                return "unchanged"
            if known is not None and if_not_exists and not or_replace:
                return "unchanged"
            if known is not None and not or_replace:
                raise InputError(
                    "QL410", f"{kind} {name} exists", hint="say CREATE OR REPLACE, or CREATE ... IF NOT EXISTS"
                )
            enable_images(self._database, images)
            now = cluster_now(self._database)
            note_first_registration(self._database, now)
            entry = CatalogEntry(name, sql, "running", start, 1, now, kind, tuple(images))
            if known is None:
                try:
                    self._entries.insert_one(entry.document())
                except DuplicateKeyError:
                    return self.register(
                        name, sql, or_replace=or_replace, if_not_exists=if_not_exists, start=start, images=images
                    )
                return "created"
            document = {**entry.document(), "revision": known.revision + 1, "state": known.state}
            document["registered_at"] = known.registered_at
            self._entries.replace_one({"_id": name}, document)
            return "replaced"

    def drop(self, name: str) -> bool:
        """False when there is no such trigger."""
        with server_errors(f"drop {name}", f"readWrite on {self._database.name}"):
            return self._entries.delete_one({"_id": name}).deleted_count == 1

    def pause(self, name: str) -> None:
        """The trigger stops; its position is held. Raises InputError (QL411) when it does not exist."""
        self._set_state(name, "paused")

    def resume(self, name: str) -> None:
        """A paused or failed trigger goes on from where it was held. Raises InputError (QL411)."""
        self._set_state(name, "running")

    def get(self, name: str) -> CatalogEntry | None:
        found = self._entries.find_one({"_id": name})
        return CatalogEntry.of(found) if found else None

    def list(self) -> list[CatalogEntry]:
        with server_errors("read the catalog", f"read on {self._database.name}"):
            return [CatalogEntry.of(each) for each in self._entries.find().sort("_id", 1)]

    def _set_state(self, name: str, state: str) -> None:
        """Replaces the whole document, so that the event carries it as it was at that point."""
        with server_errors(f"change {name}", f"readWrite on {self._database.name}"):
            while True:
                known = self._entries.find_one({"_id": name})
                if known is None:
                    raise InputError("QL411", f"there is no trigger {name}")
                changed = {**known, "state": state, "revision": known["revision"] + 1}
                same = {"_id": name, "revision": known["revision"]}
                if self._entries.replace_one(same, changed).matched_count:
                    return


@dataclass(frozen=True, slots=True)
class ActiveTrigger:
    """What the worker knows about one trigger, as of the checkpoint."""

    entry: CatalogEntry
    state: str = "running"
    """running, paused, failed, or backfilling: catching up from ``held_at``"""
    held_at: dict[str, Any] | None = None
    """position of a trigger that is not part of the main program"""
    reason: str | None = None

    @property
    def name(self) -> str:
        return self.entry.name

    def document(self) -> dict[str, Any]:
        return {
            "_id": self.name,
            "entry": self.entry.document(),
            "state": self.state,
            "held_at": self.held_at,
            "reason": self.reason,
        }

    @classmethod
    def of(cls, document: dict[str, Any]) -> ActiveTrigger:
        entry = CatalogEntry.of(document["entry"])
        return cls(entry, document["state"], document["held_at"], document["reason"])


def read_active(database: Database[dict[str, Any]]) -> dict[str, ActiveTrigger]:
    documents: Iterable[dict[str, Any]] = database.get_collection(names.ACTIVE, OPTIONS).find().sort("_id", 1)
    return {each["_id"]: ActiveTrigger.of(each) for each in documents}
