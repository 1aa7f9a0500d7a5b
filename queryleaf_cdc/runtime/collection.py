"""Python's cycle collector while a worker works.

A batch makes hundreds of thousands of objects that live until it is committed, and no cycles among them. At the default
threshold (700) the collector walks them again and again: half of the worker's processor time, measured with a view that
has a group per event (59 µs per event, 30 without). The thresholds are the process's, so they are given back."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_THRESHOLDS = (200_000, 20, 100)

_lock = threading.Lock()
_working: list[tuple[int, int, int]] = []
"""the thresholds from before each of the workers that are at work"""


@contextmanager
def rare_collections() -> Iterator[None]:
    """Collections are rare until the last worker of the process has stopped; cycles of others are still found."""
    with _lock:
        _working.append(gc.get_threshold())
        gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        with _lock:
            before = _working.pop()
            if not _working:
                gc.set_threshold(*before)
