"""Delivers outbox rows beside the worker.

Procedures have one thread, as users' functions need not bear several. Every place of a sink that rows are waiting for
has one of its own, for as long as there is something to do: a receiver that hangs holds up no other."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from queryleaf_cdc.mongo.faults import WorkerFault
from queryleaf_cdc.mongo.outbox import OutboxStore
from queryleaf_cdc.runtime.carrier import IDLE_SECONDS, Carrier
from queryleaf_cdc.runtime.limits import Clock, Limits
from queryleaf_cdc.runtime.metrics import Metrics
from queryleaf_cdc.sinks.carrying import carry
from queryleaf_cdc.sinks.procedure import Procedure


class Delivery:
    """``wake`` tells that rows were committed."""

    def __init__(
        self,
        store: OutboxStore,
        procedures: Mapping[str, Procedure],
        limits: Limits,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._stopping = threading.Event()
        make = partial(Carrier, store, partial(carry, procedures), limits, clock, metrics, self._stopping.is_set)
        self._procedures = _Procedures(make(), self._stopping)
        self._sinks = _Sinks(store, make, limits, self._stopping)

    def start(self) -> None:
        self._procedures.start()
        self._sinks.start()

    def wake(self) -> None:
        self._procedures.woken.set()
        self._sinks.wake()

    def stop(self, timeout: float = 10.0) -> None:
        """Lets the deliveries that are under way end."""
        self._stopping.set()
        self.wake()
        deadline = time.monotonic() + timeout
        for thread in (self._procedures, self._sinks, *self._sinks.under_way()):
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))


class _Procedures(threading.Thread):
    def __init__(self, carrier: Carrier, stopping: threading.Event) -> None:
        super().__init__(name="queryleaf-delivery", daemon=True)
        self.woken = threading.Event()
        self._carrier = carrier
        self._stopping = stopping

    def run(self) -> None:
        pause = 0.0
        while not self._stopping.is_set():
            self.woken.wait(pause)
            self.woken.clear()
            pause = _round(self._carrier)


@dataclass(slots=True)
class _Place:
    carrier: Carrier
    thread: threading.Thread | None = None
    """while a round is under way"""
    due: float = 0.0
    """monotonic time before which there is nothing to do"""
    has_new: bool = False
    """rows may have come since the round began"""

    def rows_came(self) -> None:
        if not self.carrier.is_held_up:
            self.has_new = True
            self.due = min(self.due, time.monotonic())


class _Sinks(threading.Thread):
    """Starts a round, in a thread of its own, for each place that is due. What waited longest comes first."""

    def __init__(self, store: OutboxStore, make: partial[Carrier], limits: Limits, stopping: threading.Event) -> None:
        super().__init__(name="queryleaf-sinks", daemon=True)
        self.woken = threading.Event()
        self.woken.set()  # rows may be there from before
        self._store = store
        self._make = make
        self._limits = limits
        self._stopping = stopping
        self._places: dict[str, _Place] = {}
        self._rows_came = False

    def wake(self) -> None:
        self._rows_came = True
        self.woken.set()

    def under_way(self) -> list[threading.Thread]:
        threads = [each.thread for each in list(self._places.values())]
        return [each for each in threads if each is not None]

    def run(self) -> None:
        while not self._stopping.is_set():
            self.woken.wait(self._pause())
            self.woken.clear()
            if self._rows_came:
                self._rows_came = False
                for place in self._places.values():
                    place.rows_came()
            with contextlib.suppress(WorkerFault):  # the server is away; the rows are safe
                self._start_due(self._store.places())

    def _free(self) -> int:
        return max(0, self._limits.sink_threads - len(self.under_way()))

    def _pause(self) -> float:
        """Until the next place is due. A round that ends wakes us up by itself."""
        if not self._free():
            return IDLE_SECONDS
        waiting = [each.due for each in self._places.values() if each.thread is None]
        return max(0.0, min([IDLE_SECONDS, *(due - time.monotonic() for due in waiting)]))

    def _start_due(self, wanted: list[str]) -> None:
        idle = [name for name, each in self._places.items() if each.thread is None and name not in wanted]
        for name in idle:
            del self._places[name]
        for name in wanted:
            self._places.setdefault(name, _Place(self._make(name)))
        now = time.monotonic()
        due = [each for each in self._places.values() if each.thread is None and each.due <= now]
        for place in sorted(due, key=lambda each: each.due)[: self._free()]:
            place.has_new = False
            place.thread = threading.Thread(target=self._work, args=(place,), name="queryleaf-sink", daemon=True)
            place.thread.start()

    def _work(self, place: _Place) -> None:
        pause = IDLE_SECONDS
        try:
            pause = _round(place.carrier)
        except Exception:
            if not self._stopping.is_set():
                raise  # else the connection may have been closed under it
        finally:
            again = place.has_new and not place.carrier.is_held_up
            place.due = time.monotonic() + (0.0 if again else pause)
            place.thread = None
            self.woken.set()


def _round(carrier: Carrier) -> float:
    try:
        return carrier.round()
    except WorkerFault:
        return IDLE_SECONDS
