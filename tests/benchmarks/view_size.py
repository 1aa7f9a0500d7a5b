"""Views of many groups: memory of the worker, and whether an event costs more when there are more rows."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from queryleaf_cdc import QueryLeaf
from tests.benchmarks.place import Place, insert, work_off
from tests.benchmarks.rows import RUNS, Row, at_least, at_most, rate
from tests.benchmarks.views import documents

SIZES = (10_000, 100_000, 1_000_000)
MEASURED = 30_000
CACHE_ROWS = 100_000
MOST_MB = 500
_PATIENCE = 900.0
_VIEW = (
    f"CREATE MATERIALIZED VIEW v WITH (cache_rows = {CACHE_ROWS}) AS"
    " SELECT k, COUNT(*) AS n, SUM(amount) AS total FROM src GROUP BY k"
)


def view_size(place: Place) -> list[Row]:
    """Updates of documents that are spread over the whole view, so that beyond the cache each reads its state."""
    rows, first = [], 0.0
    with place.database() as ql:
        done = 0
        for size in SIZES:
            for at in range(done, size, 50_000):
                insert(ql.database.src, documents(min(50_000, size - at), at))
            done = size
            if size == SIZES[0]:
                ql.execute(_VIEW)
            work_off(ql)
            seconds = [_spread(ql, size, run) for run in range(RUNS)]
            figure = rate(MEASURED, seconds)
            first = first or min(seconds)
            what = f"view: updates spread over {size:,} groups, {CACHE_ROWS:,} cached"
            rows.append(Row(what, figure, f"{first / min(seconds):.2f} × the smallest view"))
        rows.append(_memory(place, ql))
    return rows


def _spread(ql: QueryLeaf, size: int, run: int) -> float:
    step = size // MEASURED or 1
    keys = {"$mod": [step, run % step]} if step > 1 else {"$gte": 0}
    for _ in range(1 if step > 1 else MEASURED // size):
        ql.database.src.update_many({"k": keys}, {"$inc": {"amount": 1}})
    return work_off(ql)


def _memory(place: Place, ql: QueryLeaf) -> Row:
    """A worker of its own process, after updates of all million groups."""
    args = [sys.executable, "-m", "queryleaf_cdc", "run", "--uri", place.uri, "--db", ql.database.name]
    worker = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = 0.0
    try:
        ql.database.src.update_many({}, {"$inc": {"amount": 1}})
        ql.database.src.update_one({"k": SIZES[-1] - 1}, {"$set": {"amount": -1}})
        deadline = time.monotonic() + _PATIENCE
        while not ql.database.v.count_documents({"k": SIZES[-1] - 1, "total": -1}, limit=1):
            most = max(most, _resident_mb(worker.pid))
            if time.monotonic() > deadline:
                raise AssertionError("the worker does not keep up")
            time.sleep(0.5)
    finally:
        worker.terminate()
        worker.wait(60)
    what = f"worker's resident memory, {SIZES[-1]:,} groups updated, {CACHE_ROWS:,} cached"
    return at_most(what, f"{most:.0f} MB at most", most, MOST_MB, "MB")


def _resident_mb(pid: int) -> float:
    """Linux only."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


BACKFILLED = 1_000_000


def backfill(place: Place) -> list[Row]:
    """The first build of a view, against reading the same documents with ``find``."""
    with place.database() as ql:
        for at in range(0, BACKFILLED, 50_000):
            insert(ql.database.src, documents(50_000, at))
        began = time.perf_counter()
        count = sum(1 for _ in ql.database.src.find())
        found = time.perf_counter() - began
        ql.execute("CREATE MATERIALIZED VIEW v AS SELECT g, COUNT(*) AS n, SUM(amount) AS total FROM src GROUP BY g")
        began = time.perf_counter()
        work_off(ql)
        built = time.perf_counter() - began
        total = sum(row["n"] for row in ql.database.v.find())
    if not count == total == BACKFILLED:
        raise AssertionError(f"{count} read, {total} counted")
    figure = f"{BACKFILLED / built:,.0f} documents/s"
    return [
        Row(f"find() over {BACKFILLED:,} documents", f"{BACKFILLED / found:,.0f} documents/s"),
        at_least("view: built over them", figure, [found / built], 0.5, "that"),
    ]
