"""The worker's copy of the catalog, written only inside its transactions, and what it tells others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pymongo.database import Database

from queryleaf_cdc.events import Event, Origin
from queryleaf_cdc.mongo import names
from queryleaf_cdc.mongo.active import ActiveEntry
from queryleaf_cdc.mongo.catalog import CatalogEntry
from queryleaf_cdc.mongo.decoding import OPTIONS
from queryleaf_cdc.mongo.faults import batch_faults
from queryleaf_cdc.mongo.positions import Position
from queryleaf_cdc.mongo.write_buffer import WriteBuffer
from queryleaf_cdc.source import NO_SPAN

_SELF = Origin("", NO_SPAN)


def store_active(buffer: WriteBuffer, trigger: ActiveEntry) -> None:
    buffer.update(names.ACTIVE, {"_id": trigger.name}, trigger.document(), _SELF, upsert=True, many=False)


def remove_active(buffer: WriteBuffer, name: str) -> None:
    buffer.delete(names.ACTIVE, {"_id": name}, _SELF, many=False)


def remove_all_active(buffer: WriteBuffer) -> None:
    buffer.delete(names.ACTIVE, {}, _SELF)


def hold(buffer: WriteBuffer, name: str, position: Position) -> None:
    """Moves the position of a trigger that is held back."""
    change = {"$set": {"held_at": position.document()}}
    buffer.update(names.ACTIVE, {"_id": name}, change, _SELF, many=False)


def load_active(database: Database[dict[str, Any]]) -> dict[str, ActiveEntry]:
    with batch_faults(), database.get_collection(names.ACTIVE, OPTIONS).find().sort("_id", 1) as cursor:
        return {each["_id"]: ActiveEntry.of(each) for each in cursor}


def catalog_entries(database: Database[dict[str, Any]]) -> list[CatalogEntry]:
    with batch_faults(), database.get_collection(names.CATALOG, OPTIONS).find().sort("_id", 1) as cursor:
        return [CatalogEntry.of(each) for each in cursor]


def entry_of(database: Database[dict[str, Any]], event: Event) -> CatalogEntry | None:
    """The entry after a catalog event. The event carries it, unless the pipeline dropped it: then as it is now."""
    document = event.get("fullDocument")
    if not document or "revision" not in document:
        with batch_faults():
            document = database.get_collection(names.CATALOG, OPTIONS).find_one({"_id": event["documentKey"]["_id"]})
    return CatalogEntry.of(document) if document else None


def after_change(
    known: ActiveEntry | None, entry: CatalogEntry, here: Position, oldest: Position | None
) -> ActiveEntry:
    """What a trigger is after its catalog entry changed at ``here``. One that is held back goes on from there;
    ``oldest`` is where a new trigger with start = 'beginning' begins."""
    held = known.held_at if known else None
    if entry.state == "paused":
        return ActiveEntry(entry, "paused", held or here.document(), None)
    if known is None and oldest is not None:
        held = oldest.document()
    if held is not None:
        return ActiveEntry(entry, "backfilling", held, None)
    return ActiveEntry(entry, "running", None, None)


def failed(trigger: ActiveEntry, reason: str, at: Position | None) -> ActiveEntry:
    """``at`` is None when the position is lost: resuming then starts with what comes."""
    return replace(trigger, state="failed", reason=reason, held_at=at.document() if at else None)
