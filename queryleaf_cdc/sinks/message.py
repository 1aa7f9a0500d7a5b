"""What leaves the database: a sink's row and the metadata of its change, as JSON."""

from __future__ import annotations

from bson import json_util

from queryleaf_cdc.values import Document

_EXTENDED = json_util.RELAXED_JSON_OPTIONS


def message_json(row: Document) -> str:
    """One line of relaxed extended JSON; the same for every attempt. ``id`` is the idempotency key."""
    change = {
        "id": row["change_id"],
        "operation": row["operation"],
        "collection": row["collection"],
        "key": row["key"],
        "timestamp": row["timestamp"],
    }
    message = {"id": row["_id"], "sink": row["trigger"], "change": change, "row": row["row"]}
    text: str = json_util.dumps(message, json_options=_EXTENDED, separators=(",", ":"))
    return text
