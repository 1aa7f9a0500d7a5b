"""What triggers did, as plain values to look at and as JSON lines."""

from __future__ import annotations

import json
from typing import Any, assert_never

from bson import json_util

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.sinks.procedure import Change
from queryleaf_cdc.values import Document, Value


@frozen
class Write:
    """A document that a trigger's statement wrote. ``event`` is the number of the change behind it (from 1), ``depth``
    how many triggers stand between the two.

    ``document`` is the document after the write, for a delete the one that went; ``before`` is None for an insert."""

    event: int
    trigger: str
    depth: int
    op: str
    """insert, update or delete"""
    collection: str
    document: Document
    before: Document | None = None


@frozen
class Call:
    """CALL of a procedure, made once the firing has succeeded. ``change`` is what the procedure is told."""

    event: int
    trigger: str
    depth: int
    procedure: str
    args: tuple[Value, ...]
    change: Change


@frozen
class Row:
    """A row of a streaming SELECT."""

    event: int
    trigger: str
    depth: int
    document: Document


@frozen
class DeadLetter:
    """A firing that failed; it left nothing behind. Without a server nothing is tried twice.

    ``chain`` holds the triggers that led here, this one last. ``procedure`` is set when not the trigger failed but a
    procedure that it had called. ``stopped``: on_error = 'stop' (the trigger fires no more)."""

    event: int
    trigger: str
    depth: int
    code: str
    message: str
    place: str
    """file:line:column of the statement, or empty"""
    chain: tuple[str, ...]
    procedure: str | None = None
    stopped: bool = False


Effect = Write | Call | Row | DeadLetter


def effect_json(effect: Effect) -> dict[str, Any]:
    """The effect as one JSON object, always with its keys in the same order; extended JSON (relaxed)."""
    head: dict[str, Any] = {"event": effect.event, "trigger": effect.trigger}
    if effect.depth:
        head["depth"] = effect.depth
    found: dict[str, Any] = json.loads(json_util.dumps({**head, **_body(effect)}, json_options=_RELAXED))
    return found


_RELAXED = json_util.RELAXED_JSON_OPTIONS


def _body(effect: Effect) -> dict[str, Any]:
    match effect:
        case Write():
            return {"op": effect.op, "collection": effect.collection, "document": effect.document}
        case Call():
            return {"op": "call", "procedure": effect.procedure, "args": list(effect.args)}
        case Row():
            return {"op": "row", "document": effect.document}
        case DeadLetter():
            return {"op": "stop" if effect.stopped else "dead_letter", **_letter(effect)}
        case _:
            assert_never(effect)


def _letter(effect: DeadLetter) -> dict[str, Any]:
    found: dict[str, Any] = {"code": effect.code, "message": effect.message}
    if effect.place:
        found["place"] = effect.place
    if effect.procedure is not None:
        found["procedure"] = effect.procedure
    return found
