"""The demo's worker: ``queryleaf-cdc run`` in a process of its own, so that it can be killed."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
from typing import Any

from queryleaf_cdc.errors import RunError

_STOP_SECONDS = 20


class WorkerProcess:
    """A context manager; the process is gone when the block is left."""

    def __init__(self, uri: str, database: str) -> None:
        self._errors: Any = tempfile.TemporaryFile()  # noqa: SIM115  (has no name, so nothing is left over)
        target = ["--uri", uri, "--db", database, "--procedures", "queryleaf_cdc.cli.demo_procedures"]
        # A session of its own: Ctrl-C reaches the demo, which then ends the worker.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "queryleaf_cdc", "run", *target],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raises RunError QL630 with what the worker said when it has ended by itself."""
        if self._process.poll() is not None:
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip()
            raise RunError("QL630", f"the demo's worker has ended (exit code {self._process.returncode})", hint=said)

    def kill(self) -> None:
        """SIGKILL: no chance to finish, to save, or to say goodbye."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """As an operator stops it: SIGTERM, and the batch under way is finished. Raises RunError QL630."""
        self._process.send_signal(signal.SIGTERM)
        if self._process.wait(_STOP_SECONDS) != 0:
            self.check()

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        self._errors.close()
