"""When changes were made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bson.timestamp import Timestamp

from queryleaf_cdc.events import Event
from queryleaf_cdc.mongo.deployment import IN_FLIGHT


def passed_by(events: Sequence[Event]) -> datetime:
    """A time that no change behind these is before, unless a clock is set back."""
    return max(map(wall_time, events)) - IN_FLIGHT if events else datetime.min


def wall_time(event: Event) -> datetime:
    time: datetime = event.get("wallTime") or _moment(event["clusterTime"])
    return time


def _moment(time: Timestamp) -> datetime:
    return datetime.fromtimestamp(time.time, UTC).replace(tzinfo=None)
