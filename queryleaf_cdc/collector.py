"""Python's collector of cyclic garbage, kept out of where ten thousands of objects are made and none is garbage.

Its collections, which so many new objects trigger, take a third of all of the worker's processor time (measured on
batches of 5,000 events), and half of it where a view of many groups is kept."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Iterator

_lock = threading.Lock()
_inside = 0
_was_enabled = False


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """No collections until all threads that are in here have left."""
    global _inside, _was_enabled
    with _lock:
        if _inside == 0:
            _was_enabled = gc.isenabled()
            gc.disable()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _was_enabled:
                gc.enable()
