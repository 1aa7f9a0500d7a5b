"""What users registered. The worker hears of it through its own stream, in one order with the data.

Writing here needs no running worker. ``active.py`` has the worker's copy: the catalog as of the checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bson.timestamp import Timestamp
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from queryleaf_cdc.errors import InputError, did_you_mean
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.mongo import names
from queryleaf_cdc.mongo.decoding import OPTIONS
from queryleaf_cdc.mongo.deployment import (
    cluster_now,
    ensure_internal_collections,
    note_first_registration,
    require_replica_set,
)
from queryleaf_cdc.mongo.faults import server_errors
from queryleaf_cdc.mongo.handles import reliable
from queryleaf_cdc.mongo.images import enable_images
from queryleaf_cdc.mongo.view_rules import drop_rows, refuse_impossible, refuse_needed

_MAJORITY = WriteConcern("majority", j=True)


@frozen
class ViewFacts:
    """What others must know of a registered view without compiling it."""

    target: str
    """the collection that holds its rows"""
    reads: tuple[str, ...]
    columns: tuple[str, ...] | None
    on_error: str = "rebuild"
    order: tuple[tuple[str, bool, bool], ...] = ()
    """of its rows by default: (column, descending, NULLs first)"""
    refreshes: int = 0
    """how often the user wanted it rebuilt"""

    def document(self) -> dict[str, Any]:
        columns = list(self.columns) if self.columns is not None else None
        return {
            "target": self.target,
            "reads": list(self.reads),
            "columns": columns,
            "on_error": self.on_error,
            "order": [list(each) for each in self.order],
            "refreshes": self.refreshes,
        }

    @classmethod
    def of(cls, document: dict[str, Any]) -> ViewFacts:
        columns = document["columns"]
        found = tuple(columns) if columns is not None else None
        order = tuple((name, descending, first) for name, descending, first in document["order"])
        return cls(
            document["target"], tuple(document["reads"]), found, document["on_error"], order, document["refreshes"]
        )


@frozen
class CatalogEntry:
    """One registered trigger, view or sink. ``state`` is what the user wants: running or paused."""

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
    view: ViewFacts | None = None
    streams: tuple[str, ...] = ()
    """names of the streams that its SQL reads"""
    replaced_in: int = 0
    """the revision in which it got its SQL, unless it began with that: a definition that comes again is another one"""

    @property
    def needs_worker(self) -> bool:
        return self.kind != "view"

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def document(self) -> dict[str, Any]:
        document = {
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
        if self.view is not None:
            document["view"] = self.view.document()
        if self.streams:
            document["streams"] = list(self.streams)
        if self.replaced_in:
            document["replaced_in"] = self.replaced_in
        return document

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
            ViewFacts.of(document["view"]) if document.get("view") else None,
            tuple(document.get("streams", ())),
            document.get("replaced_in", 0),
        )


class Catalog:
    """The registered triggers of one database."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = reliable(database)
        self._entries = self._database.get_collection(
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
        view: ViewFacts | None = None,
        streams: Sequence[str] = (),
    ) -> str:
        """Returns created, replaced or unchanged. ``images`` are the collections whose images the SQL needs.

        Raises InputError (QL410) for a name that is taken, QL412 to QL414 for a view that cannot be, ServerError
        when the server cannot do it."""
        with server_errors(f"register {name}", f"readWrite on {self._database.name}"):
            require_replica_set(self._database.client)
            ensure_internal_collections(self._database)
            while True:
                known = self.get(name)
                if known is not None and _is_as_wanted(known, kind, sql, or_replace, if_not_exists):
                    return "unchanged"
                if view is not None:
                    refuse_impossible(self._database, name, view, self.list())
                enable_images(self._database, images)
                now = cluster_now(self._database)
                note_first_registration(self._database, now)
                entry = CatalogEntry(name, sql, "running", start, 1, now, kind, tuple(images), view, tuple(streams))
                if self._stored(entry, known):
                    return "created" if known is None else "replaced"

    def _stored(self, entry: CatalogEntry, known: CatalogEntry | None) -> bool:
        """False when what is registered under the name is no longer ``known``."""
        document = entry.document()
        if known is None:
            try:
                self._entries.insert_one(document)
            except DuplicateKeyError:
                return False
            return True
        document |= {"state": known.state, "registered_at": known.registered_at}
        document["revision"] = document["replaced_in"] = known.revision + 1
        if entry.view is not None and known.view is not None:
            document["view"]["refreshes"] = known.view.refreshes
        same = {"_id": entry.name, "revision": known.revision, "registered_at": known.registered_at}
        return self._entries.replace_one(same, document).matched_count == 1

    def planned(self, entry: CatalogEntry, beside: Mapping[str, CatalogEntry]) -> str:
        """What registering the entry would do where ``beside`` is registered: created, replaced or unchanged.

        Raises what register raises."""
        known = beside.get(entry.name)
        with server_errors(f"register {entry.name}", f"readWrite on {self._database.name}"):
            require_replica_set(self._database.client)
            if known is not None and _is_as_wanted(known, entry.kind, entry.sql, True, False):
                return "unchanged"
            if entry.view is not None:
                refuse_impossible(self._database, entry.name, entry.view, tuple(beside.values()))
        return "created" if known is None else "replaced"

    def drop(self, name: str) -> bool:
        """False when there is no such trigger or view. Raises InputError (QL414) for a view or stream that others read.

        The rows of a view go at once; the worker removes its state, and what it may have written meanwhile."""
        with server_errors(f"drop {name}", f"readWrite on {self._database.name}"):
            known = self.get(name)
            if known is not None:
                refuse_drop(known, self.list())
            found = self._entries.delete_one({"_id": name}).deleted_count == 1
            if known is not None and known.view is not None:
                drop_rows(self._database, name)
            return found

    def pause(self, name: str) -> None:
        """A trigger stops, its position is held; a view stays as it is. Raises InputError (QL411) when it does not
        exist."""
        self._change(name, lambda known: {"state": "paused"})

    def resume(self, name: str) -> None:
        """A held trigger goes on from where it was held; a view is built anew. Raises InputError (QL411)."""
        self._change(name, lambda known: {"state": "running"})

    def refresh(self, name: str) -> None:
        """Has a view built anew. Raises InputError (QL411)."""

        def changed(known: dict[str, Any]) -> dict[str, Any]:
            if "view" not in known:
                raise InputError("QL411", f"there is no materialized view {name}", hint=f"{name} is a trigger")
            return {"state": "running", "view": {**known["view"], "refreshes": known["view"]["refreshes"] + 1}}

        self._change(name, changed)

    def get(self, name: str) -> CatalogEntry | None:
        with server_errors("read the catalog", f"read on {self._database.name}"):
            found = self._entries.find_one({"_id": name})
        return CatalogEntry.of(found) if found else None

    def list(self) -> list[CatalogEntry]:
        with server_errors("read the catalog", f"read on {self._database.name}"):
            return [CatalogEntry.of(each) for each in self._entries.find().sort("_id", 1)]

    def unknown(self, name: str) -> InputError:
        """QL411, with the name that was probably meant."""
        hint = did_you_mean(name, [each.name for each in self.list()])
        return InputError("QL411", f"there is no trigger or view {name}", hint=hint)

    def maintained(self) -> dict[str, str]:
        """The collections that hold a view's rows, or show them → the view."""
        views = [(each.name, each.view) for each in self.list() if each.view is not None]
        return {collection: name for name, view in views for collection in (name, view.target)}

    def _change(self, name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Replaces the whole document, so that the event carries it as it was at that point."""
        with server_errors(f"change {name}", f"readWrite on {self._database.name}"):
            while True:
                known = self._entries.find_one({"_id": name})
                if known is None:
                    raise self.unknown(name)
                if known["kind"] == "view":
                    raise InputError("QL417", f"{name} is a view over a stream: no worker has anything to do with it")
                changed = {**known, **change(known), "revision": known["revision"] + 1}
                same = {"_id": name, "revision": known["revision"]}
                if self._entries.replace_one(same, changed).matched_count:
                    return


def _is_as_wanted(known: CatalogEntry, kind: str, sql: str, or_replace: bool, if_not_exists: bool) -> bool:
    """Whether nothing is to be done. Raises InputError (QL410) when the name is taken."""
    if known.kind != kind:
        raise InputError(
            "QL410", f"{known.name} exists, and is a {_SAID[known.kind]}", hint="drop it, or take another name"
        )
    if if_not_exists and not or_replace:
        return True
    if known.sql == sql and (or_replace or if_not_exists):
        return True
    if not or_replace:
        raise InputError(
            "QL410",
            f"{_SAID[kind]} {known.name} exists",
            hint="say CREATE OR REPLACE, or CREATE ... IF NOT EXISTS",
        )
    return False


def refuse_drop(known: CatalogEntry, entries: Sequence[CatalogEntry]) -> None:
    """Raises InputError (QL414) when others read this view or stream."""
    if known.view is not None:
        refuse_needed(known.name, known.view, entries)
    readers = [each.name for each in entries if known.name in each.streams]
    if readers:
        raise InputError("QL414", f"view {known.name} is read by {', '.join(readers)}", hint="drop these first")


_SAID = {"trigger": "trigger", "materialized_view": "materialized view", "sink": "sink", "view": "view"}
