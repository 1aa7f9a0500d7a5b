"""Time zones by constant name: ``UTC``, an offset such as ``+05:30`` (east of Greenwich), or an IANA name.

A local time that occurs twice means the later one and one that is skipped the offset before, as in PostgreSQL and
in MongoDB."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from queryleaf_cdc.functions.changed_zones import CHANGED_ZONES
from queryleaf_cdc.functions.moments import FIRST, LAST
from queryleaf_cdc.functions.spec import Arg, WorkerSide
from queryleaf_cdc.values import Value

_OFFSET = re.compile(r"([+-])(\d\d)(?::?([0-5]\d))?", re.ASCII)
_UTC_NAMES = frozenset({"UTC", "GMT", "Z", "ZULU", "UCT"})

SAFE_FIRST = FIRST.replace(year=2)
SAFE_LAST = LAST.replace(year=9998)
"""Local times of these years stay within the range in every zone; with a zone, other dates give NULL."""


@lru_cache(maxsize=256)
def find_zone(name: str) -> tuple[str, tzinfo] | None:
    """The zone's name as the server takes it, and the zone; None if there is no such zone. Case does not matter."""
    if name.upper() in _UTC_NAMES:
        return "UTC", UTC
    offset = _OFFSET.fullmatch(name)
    if offset is not None:
        sign, hours, minutes = offset.groups(default="00")
        shift = timedelta(hours=int(hours), minutes=int(minutes))
        if shift >= timedelta(hours=24):
            return None
        if not shift:
            return "UTC", UTC
        return f"{sign}{hours}:{minutes}", timezone(shift if sign == "+" else -shift)
    return _iana(name)


def _iana(name: str) -> tuple[str, tzinfo] | None:
    import zoneinfo

    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_+/-]*", name):
        return None
    known = _iana_names().get(name.lower())
    return None if known is None else (known, zoneinfo.ZoneInfo(known))


@lru_cache(maxsize=1)
def _iana_names() -> dict[str, str]:
    import zoneinfo

    machine_made = {"localtime", "Factory", "posixrules"}
    return {name.lower(): name for name in zoneinfo.available_timezones() - machine_made}


def zone_of(value: Value) -> tzinfo | None:
    found = find_zone(value) if isinstance(value, str) else None
    return None if found is None else found[1]


def server_zone(zone: Arg, function: str) -> str | None:
    """The constant zone's name for the server; None if there is no such zone. Raises WorkerSide."""
    if not zone.is_const:
        raise WorkerSide(f"{function} with a time zone that is not constant")
    found = find_zone(zone.const) if isinstance(zone.const, str) else None
    if found is None:
        return None
    if found[0] in CHANGED_ZONES:
        raise WorkerSide(f"servers of different versions disagree about the time zone {found[0]}")
    return found[0]


def is_safe(value: datetime) -> bool:
    return SAFE_FIRST <= value <= SAFE_LAST


def to_local(value: datetime, zone: tzinfo) -> datetime:
    """The zone's clock at that instant; both are naive. ``value`` must be safe."""
    return value.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None, fold=0)


def from_local(value: datetime, zone: tzinfo) -> datetime:
    offsets = [value.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)]
    return value - min(offset for offset in offsets if offset is not None)
