"""Carries the rows of one place of the outbox: at least once, in order per lane, with pauses that grow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from queryleaf_cdc.mongo.outbox import OutboxStore
from queryleaf_cdc.runtime.dead_letters import dead_call, error_text
from queryleaf_cdc.runtime.limits import Clock, Limits, backoff
from queryleaf_cdc.runtime.metrics import Metrics
from queryleaf_cdc.sinks.carrying import in_one_go
from queryleaf_cdc.sinks.faults import Away, Refused
from queryleaf_cdc.values import Document

IDLE_SECONDS = 1.0
_ATTEMPTS = 2000
"""of one round: then others that wait for a thread have their turn"""


@dataclass(slots=True)
class Carrier:
    """For one thread at a time. ``carry`` makes one attempt; ``place`` None is that of the procedures."""

    store: OutboxStore
    carry: Callable[[list[Document]], None]
    limits: Limits
    clock: Clock
    metrics: Metrics
    stopping: Callable[[], bool]
    place: str | None = None
    _troubles: int = 0
    """attempts in a row that found the receiver away"""
    _asked: float = 0.0
    """seconds for which it wants to be left alone, as it said last"""

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
            due, wait = self._due(page, blocked)
            soonest = min(soonest, wait)
            waiting = deque(in_one_go(due))
            while waiting and not self.stopping():
                rows = [row for row in waiting.popleft() if row["lane"] not in blocked]
                if not rows:
                    continue
                attempts += len(rows)
                error = self._attempt(rows)
                if error is None:
                    continue
                if len(rows) > 1 and not self.is_held_up:  # it is about one of them
                    waiting.extendleft([row] for row in reversed(rows))
                    continue
                wait = self._failed(rows[0], error)
                if self.is_held_up:
                    return self._pause(self._troubles)
                if wait > 0:
                    blocked.add(rows[0]["lane"])
                    soonest = min(soonest, wait)
        return 0.0

    def _due(self, page: list[Document], blocked: set[str]) -> tuple[list[Document], float]:
        """The rows that may be delivered now, and for how long the first of the others will not be. The lanes of those
        are added to ``blocked``."""
        due: list[Document] = []
        soonest = IDLE_SECONDS
        for row in page:
            if row["lane"] in blocked:
                continue
            wait = self._wait_of(row)
            if wait <= 0:
                due.append(row)
            else:
                blocked.add(row["lane"])
                soonest = min(soonest, wait)
        return due, soonest

    def _wait_of(self, row: Document) -> float:
        due = row["next_at"]
        return 0.0 if due is None else float((due - self.clock.now()).total_seconds())

    def _attempt(self, rows: list[Document]) -> BaseException | None:
        """Delivers rows that go in one go. Returns why not."""
        try:
            self.carry(rows)
        except (Exception, SystemExit) as error:
            self._troubles = self._troubles + 1 if isinstance(error, Away) else 0
            self._asked = error.retry_after if isinstance(error, Away) else 0.0
            return error
        self._troubles, self._asked = 0, 0.0
        self.store.delivered([row["_id"] for row in rows])
        self.metrics.called(len(rows))
        return None

    def _failed(self, row: Document, error: BaseException) -> float:
        """Returns 0 when the row is given up, else the seconds until its next attempt."""
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
        pause = backoff(attempt, self.limits.call_retry_seconds, self.limits.max_call_retry_seconds)
        return max(pause, self._asked)
