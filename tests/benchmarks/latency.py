"""Milliseconds from a write to its visible effect, and what a bare watch would take to see the write."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo.change_stream import ChangeStream

from queryleaf_cdc import QueryLeaf
from tests.benchmarks.place import Place
from tests.benchmarks.rows import Row, at_most

RATE = 500
SECONDS = 20
RAW_SECONDS = 8
COPY = "CREATE TRIGGER copy AFTER INSERT ON src BEGIN INSERT INTO out (n, sent) VALUES (NEW.n, NEW.sent); END;"
VIEW = "CREATE MATERIALIZED VIEW out AS SELECT n, COUNT(*) AS writes, MAX(sent) AS sent FROM src GROUP BY n"
_PATIENCE = 60.0


def latency(place: Place) -> list[Row]:
    return _rows(place, "write to visible effect", COPY)


def view_latency(place: Place) -> list[Row]:
    """Each write makes a row: a group that several writes share would show only the last of a batch."""
    return _rows(place, "write to view's row visible", VIEW)


def _rows(place: Place, what: str, sql: str) -> list[Row]:
    raw = sorted(_raw(place))
    effect = sorted(_effects(place, sql))
    seen, done = statistics.median(raw), statistics.median(effect)
    p99 = effect[len(effect) * 99 // 100]
    added = f"{done - seen:+.1f} ms to the bare watch"
    return [
        Row(f"bare watch at {RATE} writes/s, median", f"{seen:.1f} ms", f"p99 {raw[len(raw) * 99 // 100]:.1f} ms"),
        at_most(f"{what}, median", f"{done:.1f} ms", done - seen, 8, "ms more", added),
        at_most(f"{what}, p99", f"{p99:.1f} ms", p99, 60, "ms"),
    ]


def _raw(place: Place) -> list[float]:
    with place.database() as ql, ql.database.src.watch() as stream, _writer(place, ql, RAW_SECONDS):
        return _ages(stream, RATE * RAW_SECONDS)


def _effects(place: Place, sql: str) -> list[float]:
    """The worker has a process of its own, as in production. A bare watch of its target tells what is visible: that
    counts its own delay too, but asking for the rows all the time would keep the server from working."""
    with place.database() as ql:
        ql.execute(sql)
        with _worker(place, ql.database.name):
            _until_running(ql)
            with ql.database.out.watch() as stream, _writer(place, ql, SECONDS):
                return _ages(stream, RATE * SECONDS)


def _ages(stream: ChangeStream[dict[str, Any]], count: int) -> list[float]:
    found: list[float] = []
    deadline = time.monotonic() + SECONDS + _PATIENCE
    while len(found) < count:
        event = stream.try_next()
        if event is not None:
            found.append(_since(event["fullDocument"]["sent"]))
        elif time.monotonic() > deadline:
            raise AssertionError(f"{len(found)} of {count} changes seen")
    return found


def _since(sent: float) -> float:
    return (time.time() - sent) * 1000


def _until_running(ql: QueryLeaf) -> None:
    """A first write went through."""
    deadline = time.monotonic() + _PATIENCE
    ql.database.src.insert_one({"n": -1})
    while ql.database.out.find_one({"n": -1}) is None:
        if time.monotonic() > deadline:
            raise AssertionError("the worker does not start")
        time.sleep(0.05)


@contextmanager
def _writer(place: Place, ql: QueryLeaf, seconds: int) -> Iterator[None]:
    args = [place.uri, ql.database.name, str(RATE), str(seconds)]
    with _process("-m", "tests.benchmarks.writer", *args):
        yield


@contextmanager
def _worker(place: Place, database: str) -> Iterator[None]:
    with _process("-m", "queryleaf_cdc", "run", "--uri", place.uri, "--db", database):
        yield


@contextmanager
def _process(*args: str) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
