"""The end of a session, and of a short process."""

from __future__ import annotations

import atexit
import sys

import pymongo

from queryleaf_cdc.mongo.handles import Client

_GOODBYE_SECONDS = 1.0


def close_client(client: Client) -> None:
    """The server is told which sessions end, if it is there."""
    with pymongo.timeout(_GOODBYE_SECONDS):
        client.close()


def leave_at_once() -> None:
    """Has the interpreter not wait at its exit for pymongo's threads, which sleep for up to half a second.

    They are daemons, and closing the clients has told them to stop. Where pymongo does it in another way than the
    versions that are known, this does nothing."""
    wait = getattr(sys.modules.get("pymongo.synchronous.monitor"), "_shutdown_resources", None)
    if callable(wait):
        atexit.unregister(wait)
