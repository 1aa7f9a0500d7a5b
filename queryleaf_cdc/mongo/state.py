"""The worker's copy of the catalog, written only inside its transactions, and what it tells others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pymongo.database import Database

from queryleaf_cdc.events import Event, Origin
from queryleaf_cdc.mongo import names
from queryleaf_cdc.mongo.active import ActiveEntry
from queryleaf_cdc.mongo.catalog import CatalogEntry
from queryleaf_cdc.mongo.change_source import ChangeSource, StreamFault
from queryleaf_cdc.mongo.decoding import OPTIONS
from queryleaf_cdc.mongo.faults import Todo, Unreachable, batch_faults
from queryleaf_cdc.mongo.positions import Position, token_key, token_time
from queryleaf_cdc.mongo.write_buffer import WriteBuffer
from queryleaf_cdc.source import NO_SPAN

_SELF = Origin("", NO_SPAN)
_AWAIT_MS = 20


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
    """The entry after a catalog event. The event carries it, unless the pipeline dropped it: then it is read there once
    more, since the entry may have changed again. Raises Unreachable."""
    document = event.get("fullDocument")
    if not document or "revision" not in document:
        document = _read_again(database, event).get("fullDocument")
    if not document:  # somebody has updated it by hand, or it can be read no more: then as it is now
        with batch_faults():
            document = database.get_collection(names.CATALOG, OPTIONS).find_one({"_id": event["documentKey"]["_id"]})
    return CatalogEntry.of(document) if document else None


def _read_again(database: Database[dict[str, Any]], event: Event) -> Event:
    """The event with all that it has."""
    wanted = token_key(event["_id"])
    start = Position(at=token_time(event["_id"]))
    source = ChangeSource(
        database, [{"$match": {"ns.coll": names.CATALOG}}], ("default", "off"), start, await_ms=_AWAIT_MS
    )
    try:
        while source.position.token is None or token_key(source.position.token) < wanted:
            for each in source.next_batch().events:
                if token_key(each["_id"]) == wanted:
                    return each
    except StreamFault as fault:
        if fault.todo is Todo.RESUME:
            raise Unreachable(str(fault)) from fault
    finally:
        source.close()
    return {}


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
