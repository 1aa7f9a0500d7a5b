"""What could not be done, kept so that somebody can look at it and do it again."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from queryleaf_cdc.errors import QueryLeafError, RunError
from queryleaf_cdc.events import ACTIONS, Event
from queryleaf_cdc.mongo.faults import WriteFailed
from queryleaf_cdc.source import Span
from queryleaf_cdc.values import Document

_MAX_TEXT = 4000
"""characters of an error's message that are kept: users' code may raise anything"""

_PAYLOAD = ("fullDocument", "fullDocumentBeforeChange", "updateDescription")


def error_code(error: BaseException) -> str:
    if isinstance(error, QueryLeafError):
        return error.code
    return "QL602" if isinstance(error, WriteFailed) else "QL603"


def error_text(error: BaseException) -> str:
    """What the error says, as text that can be stored."""
    if isinstance(error, QueryLeafError):
        text = error.message
    else:
        text = str(error) if isinstance(error, WriteFailed) else f"{type(error).__name__}: {error}"
    if len(text) > _MAX_TEXT:
        text = f"{text[:_MAX_TEXT]}... ({len(text)} characters)"
    return text.encode(errors="replace").decode()


def dead_letter(
    event: Event,
    trigger: str | None,
    error: BaseException,
    *,
    sql: str | None = None,
    span: Span | None = None,
    attempts: int = 1,
    first_at: datetime,
    now: datetime,
    keep_payload: bool = False,
) -> Document:
    """The document for one event under one trigger. Its id is the same however often it is written."""
    token = event["_id"]["_data"]
    operation = event["operationType"]
    document: dict[str, Any] = {
        "_id": hashlib.sha256(f"{token}:{trigger}".encode()).hexdigest()[:32],
        "kind": "event",
        "trigger": trigger,
        "collection": event.get("ns", {}).get("coll"),
        "key": event.get("documentKey"),
        "operation": ACTIONS.get(operation, operation),
        "code": error_code(error),
        "error": error_text(error),
        "resume_token": event["_id"],
        "cluster_time": event.get("clusterTime"),
        "attempts": attempts,
        "first_at": first_at,
        "last_at": now,
        "statement": _statement(error, sql, span),
    }
    if keep_payload:
        document["payload"] = {name: event[name] for name in _PAYLOAD if name in event}
    return document


def poison_letter(event: Event, now: datetime) -> Document:
    """The document for an event that cannot even be read: see ``mongo.decoding.stub``."""
    error = RunError(event["poison"]["code"], event["poison"]["message"])
    return dead_letter({**event, **event["poison"]}, None, error, first_at=now, now=now)


def dead_call(row: Document, error: BaseException, now: datetime) -> Document:
    """The document for an outbox row that is given up."""
    return {
        "_id": row["_id"],
        "kind": "row" if "to" in row else "call",
        "trigger": row["trigger"],
        **({"to": row["to"]} if "to" in row else {"procedure": row["procedure"]}),
        "collection": row["collection"],
        "key": row["key"],
        "operation": row["operation"],
        "code": error_code(error),
        "error": error_text(error),
        "attempts": row["attempts"] + 1,
        "last_at": now,
    }


def _statement(error: BaseException, sql: str | None, span: Span | None) -> Document | None:
    place = span if span is not None else getattr(error, "span", None)
    if place is None or place.end <= place.start:
        return None
    return {"start": place.start, "end": place.end, "text": sql[place.start : place.end] if sql else None}
