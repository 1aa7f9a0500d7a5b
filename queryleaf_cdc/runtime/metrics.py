"""Counters of one worker: persisted with the checkpoint, shown once a second."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_PER_TRIGGER = ("events", "errors", "dead_letters", "late")


@dataclass(slots=True)
class Metrics:
    """Written by the worker's threads; a reader may see a value that is a moment old.

    What several of them count is counted under a lock: a += in Python may lose one of two."""

    events: int = 0
    """change events that are done"""
    transactions: int = 0
    calls: int = 0
    conflicts: int = 0
    lag_seconds: float = 0.0
    queued_batches: int = 0
    by_trigger: dict[str, dict[str, int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def count(self, trigger: str | None, what: str, amount: int = 1) -> None:
        with self._lock:
            self._counters(trigger)[what] += amount

    def left_out(self, trigger: str, late: int) -> None:
        """Rows of its stream that came after their window of time had ended: all so far, as the stream counts them."""
        with self._lock:
            self._counters(trigger)["late"] = late

    def _counters(self, trigger: str | None) -> dict[str, int]:
        return self.by_trigger.setdefault(trigger or "", dict.fromkeys(_PER_TRIGGER, 0))

    def called(self, times: int) -> None:
        with self._lock:
            self.calls += times

    def restore(self, stored: Mapping[str, Mapping[str, Any]]) -> None:
        for name, counters in stored.items():
            self.by_trigger[name] = {what: int(counters.get(what, 0)) for what in _PER_TRIGGER}

    def document(self) -> list[dict[str, Any]]:
        return [{"name": name, **counters} for name, counters in list(self.by_trigger.items())]

    def snapshot(self) -> dict[str, Any]:
        """For a display: take two and divide the difference of ``events`` by the time between them."""
        return {
            "events": self.events,
            "transactions": self.transactions,
            "calls": self.calls,
            "conflicts": self.conflicts,
            "lag_seconds": self.lag_seconds,
            "queued_batches": self.queued_batches,
        }
