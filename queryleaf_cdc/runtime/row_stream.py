"""Rows that arrive: how they are waited for, and how that ends."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple, Self

from queryleaf_cdc.errors import ServerError
from queryleaf_cdc.events import ACTIONS, Event
from queryleaf_cdc.mongo.change_source import ChangeBatch, ChangeSource, StreamFault
from queryleaf_cdc.mongo.faults import Todo
from queryleaf_cdc.runtime.patience import Patience
from queryleaf_cdc.values import Document

_PASSING = (Todo.RESUME, Todo.INVALIDATED)


class RowChange(NamedTuple):
    """The change that a row came from; of several the last one.

    ``id`` is what CHANGE_ID() gives, "" for a row that was there before; ``operation`` is INSERT, UPDATE, DELETE, or
    RESET (see ``Changelog``), and "" where time alone brought the row: then nothing is known but an id, perhaps.
    ``timestamp`` is UTC without a zone; ``key`` is the document's, ``{"_id": ...}``."""

    id: str
    operation: str
    timestamp: datetime | None
    key: Document | None
    collection: str | None
    before: Document | None = None
    """of a changelog's UPDATE: the row as it was"""

    @property
    def sign(self) -> str:
        """Of a changelog: ``+`` a row comes, ``-`` it goes, ``~`` it changes, ``=`` all is read anew."""
        return _SIGNS[self.operation]


_SIGNS = {"INSERT": "+", "DELETE": "-", "UPDATE": "~", "RESET": "="}


class Row(dict[str, Any]):
    """A row as a dict; ``change`` tells where it came from."""

    __slots__ = ("change",)

    def __init__(self, values: Document, change: RowChange) -> None:
        super().__init__(values)
        self.change = change


def change_of(event: Event) -> RowChange:
    """Of an event whose type is one of ``ACTIONS``."""
    return RowChange(
        event["_id"]["_data"],
        ACTIONS[event["operationType"]],
        event.get("wallTime"),
        event.get("documentKey"),
        event["ns"]["coll"],
    )


class RowStream(ABC, Iterator[Row]):
    """Iterates over rows, and blocks until there is one.

    One batch of the server is held at most: who reads slowly makes the server's cursor wait, and a cursor that the
    server has given up meanwhile is opened anew behind the last batch. One thread reads; ``close`` may be called from
    any other, and ends a wait within half a second (five where the server does not answer)."""

    columns: tuple[str, ...] | None
    """of the rows; None where ``*`` leaves them open"""

    def __init__(self) -> None:
        self._ready: deque[Row] = deque()
        self._failure: Exception | None = None
        """what happened behind the rows that are ready"""
        self.on_trouble: Callable[[str | None], None] = lambda trouble: None
        """told by the thread that reads why nothing comes, once, and None when it goes on"""
        self._trouble: str | None = None
        self._closing = threading.Event()
        self._reading = threading.Lock()

    @abstractmethod
    def _source_of_next(self) -> ChangeSource | None:
        """What a batch must be read from before there can be more rows; None where there may be some without."""

    @abstractmethod
    def _rows_of(self, batch: ChangeBatch | None) -> Iterable[Row]:
        """The next rows, of this batch, or without one; perhaps none. What it raises ends nothing: the next call goes
        on behind it."""

    @abstractmethod
    def _end(self) -> None:
        """Gives back what the server holds. May be called again."""

    @property
    def late(self) -> int:
        """How many changes were left out so far, as their window of time had ended before they came."""
        return 0

    @property
    def closed(self) -> bool:
        return self._closing.is_set()

    def __next__(self) -> Row:
        while not self._closing.is_set():
            row = self.poll()
            if row is not None:
                return row
        raise StopIteration

    def poll(self) -> Row | None:
        """The next row, or None when there is none within half a second."""
        ready = self._ready
        if not ready:
            self._fill()
        return ready.popleft() if ready and not self._closing.is_set() else None

    @property
    def waits_for(self) -> ChangeSource | None:
        """What ``take`` would wait for a batch of."""
        return None if self._ready or self._failure or self.closed else self._source_of_next()

    def take(self, batch: ChangeBatch | None = None) -> list[Row]:
        """All rows that are at hand, waiting half a second for the first; none when closed. ``batch`` is of what it
        waits for, where somebody else has waited."""
        if not self._ready:
            self._fill(batch)
        rows = list(self._ready) if not self.closed else []
        self._ready.clear()
        return rows

    def close(self) -> None:
        """No row comes after this."""
        self._closing.set()
        if self._reading.acquire(blocking=False):  # else whoever is reading gives it back
            try:
                self._end()
            finally:
                self._reading.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _fill(self, batch: ChangeBatch | None = None) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        with self._reading:
            try:
                source = None if self.closed or batch is not None else self._source_of_next()
                if source is not None:
                    batch = self._next_batch(source)
                if not self.closed:
                    self._ready.extend(self._rows_of(batch))
            except Exception as error:
                if not self._ready:
                    raise
                self._failure = error
            finally:
                if self.closed:
                    self._ready.clear()
                    self._end()

    def _next_batch(self, source: ChangeSource) -> ChangeBatch | None:
        """None when closed meanwhile. Raises ServerError QL521 when the stream cannot go on, however often it is
        tried."""
        patience = Patience()
        while True:
            try:
                batch = source.next_batch()
            except StreamFault as fault:
                if self.closed:
                    return None
                pause = pause_after(fault, patience)
                if patience.is_strained:
                    self._tell(str(fault))
                self._closing.wait(pause)
            else:
                self._tell(None)
                return batch

    def _tell(self, trouble: str | None) -> None:
        before, self._trouble = self._trouble, trouble
        if (before is None) is not (trouble is None):
            self.on_trouble(trouble)


def pause_after(fault: StreamFault, patience: Patience) -> float:
    """Seconds to wait before the next attempt. Raises ServerError QL521 where there is to be none."""
    pause = patience.pause() if fault.todo in _PASSING else None
    if pause is None:
        raise ServerError("QL521", f"the stream ended: {fault.todo.value}: {fault}") from None
    return pause
