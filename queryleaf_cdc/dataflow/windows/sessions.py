"""SESSION_START and SESSION_END: rows in a row belong together while each comes before the last one's end.

A row belongs to the session of the row before it if ``ts < previous ts + gap``; its end is ``last ts + gap``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.windows.reach import Reached, Rule, Side, reading
from queryleaf_cdc.dataflow.windows.sequence import Sequence
from queryleaf_cdc.functions import FUNCTIONS
from queryleaf_cdc.functions.bson_order import order
from queryleaf_cdc.functions.moments import LAST
from queryleaf_cdc.functions.time_windows import length
from queryleaf_cdc.lowering.worker_face import Evaluator
from queryleaf_cdc.values import Value

_plus = FUNCTIONS["+"].evaluate


@dataclass(frozen=True, eq=False)
class Session:
    """Rows of one session, by the value that orders them."""

    moment: Evaluator
    gap: Value
    span: timedelta | None
    """the gap, if it is of days and time"""

    def joins(self, earlier: Row, later: Row) -> bool:
        first, second, span = self.moment(earlier), self.moment(later), self.span
        if span is not None and type(first) is datetime and type(second) is datetime:
            return second - first < span <= LAST - first  # the same, in a tenth of the time: sessions may be long
        apart = order(second, _plus(first, self.gap))
        return apart is not None and apart < 0

    def is_after(self, row: Row, other: Row) -> bool:
        first, second = self.moment(row), self.moment(other)
        if type(first) is datetime and type(second) is datetime:
            return first > second
        apart = order(first, second)
        return apart is not None and apart > 0

    def begin(self, origin: Row) -> Reached:
        last = origin

        def reached(row: Row, weight: int) -> bool:
            nonlocal last
            joined = self.joins(last, row) if self.is_after(row, last) else self.joins(row, last)
            last = row
            return joined

        return reached

    def mirrored(self) -> Rule:
        return self


class SessionBound:
    """NULL where the row's value is no moment to which the gap can be added."""

    def __init__(self, moment: Evaluator, gap: Value, is_end: bool) -> None:
        self._moment, self._gap, self._is_end = moment, gap, is_end
        self._session = Session(moment, gap, _span(gap))
        side = Side(frozenset((self._session,)))
        self.reach = reading(side, side)

    def values(self, sequence: Sequence, start: int, stop: int) -> list[Value]:
        found: list[Value] = []
        rows, at = sequence.rows, start
        while at < stop:
            first, end = self._around(rows, at)
            found += [self._bound(rows, first, end)] * (min(end, stop) - at)
            at = end
        return found

    def _around(self, rows: list[Row], at: int) -> tuple[int, int]:
        """Where the row's session begins and ends (not included)."""
        joins = self._session.joins
        first, end = at, at + 1
        while first > 0 and joins(rows[first - 1], rows[first]):
            first -= 1
        while end < len(rows) and joins(rows[end - 1], rows[end]):
            end += 1
        return first, end

    def _bound(self, rows: list[Row], first: int, end: int) -> Value:
        over = _plus(self._moment(rows[end - 1]), self._gap)
        if over is None or self._is_end:
            return over
        return self._moment(rows[first])


def _span(gap: Value) -> timedelta | None:
    milliseconds = length(gap)
    return None if milliseconds is None else timedelta(milliseconds=milliseconds)
