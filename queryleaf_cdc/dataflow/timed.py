"""Rows that come and go by the moving clock: temporal filters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from bson import Int64
from bson.datetime_ms import DatetimeMS

from queryleaf_cdc.dataflow.arranged import Arranged
from queryleaf_cdc.dataflow.arrangement import Arrangement
from queryleaf_cdc.dataflow.by_moment import KEYS, LONG, ONLY, moment_bytes, moment_order
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.rows import Delta, Row, consolidated
from queryleaf_cdc.functions.bson_order import milliseconds
from queryleaf_cdc.functions.moments import LAST_MS, from_ms
from queryleaf_cdc.plans.dataflow import While
from queryleaf_cdc.values import Value

_ALWAYS, _FOREVER = -LONG - 1, LONG


class Timed:
    """State: the rows that will yet come or go by themselves, ordered by the moment of that, which is put before them.

    A row's moments follow from the row, and ``now`` never goes back. So nothing is kept of a row whose time is over:
    when it is deleted later, its moments tell that it has left already."""

    def __init__(self, node: While, context: Context) -> None:
        self._since = context.row(node.since) if node.since is not None else lambda row: DatetimeMS(-LONG)
        self._until = context.row(node.until) if node.until is not None else lambda row: DatetimeMS(LONG - 1)
        self._waiting = Arrangement(context.state, moment_order)

    @property
    def next_due(self) -> datetime | None:
        """When a row comes or goes next, if nothing is written until then."""
        self._waiting.fetch(KEYS)
        for _, waiting, _ in self._waiting.get(ONLY).entries():
            return from_ms(waiting[0])
        return None

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        (delta,) = inputs
        clock = milliseconds(now)
        due = self._due(clock)
        output: Delta = []
        changes = [*self._passed(due, clock, output), *self._arrived(consolidated(delta), clock, output)]
        if changes:
            self._apply(changes)
        return consolidated(output) if due and delta else output

    def _due(self, clock: int) -> Delta:
        """The waiting rows whose moment has come."""
        self._waiting.fetch(KEYS)
        arranged = self._waiting.get(ONLY)
        if not arranged.is_loaded:
            self._waiting.read([(arranged, arranged.wanted_between(b"", moment_bytes(clock + 1)))])
        return list(_until(arranged, clock))

    def _passed(self, due: Delta, clock: int, output: Delta) -> Iterator[tuple[Row, int]]:
        """Emits what came and went by time; yields how that changes what waits."""
        for waiting, weight in due:
            yield waiting, -weight
            moment, *values = waiting
            row = tuple(values)
            since, until = self._moments(row)
            if moment == until:
                output.append((row, -weight))
            elif until > clock:
                assert moment == since
                output.append((row, weight))
                if until != _FOREVER:
                    yield (Int64(until), *row), weight

    def _arrived(self, delta: Delta, clock: int, output: Delta) -> Iterator[tuple[Row, int]]:
        """Emits the changes of rows that are there now; yields how the delta changes what waits."""
        for row, weight in delta:
            since, until = self._moments(row)
            if until <= clock:
                continue
            if since > clock:
                yield (Int64(since), *row), weight
                continue
            output.append((row, weight))
            if until != _FOREVER:
                yield (Int64(until), *row), weight

    def _moments(self, row: Row) -> tuple[int, int]:
        """Since when and until when; ``until`` is in the past of any clock where the row is never there."""
        since, until = _milliseconds(self._since(row)), _milliseconds(self._until(row))
        if since is None or until is None or since >= until or since > LAST_MS:
            return _ALWAYS, _ALWAYS
        return since, until if until <= LAST_MS else _FOREVER

    def _apply(self, changes: Delta) -> None:
        self._waiting.fetch(KEYS, {ONLY: [row for row, _ in changes]})
        arranged = self._waiting.change(ONLY)
        for row, weight in changes:
            arranged.add(row, weight)


def _milliseconds(value: Value) -> int | None:
    return milliseconds(value) if isinstance(value, datetime | DatetimeMS) else None


def _until(arranged: Arranged, clock: int) -> Iterator[tuple[Row, int]]:
    for _, waiting, weight in arranged.entries():
        if waiting[0] > clock:
            return
        yield waiting, weight
