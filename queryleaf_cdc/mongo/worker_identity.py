"""Which process holds the lease, and whether it is certainly dead."""

from __future__ import annotations

import os
import socket
import sys
import uuid
from dataclasses import field
from pathlib import Path
from typing import Any

from queryleaf_cdc.frozen import frozen


@frozen
class WorkerIdentity:
    host: str
    pid: int
    started: str
    """when the process started, in the kernel's own count: pids are used again"""
    instance: str = field(default_factory=lambda: uuid.uuid4().hex)

    def document(self) -> dict[str, Any]:
        return {"host": self.host, "pid": self.pid, "started": self.started, "instance": self.instance}


def this_process() -> WorkerIdentity:
    return WorkerIdentity(_host(), os.getpid(), _start_of(os.getpid()) or "")


def surely_dead(holder: dict[str, Any]) -> bool:
    """True only when the holder ran on this very host (and in this process namespace) and is gone."""
    pid = holder.get("pid")
    if holder.get("host") != _host() or not isinstance(pid, int) or not sys.platform.startswith("linux"):
        return False
    return _start_of(pid) != holder.get("started")


def _host() -> str:
    """Host name, boot and process namespace: containers may share the first two."""
    parts = [socket.gethostname()]
    for read in (_boot_id, _process_namespace):
        try:
            parts.append(read())
        except OSError:
            parts.append("")
    return "/".join(parts)


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _process_namespace() -> str:
    return os.readlink("/proc/self/ns/pid")


def _start_of(pid: int) -> str | None:
    """Start time of a living process; None when there is none (a zombie is dead)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else fields[19]
