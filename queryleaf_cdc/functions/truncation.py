"""DATE_TRUNC(unit, date[, zone]): PostgreSQL's units, weeks from Monday. A unit below milliseconds changes nothing."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from queryleaf_cdc.functions.building import DATE_OR_NULL, bind_args, choose, constant_among, may, scalar
from queryleaf_cdc.functions.moments import FIRST, LAST, in_range, moment
from queryleaf_cdc.functions.mql import NULL, Const, Mql, Named, named, op
from queryleaf_cdc.functions.spec import Arg, WorkerSide
from queryleaf_cdc.functions.zones import SAFE_FIRST, SAFE_LAST, find_zone, from_local, server_zone, to_local, zone_of
from queryleaf_cdc.values import Type, Value

_UNITS = (
    "microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year",
    "decade", "century", "millennium",
)  # fmt: skip
_OTHER_SPELLINGS = {"centuries": "century", "millennia": "millennium", "millenniums": "millennium"}
_SPANS = {"decade": 10, "century": 100, "millennium": 1000}


def unit_of(value: Value) -> str | None:
    """The unit's name in the singular; None if there is no such unit. Case does not matter."""
    if not isinstance(value, str):
        return None
    name = value.lower()
    name = _OTHER_SPELLINGS.get(name, name)
    if name not in _UNITS:
        name = name.removesuffix("s")
    return name if name in _UNITS else None


def _trunc(unit: Value, date: Value, zone: Value = "UTC") -> Value:
    found, start, where = unit_of(unit), moment(date), zone_of(zone)
    if found is None or start is None or where is None:
        return None
    other_zone = where is not zone_of("UTC")
    if start < _first_of(found, other_zone) or (other_zone and start > SAFE_LAST):
        return None
    return _truncated_in(found, start, where) if other_zone else _truncated(found, start)


def _first_of(unit: str, other_zone: bool) -> datetime:
    """The first date whose unit begins within the range. The decade of years 1 to 9 begins in year 0."""
    if other_zone:
        return SAFE_FIRST.replace(year=_SPANS.get(unit, 1) + 1)
    return FIRST.replace(year=10) if unit == "decade" else FIRST


def _truncated_in(unit: str, date: datetime, zone: tzinfo) -> datetime:
    local = to_local(date, zone)
    cut = _truncated(unit, local)
    if unit in ("microsecond", "millisecond", "second", "minute", "hour"):
        return date - (local - cut)
    return from_local(cut, zone)


def _truncated(unit: str, date: datetime) -> datetime:
    match unit:
        case "microsecond" | "millisecond":
            return date
        case "second":
            return date.replace(microsecond=0)
        case "minute":
            return date.replace(second=0, microsecond=0)
        case "hour":
            return date.replace(minute=0, second=0, microsecond=0)
    day = date.replace(hour=0, minute=0, second=0, microsecond=0)
    match unit:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(day=1, month=day.month - (day.month - 1) % 3)
        case "year":
            return day.replace(day=1, month=1)
        case "decade":
            return day.replace(day=1, month=1, year=day.year - day.year % 10)
        case _:
            return day.replace(day=1, month=1, year=day.year - (day.year - 1) % _SPANS[unit])


def _trunc_mongo(unit: Arg, date: Arg, zone: Arg | None = None) -> Mql:
    if not unit.is_const:
        raise WorkerSide("DATE_TRUNC to a unit that is not constant")
    found = unit_of(unit.const)
    where = "UTC" if zone is None else server_zone(zone, "DATE_TRUNC")
    if found is None or where is None or not may(date, Type.DATE):
        return NULL
    other = where != "UTC"
    last = SAFE_LAST if other else LAST

    def lowered(bound: Arg) -> Mql:
        tests = in_range(bound.mongo, _first_of(found, other), last)
        return choose([(tests, _unit_mongo(found, bound.mongo, where))])

    return bind_args((date,), lowered)


def _unit_mongo(unit: str, date: Mql, zone: str) -> Mql:
    if unit in ("microsecond", "millisecond"):
        return date
    if unit in _SPANS:
        year = in_zone("$year", date, zone)
        offset = year if unit == "decade" else op("$subtract", year, Const(1))
        first = op("$subtract", year, op("$mod", offset, Const(_SPANS[unit])))
        return Named("$dateFromParts", (("year", first), *_zone_argument(zone)))
    if zone != "UTC" and unit in ("minute", "hour"):
        return op("$subtract", date, _within(unit, date, zone))
    week = (("startOfWeek", Const("monday")),) if unit == "week" else ()
    zone_argument = () if unit == "second" else _zone_argument(zone)
    return Named("$dateTrunc", (("date", date), ("unit", Const(unit)), *zone_argument, *week))


def _within(unit: str, date: Mql, zone: str) -> Mql:
    """Milliseconds since the minute or hour began. ($dateTrunc takes the zone's offset of another year for this.)"""
    seconds = in_zone("$second", date, zone)
    if unit == "hour":
        seconds = op("$add", op("$multiply", in_zone("$minute", date, zone), Const(60)), seconds)
    return op("$add", op("$multiply", seconds, Const(1000)), op("$millisecond", date))


def in_zone(name: str, date: Mql, zone: str) -> Mql:
    """A part of the date by that zone's clock."""
    return op(name, date) if zone == "UTC" else named(name, date=date, timezone=Const(zone))


def _zone_argument(zone: str) -> tuple[tuple[str, Mql], ...]:
    return () if zone == "UTC" else (("timezone", Const(zone)),)


_CHECKS = (constant_among(0, unit_of, "unit of time"), constant_among(2, find_zone, "time zone"))


def _check(args: tuple[Arg, ...]) -> str | None:
    return next((wrong for check in _CHECKS if (wrong := check(args)) is not None), None)


TRUNCATION = (scalar("DATE_TRUNC", (2, 3), DATE_OR_NULL, _trunc, _trunc_mongo, check=_check),)
