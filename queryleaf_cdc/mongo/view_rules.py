"""What makes a registration of a view impossible, and who owns its target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bson.binary import Binary
from pymongo.database import Database

from queryleaf_cdc.errors import InputError
from queryleaf_cdc.mongo import names
from queryleaf_cdc.mongo.decoding import OPTIONS

if TYPE_CHECKING:
    from queryleaf_cdc.mongo.catalog import CatalogEntry, ViewFacts


def refuse_impossible(
    database: Database[dict[str, Any]], name: str, view: ViewFacts, entries: Sequence[CatalogEntry]
) -> None:
    """Raises InputError: QL412 for a target that is not ours, QL413 for a cycle, QL414 when other views read columns
    that would change, QL415 for a source without changes."""
    _refuse_cycle(name, view, entries)
    views = {each for other in entries if other.view is not None for each in (other.name, other.view.target)}
    refuse_unfollowable(database, [each for each in view.reads if each not in views])
    known = next((each for each in entries if each.name == name), None)
    if known is not None and known.view is not None:
        same = known.view.columns == view.columns and known.view.target == view.target
        if not same:
            refuse_needed(name, known.view, entries, "its columns and its target must stay")
        if known.view.target == view.target:
            return
    _refuse_foreign(database, name, view, entries)


def refuse_needed(name: str, view: ViewFacts, entries: Sequence[CatalogEntry], because: str = "") -> None:
    """Raises InputError (QL414) when other views read this one."""
    readers = [
        each.name for each in entries if each.name != name and each.view and _reads(each.view, name, view.target)
    ]
    if readers:
        text = f"materialized view {name} is read by {', '.join(readers)}"
        raise InputError("QL414", f"{text}: {because}" if because else text, hint="drop these first")


WRITES = ("insert", "update", "remove")
"""the privileges that writing takes"""


def refuse_maintained(written: Iterable[str], maintained: Mapping[str, str]) -> None:
    """Raises InputError (QL416) for a write into what only the worker writes."""
    for collection in sorted(written):
        if collection in maintained:
            text = f"{collection} holds the rows of materialized view {maintained[collection]}"
            raise InputError("QL416", text, hint="write to what the view reads")


def refuse_unfollowable(database: Database[dict[str, Any]], collections: Iterable[str]) -> None:
    """Raises InputError (QL415) for what the change stream does not tell all changes of."""
    for name in collections:
        found = _described(database, name)
        kind = found.get("type", "collection")
        if kind == "collection" and found.get("options", {}).get("capped"):
            kind = "capped"
        if kind in _UNFOLLOWABLE:
            what, hint = _UNFOLLOWABLE[kind]
            raise InputError("QL415", f"{name} is {what}: a materialized view cannot follow it", hint=hint)


_UNFOLLOWABLE = {
    "view": ("a MongoDB view", "read the collections that it reads"),
    "timeseries": ("a time-series collection", "MongoDB tells no changes of it; use an ordinary collection"),
    "capped": ("a capped collection", "MongoDB does not tell which documents leave it; use an ordinary collection"),
}
"""kind of collection → what it is called, and a hint"""


def drop_target(database: Database[dict[str, Any]], name: str, target: str, collection: Binary | None) -> None:
    """Removes a view's rows, and what shows them under the view's own name.

    Only of the collection that is ours: when the rows are gone, their name is free for anybody."""
    if uuid_of(database, target) == collection:
        database.drop_collection(target)
    if _shows(database, name, target):
        database.drop_collection(name)


def drop_rows(database: Database[dict[str, Any]], name: str) -> None:
    """The same, of what the worker said last. A view that was never built has no rows."""
    found = database.get_collection(names.ACTIVE, OPTIONS).find_one({"_id": name}, {"live": 1})
    if found is not None and found.get("live"):
        drop_target(database, name, found["live"]["target"], found["live"]["collection"])


def refuse_taken(database: Database[dict[str, Any]], target: str, live: str | None) -> None:
    """Raises InputError (QL412) when somebody else has come to use a target in the meantime. ``live`` is where the
    view's rows are now."""
    if target != live and _holds_something(database, target) and not (live and _shows(database, target, live)):
        raise _taken(target)


def uuid_of(database: Database[dict[str, Any]], name: str) -> Binary | None:
    found: Binary | None = _described(database, name).get("info", {}).get("uuid")
    return found


def _reads(view: ViewFacts, *collections: str) -> bool:
    return not set(view.reads).isdisjoint(collections)


def _refuse_cycle(name: str, view: ViewFacts, entries: Sequence[CatalogEntry]) -> None:
    views = {each.name: each.view for each in entries if each.view is not None and each.name != name}
    by_collection = {each.target: other for other, each in views.items()} | {other: other for other in views}
    ahead, seen = [(name, view)], {name}
    while ahead:
        reader, facts = ahead.pop()
        if _reads(facts, name, view.target):
            way = "itself" if reader == name else f"{reader}, which reads it in turn"
            raise InputError("QL413", f"materialized view {name} would read {way}")
        for other in (by_collection.get(each) for each in facts.reads):
            if other is not None and other not in seen:
                seen.add(other)
                ahead.append((other, views[other]))


def _refuse_foreign(
    database: Database[dict[str, Any]], name: str, view: ViewFacts, entries: Sequence[CatalogEntry]
) -> None:
    for taken in (view.target, name):
        owner = next((each for each in entries if each.view and each.name != name and each.view.target == taken), None)
        if owner is not None:
            raise InputError(
                "QL412", f"{taken} holds the rows of materialized view {owner.name}", hint="take another name"
            )
        if _holds_something(database, taken) and not _was_ours(database, taken):
            raise _taken(taken)


def _taken(target: str) -> InputError:
    return InputError(
        "QL412",
        f"{target} exists, and is no materialized view: its documents would be lost",
        hint="take another name, or WITH (target = '...'), or drop it",
    )


def _holds_something(database: Database[dict[str, Any]], name: str) -> bool:
    """Nothing is lost with an empty collection: one comes to be when a view reads what is not there yet."""
    kind = _kind(database, name)
    return kind is not None and (kind != "collection" or database[name].find_one({}, {"_id": 1}) is not None)


def _was_ours(database: Database[dict[str, Any]], collection: str) -> bool:
    """The catalog's entry may be gone, and the worker not yet have heard of it."""
    ours = [
        {"entry.view.target": collection},
        {"live.target": collection},
        {"_id": collection, "entry.view": {"$exists": True}},
    ]
    return database[names.ACTIVE].find_one({"$or": ours}, {"_id": 1}) is not None


def _kind(database: Database[dict[str, Any]], name: str) -> str | None:
    """collection, view or timeseries; None when there is nothing of the name."""
    return _described(database, name).get("type")


def _shows(database: Database[dict[str, Any]], name: str, target: str) -> bool:
    """Whether that is a MongoDB view of the target."""
    return bool(_described(database, name).get("options", {}).get("viewOn") == target)


def _described(database: Database[dict[str, Any]], name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = database.command("listCollections", filter={"name": name})["cursor"]["firstBatch"]
    return found[0] if found else {}
