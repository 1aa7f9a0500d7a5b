"""From the bytes of one change-stream reply to events, when one of them cannot be decoded, too.

Whole-batch decoding in C is the normal way. Invalid UTF-8 anywhere in the reply makes it raise, so then each event
is decoded by itself, and what still fails becomes a stub that carries what is needed to name it."""

from __future__ import annotations

from typing import Any

import bson
from bson import CodecOptions, DatetimeConversion
from bson.errors import InvalidBSON
from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS, RawBSONDocument

from queryleaf_cdc.collector import without_collections
from queryleaf_cdc.events import Event

OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)
"""dates beyond year 9999 arrive as DatetimeMS instead of raising"""

_LOSSY: CodecOptions[dict[str, Any]] = OPTIONS.with_options(unicode_decode_error_handler="replace")

POISON = "queryleaf.poison"
"""``operationType`` of a stub; ``poison`` then holds {operationType, code, message}"""


def decode_reply(reply: RawBSONDocument) -> dict[str, Any]:
    """A reply with its events decoded; undecodable ones as stubs."""
    try:
        with without_collections():
            return bson.decode(reply.raw, OPTIONS)
    except InvalidBSON:
        return _decode_one_by_one(reply)


def _decode_one_by_one(reply: RawBSONDocument) -> dict[str, Any]:
    shell = bson.decode(reply.raw, DEFAULT_RAW_BSON_OPTIONS)
    cursor: dict[str, Any] = {}
    for name, value in dict(shell["cursor"]).items():
        if name in ("firstBatch", "nextBatch"):
            cursor[name] = [_decode_event(each) for each in value]
        else:
            cursor[name] = bson.decode(value.raw) if isinstance(value, RawBSONDocument) else value
    return {"cursor": cursor, "operationTime": shell.get("operationTime")}


def _decode_event(raw: RawBSONDocument) -> Event:
    try:
        return bson.decode(raw.raw, OPTIONS)
    except InvalidBSON as error:
        lossy = bson.decode(raw.raw, _LOSSY)
        return stub(lossy, "QL604", f"the change cannot be decoded: {error}")


def stub(event: Event, code: str, message: str) -> Event:
    """An event reduced to its identity: it cannot be worked on, only dead-lettered."""
    kept: Event = {
        name: event[name] for name in ("_id", "ns", "documentKey", "clusterTime", "wallTime") if name in event
    }
    poison = {"operationType": event.get("operationType"), "code": code, "message": message}
    return {**kept, "operationType": POISON, "poison": poison}
