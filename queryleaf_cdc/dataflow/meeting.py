"""Two streams that meet within a bound of time. What can meet nothing any more is forgotten, and, if its side is an
outer one and it has met nothing, comes alone.

Times never go back. After a failover the new server's clock may be behind: a row whose time is before that of the batch
that came last counts as of that. So it meets what came a moment before it, whatever the clocks say."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import datetime
from operator import itemgetter

from bson import Int64

from queryleaf_cdc.dataflow.arrangement import Arrangement
from queryleaf_cdc.dataflow.by_moment import KEYS, ONLY, moment_bytes, moment_order, up_to
from queryleaf_cdc.dataflow.join_side import key_identity
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.rows import Delta, Row, projection
from queryleaf_cdc.dataflow.state import fetch
from queryleaf_cdc.dataflow.watermark import Watermark
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.functions.bson_order import milliseconds
from queryleaf_cdc.functions.moments import from_ms
from queryleaf_cdc.lowering.worker_face import Evaluator
from queryleaf_cdc.plans.dataflow import Meet

_LEFT, _RIGHT = 0, 1
_OUTER = ("LEFT", "FULL"), ("RIGHT", "FULL")


@frozen
class _Arrival:
    time: int
    side: int
    name: Hashable
    """of the key; None where it meets nothing"""
    row: Row


_Outcome = tuple[int, Row, int]
"""(when it became certain, row, weight)"""


class _Side:
    """``earlier`` and ``later``: how far before, and after, its own time a row's partners may be (milliseconds). Rows
    come no later than ``delay`` behind their time, and wait ``waits`` for partners."""

    def __init__(self, number: int, node: Meet, context: Context) -> None:
        if number == _LEFT:
            keys, time, delay, others = node.left_keys, node.left_time, node.left_delay, node.right_delay
            self.earlier, self.later = node.after, node.before
        else:
            keys, time, delay, others = node.right_keys, node.right_time, node.right_delay, node.left_delay
            self.earlier, self.later = node.before, node.after
        self.number, self.delay, self.waits = number, delay, self.later + others
        self.outer = node.kind in _OUTER[number]
        self.key = projection([context.row(key) for key in keys])
        self.name = key_identity([False] * len(keys)) if keys else _always
        self.time: Evaluator = context.row(time)
        self.rows = Arrangement(context.state, moment_order)
        """each behind the time that it counts as of"""


class Met:
    """State: the rows of both sides, by key and in order of time; when each of them can be forgotten; and the time of
    the last batch that had any."""

    def __init__(self, node: Meet, context: Context) -> None:
        self._sides = _Side(_LEFT, node, context), _Side(_RIGHT, node, context)
        self._waiting = Arrangement(context.state, moment_order)
        self._watermark = Watermark(context.state)
        self._test = context.test(node.condition) if node.condition is not None else None
        self._nothing: tuple[Row, Row] = ((None,) * node.left_width, (None,) * node.right_width)

    @property
    def next_due(self) -> datetime | None:
        """When a row can be forgotten next."""
        self._waiting.fetch(KEYS)
        first = next(self._waiting.get(ONLY).entries(), None)
        return from_ms(first[1][0] + 1) if first is not None else None

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        clock = milliseconds(now)
        fetch([self._waiting.wanting(KEYS), (self._watermark.cells, KEYS)])
        arrivals = sorted(
            (
                each
                for side, delta in zip(self._sides, inputs, strict=True)
                for each in self._arrivals(side, delta, clock)
            ),
            key=lambda each: each.time,
        )
        going = [self._gone(entry) for _, entry, _ in up_to(self._waiting.get(ONLY).entries(), clock - 1)]
        keys = {
            each.name: self._sides[each.side].key(each.row) for each in (*arrivals, *going) if each.name is not None
        }
        if keys:
            fetch([side.rows.wanting(keys) for side in self._sides])
        output: list[_Outcome] = []
        for arrival in arrivals:
            self._come(arrival, output)
        self._go_until(clock, output)
        if arrivals or going:
            self._watermark.pass_to(clock)
        output.sort(key=itemgetter(0))
        return [(row, weight) for _, row, weight in output]

    def _arrivals(self, side: _Side, delta: Delta, clock: int) -> Iterator[_Arrival]:
        """A row without a time, as another outer join leaves one, meets nothing: it waits no more."""
        earliest = self._watermark.moment - side.delay
        for row, weight in delta:
            at = side.time(row)
            time = max(milliseconds(at), earliest) if at is not None else clock - side.waits - 1
            name = side.name(side.key(row)) if at is not None else None
            for _ in range(weight):
                yield _Arrival(time, side.number, name, row)

    # -- coming ----------------------------------------------------------------------------------------------------

    def _come(self, arrival: _Arrival, output: list[_Outcome]) -> None:
        own = self._sides[arrival.side]
        met = arrival.name is not None and self._meets(arrival, output)
        if arrival.name is not None:
            kept, timed = own.rows.change(arrival.name), _timed(arrival)
            place = own.rows.place(timed)
            kept.add_at(place, timed, 1)
            if met and own.outer:
                kept.set_mark(place, 1)
        if arrival.name is not None or own.outer:
            waiting = (Int64(arrival.time + own.waits), Int64(own.number), *arrival.row)
            self._waiting.change(ONLY).add(waiting, 1)

    def _meets(self, arrival: _Arrival, output: list[_Outcome]) -> bool:
        own, other = self._sides[arrival.side], self._sides[1 - arrival.side]
        first, last = arrival.time - own.earlier, arrival.time + own.later
        partners = other.rows.change(arrival.name)
        met = False
        for place, (_, *values), weight in list(up_to(partners.entries(moment_bytes(first)), last)):
            row = tuple(values)
            both = arrival.row + row if own.number == _LEFT else row + arrival.row
            if self._test is None or self._test(both):
                output.append((arrival.time, both, weight))
                met = True
                if other.outer:
                    partners.set_mark(place, 1)
        return met

    # -- going -----------------------------------------------------------------------------------------------------

    def _go_until(self, time: int, output: list[_Outcome]) -> None:
        """Rows that nothing can meet any more: every later change is of this time, or after it."""
        waiting = self._waiting.get(ONLY)
        for place, entry, weight in list(up_to(waiting.entries(), time - 1)):
            self._waiting.change(ONLY).add_at(place, entry, -weight)
            for _ in range(weight):
                self._go(self._gone(entry), output)

    def _gone(self, entry: Row) -> _Arrival:
        side, row = self._sides[int(entry[1])], entry[2:]
        name = side.name(side.key(row)) if side.time(row) is not None else None
        return _Arrival(entry[0] - side.waits, side.number, name, row)

    def _go(self, gone: _Arrival, output: list[_Outcome]) -> None:
        side = self._sides[gone.side]
        met = False
        if gone.name is not None:
            kept, timed = side.rows.change(gone.name), _timed(gone)
            place = side.rows.place(timed)
            met = kept.mark(place) > 0
            kept.add_at(place, timed, -1)
        if side.outer and not met:
            left_alone = gone.side == _LEFT
            row = gone.row + self._nothing[_RIGHT] if left_alone else self._nothing[_LEFT] + gone.row
            output.append((gone.time + side.waits, row, 1))


def _timed(arrival: _Arrival) -> Row:
    return (Int64(arrival.time), *arrival.row)


_always: Callable[[Row], Hashable] = lambda key: ()  # noqa: E731
