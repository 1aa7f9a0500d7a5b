"""Recorded change events: one JSON object per line, as a change stream delivers them (extended JSON, either form)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import bson
from bson import DatetimeConversion, Timestamp, json_util
from bson.errors import BSONError

from queryleaf_cdc.errors import InputError
from queryleaf_cdc.events import ACTIONS, Event
from queryleaf_cdc.mongo.decoding import OPTIONS

_JSON = json_util.JSONOptions(
    json_mode=json_util.JSONMode.RELAXED, tz_aware=False, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
_EXCERPT = 80


class RecordedEvent(dict[str, Any]):
    """An event, and where it was read: ``events.jsonl:12``."""

    label: str = ""


def read_events(lines: Iterable[str | bytes], name: str = "<events>") -> Iterator[Event]:
    """The events of a file, line by line; blank lines do not count. Raises InputError QL420 for a line that is not
    JSON, QL421 for one that is no change event, with the line's number and its beginning."""
    for number, line in enumerate(lines, 1):
        try:
            text = line.decode() if isinstance(line, bytes) else line
        except UnicodeDecodeError as error:
            raise InputError("QL420", f"{name}:{number}: not UTF-8 (byte {error.start} of the line)") from None
        text = text.strip().removeprefix("\ufeff")
        if not text:
            continue
        event = RecordedEvent(_parsed(text, f"{name}:{number}"))
        event.label = f"{name}:{number}"
        check_event(event, event.label, _excerpt(text))
        yield event


def label_of(event: Event, number: int) -> str:
    """How messages call the event: its line, or its place among all."""
    return event.label if isinstance(event, RecordedEvent) else f"event {number}"


def _parsed(text: str, label: str) -> dict[str, Any]:
    try:
        value = json_util.loads(text, json_options=_JSON)
        if not isinstance(value, dict):
            raise InputError("QL421", f"{label}: not a change event but a {type(value).__name__}: {_excerpt(text)}")
        return bson.decode(bson.encode(value), OPTIONS)
    except (BSONError, ValueError, TypeError, KeyError, OverflowError, AttributeError, RecursionError) as error:
        raise InputError(
            "QL420",
            f"{label}: not extended JSON: {error}: {_excerpt(text)}",
            hint="one event per line, as bson.json_util.dumps(event) or mongoexport write it",
        ) from None


def _excerpt(text: str) -> str:
    shown = "".join(char if char.isprintable() else " " for char in text[:_EXCERPT])
    return shown if len(text) <= _EXCERPT else f"{shown}…"


def checked(event: Event, label: str) -> Event:
    """The event as BSON keeps it. Raises InputError QL421 unless it has what every change event has."""
    try:
        plain: Event = bson.decode(bson.encode(event), OPTIONS)
    except (BSONError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InputError("QL421", f"{label}: not a change event: {error}") from None
    check_event(plain, label)
    return plain


def check_event(event: Event, label: str, excerpt: str = "") -> None:
    """Raises InputError QL421 unless the event has what every change event has."""
    problem = _problem(event)
    if problem is not None:
        shown = f": {excerpt}" if excerpt else ""
        raise InputError("QL421", f"{label}: not a change event: {problem}{shown}")


def _problem(event: Event) -> str | None:
    kind = event.get("operationType")
    if not isinstance(kind, str):
        return "operationType is missing"
    if kind not in ACTIONS:
        return None
    token, namespace, key = event.get("_id"), event.get("ns"), event.get("documentKey")
    if not isinstance(token, dict) or not isinstance(token.get("_data"), str):
        return "_id is not a resume token {_data: ...}"
    if not isinstance(namespace, dict) or not isinstance(namespace.get("coll"), str):
        return "ns.coll is missing"
    if not isinstance(key, dict) or "_id" not in key:
        return "documentKey._id is missing"
    if event.get("wallTime") is None and not isinstance(event.get("clusterTime"), Timestamp):
        return "both wallTime and clusterTime are missing"
    if kind in ("insert", "replace") and not isinstance(event.get("fullDocument"), dict):
        return f"fullDocument of the {kind} is missing"
    return next((f"{name} is not a document" for name in _DOCUMENTS if not _is_document(event.get(name))), None)


_DOCUMENTS = ("fullDocument", "fullDocumentBeforeChange", "updateDescription")


def _is_document(value: object) -> bool:
    return value is None or isinstance(value, dict)
