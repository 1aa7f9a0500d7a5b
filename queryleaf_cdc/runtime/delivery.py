"""Delivers outbox rows: at least once, in order per document key, with pauses that grow."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta

from queryleaf_cdc.mongo.faults import WorkerFault
from queryleaf_cdc.mongo.outbox import OutboxStore
from queryleaf_cdc.runtime.dead_letters import dead_call, error_text
from queryleaf_cdc.runtime.limits import Clock, Limits, backoff
from queryleaf_cdc.runtime.metrics import Metrics
from queryleaf_cdc.sinks.procedure import Procedure, invoke
from queryleaf_cdc.values import Document

_IDLE_SECONDS = 1.0


class Delivery(threading.Thread):
    """One thread beside the worker. ``wake`` tells that rows were committed."""

    def __init__(
        self,
        store: OutboxStore,
        procedures: Mapping[str, Procedure],
        limits: Limits,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        super().__init__(name="queryleaf-delivery", daemon=True)
        self._store = store
        self._procedures = procedures
        self._limits = limits
        self._clock = clock
        self._metrics = metrics
        self._woken = threading.Event()
        self._stopping = False

    def wake(self) -> None:
        self._woken.set()

    def stop(self, timeout: float = 10.0) -> None:
        """Lets the call that is under way end."""
        self._stopping = True
        self._woken.set()
        if self.is_alive():
            self.join(timeout)

    def run(self) -> None:
        pause = 0.0
        while not self._stopping:
            self._woken.wait(pause)
            self._woken.clear()
            try:
                pause = self._round()
            except WorkerFault:
                pause = _IDLE_SECONDS  # the server is away; the rows are safe

    def _round(self) -> float:
        """Delivers what is due, page by page; returns for how long nothing will be."""
        blocked: set[str] = set()
        soonest = _IDLE_SECONDS
        while not self._stopping:
            page = self._store.pending(self._limits.outbox_page, sorted(blocked))
            if not page:
                return soonest
            for row in page:
                if self._stopping:
                    return 0.0
                if row["lane"] in blocked:
                    continue
                wait = self._wait_of(row)
                if wait <= 0:
                    wait = self._deliver(row)
                if wait > 0:
                    blocked.add(row["lane"])
                    soonest = min(soonest, wait)
        return 0.0

    def _wait_of(self, row: Document) -> float:
        due = row["next_at"]
        return 0.0 if due is None else float((due - self._clock.now()).total_seconds())

    def _deliver(self, row: Document) -> float:
        """One call. Returns 0 when the row is out of the way, else the seconds until its next attempt."""
        try:
            invoke(self._procedures, row)
        except (Exception, SystemExit) as error:
            return self._failed(row, error)
        self._store.delivered(row["_id"])
        self._metrics.calls += 1
        return 0.0

    def _failed(self, row: Document, error: BaseException) -> float:
        self._metrics.count(row["trigger"], "errors")
        attempt = row["attempts"] + 1
        if attempt >= self._limits.call_attempts:
            self._store.dead(row, dead_call(row, error, self._clock.now()))
            self._metrics.count(row["trigger"], "dead_letters")
            return 0.0
        pause = backoff(attempt, self._limits.call_retry_seconds, self._limits.max_call_retry_seconds)
        self._store.failed(row["_id"], error_text(error), self._clock.now() + timedelta(seconds=pause))
        return pause
