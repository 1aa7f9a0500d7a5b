"""A replica set of three nodes on loopback, whose primary can be taken away."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from queryleaf_cdc.mongo.embedded import find_mongod
from queryleaf_cdc.mongo.embedded_keeper import _die_with_keeper

_QUICK = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 200}
_SMALL = ["--wiredTigerCacheSizeGB=0.25", "--oplogSize=50", "--bind_ip=127.0.0.1", "--quiet"]


class ThreeNodes:
    """The third one is never primary, and has the tag ``lags: "yes"``."""

    def __init__(self, home: Path) -> None:
        self._home = home
        with contextlib.ExitStack() as stack:
            probes = [stack.enter_context(socket.socket()) for _ in range(3)]
            for probe in probes:
                probe.bind(("127.0.0.1", 0))
            self.ports = [int(probe.getsockname()[1]) for probe in probes]
        self._servers: dict[int, subprocess.Popen[bytes]] = {}
        self.uri = "mongodb://" + ",".join(f"127.0.0.1:{port}" for port in self.ports) + "/?replicaSet=three"

    def start(self, port: int) -> None:
        home = self._home / str(port)
        home.mkdir(exist_ok=True)
        command = [str(find_mongod()), "--replSet=three", f"--dbpath={home}", f"--port={port}", *_SMALL]
        command += ["--setParameter=enableTestCommands=1", "--setParameter=diagnosticDataCollectionEnabled=false"]
        self._servers[port] = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=_die_with_keeper)

    def begin(self) -> None:
        for port in self.ports:
            self.start(port)
        members: list[dict[str, Any]] = [{"_id": n, "host": f"127.0.0.1:{port}"} for n, port in enumerate(self.ports)]
        members[2] |= {"priority": 0, "tags": {"lags": "yes"}}
        config = {"_id": "three", "members": members, "settings": _QUICK}
        for port in self.ports[::-1]:
            with self.node(port) as node:
                node.admin.command("ping")  # all of them must be there
                if port == self.ports[0]:
                    node.admin.command("replSetInitiate", config)
        with MongoClient[dict[str, Any]](self.uri) as client:
            client.admin.command("ping")
            client.warm.get_collection("up", write_concern=WriteConcern(3)).insert_one({})

    def node(self, port: int) -> MongoClient[dict[str, Any]]:
        return MongoClient("127.0.0.1", port, directConnection=True)

    def primary(self) -> int:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for port in self.ports[:2]:
                with self.node(port) as node, contextlib.suppress(PyMongoError):
                    if self._servers[port].poll() is None and node.admin.command("hello")["isWritablePrimary"]:
                        return port
            time.sleep(0.05)
        raise AssertionError("there is no primary")

    def step_down(self) -> None:
        with self.node(self.primary()) as node, contextlib.suppress(PyMongoError):
            node.admin.command("replSetStepDown", 5, secondaryCatchUpPeriodSecs=2)

    def chain(self, allowed: bool) -> None:
        """Whether a secondary may read from another. Without that a primary that is killed may leave a set that elects
        nobody for ever: the third node, which has its last writes, votes for nobody who cannot get them."""
        with self.node(self.primary()) as node:
            config = node.admin.command("replSetGetConfig")["config"]
            config["version"] += 1
            config["settings"]["chainingAllowed"] = allowed
            node.admin.command("replSetReconfig", config)

    def kill(self, port: int) -> None:
        self._servers[port].kill()
        self._servers[port].wait()

    def end(self) -> None:
        for port in self._servers:
            self.kill(port)


@contextlib.contextmanager
def three_nodes() -> Iterator[ThreeNodes]:
    home = Path(tempfile.mkdtemp(prefix="queryleaf-three-"))
    nodes = ThreeNodes(home)
    try:
        nodes.begin()
        yield nodes
    finally:
        nodes.end()
        shutil.rmtree(home, ignore_errors=True)
