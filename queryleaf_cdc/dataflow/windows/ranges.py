"""RANGE with an offset: how far a row's frame goes, as bytes of the order.

Numbers move by numbers, timestamps by intervals. A row whose key is anything else (NULL, NaN, a text, a number where
the offset is an interval) has its peers for a frame, as PostgreSQL has it for NULL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import isnan

from bson.datetime_ms import DatetimeMS

from queryleaf_cdc.dataflow.ordering import term
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.windows.reach import Reached, Rule
from queryleaf_cdc.functions import intervals
from queryleaf_cdc.functions import server_numbers as numbers
from queryleaf_cdc.functions.bson_order import milliseconds
from queryleaf_cdc.functions.moments import DAY_MS, moment, shifted_ms
from queryleaf_cdc.lowering.worker_face import Evaluator
from queryleaf_cdc.syntax.expressions import OrderItem
from queryleaf_cdc.values import Value

Bound = Callable[[Row], bytes]
"""The bytes of the order at which a row's frame ends, itself included."""

_LONGEST_MONTH = 31
_NOISE = 1e-15
"""more than the relative error of a sum of doubles"""


@dataclass(frozen=True)
class Range:
    """Rows up to a bound, which ``loose`` gives a little further on for walks the other way."""

    exact: Bound
    order: Bound
    backwards: bool
    loose: Bound

    def begin(self, origin: Row) -> Reached:
        bound, order = self.exact(origin), self.order
        if self.backwards:
            return lambda row, weight: order(row) >= bound
        return lambda row, weight: order(row) <= bound

    def mirrored(self) -> Rule:
        return Range(self.loose, self.order, not self.backwards, self.loose)


def ranged(key: Evaluator, item: OrderItem, order: Bound, offset: Value, backwards: bool) -> Range:
    """The reach of ``offset PRECEDING`` (``backwards``) or ``offset FOLLOWING`` in the order of this one item."""
    bytes_of = term(item)
    sign = -1 if backwards is not item.descending else 1
    shift, loosely = _shifts(offset)

    def bound(shift: Callable[[Value, int], Value | None], sign: int) -> Bound:
        def of(row: Row) -> bytes:
            moved = shift(key(row), sign)
            return order(row) if moved is None else bytes_of(moved)

        return of

    return Range(bound(shift, sign), order, backwards, bound(loosely, -sign))


_Shift = Callable[[Value, int], Value | None]


def _shifts(offset: Value) -> tuple[_Shift, _Shift]:
    """The value moved by the offset, exactly, and somewhat further; None for values that it cannot move."""
    if numbers.is_number(offset):
        return _number_shift(offset), _loose_number_shift(numbers.to_double(offset) or 0.0)
    months, days, time = intervals.parts(offset) or (0, 0, 0)
    rough = abs(months * _LONGEST_MONTH + days) * DAY_MS + abs(time)
    return _date_shift(months, days, time), lambda value, sign: _moved(value, sign * rough)


def _number_shift(offset: numbers.Number) -> _Shift:
    def shift(value: Value, sign: int) -> Value | None:
        if not numbers.is_number(value) or numbers.is_nan(value):
            return None
        return numbers.add(value, offset) if sign > 0 else numbers.subtract(value, offset)

    return shift


def _loose_number_shift(offset: float) -> _Shift:
    def shift(value: Value, sign: int) -> Value | None:
        if not numbers.is_number(value) or numbers.is_nan(value):
            return None
        double = float(numbers.to_decimal(value, 34))
        moved = double + sign * (offset + (abs(double) + offset) * _NOISE)
        return None if isnan(moved) else moved

    return shift


def _date_shift(months: int, days: int, time: int) -> _Shift:
    def shift(value: Value, sign: int) -> Value | None:
        if not months:
            return _moved(value, sign * (days * DAY_MS + time))
        start = moment(value)
        if start is None:
            return None
        return _clamped(shifted_ms(start, sign * months, sign * days, sign * time))

    return shift


def _moved(value: Value, by: int) -> Value | None:
    return _clamped(milliseconds(value) + by) if isinstance(value, datetime | DatetimeMS) else None


def _clamped(moment: int) -> DatetimeMS:
    return DatetimeMS(min(max(moment, numbers.LONG_MIN), numbers.LONG_MAX))
