"""``python -m tests.benchmarks.writer URI DATABASE RATE SECONDS``: inserts at an even pace, from a process of its own."""

from __future__ import annotations

import sys
import time
from typing import Any

from pymongo import MongoClient


def write(uri: str, database: str, rate: int, seconds: int) -> None:
    with MongoClient[dict[str, Any]](uri, w=1) as client:
        source = client[database].src
        began = time.time()
        for number in range(rate * seconds):
            due = began + number / rate
            time.sleep(max(0.0, due - time.time()))
            source.insert_one({"n": number, "sent": time.time()})


if __name__ == "__main__":
    write(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
