"""The process between us and the embedded mongod: it ends the server when we are gone, however we went.

Run as a script (standard library only: it starts in 20 ms):
``keeper.py temporary|kept DIRECTORY MONGOD ARGS...``.
Its standard input is a pipe whose other end only the parent holds; end of file means that the parent is dead
or done, even by SIGKILL. Should the keeper itself be killed, Linux ends mongod (PR_SET_PDEATHSIG; it is tied
to the thread that forked, and the keeper has only one, which is why the parent does not use it directly)."""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys

_PR_SET_PDEATHSIG = 1
_CLEAN_STOP_SECONDS = 20
_POLL_SECONDS = 0.05
ENDED = "mongod.ended"
"""the file that tells the parent that mongod has ended"""


def _die_with_keeper() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait_for_either(server: "subprocess.Popen[bytes]") -> None:
    """Returns when the parent's end of the pipe is closed or mongod has ended."""
    if sys.platform == "win32":
        sys.stdin.buffer.read()
        return
    while server.poll() is None:
        readable, _, _ = select.select([0], [], [], _POLL_SECONDS)
        if readable and not os.read(0, 64):
            return


def _stop(server: "subprocess.Popen[bytes]", at_once: bool) -> int:
    if server.poll() is None:
        server.kill() if at_once else server.terminate()
    try:
        return server.wait(_CLEAN_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        return server.wait()


def main(temporary: bool, directory: str, command: list[str]) -> int:
    with open(os.path.join(directory, "mongod.out"), "wb") as output:
        try:
            on_linux = _die_with_keeper if sys.platform.startswith("linux") else None
            server = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=on_linux
            )
        except OSError as error:
            output.write(str(error).encode())
            server = None
    code = 1
    if server is not None:
        _wait_for_either(server)
        # Nobody will read a temporary directory again, so there is nothing worth a clean shutdown.
        code = _stop(server, at_once=temporary)
    open(os.path.join(directory, ENDED), "wb").close()
    if temporary:
        sys.stdin.buffer.read()  # after a failed start the parent still reads mongod.out
        shutil.rmtree(directory, ignore_errors=True)
    return code


if __name__ == "__main__":
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if sys.platform != "win32" else ():
        signal.signal(each, signal.SIG_IGN)
    sys.exit(main(sys.argv[1] == "temporary", sys.argv[2], sys.argv[3:]))
