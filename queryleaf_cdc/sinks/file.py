"""A sink's rows as lines of a file, on the disk before the outbox forgets it.

The path is walked from the worker's directory one name at a time, and no step follows a symbolic link: whoever can
write there must not be able to lead the worker elsewhere."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from queryleaf_cdc.sinks.faults import Away
from queryleaf_cdc.sinks.message import message_json
from queryleaf_cdc.values import Document

_MODE = 0o640
_LOCK_SECONDS = 2.0


def deliver(path: str, rows: Iterable[Document]) -> None:
    """Appends a line for each. Raises Away (QL624): whoever repairs the path or the disk loses nothing until then."""
    lines = b"".join(message_json(row).encode() + b"\n" for row in rows)
    try:
        with _opened(path) as file:
            _append(file, lines)
    except OSError as error:
        raise Away("QL624", f"{path} cannot be written: {_said(error)}") from error


@contextmanager
def _opened(path: str) -> Iterator[int]:
    """The file, which is made if it is not there, for this process alone."""
    *folders, name = path.split("/")
    folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for each in folders:
            inner = os.open(each, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            os.close(folder)
            folder = inner
        # O_NONBLOCK: opening a pipe that nobody reads would wait forever; of a file it means nothing
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        file = os.open(name, flags, _MODE, dir_fd=folder)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError("it is no regular file")
            _lock(file)
            if os.fstat(file).st_size == 0:
                os.fsync(folder)  # a new file's name must be as durable as its lines
            yield file
        finally:
            os.close(file)
    finally:
        os.close(folder)


def _lock(file: int) -> None:
    """Until the file is closed. Other sinks may write the same one; each of their lines is a matter of a moment."""
    import fcntl  # not on Windows, where the other sinks work

    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.002)


def _append(file: int, lines: bytes) -> None:
    """All of it or nothing, unless the machine fails: then the next line begins anew behind the rest."""
    size = os.fstat(file).st_size
    torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
    left = memoryview(b"\n" + lines if torn else lines)
    try:
        while left:
            left = left[os.write(file, left) :]
        os.fsync(file)
    except OSError:
        os.ftruncate(file, size)
        raise


def _said(error: OSError) -> str:
    match error:
        case BlockingIOError():
            return "another program has locked it"
        case _ if error.errno == errno.ELOOP:
            return "a symbolic link is not followed"
        case NotADirectoryError():
            return "what should be a directory is none, or a symbolic link"
        case _:
            return error.strerror or str(error)
