"""Why an embedded mongod ended, in one sentence, from what it printed and logged."""

from __future__ import annotations

import json
import re
from pathlib import Path

from queryleaf_cdc.frozen import frozen

_MISSING_LIBRARY = re.compile(r"error while loading shared libraries: ([^:\s]+)")
_LOG_TAIL_BYTES = 64_000
_PORT_TAKEN = re.compile(r"address already in use", re.IGNORECASE)

_KNOWN = {
    r"DBPathInUse|Unable to lock the lock file": "its directory is in use by another mongod",
    r"No space left on device": "no space is left on the device",
    r"Permission denied": "it may not read or write its directory",
    r"GLIBC(?:XX)?_[\d.]+' not found": "this mongod was built for a newer system (C library too old)",
    r"Illegal instruction": "this mongod needs a processor with AVX",
    r"Invalid featureCompatibilityVersion|Wrong mongod version": (
        "its directory was written by another version of mongod"
    ),
    r"Exec format error": "it is not a program for this machine",
}


@frozen
class StartFault:
    sentence: str
    port_taken: bool = False


def explain_exit(home: Path) -> StartFault:
    """Reads ``mongod.out`` and the end of ``mongod.log`` in the server's directory."""
    said = _tail(home / "mongod.out") + "\n" + _tail(home / "mongod.log")
    library = _MISSING_LIBRARY.search(said)
    if library:
        return StartFault(f"the shared library {library[1]} is missing")
    if _PORT_TAKEN.search(said):
        return StartFault("its port is in use", port_taken=True)
    for pattern, sentence in _KNOWN.items():
        if re.search(pattern, said, re.IGNORECASE):
            return StartFault(sentence)
    return StartFault(_last_complaint(said) or f"no reason given (see {home / 'mongod.log'})")


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_TAIL_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _last_complaint(said: str) -> str | None:
    """The last error or fatal line of the structured log, else the last printed line."""
    last = None
    for line in said.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            last = line.strip() or last
            continue
        if isinstance(entry, dict) and entry.get("s") in ("E", "F"):
            attr = entry.get("attr") or {}
            last = f"{entry.get('msg')}: {attr.get('error') or attr.get('msg') or ''}".rstrip(": ")
    return last
