"""The end of a short process."""

from __future__ import annotations

import atexit
import sys


def leave_at_once() -> None:
    """Has the interpreter not wait at its exit for pymongo's threads, which sleep for up to half a second.

    They are daemons, and closing the clients has told them to stop. Where pymongo does it in another way than the
    versions that are known, this does nothing."""
    wait = getattr(sys.modules.get("pymongo.synchronous.monitor"), "_shutdown_resources", None)
    if callable(wait):
        atexit.unregister(wait)
