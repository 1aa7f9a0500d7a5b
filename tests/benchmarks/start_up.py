"""What a user waits for before anything happens."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.crowd import CROWDS, trigger
from tests.benchmarks.place import Place
from tests.benchmarks.rows import RUNS, Row, at_most

STATEMENTS = 20
_IMPORT = """import sys, time
began = time.perf_counter()
import queryleaf_cdc
print(time.perf_counter() - began, "pymongo" in sys.modules or "sqlglot" in sys.modules)"""


def start_up(place: Place) -> list[Row]:
    del place  # no server is asked
    compiled = statistics.median(_compile_seconds() for _ in range(RUNS + 2))
    imports = [_import_seconds() for _ in range(RUNS + 2)]
    heavy = any(loaded for _, loaded in imports)
    took = statistics.median(seconds for seconds, _ in imports)
    return [
        at_most(f"`queryleaf-cdc compile`, {STATEMENTS} statements", f"{compiled:.2f} s", compiled, 0.6, "s"),
        Row(
            "`import queryleaf_cdc`",
            f"{took * 1000:.0f} ms",
            "loads pymongo or sqlglot" if heavy else "loads neither pymongo nor sqlglot",
            "neither",
            not heavy,
        ),
    ]


def _compile_seconds() -> float:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "triggers.sql")
        file.write_text("\n".join(trigger(CROWDS[i % len(CROWDS)].condition(i), i) for i in range(STATEMENTS)))
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "queryleaf_cdc", "compile", str(file)], check=True, stdout=subprocess.DEVNULL
        )
        return time.perf_counter() - began


def _import_seconds() -> tuple[float, bool]:
    done = subprocess.run([sys.executable, "-c", _IMPORT], check=True, capture_output=True, text=True)
    seconds, loaded = done.stdout.split()
    return float(seconds), loaded == "True"
