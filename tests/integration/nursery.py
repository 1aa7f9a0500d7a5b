"""Workers that can be killed, and start at once: forked from a process that has loaded all that they need."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from pymongo.database import Database

_PARENT = """
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
import queryleaf_cdc.runtime.program, queryleaf_cdc.runtime.worker, queryleaf_cdc.session
code, sys.argv = sys.argv[1], ["-c", *sys.argv[2:]]
for _ in sys.stdin:
    child = os.fork()
    if not child:
        exec(compile(code, "<worker>", "exec"), {"__name__": "__main__"})
        os._exit(0)
    print(child, flush=True)
"""


class Worker:
    def __init__(self, pid: int) -> None:
        self.pid = pid

    def kill(self) -> None:
        """It is gone afterwards."""
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(self.pid, signal.SIGKILL)
                time.sleep(0.001)


class Nursery:
    def __init__(self, parent: subprocess.Popen[str]) -> None:
        self._parent = parent
        self.workers: list[Worker] = []

    def start(self) -> Worker:
        assert self._parent.stdin is not None and self._parent.stdout is not None
        self._parent.stdin.write("\n")
        self._parent.stdin.flush()
        found = Worker(int(self._parent.stdout.readline()))
        self.workers.append(found)
        return found

    def at_work(self, db: Database[dict[str, Any]]) -> Worker:
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

    def end(self, victim: Worker) -> None:
        victim.kill()
        self.workers.remove(victim)


@contextlib.contextmanager
def nursery(code: str, *args: str) -> Iterator[Nursery]:
    """``code`` is run by each worker, with these arguments in ``sys.argv[1:]``."""
    command = [sys.executable, "-c", _PARENT, code, *args]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        each = Nursery(parent)
        try:
            yield each
        finally:
            for worker in list(each.workers):
                each.end(worker)
            parent.kill()
