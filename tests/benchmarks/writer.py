"""``python -m tests.benchmarks.writer URI DATABASE RATE SECONDS``: inserts at an even pace, from a process of its own.

With the server's default write concern (majority), as the writes of an application are; a few threads, since one
alone cannot write 500 times a second then."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

from pymongo import MongoClient

_THREADS = 8


def write(uri: str, database: str, rate: int, seconds: int) -> None:
    with MongoClient[dict[str, Any]](uri) as client:
        source = client[database].src
        began = time.time() + 0.1

        def every_eighth(first: int) -> None:
            for number in range(first, rate * seconds, _THREADS):
                time.sleep(max(0.0, began + number / rate - time.time()))
                source.insert_one({"n": number, "sent": time.time()})

        threads = [threading.Thread(target=every_eighth, args=(first,)) for first in range(_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    write(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
