"""Every bound of the worker, in one place."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from queryleaf_cdc.frozen import frozen


@frozen
class Limits:
    max_batch_events: int = 5000
    """events in one transaction; measured: more gains nothing and holds locks for longer"""
    first_batch_events: int = 500
    """before it is known how long they take"""
    target_batch_seconds: float = 1.0
    """A transaction that takes longer makes the next ones smaller: bodies that read, slow functions, thousands of
    updates of one document. All of it is lost if the worker is killed, and its locks make others wait."""
    max_computing_seconds: float = 3.0
    """The same with what views take before anything is locked: a run must be committed well within the lease, or
    another worker takes over, and begins it again."""
    max_queued_bytes: int = 16 * 1024 * 1024
    """read ahead, as the server sent it; decoded, small events take some eight times as much"""
    max_queued_batches: int = 4
    heartbeat_seconds: float = 1.0
    """how often an idle worker saves its position and renews its lease"""
    lease_seconds: float = 10.0
    standby_poll_seconds: float = 0.5
    retry_seconds: float = 0.05
    """first pause before a failed firing is tried again; doubles"""
    max_retry_seconds: float = 5.0
    reconnect_seconds: float = 0.1
    max_reconnect_seconds: float = 10.0
    max_depth: int = 16
    """triggers that cause triggers"""
    call_attempts: int = 8
    call_retry_seconds: float = 0.5
    max_call_retry_seconds: float = 60.0
    outbox_page: int = 200
    max_waiting_lanes: int = 1000
    """whose first rows wait for another attempt; the others wait with them"""
    sink_threads: int = 64
    """deliveries to webhooks and files that are under way at the same time"""
    first_piece_rows: int = 20_000
    """documents that a view's build copies in one transaction, before it is known how long they take"""
    piece_rows: int = 200_000
    """at most; where each has a group of its own, memory asks for far fewer"""
    piece_bytes: int = 64 * 1024 * 1024
    view_attempts: int = 5
    """how often a view is built again when trouble comes back"""
    view_calm_seconds: float = 60.0
    """without trouble: what was before is forgotten"""
    view_retry_seconds: float = 0.5
    tick_seconds: float = 0.1
    """how often views are computed because of the time alone"""
    keep_payload: bool = False
    """whether a dead letter holds the documents of its event"""


class Clock(Protocol):
    def now(self) -> datetime:
        """Naive UTC, as stored."""

    def monotonic(self) -> float: ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC).replace(tzinfo=None)

    def monotonic(self) -> float:
        return time.monotonic()


def backoff(attempt: int, first: float, most: float, chance: Callable[[], float] = random.random) -> float:
    """Seconds before attempt number ``attempt`` (from 1) is repeated: exponential, with half of it as jitter."""
    pause: float = min(most, first * 2 ** min(attempt - 1, 30))
    return pause * (0.5 + 0.5 * chance())
