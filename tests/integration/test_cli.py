"""The commands as a user calls them: processes, exit codes, what is printed where."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import forked
import pytest
from pymongo.database import Database

from queryleaf_cdc.cli import main

Db = Database[dict[str, Any]]
Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]

TRIGGER = """\
CREATE TRIGGER note_big_orders AFTER INSERT ON orders
WHEN (NEW.total >= 100)
BEGIN
  INSERT INTO big_orders (order_id, total) VALUES (NEW._id, NEW.total);
  CALL TELL(NEW._id, LABEL(NEW.total));
END;
"""
PROCEDURES = """\
def register(ql):
    told = ql.database["told"]

    @ql.procedure("TELL")
    def tell(order_id, label, *, change):
        told.insert_one({"order_id": order_id, "label": label})

    @ql.function("LABEL")
    def label(total):
        return f"total {total}"
"""
NOBODY = "mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=300"
COMMAND = [sys.executable, "-m", "queryleaf_cdc"]


@pytest.fixture
def environment(mongo_uri: str, db: Db) -> dict[str, str]:
    return {**os.environ, "QUERYLEAF_URI": mongo_uri, "QUERYLEAF_DB": db.name}


@pytest.fixture
def command(environment: dict[str, str], tmp_path: Path) -> Run:
    """Calls the command in a directory that has the trigger and its procedures."""
    (tmp_path / "triggers.sql").write_text(TRIGGER)
    (tmp_path / "procedures.py").write_text(PROCEDURES)

    def run(*args: str, stdin: str = "", timeout: float = 60) -> Done:
        done = forked.run(args, environment, str(tmp_path), stdin.encode(), timeout)
        return Done(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@contextmanager
def worker(environment: dict[str, str], directory: Path, *args: str) -> Iterator[subprocess.Popen[str]]:
    """``run`` in the background; what it prints goes to files beside the trigger."""
    with (directory / "out").open("w") as out, (directory / "err").open("w") as err:
        process = subprocess.Popen(
            [*COMMAND, "run", "--procedures", "procedures.py", *args],
            stdout=out,
            stderr=err,
            text=True,
            env=environment,
            cwd=directory,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


# -- a life -------------------------------------------------------------------------------------------------------


def test_register_work_look_pause_resume_drop(
    command: Run, db: Db, environment: dict[str, str], tmp_path: Path
) -> None:
    applied = command("apply", "triggers.sql", "--procedures", "procedures.py")
    assert (applied.returncode, applied.stdout) == (0, "note_big_orders: created\n")
    again = command("apply", "triggers.sql", "--procedures", "procedures.py", "--dry-run", "--json")
    assert json.loads(again.stdout) == {"name": "note_big_orders", "status": "unchanged"}
    with worker(environment, tmp_path) as process:
        written = command("query", "INSERT INTO orders (_id, total) VALUES (1, 120), (2, 5)")
        assert json.loads(written.stdout) == {"rowcount": 2}
        wait_until(lambda: db.told.count_documents({}) == 1)
        rows = command("query", "SELECT order_id, total FROM big_orders")
        assert json.loads(rows.stdout) == {"order_id": 1, "total": 120}
        assert db.told.find_one({}, {"_id": 0}) == {"order_id": 1, "label": "total 120"}

        assert command("pause", "note_big_orders").returncode == 0
        wait_until(lambda: status(command)["state"] == "paused")
        db.orders.insert_one({"_id": 3, "total": 300})
        assert command("resume", "note_big_orders").returncode == 0
        wait_until(lambda: db.told.count_documents({}) == 2)
        wait_until(lambda: status(command)["state"] == "running")  # it still catches up as it delivers
        assert status(command)["dead_letters"] == 0

        wait_until(lambda: (tmp_path / "out").read_text().endswith("\n"))  # a line a second
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert status(command)["state"] == "stopped"
    line = json.loads((tmp_path / "out").read_text().splitlines()[0])
    assert {"events_per_second", "state", "events", "lag_seconds", "errors", "dead_letters"} <= set(line)

    listed = json.loads(command("list", "--json").stdout)
    assert [(each["name"], each["state"]) for each in listed] == [("note_big_orders", "running")]
    assert command("drop", "note_big_orders").stdout == "note_big_orders: dropped\n"
    assert json.loads(command("list", "--json").stdout) == []


@pytest.mark.usefixtures("command")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_that_is_told_to_end_again_and_again(environment: dict[str, str], tmp_path: Path, number: int) -> None:
    """A handler may be interrupted by the next signal, wherever it is."""
    with worker(environment, tmp_path) as process:
        wait_until(lambda: (tmp_path / "out").read_text() != "")
        for _ in range(20_000):
            process.send_signal(number)
        assert process.wait(20) in (0, -number)
        assert (tmp_path / "err").read_text() == ""


def status(command: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command("status", "--json").stdout)
    return found["note_big_orders"]  # type: ignore[no-any-return]


def test_tables_for_eyes(command: Run) -> None:
    command("apply", "triggers.sql", "--procedures", "procedures.py")
    for name in ("status", "list"):
        shown = command(name).stdout
        assert "note_big_orders" in shown
        assert "(1 row)" in shown
        assert "\x1b" not in shown


def test_a_stream_prints_rows_until_interrupted(environment: dict[str, str], db: Db) -> None:
    sql = "SELECT _id, total FROM orders WHERE CHANGE_DETECTED(total)"
    process = subprocess.Popen([*COMMAND, "query", sql], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        wait_until(lambda: open_streams(db) > 0)
        db.orders.insert_one({"_id": 1, "total": 5})
        assert json.loads(process.stdout.readline()) == {"_id": 1, "total": 5}
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    finally:
        process.kill()
        process.wait()


def open_streams(db: Db) -> int:
    """Change streams that somebody has open on this database."""
    stages = [{"$currentOp": {"idleCursors": True}}, {"$match": {"ns": {"$regex": f"^{db.name}\\."}}}]
    found = list(db.client.admin.aggregate([*stages, {"$match": {"cursor.tailable": True}}]))
    return len(found)


def test_an_embedded_server_says_where_it_is_and_keeps_its_data(
    command: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    with worker(environment, tmp_path, "--embedded=kept", "triggers.sql") as process:
        wait_until(lambda: "note_big_orders: created" in (tmp_path / "err").read_text())
        (uri,) = [line[8:] for line in (tmp_path / "err").read_text().splitlines() if line.startswith("server: ")]
        command("query", "--uri", uri, "INSERT INTO orders (_id, total) VALUES (1, 100)")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    found = command("query", "--embedded=kept", "SELECT COUNT(*) AS n FROM orders")
    assert json.loads(found.stdout) == {"n": 1}


def test_a_bare_embedded_leaves_what_follows_alone(command: Run, tmp_path: Path) -> None:
    found = command("query", "--embedded", "SELECT 1 + 1 AS n")
    assert json.loads(found.stdout) == {"n": 2}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["procedures.py", "triggers.sql"]


# -- without a server ---------------------------------------------------------------------------------------------


def test_compile_check_explain(command: Run) -> None:
    document = json.loads(command("compile", "triggers.sql").stdout)
    assert document["statements"][0]["requires"]["procedures"] == ["TELL"]
    assert "db.getCollection" in command("compile", "--format", "mongosh", "triggers.sql").stdout
    assert '"fullDocument.total"' in command("compile", "--format", "pretty", "-", stdin=TRIGGER).stdout
    assert "worker: LABEL(NEW.total)" in command("explain", "triggers.sql").stdout
    assert command("check", "triggers.sql").returncode == 0
    wrong = command("check", "-", stdin=TRIGGER.replace("NEW.total >= 100", "total >= 100"))
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("<stdin>:2:7: error QL203: ")


def event(number: int, total: int) -> str:
    return json.dumps(
        {
            "_id": {"_data": f"82{number:08d}"},
            "operationType": "insert",
            "wallTime": {"$date": "2025-01-01T00:00:00Z"},
            "ns": {"db": "shop", "coll": "orders"},
            "documentKey": {"_id": number},
            "fullDocument": {"_id": number, "total": total},
        }
    )


def test_replay_prints_effects_and_calls_nobody(command: Run, tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text(f"{event(1, 5)}\n\n{event(2, 500)}\n")
    done = command("replay", "triggers.sql", "--events", "events.jsonl", "--procedures", "procedures.py")
    assert (done.returncode, done.stderr) == (0, "")
    insert, call = map(json.loads, done.stdout.splitlines())
    assert (insert["event"], insert["op"], insert["document"]["order_id"]) == (2, "insert", 2)
    assert call == {
        "event": 2,
        "trigger": "note_big_orders",
        "op": "call",
        "procedure": "TELL",
        "args": [2, "total 500"],
    }


def test_replay_begins_with_the_data_that_is_given(command: Run, tmp_path: Path) -> None:
    sql = "CREATE TRIGGER t AFTER INSERT ON orders BEGIN UPDATE s SET n = n + NEW.total WHERE _id = 1; END"
    (tmp_path / "count.sql").write_text(sql)
    (tmp_path / "before.json").write_text('{"s": [{"_id": 1, "n": 10}]}')
    done = command("replay", "count.sql", "--events", "-", "--data", "before.json", stdin=event(1, 5))
    assert json.loads(done.stdout)["document"] == {"_id": 1, "n": 15}


# -- what users get wrong -----------------------------------------------------------------------------------------


FILES = {
    "triggers.sql": TRIGGER,
    "procedures.py": PROCEDURES,
    "binary": b"\xff\xfe\x00",
    "list.json": "[1]",
    "broken.py": "import nothing_of_this_name",
    "empty.py": "",
    "asks.py": "def register(ql):\n    ql.database['x'].find_one()\n",
}


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["compile", "nothing.sql"], 1, "QL430"),
        (["compile", "."], 1, "QL431"),
        (["compile", "binary"], 1, "QL432"),
        (["compile", "--schema", "list.json", "triggers.sql"], 1, "QL433"),
        (["replay", "triggers.sql", "--events", "nothing.jsonl"], 1, "QL430"),
        (["replay", "triggers.sql", "--events", "triggers.sql", "--procedures", "procedures.py"], 1, "QL420"),
        (["replay", "triggers.sql", "--events", "list.json", "--data", "list.json"], 1, "QL433"),
        (["replay", "triggers.sql", "--events", "list.json", "--procedures", "asks.py"], 1, "QL436"),
        (["apply", "triggers.sql"], 1, "QL209"),
        (["apply", "triggers.sql", "--procedures", "nothing.py"], 1, "QL434"),
        (["apply", "triggers.sql", "--procedures", "broken.py"], 1, "QL434"),
        (["apply", "triggers.sql", "--procedures", "empty.py"], 1, "QL435"),
        (["pause", "nothing"], 1, "QL411"),
        (["drop", "nothing"], 1, "QL411"),
        (["query", "SELECT a FRO b"], 1, "QL1"),
        (["query", "--db", "", "SELECT 1"], 1, "QL440"),
        (["query", "--uri", "mongodb://a:b:c", "SELECT 1"], 3, "QL520"),
        (["status", "--uri", NOBODY], 3, "QL503"),
        (["run", "--uri", NOBODY, "triggers.sql"], 3, "QL503"),
        (["status", "--embedded", "--mongod", "/nowhere/mongod"], 3, "QL501"),
        (["nothing"], 2, "No such command"),
        (["compile"], 2, "Missing argument"),
        (["compile", "--nothing", "triggers.sql"], 2, "No such option"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else None,
)
def test_mistakes_are_told_without_a_traceback(
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    args: list[str],
    code: int,
    told: str,
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    monkeypatch.chdir(tmp_path)
    for name in ("QUERYLEAF_URI", "QUERYLEAF_DB"):
        monkeypatch.setenv(name, environment[name])
    monkeypatch.setattr(sys, "argv", ["queryleaf-cdc", *args])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    assert told in capsys.readouterr().err
