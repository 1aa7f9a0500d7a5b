"""Reads ahead in a thread of its own, within a bound of batches and bytes."""

from __future__ import annotations

import threading
import time
from collections import deque

from queryleaf_cdc.mongo.change_source import ChangeBatch, ChangeSource, StreamFault
from queryleaf_cdc.mongo.faults import Todo
from queryleaf_cdc.runtime.limits import Limits, backoff

_GATHERING_SECONDS = 0.5
_SILENT_FAILURES = 2
"""resumptions without a word; from the third on the worker is told, so that its status can say so"""


class Reader(threading.Thread):
    """Batches of one change stream, in order. Resumes by itself after passing failures; any other StreamFault ends
    the thread and is given to the one who takes batches."""

    def __init__(self, source: ChangeSource, limits: Limits) -> None:
        super().__init__(name="queryleaf-reader", daemon=True)
        self._source = source
        self._limits = limits
        self._ready = threading.Condition()
        self._batches: deque[ChangeBatch] = deque()
        self._bytes = 0
        self._fault: StreamFault | None = None
        self._abandoned = False
        self.trouble: str | None = None
        """why nothing comes, while the reader tries again"""

    def take(self, timeout: float, enough: int = 0) -> list[ChangeBatch]:
        """All batches that are there, at least one within ``timeout`` seconds, else none. While there is a backlog
        (batches come full), waits a moment for ``enough`` events.

        Raises StreamFault after the last batch before it."""
        with self._ready:
            if not self._batches and self._fault is None:
                self._ready.wait(timeout)
            if not self._batches and self._fault is not None:
                raise self._fault
            deadline = time.monotonic() + _GATHERING_SECONDS
            while enough and self._more_is_coming(enough) and (left := deadline - time.monotonic()) > 0:
                self._ready.wait(left)
            taken = list(self._batches)
            self._batches.clear()
            self._bytes = 0
            self._ready.notify_all()
            return taken

    def _more_is_coming(self, enough: int) -> bool:
        if self._fault is not None or self._abandoned or not self._batches or self._is_full():
            return False
        is_backlog = len(self._batches[-1].events) >= self._limits.max_batch_events
        return is_backlog and sum(len(each.events) for each in self._batches) < enough

    def _is_full(self) -> bool:
        return len(self._batches) >= self._limits.max_queued_batches or self._bytes > self._limits.max_queued_bytes

    def abandon(self) -> None:
        """Returns at once; the thread ends when the server answers it next, at the latest after its await time."""
        with self._ready:
            self._abandoned = True
            self._batches.clear()
            self._ready.notify_all()

    def run(self) -> None:
        failures = 0
        try:
            while not self._abandoned:
                try:
                    batch = self._source.next_batch()
                except StreamFault as fault:
                    if fault.todo is not Todo.RESUME:
                        self._end(fault)
                        return
                    failures += 1
                    if failures > _SILENT_FAILURES:
                        self.trouble = str(fault)
                    self._pause(failures)
                    continue
                failures, self.trouble = 0, None
                self._put(batch)
        finally:
            self._source.close()

    def _put(self, batch: ChangeBatch) -> None:
        with self._ready:
            while not self._abandoned and (
                len(self._batches) >= self._limits.max_queued_batches
                or (self._batches and self._bytes + batch.size > self._limits.max_queued_bytes)
            ):
                self._ready.wait()
            if not self._abandoned:
                self._batches.append(batch)
                self._bytes += batch.size
                self._ready.notify_all()

    def _end(self, fault: StreamFault) -> None:
        with self._ready:
            self._fault = fault
            self._ready.notify_all()

    def _pause(self, failures: int) -> None:
        seconds = backoff(failures, self._limits.reconnect_seconds, self._limits.max_reconnect_seconds)
        with self._ready:
            if not self._abandoned:
                self._ready.wait(seconds)
