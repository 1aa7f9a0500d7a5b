"""From the start of a ``query`` process to the first row on its terminal, while somebody writes."""

from __future__ import annotations

import os
import pty
import re
import statistics
import subprocess
import sys
import threading
import time

from tests.benchmarks.place import Place
from tests.benchmarks.rows import RUNS, Row, at_most

_SQL = "SELECT n FROM src WHERE CHANGE_DETECTED()"
_ROW = re.compile(rb"\n\s*\d+")
_BETWEEN_WRITES = 0.01


def first_row(place: Place) -> list[Row]:
    with place.database() as ql:
        stop = threading.Event()

        def write() -> None:
            while not stop.wait(_BETWEEN_WRITES):
                ql.database.src.insert_one({"n": 1})

        writer = threading.Thread(target=write)
        writer.start()
        try:
            took = statistics.median(_seconds(place.uri, ql.database.name) for _ in range(RUNS + 2))
        finally:
            stop.set()
            writer.join()
    return [at_most("first row of a `queryleaf-cdc query` process on its terminal", f"{took:.2f} s", took, 0.8, "s")]


def _seconds(uri: str, database: str) -> float:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "queryleaf_cdc", "query", "--uri", uri, "--db", database, _SQL]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
    try:
        shown = b""
        while not _ROW.search(shown):
            shown += os.read(ours, 4096)
        return time.perf_counter() - began
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)
