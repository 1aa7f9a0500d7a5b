"""``python -m tests.benchmarks [NAME ...]``: measures all and writes docs/benchmarks.md, or only what is named.

Exit code 1 when something could not be measured (and the page stays as it was); a target that is not met is no such
failure, the table says so."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable

from tests.benchmarks.alternatives import alternatives
from tests.benchmarks.crowd import hundred_triggers
from tests.benchmarks.first_row import first_row
from tests.benchmarks.frames import frames
from tests.benchmarks.joins import update_from
from tests.benchmarks.latency import latency, view_latency
from tests.benchmarks.memory import memory
from tests.benchmarks.place import Place, open_place
from tests.benchmarks.report import PAGE, page, table
from tests.benchmarks.rows import Row
from tests.benchmarks.start_up import start_up
from tests.benchmarks.streams import streams
from tests.benchmarks.throughput import filtering_trigger, one_trigger, raw_updates
from tests.benchmarks.view_size import backfill, view_size
from tests.benchmarks.views import views

Benchmark = Callable[[Place], list[Row]]

BENCHMARKS: tuple[Benchmark, ...] = (
    raw_updates,
    one_trigger,
    filtering_trigger,
    hundred_triggers,
    latency,
    start_up,
    first_row,
    update_from,
    memory,
    views,
    view_latency,
    view_size,
    backfill,
    alternatives,
    streams,
    frames,
)


def main(names: list[str]) -> int:
    known = {each.__name__: each for each in BENCHMARKS}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    with open_place() as place:
        results = [_measure(known[name], place) for name in names or known]
        server_version = place.server_version
    rows = [row for result in results if result is not None for row in result]
    print(f"\n{table(rows)}")
    if None in results:
        print("not everything could be measured", file=sys.stderr)
        return 1
    if not names:
        PAGE.write_text(page(rows, server_version))
        print(f"written: {PAGE}")
    return 0


def _measure(benchmark: Benchmark, place: Place) -> list[Row] | None:
    """None when it failed; the others still run."""
    began = time.monotonic()
    print(f"{benchmark.__name__} ...", end=" ", flush=True)
    try:
        rows = benchmark(place)
    except Exception:
        print("failed", flush=True)
        traceback.print_exc()
        return None
    print(f"{time.monotonic() - began:.0f} s", flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
