"""Keeps the lease while the worker computes. Else a run that takes longer than the lease would never end: two workers
would take it from each other, and begin it again and again."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from queryleaf_cdc.mongo.faults import WorkerFault

_RENEWALS = 3
"""in the time of one lease"""


class Lease(threading.Thread):
    """``renew`` is called from this thread, but never while a transaction is being sent: both write the checkpoint."""

    def __init__(self, renew: Callable[[], None], seconds: float) -> None:
        super().__init__(name="queryleaf-lease", daemon=True)
        self._renew = renew
        self._every = seconds / _RENEWALS
        self._over = threading.Event()
        self._renewing = threading.Lock()
        self._since: float | None = None
        self._is_sending: Callable[[], bool] = lambda: False

    @contextlib.contextmanager
    def kept(self, is_sending: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """For as long as the block takes, but not once ``is_sending``: the server knows of a transaction."""
        self._is_sending = is_sending
        self._since = time.monotonic()
        try:
            yield
        finally:
            with self._renewing:
                self._since = None

    def run(self) -> None:
        while not self._over.wait(self._every):
            with self._renewing, contextlib.suppress(WorkerFault):
                since = self._since
                if since is not None and time.monotonic() - since >= self._every and not self._is_sending():
                    self._renew()

    def stop(self) -> None:
        self._over.set()
        self.join()
