"""Windows of time, aligned to an origin: DATE_BIN(stride, date[, origin]), and HOP_STARTS(date, slide, size).

A day of a stride is 24 hours; months have no length, so a stride with months gives NULL."""

from __future__ import annotations

from datetime import datetime, timedelta

from queryleaf_cdc.functions import intervals
from queryleaf_cdc.functions.building import DATE_OR_NULL, bind_arg, choose, may, scalar
from queryleaf_cdc.functions.moments import DAY_MS, EPOCH, FIRST_MS, LAST_MS, from_ms, in_range, moment, to_ms
from queryleaf_cdc.functions.mql import NULL, Const, Mql, Over, Var, bind, op
from queryleaf_cdc.functions.spec import Arg, WorkerSide
from queryleaf_cdc.values import Type, Value

MAX_HOPS = 1000
"""of the windows that one moment may lie in"""

_CONSTANT = "{} needs a stride that is a constant"


def length(value: Value) -> int | None:
    """Milliseconds of an interval of days and time, from one up to the years that there are; None for other values."""
    found = intervals.parts(value)
    if found is None or found[0] != 0:
        return None
    milliseconds = found[1] * DAY_MS + found[2]
    return milliseconds if 0 < milliseconds <= LAST_MS - FIRST_MS else None


def _bin(stride: Value, date: Value, origin: Value = EPOCH) -> datetime | None:
    step, at, begin = length(stride), moment(date), moment(origin)
    if step is None or at is None or begin is None:
        return None
    return from_ms(to_ms(at) - (to_ms(at) - to_ms(begin)) % step)


def _bin_mongo(stride: Arg, date: Arg, origin: Arg | None = None) -> Mql:
    if not stride.is_const or (origin is not None and not origin.is_const):
        raise WorkerSide(_CONSTANT.format("DATE_BIN"))
    step, begin = length(stride.const), EPOCH if origin is None else moment(origin.const)
    if step is None or begin is None or not may(date, Type.DATE):
        return NULL
    first = from_ms(_first_start(to_ms(begin), step))
    if first is None:
        return NULL
    return bind_arg(date, lambda at: choose([(in_range(at.mongo, first), _start(at.mongo, begin, step))]))


def _first_start(origin: int, step: int) -> int:
    """Of the first window that begins in year 1 or later."""
    return FIRST_MS + (origin - FIRST_MS) % step


def _start(at: Mql, origin: datetime, step: int) -> Mql:
    """The last start up to ``at``. ``$mod`` has the sign of its operand, and a moment may lie before the origin."""
    past = op("$mod", op("$subtract", at, Const(origin)), Const(step))
    return op("$subtract", at, op("$mod", op("$add", past, Const(step)), Const(step)))


def _hops(date: Value, slide: Value, size: Value) -> list[datetime] | None:
    """Starts of the windows that hold the date, the earliest first; NULL where windows would begin before year 1."""
    at, step, width = moment(date), length(slide), length(size)
    if at is None or step is None or width is None or _count(step, width) > MAX_HOPS:
        return None
    last = to_ms(at) - to_ms(at) % step
    starts = [last - number * step for number in reversed(range(_count(step, width)))]
    if starts[0] < FIRST_MS:
        return None
    return [EPOCH + timedelta(milliseconds=start) for start in starts if start + width > to_ms(at)]


def _count(step: int, width: int) -> int:
    return -(-width // step)


def _hops_mongo(date: Arg, slide: Arg, size: Arg) -> Mql:
    if not slide.is_const or not size.is_const:
        raise WorkerSide(_CONSTANT.format("HOP"))
    step, width = length(slide.const), length(size.const)
    if step is None or width is None or _count(step, width) > MAX_HOPS or not may(date, Type.DATE):
        return NULL
    offsets = Const([number * step for number in reversed(range(_count(step, width)))])
    first = from_ms(_first_start(0, step) + (_count(step, width) - 1) * step)
    if first is None:
        return NULL

    def starts(at: Arg) -> Mql:
        offset, start = Var(), Var()

        def from_last(last: Mql) -> Mql:
            every = Over("$map", offsets, offset, "in", op("$subtract", last, offset))
            if width % step == 0:
                return every
            holds = op("$gt", op("$add", start, Const(width)), at.mongo)
            return Over("$filter", every, start, "cond", holds)

        return choose([(in_range(at.mongo, first), bind(_start(at.mongo, EPOCH, step), from_last))])

    return bind_arg(date, starts)


TIME_WINDOWS = (
    scalar("DATE_BIN", (2, 3), DATE_OR_NULL, _bin, _bin_mongo),
    scalar("HOP_STARTS", 3, Type.ARRAY | Type.NULL, _hops, _hops_mongo),
)
