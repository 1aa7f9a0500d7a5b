"""A worker on a fresh database, driven by fake programs."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from queryleaf_cdc.mongo.catalog import Catalog
from queryleaf_cdc.runtime.limits import Limits
from queryleaf_cdc.runtime.worker import Worker

sys.path.insert(0, str(Path(__file__).parent.parent))

QUICK = {"retry_seconds": 0.01, "heartbeat_seconds": 0.2, "standby_poll_seconds": 0.05, "lease_seconds": 1.0}
QUICK |= {"call_retry_seconds": 0.02, "reconnect_seconds": 0.02}

MakeWorker = Callable[..., Worker]


@pytest.fixture
def catalog(db: Database[dict[str, Any]]) -> Catalog:
    for name in ("orders", "log"):
        db.create_collection(name)
    return Catalog(db)


@pytest.fixture
def make_worker(client: MongoClient[dict[str, Any]], db: Database[dict[str, Any]]) -> Iterator[MakeWorker]:
    """Makes workers with short pauses; stops them at the end."""
    from fake_program import build_fake

    with contextlib.ExitStack() as stack:

        def make(procedures: dict[str, Any] | None = None, *, start: bool = True, **limits: Any) -> Worker:
            worker = Worker(client, db.name, build_fake, procedures, limits=Limits(**{**QUICK, **limits}))
            stack.callback(worker.stop)
            if start:
                worker.start()
            return worker

        yield make
