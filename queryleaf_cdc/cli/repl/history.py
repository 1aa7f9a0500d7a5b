"""What was typed, kept across starts in the user's state directory, for this user's eyes only."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

LONGEST = 20_000
"""characters of an entry; a longer one is a paste that nobody looks for"""
_KEPT_BYTES = 1_000_000


def state_directory() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    return Path(base) / "queryleaf-cdc"


def open_history() -> History:
    """The file's, or where that cannot be one in memory."""
    try:
        file = state_directory() / "history"
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600))
        file.chmod(0o600)
        _shorten(file)
        file.read_bytes()
    except (OSError, RuntimeError):
        return InMemoryHistory()
    return _Kept(str(file))


def _shorten(file: Path) -> None:
    """The older half goes when the file has become large. An entry begins behind an empty line."""
    if file.stat().st_size <= _KEPT_BYTES:
        return
    newer = file.read_bytes()[-_KEPT_BYTES // 2 :]
    file.write_bytes(newer[newer.find(b"\n\n") + 1 :])


class _Kept(FileHistory):
    """Leaves out what begins with a blank: a way to keep a password to oneself."""

    def append_string(self, string: str) -> None:
        if string.strip() and not string.startswith(" ") and len(string) <= LONGEST:
            super().append_string(string)

    def store_string(self, string: str) -> None:
        with contextlib.suppress(OSError, UnicodeError):
            string.encode()  # before the file is touched: what is typed may hold bytes that are no text
            super().store_string(string)
