"""Streaming SELECTs in the background: a thread for each, whose rows appear above the prompt."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from queryleaf_cdc.cli.repl.layout import Arrangement
from queryleaf_cdc.errors import InputError

MOST = 20
"""streams at once; each is a cursor of the server's and a thread"""
_PACE = 500
"""rows after which a job lets the terminal take a breath: what is not read yet waits in the server"""
_BREATH = 0.1
_END_SECONDS = 2.0
"""for the server to end the cursors; one that is away is not waited for any longer"""

ShowRow = Callable[[Arrangement, Any, str], Arrangement]


@dataclass
class Job:
    number: int
    sql: str
    rows: Any
    show: ShowRow
    state: str = "running"
    """running, or why it has ended"""
    count: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, name=f"queryleaf-job-{self.number}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Nothing is shown after this; the thread ends soon."""
        self._ended.set()
        self.rows.close()

    def join(self, seconds: float) -> None:
        if self._thread is not None:
            self._thread.join(seconds)

    def _work(self) -> None:
        arrangement = Arrangement()
        mark = f"[{self.number}] "
        try:
            while not self._ended.is_set():
                row = self.rows.poll()
                if row is not None and not self._ended.is_set():
                    arrangement = self.show(arrangement, row, mark)
                    self.count += 1
                    if self.count % _PACE == 0:
                        self._ended.wait(_BREATH)
        except Exception as error:
            self.state = " ".join(str(error).split())
            self.show(Arrangement(), {"the query ended": self.state}, mark)


class Jobs:
    """Numbered from 1; a number is not used again."""

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}
        self._next = 1

    def start(self, sql: str, rows: Any, show: ShowRow) -> Job:
        """Raises InputError QL453 when there are too many."""
        if len(self._jobs) >= MOST:
            rows.close()
            raise InputError("QL453", f"{MOST} queries run in the background already", hint=r"\kill N ends one")
        job = Job(self._next, sql, rows, show)
        self._next += 1
        self._jobs[job.number] = job
        job.start()
        return job

    def kill(self, number: int) -> Job:
        """Raises InputError QL451 when there is none."""
        job = self._jobs.pop(number, None)
        if job is None:
            raise InputError("QL451", f"there is no job {number}", hint=r"\jobs lists them")
        job.close()
        job.join(_END_SECONDS)
        return job

    def all(self) -> tuple[Job, ...]:
        return tuple(self._jobs.values())

    def close(self) -> None:
        for each in self._jobs.values():
            each.close()
        deadline = time.monotonic() + _END_SECONDS
        for each in self._jobs.values():
            each.join(max(0.0, deadline - time.monotonic()))
