"""Carries the rows of one place of the outbox: at least once, in order per lane, with pauses that grow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from queryleaf_cdc.mongo.outbox import OutboxStore
from queryleaf_cdc.runtime.dead_letters import dead_call, error_text
from queryleaf_cdc.runtime.limits import Clock, Limits, backoff
from queryleaf_cdc.runtime.metrics import Metrics
from queryleaf_cdc.sinks.faults import Away, Refused
from queryleaf_cdc.values import Document

IDLE_SECONDS = 1.0
_ATTEMPTS = 2000
"""of one round: then others that wait for a thread have their turn"""


@dataclass(slots=True)
class Carrier:
    """For one thread at a time. ``carry`` makes one attempt; ``place`` None is that of the procedures."""

    store: OutboxStore
    carry: Callable[[Document], None]
    limits: Limits
    clock: Clock
    metrics: Metrics
    stopping: Callable[[], bool]
    place: str | None = None
    _troubles: int = 0
    """attempts in a row that found the receiver away"""

    @property
    def is_held_up(self) -> bool:
        """Whether the receiver was away when it was last tried: new rows are no reason to try again sooner."""
        return self._troubles > 0

    def round(self) -> float:
        """Delivers what is due, page by page, or a good deal of it; returns for how long nothing will be.

        A receiver that is away ends the round: one row at a time finds out whether it is back, so that an outage does
        not use up the attempts of all of them. Raises WorkerFault when the server is away."""
        blocked: set[str] = set()
        soonest = IDLE_SECONDS
        attempts = 0
        while attempts < _ATTEMPTS and not self.stopping():
            page = self.store.pending(self.limits.outbox_page, sorted(blocked), self.place)
            if not page or len(blocked) >= self.limits.max_waiting_lanes:
                return soonest
            for row in page:
                if self.stopping():
                    return soonest
                if row["lane"] in blocked:
                    continue
                wait = self._wait_of(row)
                if wait <= 0:
                    attempts += 1
                    wait = self._deliver(row)
                    if self.is_held_up:
                        return self._pause(self._troubles)
                if wait > 0:
                    blocked.add(row["lane"])
                    soonest = min(soonest, wait)
        return 0.0

    def _wait_of(self, row: Document) -> float:
        due = row["next_at"]
        return 0.0 if due is None else float((due - self.clock.now()).total_seconds())

    def _deliver(self, row: Document) -> float:
        """One attempt. Returns 0 when the row is out of the way, else the seconds until its next one."""
        try:
            self.carry(row)
        except (Exception, SystemExit) as error:
            self._troubles = self._troubles + 1 if isinstance(error, Away) else 0
            return self._failed(row, error)
        self._troubles = 0
        self.store.delivered(row["_id"])
        self.metrics.called()
        return 0.0

    def _failed(self, row: Document, error: BaseException) -> float:
        self.metrics.count(row["trigger"], "errors")
        attempt = row["attempts"] + 1
        if isinstance(error, Refused) or attempt >= row.get("max_attempts", self.limits.call_attempts):
            self.store.dead(row, dead_call(row, error, self.clock.now()))
            self.metrics.count(row["trigger"], "dead_letters")
            return 0.0
        pause = self._pause(attempt)
        self.store.failed(row["_id"], error_text(error), self.clock.now() + timedelta(seconds=pause))
        return pause

    def _pause(self, attempt: int) -> float:
        return backoff(attempt, self.limits.call_retry_seconds, self.limits.max_call_retry_seconds)
