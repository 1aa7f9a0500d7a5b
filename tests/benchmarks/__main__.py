"""``python -m tests.benchmarks [NAME ...]``: runs all (then writes docs/benchmarks.md), or the named ones."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable

from tests.benchmarks.crowd import hundred_triggers
from tests.benchmarks.joins import update_from
from tests.benchmarks.latency import latency
from tests.benchmarks.memory import memory
from tests.benchmarks.place import Place, open_place
from tests.benchmarks.rows import Row
from tests.benchmarks.start_up import start_up
from tests.benchmarks.throughput import filtering_trigger, one_trigger, raw_updates

BENCHMARKS: tuple[Callable[[Place], list[Row]], ...] = (
    one_trigger,
    raw_updates,
    filtering_trigger,
    hundred_triggers,
    latency,
    start_up,
    update_from,
    memory,
)


def main(names: list[str]) -> int:
    chosen = [each for each in BENCHMARKS if not names or each.__name__ in names]
    with open_place() as place:
        for each in chosen:
            began = time.monotonic()
            try:
                rows = each(place)
            except Exception:
                traceback.print_exc()
                continue
            for row in rows:
                print(row.what, "|", row.figure, "|", row.compared, "|", row.target, "|", row.met, flush=True)
            print(f"   {each.__name__}: {time.monotonic() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
