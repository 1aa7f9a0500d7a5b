"""The worker's memory while a million events go through it."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pymongo.collection import Collection

from tests.benchmarks.place import Place, insert
from tests.benchmarks.rows import Row
from tests.benchmarks.throughput import ONE_INSERT, documents

STEPS = (100_000, 500_000, 1_000_000)
_CHUNK = 50_000
_GROWTH = 1.15
"""Of the resident size between the first and the last step; more would be a leak. Of each step the median counts: with
the filling of the queue it goes up and down by a tenth."""
_PATIENCE = 120.0


def memory(place: Place) -> list[Row]:
    """Written in chunks, so that the worker neither starves nor falls behind the oplog."""
    sizes: list[float] = []
    with place.database() as ql:
        ql.execute(ONE_INSERT)
        args = [sys.executable, "-m", "queryleaf_cdc", "run", "--uri", place.uri, "--db", ql.database.name]
        worker = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            rows = documents(_CHUNK)
            for done in range(_CHUNK, STEPS[-1] + 1, _CHUNK):
                insert(ql.database.src, [dict(row) for row in rows])
                _wait_for_rows(ql.database.out, done)
                sizes.append(resident_mb(worker.pid))
        finally:
            worker.terminate()
            worker.wait(30)
    ends = [step // _CHUNK for step in STEPS]
    found = [statistics.median(sizes[start:end]) for start, end in zip((0, *ends), ends, strict=False)]
    growth = found[-1] / found[0]
    shown = ", ".join(f"{mb:.0f} MB up to {step:,}" for mb, step in zip(found, STEPS, strict=True))
    return [
        Row(
            "worker's resident memory", shown, f"{growth:.2f} × from first to last", f"≤ {_GROWTH} ×", growth <= _GROWTH
        )
    ]


def _wait_for_rows(collection: Collection[dict[str, Any]], count: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while collection.estimated_document_count() < count:
        if time.monotonic() > deadline:
            raise AssertionError("the worker does not keep up")
        time.sleep(0.02)


def resident_mb(pid: int | str) -> float:
    """Linux only; elsewhere this figure cannot be measured."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")
