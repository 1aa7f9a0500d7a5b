"""The table, on the terminal and in docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.rows import Row

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"

_INTRODUCTION = """# Benchmarks

Written by `make bench`, which measures everything below in one run against one embedded server. Absolute figures are
those of the machine that it ran on. Ratios are of two figures measured right after one another, several times; the
median is given, and in parentheses the lowest and the highest. To repeat it: `make bench` (some minutes, on a machine
that has nothing else to do). `python -m tests.benchmarks NAME ...` measures only some of it, and writes no page.
"""

_NOTES = """
## What is measured

* **Raw read**: a bare pymongo loop over the same change stream that does nothing with the events. Reading is the
  ceiling: a trigger reads the same events, and then writes.
* **Loop by hand**: what one writes without this library. For every event one insert, then the resume token, both with
  the server's default write concern. It is not exactly once: a crash between the two repeats the insert.
* **One INSERT per event** and all other triggers run exactly once: effects and checkpoint commit together, with
  `w: majority` and journalled. The worker is started on a backlog; its start is part of the time.
* **1 % pass**: the condition is evaluated by the server. The bare read it is compared with uses the pipeline that
  `queryleaf-cdc compile` prints for the trigger.
* **100 triggers** on one collection have different conditions, each event fires one of them, and the worker runs while
  the events are written. The comparison is one such trigger that every event fires.
* **Write to visible effect**: from just before the application's insert to the moment at which a bare watch of the
  target collection sees the trigger's row, so that a second watch is part of it. The worker is a process of its own.
* **UPDATE ... FROM**: each order reads its lines in the batch's transaction and updates a product for each.
* **View**: state, rows and position commit together. The view is built before the events are written; then a worker is
  started on the backlog, and its start is part of the time. The join's 1,000 customers are there before.
* **Stream**: a streaming SELECT in Python reads the backlog to its end, from opening it to the last row.
* **Updates spread over N groups**: 30,000 documents all over the collection; beyond the cache, each reads its state.
* **Built over them**: the first build of a view, against a bare `find()` of the same documents, with a worker's start.
* **Pathway** (the extra `bench`) reads the same change stream by pymongo and keeps its sums in memory.
* **$merge**: the whole aggregation again. Done each second, rows are half a second to one and a half seconds old.
"""


def page(rows: Iterable[Row], server_version: str) -> str:
    return f"{_INTRODUCTION}\n{_machine(server_version)}\n{table(rows)}{_NOTES}"


def table(rows: Iterable[Row]) -> str:
    lines = ["| what | measured | compared | target | |", "|---|---|---|---|---|"]
    lines += [f"| {row.what} | {row.figure} | {row.compared} | {row.target} | {_verdict(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _verdict(row: Row) -> str:
    if row.met is None:
        return ""
    return "met" if row.met else "**not met**"


def _machine(server_version: str) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in ("pymongo", "sqlglot", "lark"))
    return (
        f"{datetime.now(UTC):%Y-%m-%d}. {_processor()}, {os.cpu_count()} cores, shared by server, worker and writers; "
        f"{_memory_gb():.0f} GB of memory; {platform.system()}. MongoDB {server_version} (embedded, one node), "
        f"Python {platform.python_version()}, {versions}.\n"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _memory_gb() -> float:
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
