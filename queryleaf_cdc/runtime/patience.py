"""How long a reader waits for a server that is away."""

from __future__ import annotations

import time

from queryleaf_cdc.runtime.limits import backoff

SECONDS = 300.0
_SILENT = 1


class Patience:
    """Of one who asks again and again: for five minutes, which an election and a restart take less of."""

    def __init__(self) -> None:
        self._attempts = 0
        self._began = 0.0

    @property
    def is_strained(self) -> bool:
        """Whether it is time to tell somebody: a server that is elected anew is back at the next attempt."""
        return self._attempts > _SILENT

    def pause(self) -> float | None:
        """Seconds to wait before the next attempt; None where no other is to be made."""
        now = time.monotonic()
        self._began = self._began if self._attempts else now
        self._attempts += 1
        return backoff(self._attempts, 0.05, 2.0) if now - self._began < SECONDS else None
