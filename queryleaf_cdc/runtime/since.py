"""Where a stream begins: at a time, or behind a change that is known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bson.timestamp import Timestamp

from queryleaf_cdc.errors import InputError, ServerError
from queryleaf_cdc.mongo.positions import Position

Since = datetime | Mapping[str, Any] | str
"""A time (UTC unless it has a zone; by the second), a resume token, or a text: an ISO time, a CHANGE_ID()."""

_TOKEN = re.compile(r"82[0-9A-Fa-f]{16,}")
_CLOCKS_DIFFER = 5
"""seconds that the user's clock may be ahead of the server's"""


def position_of(since: Since) -> Position:
    """Raises InputError QL446 for what is none of these."""
    if isinstance(since, str):
        since = _read(since.strip())
    if isinstance(since, datetime):
        at = since if since.tzinfo is not None else since.replace(tzinfo=UTC)
        if at.year >= 1970 and at.timestamp() < 2**32:
            return Position(at=Timestamp(int(at.timestamp()), 1))
        raise _neither(since)
    data = since.get("_data") if isinstance(since, Mapping) else None
    if not isinstance(data, str) or not _TOKEN.fullmatch(data):
        raise _neither(since)
    return Position(dict(since))


def refuse_future(position: Position, latest: int) -> None:
    """Raises ServerError QL507: the server would keep silent about all that happens until then."""
    time = position.time
    if time is not None and time.time > latest + _CLOCKS_DIFFER:
        raise ServerError("QL507", f"the stream would begin in the future, at {time.as_datetime().isoformat()}")


def just_after(time: Timestamp) -> Timestamp:
    return Timestamp(time.time, time.inc + 1)


def _read(text: str) -> datetime | dict[str, Any]:
    if _TOKEN.fullmatch(text):
        return {"_data": text.upper()}
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise _neither(text) from None


def _neither(since: object) -> InputError:
    hint = "such as 2025-03-05T12:00:00Z; CHANGE_ID() gives the place of a change"
    return InputError(
        "QL446", f"a stream cannot begin at {str(since)[:80]!r}: neither a time nor a resume token", hint=hint
    )
