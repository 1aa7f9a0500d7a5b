"""What users see of their triggers, from any process: read from the database alone."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from queryleaf_cdc.mongo.active import ActiveEntry, blocked
from queryleaf_cdc.mongo.catalog import CatalogEntry
from queryleaf_cdc.mongo.checkpoint import read_checkpoint
from queryleaf_cdc.mongo.deployment import cluster_now
from queryleaf_cdc.mongo.faults import Unreachable, server_errors, unreachable
from queryleaf_cdc.mongo.handles import reliable
from queryleaf_cdc.mongo.outbox import OutboxStore
from queryleaf_cdc.mongo.positions import Position
from queryleaf_cdc.mongo.state import catalog_entries, load_active
from queryleaf_cdc.mongo.worker_identity import surely_dead

_COUNTERS = ("events", "errors", "dead_letters")


def read_status(database: Database[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """name → kind, state, lag_seconds, events, errors, dead_letters, checkpoint_time, reason, of a view progress, of a
    sink pending: the rows that wait for a webhook or a file (``mongo.outbox.COUNTED`` if there are more). late: rows of
    a stream that came after their window of time had ended, and were left out.

    state: running, backfilling, rebuilding, paused, failed, or stopped: by its trouble, or because no worker is at
    work. progress is {rows, total} while a view is built, else None. Counters are those of the last checkpoint. Raises
    ServerError."""
    database = reliable(database)
    try:
        with server_errors("read the status", f"read on {database.name}"):
            checkpoint, outbox = read_checkpoint(database), OutboxStore(database)
            active, entries = load_active(database), catalog_entries(database)
            waiting = {each.name: outbox.waiting(each.name) for each in entries if each.kind == "sink"}
            now = cluster_now(database)
    except Unreachable as error:
        raise unreachable(error) from error
    alive = checkpoint is not None and _is_alive(checkpoint)
    counters = {each["name"]: each for each in (checkpoint or {}).get("counters", ())}
    position = Position.of((checkpoint or {}).get("position") or {})
    lag = (checkpoint or {}).get("lag_seconds", 0.0)
    if not alive and position.time is not None:
        lag = float(max(0, now.time - position.time.time))
    return {
        entry.name: {
            "kind": entry.kind,
            "state": _state(entry, active.get(entry.name), alive),
            "lag_seconds": lag if entry.needs_worker else 0.0,
            **{what: counters.get(entry.name, {}).get(what, 0) for what in _COUNTERS},
            "checkpoint_time": (checkpoint or {}).get("saved_at"),
            "reason": _reason(active, entry.name, checkpoint, alive) or waiting.get(entry.name, (0, None))[1],
            **(_progress(active.get(entry.name)) if entry.view is not None else {}),
            **({"late": counters.get(entry.name, {}).get("late", 0)} if entry.needs_worker else {}),
            **({"pending": waiting[entry.name][0]} if entry.name in waiting else {}),
        }
        for entry in entries
    }


def _is_alive(checkpoint: dict[str, Any]) -> bool:
    if checkpoint["released"] or surely_dead(checkpoint["worker"]):
        return False
    return bool(checkpoint["age_ms"] is None or checkpoint["age_ms"] <= checkpoint["lease_seconds"] * 1000)


def _state(entry: CatalogEntry, active: ActiveEntry | None, alive: bool) -> str:
    known = active is not None and active.entry.revision == entry.revision
    if active is not None and known and active.state in ("failed", "stopped"):
        return active.state
    if entry.state == "paused":
        return "paused"
    if not entry.needs_worker:
        return "running"
    if not alive:
        return "stopped"
    if entry.view is not None and not known:
        return "rebuilding" if active is not None and active.live is not None else "backfilling"
    return active.state if active is not None and active.state in ("backfilling", "rebuilding") else "running"


def _reason(active: dict[str, ActiveEntry], name: str, checkpoint: dict[str, Any] | None, alive: bool) -> str | None:
    known = active.get(name)
    if known is not None and known.build is not None and (cause := blocked(active, known)) is not None:
        return f"it waits for {cause.name} ({cause.state})"
    if known is not None and known.reason:
        return known.reason
    return None if alive else (checkpoint or {}).get("fault")


def _progress(active: ActiveEntry | None) -> dict[str, Any]:
    return {"progress": active.build.progress() if active is not None and active.build is not None else None}
