"""What users without privileges are told, on a server with access control."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from queryleaf_cdc import QueryLeaf, ServerError
from queryleaf_cdc.mongo.embedded import find_mongod, start_embedded

pytestmark = pytest.mark.xdist_group("guarded")  # one server for all of them
TRIGGER = "CREATE TRIGGER t AFTER UPDATE ON orders BEGIN INSERT INTO log (old) VALUES (OLD.x); END"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URI (with a place for user:password) of a server that asks who you are."""
    home: Path = tmp_path_factory.mktemp("guarded")
    key = home / "key"
    key.write_text("a" * 64)
    os.chmod(key, 0o400)
    data = home / "data"
    with start_embedded(data) as uri, MongoClient(uri) as client:
        client.admin.command("createUser", "admin", pwd="x", roles=["root"])
        client.admin.command("createUser", "reader", pwd="x", roles=[{"role": "read", "db": "shop"}])
        client.admin.command("createUser", "writer", pwd="x", roles=["readWriteAnyDatabase"])
        narrow = [{"resource": {"db": "shop", "collection": ""}, "actions": ["find", "insert", "update", "remove",
                   "changeStream", "listCollections", "createCollection", "createIndex"]}]  # fmt: skip
        client.admin.command("createRole", "noCollMod", privileges=narrow, roles=[])
        client.admin.command("createUser", "narrow", pwd="x", roles=["noCollMod"])
        client.shop.create_collection("orders")
    port = uri.split(":")[2].split("/")[0]
    args = ["--dbpath", str(data), "--port", port, "--bind_ip", "127.0.0.1", "--replSet", replica_set(data)]
    server = subprocess.Popen([find_mongod(), *args, "--auth", "--keyFile", str(key)], stdout=subprocess.DEVNULL)
    try:
        yield uri.replace("mongodb://", "mongodb://{user}:x@") + "&authSource=admin"
    finally:
        server.terminate()
        server.wait(20)


def replica_set(data: Path) -> str:
    """The name that the embedded server gave to its set."""
    with start_embedded(data) as uri, MongoClient(uri) as client:
        return str(client.admin.command("hello")["setName"])


def session(guarded: str, user: str) -> QueryLeaf:
    return QueryLeaf(guarded.format(user=user), database="shop")


def test_without_collmod_the_exact_command_is_shown(guarded: str) -> None:
    ql = session(guarded, "narrow")
    with pytest.raises(ServerError) as raised:
        ql.execute(TRIGGER)
    ql.close()
    assert raised.value.code == "QL510"
    assert 'db.getSiblingDB("shop").runCommand({collMod: "orders"' in str(raised.value.hint)


def test_a_reader_cannot_register(guarded: str) -> None:
    ql = session(guarded, "reader")
    with pytest.raises(ServerError) as raised:
        ql.execute(TRIGGER)
    ql.close()
    assert "readWrite on shop" in raised.value.render()


def test_a_wrong_password_is_no_traceback(guarded: str) -> None:
    ql = QueryLeaf(guarded.replace(":x@", ":wrong@").format(user="admin"), database="shop")
    began = time.monotonic()
    with pytest.raises(ServerError, match="QL503") as raised:
        ql.execute("SELECT a FROM t")
    assert time.monotonic() - began < 4  # the server is asked once
    assert "password" in str(raised.value.hint)
    ql.close()


def test_reading_and_writing_is_enough_to_work(guarded: str) -> None:
    admin: MongoClient[dict[str, Any]] = MongoClient(guarded.format(user="admin"))
    ql = session(guarded, "writer")
    ql.execute("CREATE TRIGGER works AFTER INSERT ON plain BEGIN INSERT INTO copies (x) VALUES (NEW.x); END")
    with ql:
        admin.shop.plain.insert_one({"x": 5})
        ql.drain(20)
    assert [row["x"] for row in admin.shop.copies.find()] == [5]
    ql.close()
    admin.close()
