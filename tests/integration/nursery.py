"""Workers that can be killed, and start at once."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from multiprocessing.context import ForkServerProcess
from typing import Any

from forked import fork
from pymongo.database import Database


class Nursery:
    def __init__(self, code: str, args: tuple[str, ...]) -> None:
        self._code = code
        self._args = args
        self.workers: list[ForkServerProcess] = []

    def start(self) -> ForkServerProcess:
        found = fork(_work, self._code, self._args)
        self.workers.append(found)
        return found

    def at_work(self, db: Database[dict[str, Any]]) -> ForkServerProcess:
        """The one that holds the lease, once one does; how long that takes is the machine's business."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            checkpoint = db["_queryleaf.checkpoint"].find_one() or {}
            holder = (checkpoint.get("worker") or {}).get("pid")
            for each in self.workers:
                if each.pid == holder:
                    return each
            time.sleep(0.01)
        raise AssertionError("nobody took over")

    def end(self, victim: ForkServerProcess) -> None:
        """It is gone afterwards."""
        victim.kill()
        victim.join()
        self.workers.remove(victim)


@contextlib.contextmanager
def nursery(code: str, *args: str) -> Iterator[Nursery]:
    """``code`` is run by each worker, with these arguments in ``sys.argv[1:]``."""
    each = Nursery(code, args)
    try:
        yield each
    finally:
        for worker in list(each.workers):
            each.end(worker)


def _work(code: str, args: tuple[str, ...]) -> None:
    sys.argv = ["-c", *args]
    exec(compile(code, "<worker>", "exec"), {"__name__": "__main__"})
