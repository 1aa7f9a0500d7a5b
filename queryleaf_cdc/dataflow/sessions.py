"""Groups of a stream by sessions: each ends when nothing has come for its gap, and is then given out and forgotten."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from datetime import datetime
from operator import itemgetter

from bson import Int64

from queryleaf_cdc.dataflow.arrangement import Arrangement
from queryleaf_cdc.dataflow.by_moment import KEYS, ONLY, moment_order, up_to
from queryleaf_cdc.dataflow.open_groups import Aggregates, OpenGroup, pages_of_group
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.partitions import partition_identity
from queryleaf_cdc.dataflow.row_log import PageWriter
from queryleaf_cdc.dataflow.rows import Delta, Row, projection
from queryleaf_cdc.dataflow.state import Cell, Found, StateChange, fetch
from queryleaf_cdc.dataflow.watermark import Watermark
from queryleaf_cdc.functions.bson_order import milliseconds
from queryleaf_cdc.functions.moments import from_ms
from queryleaf_cdc.plans.dataflow import Sessions
from queryleaf_cdc.values import Document


class _Session:
    """From ``start`` up to ``end`` (not included), in milliseconds."""

    __slots__ = ("end", "group", "start")

    def __init__(self, start: int, end: int, group: OpenGroup) -> None:
        self.start, self.end, self.group = start, end, group


class _Open:
    """The sessions of one key that have not ended; ``due`` is when that is looked at, where there are any: at the
    latest when the first of them ends; ``gone`` are the pages of rows that the others had."""

    __slots__ = ("due", "gone", "key", "sessions")

    def __init__(self, key: Row) -> None:
        self.key = key
        self.sessions: list[_Session] = []
        self.due: int | None = None
        self.gone: list[int] = []

    def leave_pages(self, session: _Session) -> None:
        self.gone += session.group.log.release()


class SessionGroups:
    """State: for each key its open sessions; when they are due; and how far sessions were given out."""

    def __init__(self, node: Sessions, context: Context) -> None:
        self._node = node
        others = [at for at in range(node.keys) if at not in (node.start, node.end)]
        self._key = projection([itemgetter(at) for at in others])
        self._name = partition_identity(len(others))
        self._aggregates = Aggregates(node.aggregates, context, keeps_rows=not node.in_order)
        self._open = context.state.cells(_Codec(self._aggregates), _pages)
        self._dues = Arrangement(context.state, moment_order)
        self._watermark = Watermark(context.state)

    @property
    def late(self) -> int:
        """How many rows were left out."""
        return self._watermark.late

    @property
    def next_due(self) -> datetime | None:
        """When a session may end next."""
        self._dues.fetch(KEYS)
        first = next(self._dues.get(ONLY).entries(), None)
        return from_ms(first[1][0] + self._node.lag) if first is not None else None

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        (delta,) = inputs
        clock = milliseconds(now) - self._node.lag
        fetch([self._dues.wanting(KEYS), (self._watermark.cells, KEYS)])
        rows = [row for row, weight in delta if self._has_time(row) for _ in range(weight)]
        if self._node.in_order:  # across the parts of a UNION ALL, too
            rows.sort(key=lambda row: milliseconds(row[self._node.start]))
        due = [entry[1:] for _, entry, _ in up_to(self._dues.get(ONLY).entries(), clock)]
        keys = {self._name(key): key for key in (*due, *map(self._key, rows))}
        self._open.fetch(keys)
        output: Delta = []
        for row in rows:
            session = self._joined(self._open.change(self._name(self._key(row))).value, row)
            if session is not None and self._node.every_change:
                output.append((self._row(session), 1))
        ended = sorted((s for name in keys for s in self._ended(name, clock)), key=lambda session: session.end)
        if ended:
            self._watermark.pass_to(clock)
        for name in keys:
            self._look_again(self._open.change(name).value, clock)
        return output if self._node.every_change else [(self._row(session), 1) for session in ended]

    def _has_time(self, row: Row) -> bool:
        return isinstance(row[self._node.start], datetime) and isinstance(row[self._node.end], datetime)

    def _joined(self, open: _Open, row: Row) -> _Session | None:
        """The session that the row is of now; None where it is late."""
        start, end = milliseconds(row[self._node.start]), milliseconds(row[self._node.end])
        touched = [each for each in open.sessions if each.start < end and start < each.end]
        if not touched:
            if self._watermark.has_passed(end):
                self._watermark.leave_out()
                return None
            touched = [_Session(start, end, self._aggregates.new(row[: self._node.keys]))]
            open.sessions += touched
        if self._node.in_order:
            touched = touched[-1:]
        first = touched[0]
        for other in touched[1:]:
            self._merge(first, other)
            open.sessions.remove(other)
            open.leave_pages(other)
        first.start, first.end = min(first.start, start), max(first.end, end)
        self._aggregates.add(first.group, [row])
        return first

    def _merge(self, session: _Session, other: _Session) -> None:
        session.start, session.end = min(session.start, other.start), max(session.end, other.end)
        self._aggregates.add(session.group, other.group.log.rows)

    def _ended(self, name: Hashable, clock: int) -> list[_Session]:
        """Of one key, taken out of those that are open."""
        open = self._open.get(name)
        ended = [each for each in open.sessions if each.end <= clock]
        open.sessions = [each for each in open.sessions if each.end > clock]
        for each in ended:
            open.leave_pages(each)
        return ended

    def _look_again(self, open: _Open, clock: int) -> None:
        """When a session grows its end is not looked at anew before it would have ended: a busy key costs nothing."""
        first = min((each.end for each in open.sessions), default=None)
        if first is not None and open.due is not None and clock < open.due <= first:
            return
        dues = self._dues.change(ONLY)
        if open.due is not None:
            dues.add((Int64(open.due), *open.key), -1)
        if first is not None:
            dues.add((Int64(first), *open.key), 1)
        open.due = first

    def _row(self, session: _Session) -> Row:
        row = list(session.group.key)
        row[self._node.start], row[self._node.end] = from_ms(session.start), from_ms(session.end)
        return (*row, *self._aggregates.values(session.group))


class _Codec:
    """Documents: ``k`` the key, ``d`` when it is due, and ``s`` the sessions: each as ``Aggregates`` makes it, with its
    start ``s`` and its end ``e``."""

    def __init__(self, aggregates: Aggregates) -> None:
        self._aggregates = aggregates

    def new(self, key: Row) -> _Open:
        return _Open(key)

    def load(self, key: Row, id: bytes, found: Found) -> _Open:
        document = found[id]
        open = _Open(tuple(document["k"]))
        open.due = document["d"]
        open.sessions = [
            _Session(each["s"], each["e"], self._aggregates.load(id, each, found)) for each in document["s"]
        ]
        return open

    def changes(self, cell: Cell[_Open]) -> Iterator[StateChange]:
        open = cell.value
        pages = PageWriter(cell.id, [each.group.log for each in open.sessions], open.gone)
        open.gone = []
        document = self._document(open, pages) if open.sessions else None
        yield from pages.changes
        if document is not None or cell.is_stored:
            yield StateChange(cell.id, document, not cell.is_stored)

    def _document(self, open: _Open, pages: PageWriter) -> Document:
        sessions = [
            {**self._aggregates.document(each.group, pages), "s": Int64(each.start), "e": Int64(each.end)}
            for each in open.sessions
        ]
        return {"k": open.key, "d": Int64(open.due or 0), "s": sessions}

    def stored(self, value: _Open) -> None:
        pass

    def size(self, value: _Open) -> int:
        return sum(max(1, len(each.group.log.rows)) for each in value.sessions)


def _pages(id: bytes, document: Document) -> list[bytes]:
    return [page for session in document["s"] for page in pages_of_group(id, session)]
