"""Places in the stream of changes: resume tokens and their order.

A resume token's ``_data`` is the hex of a keystring, made so that tokens compare as strings in the order of their
events (also across kinds of tokens). It begins with the cluster time: 0x82, seconds, increment."""

from __future__ import annotations

from typing import Any

from bson.timestamp import Timestamp

from queryleaf_cdc.frozen import frozen

Token = dict[str, Any]

_TIMESTAMP_TAG = "82"


def token_key(token: Token) -> str:
    """Compares in stream order."""
    data = token["_data"]
    return data if isinstance(data, str) else ""


def token_time(token: Token) -> Timestamp | None:
    """The cluster time that a token names; None for a token of unknown form."""
    data = token.get("_data")
    if not isinstance(data, str) or not data.startswith(_TIMESTAMP_TAG) or len(data) < 18:
        return None
    try:
        return Timestamp(int(data[2:10], 16), int(data[10:18], 16))
    except ValueError:
        return None


@frozen
class Position:
    """Where to go on: after ``token``, or, with no token yet, at the cluster time ``at``."""

    token: Token | None = None
    at: Timestamp | None = None
    skip: str | None = None
    """``_data`` of a later event up to which everything is done, too: one that exceeds 16 MB. The server cannot
    start after it, since it looks the event up once more, with its images, to find the place."""

    @property
    def time(self) -> Timestamp | None:
        return token_time(self.token) if self.token is not None else self.at

    def reached(self, time: Timestamp) -> bool:
        mine = self.time
        return mine is not None and mine >= time

    def stream_options(self) -> dict[str, Any]:
        """The fields of ``$changeStream`` that start here. ``startAfter`` also takes an invalidate event's token,
        which ``resumeAfter`` refuses."""
        if self.token is not None:
            return {"startAfter": self.token}
        return {"startAtOperationTime": self.at} if self.at is not None else {}

    def stages(self) -> list[dict[str, Any]]:
        """What must stand in front of the pipeline. The server applies it even before it checks that the token to
        start after is there, so that one must pass (it is not given out)."""
        if self.skip is None:
            return []
        later: dict[str, Any] = {"_id._data": {"$gt": self.skip}}
        if self.token is None:
            return [{"$match": later}]
        return [{"$match": {"$or": [later, {"_id._data": self.token["_data"]}]}}]

    def skipping(self, token: Token) -> Position:
        return Position(self.token, self.at, token["_data"])

    def document(self) -> dict[str, Any]:
        return {"token": self.token, "at": self.at, "skip": self.skip}

    @classmethod
    def of(cls, document: dict[str, Any]) -> Position:
        return cls(document.get("token"), document.get("at"), document.get("skip"))
