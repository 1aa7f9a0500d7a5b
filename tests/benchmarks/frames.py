"""The memory of a stream whose frames forget: a million changes of ten hours, one hour of them in the frame."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from typing import Any

from tests.benchmarks.memory import STEPS, resident_mb
from tests.benchmarks.place import Place
from tests.benchmarks.rows import Row

KEYS = 10_000
_SPAN = timedelta(hours=10)
_BATCH = 1_000
_SLACK = 32
"""rows of each key beyond twice those of its frame, before any is forgotten"""
_SQL = (
    "SELECT k, COUNT(*) OVER hour AS n, SUM(v) OVER hour AS s FROM a WHERE CHANGE_DETECTED() "
    "WINDOW hour AS (PARTITION BY k ORDER BY CHANGE_TIMESTAMP() "
    "RANGE BETWEEN INTERVAL '1 hour' PRECEDING AND CURRENT ROW)"
)


def frames(place: Place) -> list[Row]:
    """In memory, with times that are made up: at full speed no hour would pass."""
    done = subprocess.run([sys.executable, "-m", __name__], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    shown = ", ".join(f"{mb:.0f} MB after {step:,}" for step, mb in zip(STEPS, found["mb"], strict=True))
    name = f"stream: one-hour frame of {KEYS:,} keys, {STEPS[-1]:,} changes in ten hours, resident memory"
    most = KEYS * (2 * STEPS[-1] // KEYS // 10 + _SLACK)
    held = f"{found['rows']:,} rows held at the end"
    return [Row(name, shown, held, f"≤ {most:,} rows", found["rows"] <= most)]


def _change(n: int, at: datetime) -> dict[str, Any]:
    return {
        "_id": {"_data": f"{n:010d}"},
        "operationType": "insert",
        "ns": {"db": "test", "coll": "a"},
        "documentKey": {"_id": n},
        "fullDocument": {"_id": n, "k": n * 7919 % KEYS, "v": n % 100},
        "wallTime": at,
    }


def main() -> None:
    from tests.streams.engine import Stream

    stream, sizes = Stream(_SQL), []
    start, between = datetime(2026, 3, 1), _SPAN / STEPS[-1]
    for first in range(0, STEPS[-1], _BATCH):
        stream.batch([_change(n, start + n * between) for n in range(first, first + _BATCH)])
        if first + _BATCH in STEPS:
            sizes.append(resident_mb("self"))
    print(json.dumps({"mb": sizes, "rows": stream.flow.rows}))


if __name__ == "__main__":
    main()
