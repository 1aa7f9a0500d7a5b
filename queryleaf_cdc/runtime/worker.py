"""The worker: one thread that holds the lease and commits, one that reads ahead, one that delivers calls, and one that
renews the lease while the first one computes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from typing import Any

from queryleaf_cdc.errors import ServerError
from queryleaf_cdc.events import ProgramBuilder
from queryleaf_cdc.mongo.active import ActiveEntry
from queryleaf_cdc.mongo.checkpoint import Checkpoint, CheckpointStore, read_checkpoint
from queryleaf_cdc.mongo.deployment import ensure_internal_collections, is_away, require_replica_set, signal
from queryleaf_cdc.mongo.faults import Conflict, Fenced, Unreachable
from queryleaf_cdc.mongo.handles import Client, reliable
from queryleaf_cdc.mongo.outbox import OutboxStore
from queryleaf_cdc.mongo.positions import Position
from queryleaf_cdc.mongo.status import read_status
from queryleaf_cdc.mongo.transaction import BatchTransaction
from queryleaf_cdc.mongo.worker_identity import this_process
from queryleaf_cdc.runtime.delivery import Delivery
from queryleaf_cdc.runtime.engine import Engine, Interrupted
from queryleaf_cdc.runtime.lease import Lease
from queryleaf_cdc.runtime.limits import Clock, Limits, SystemClock
from queryleaf_cdc.runtime.metrics import Metrics
from queryleaf_cdc.runtime.tenure import Tenure
from queryleaf_cdc.sinks.procedure import Procedure

_AWAY_SECONDS = 3.0


class Worker:
    """Works on one database. Start it in the background (``start``, ``stop``) or in the foreground (``run``).

    ``build_program`` is called with (name, SQL) of the running triggers whenever they change; ``procedures`` is
    looked up at every call, so it may grow. Several workers may run; all but one wait as standby."""

    def __init__(
        self,
        client: Client,
        database: str,
        build_program: ProgramBuilder,
        procedures: Mapping[str, Procedure] | None = None,
        *,
        limits: Limits | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._database = reliable(client[database])
        self._build_program = build_program
        self._procedures = procedures if procedures is not None else {}
        self._limits = limits or Limits()
        self._clock = clock or SystemClock()
        self._identity = this_process()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._moved = threading.Condition()
        self._position: Position | None = None
        self._settled = False
        self._state = "stopped"
        self._fault: BaseException | None = None
        self._engine: Engine | None = None
        self._tenure: Tenure | None = None
        self.metrics = Metrics()

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Works in a background thread. Raises ServerError when the server cannot do it at all."""
        self._prepare()
        self._thread = threading.Thread(target=self._run_quietly, name="queryleaf-worker", daemon=True)
        self._thread.start()

    def run(self) -> None:
        """Works in this thread until ``stop`` is called from another one.

        Raises ServerError when it cannot go on."""
        self._prepare()
        self._work()

    def stop(self, timeout: float = 30.0) -> None:
        """Ends after the transaction that is under way, and gives the lease back. That is not waited for while there is
        no server to do it with: a successor then waits for the lease to run out."""
        self._stop.set()
        tenure = self._tenure
        if tenure is not None and tenure.reader is not None:
            tenure.reader.abandon()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(min(timeout, _AWAY_SECONDS) if is_away(self._database.client) else timeout)

    @property
    def state(self) -> str:
        """starting, standby, running, stopped or failed"""
        return self._state

    def check(self) -> None:
        """Raises the error that ended the worker, if one did."""
        if self._fault is not None:
            raise self._fault

    @property
    def trouble(self) -> str | None:
        """Why nothing moves at the moment, while the worker tries again; None when all is well."""
        return self._engine.trouble if self._engine is not None else None

    def building(self) -> dict[str, dict[str, int]]:
        """Views that this worker is building: name → {rows, total}, the documents that are read and that there are."""
        return {each.name: each.build.progress() for each in self._entries() if each.build is not None}

    def reasons(self) -> dict[str, str]:
        """Triggers and views that do not go on, or are built anew: name → state and reason."""
        return {each.name: f"{each.state}: {each.reason}" for each in self._entries() if each.reason}

    def _entries(self) -> list[ActiveEntry]:
        tenure = self._tenure
        return list(tenure.active.values()) if tenure is not None and hasattr(tenure, "active") else []

    # -- waiting and watching ------------------------------------------------------------------------------------

    def drain(self, timeout: float = 10.0) -> None:
        """Returns once everything committed before this call is processed, and what triggers wrote because of it, all
        views are built, and all calls are delivered or given up. Raises TimeoutError, or the error that ended the
        worker."""
        deadline = self._clock.monotonic() + timeout
        while True:
            mark = signal(self._database)
            self._wait_for(lambda mark=mark: self._position is not None and self._position.reached(mark), deadline)
            self._wait_for(lambda: self._settled, deadline)
            engine = self._engine
            if engine is not None and len(engine.provenance):
                continue  # writes of our own that may fire triggers are still ahead
            if self._calls_done(deadline):
                return

    def status(self) -> dict[str, dict[str, Any]]:
        """See ``queryleaf_cdc.mongo.status.read_status``; counters of this worker are up to date."""
        found = read_status(self._database)
        for name, each in found.items():
            counters = self.metrics.by_trigger.get(name, {})
            each.update({what: number for what, number in counters.items() if what in each})
        return found

    def _wait_for(self, condition: Any, deadline: float) -> None:
        with self._moved:
            while not condition():
                if self._fault is not None:
                    raise self._fault
                if self._state == "stopped":
                    raise ServerError("QL514", "the worker is stopped", hint="start it, or run `queryleaf-cdc run`")
                left = deadline - self._clock.monotonic()
                if left <= 0:
                    raise TimeoutError("not everything was processed in time" + self._why())
                self._moved.wait(min(left, 0.2))

    def _calls_done(self, deadline: float) -> bool:
        outbox = OutboxStore(self._database)
        while not outbox.is_empty():
            if self._clock.monotonic() >= deadline:
                raise TimeoutError("not every call was delivered in time")
            self._stop.wait(0.005)
        return True

    def _why(self) -> str:
        return f": {self.trouble}" if self.trouble else ""

    # -- the thread ----------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        require_replica_set(self._database.client)
        ensure_internal_collections(self._database)
        self._stop.clear()
        self._fault = None
        self._position, self._settled = None, False
        self._set_state("starting")

    def _run_quietly(self) -> None:
        with contextlib.suppress(Exception):
            self._work()

    def _work(self) -> None:
        transaction = BatchTransaction(self._database.client)
        store = CheckpointStore(self._database, self._identity, transaction.session_id, self._limits.lease_seconds)
        try:
            while True:
                self._serve(transaction, store, self._acquire(store))
        except Interrupted:
            self._set_state("stopped")
        except BaseException as error:
            self._fault = error
            self._set_state("failed")
            raise
        finally:
            self._engine = self._tenure = None
            transaction.close()
            store.release()

    def _acquire(self, store: CheckpointStore) -> Checkpoint:
        """Waits until the lease is ours."""
        while True:
            with contextlib.suppress(Unreachable, Conflict):
                checkpoint = store.acquire()
                if checkpoint is not None:
                    return checkpoint
                self._set_state("standby")
            self._pause(self._limits.standby_poll_seconds)

    def _serve(self, transaction: BatchTransaction, store: CheckpointStore, checkpoint: Checkpoint) -> None:
        """Works until another worker takes over."""
        self.metrics.restore(checkpoint.counters)
        outbox = OutboxStore(self._database)
        delivery = Delivery(outbox, self._procedures, self._limits, self._clock, self.metrics)
        engine = Engine(self._database, transaction, store, self._limits, self._clock, self.metrics, self._pause)
        lease = Lease(store.renew, self._limits.lease_seconds)
        engine.on_calls, engine.keep_lease = delivery.wake, lease.kept
        self._engine = engine
        tenure = Tenure(self._database, engine, self._build_program, self._limits, self._advanced)
        self._tenure = tenure
        self._set_state("running")
        delivery.start()
        lease.start()
        try:
            tenure.run(checkpoint)
        except Fenced:
            self._refuse_vanished()
        except Interrupted:
            with contextlib.suppress(Fenced, Unreachable, Conflict, Interrupted):
                tenure.save_now()
            raise
        finally:
            lease.stop()
            delivery.stop()

    def _refuse_vanished(self) -> None:
        with contextlib.suppress(Unreachable):
            if read_checkpoint(self._database) is None:
                raise ServerError(
                    "QL511",
                    f"the database {self._database.name} was dropped, and with it the triggers and the checkpoint",
                    hint="register the triggers again",
                )

    def _advanced(self, position: Position, settled: bool) -> None:
        with self._moved:
            self._position, self._settled = position, settled
            self._moved.notify_all()

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds) if seconds > 0 else self._stop.is_set():
            raise Interrupted

    def _set_state(self, state: str) -> None:
        with self._moved:
            self._state = state
            self._moved.notify_all()
