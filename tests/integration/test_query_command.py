"""``query`` in a terminal and in a pipeline, as a process."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import forked
import pytest
from pymongo import MongoClient
from pymongo.database import Database

from queryleaf_cdc import start_embedded

Db = Database[dict[str, Any]]
COMMAND = [sys.executable, "-m", "queryleaf_cdc", "query"]
SQL = "SELECT _id, name FROM products WHERE CHANGE_DETECTED()"
LONG_AGO = "--since=2020-01-01"


@pytest.fixture
def environment(mongo_uri: str, db: Db) -> dict[str, str]:
    return {**os.environ, "QUERYLEAF_URI": mongo_uri, "QUERYLEAF_DB": db.name, "COLUMNS": "", "LINES": ""}


@pytest.fixture
def token(db: Db) -> str:
    return change_in(db)


def change_in(db: Db) -> str:
    """The token of a change behind which the tests' own changes come: what is older may have left the oplog."""
    with db.watch() as stream:
        db.products.insert_one({"_id": 0, "name": "first"})
        return str(next(stream)["_id"]["_data"])


@contextmanager
def started(environment: dict[str, str], *args: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([*COMMAND, *args], text=True, env=environment, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def piped(environment: dict[str, str], *args: str) -> str:
    done = forked.run(["query", *args], environment, os.curdir)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


@contextmanager
def terminal(environment: dict[str, str], *args: str, columns: int = 60) -> Iterator[Callable[[str], str]]:
    """The command in a terminal of so many columns; what it has shown once a text has appeared."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    with started({**environment, "COLUMNS": str(columns)}, *args, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        seen = b""

        def until(text: str) -> str:
            nonlocal seen
            deadline = time.monotonic() + 30
            while text.encode() not in seen:
                assert time.monotonic() < deadline, seen
                if select.select([ours], [], [], 0.2)[0]:
                    seen += os.read(ours, 65536)
            return seen.decode()

        yield until
    os.close(ours)


def test_a_limit_ends_a_stream(environment: dict[str, str], db: Db, token: str) -> None:
    db.products.insert_many([{"_id": n, "name": f"p{n}"} for n in range(1, 10)])
    lines = piped(environment, SQL, "--since", token, "--limit", "3").splitlines()
    assert [json.loads(line)["_id"] for line in lines] == [1, 2, 3]


def test_a_time_begins_a_stream(environment: dict[str, str], db: Db) -> None:
    before = time.time() - 2
    db.products.insert_one({"_id": 1, "name": "p"})
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(before))
    assert json.loads(piped(environment, SQL, "--since", since, "--limit", "1")) == {"_id": 1, "name": "p"}


def test_csv_of_a_stream(environment: dict[str, str], db: Db, token: str) -> None:
    db.products.insert_one({"_id": 1, "name": "a, b"})
    assert piped(environment, SQL, "--since", token, "--limit", "1", "--format", "csv") == '_id,name\n1,"a, b"\n'


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("csv", "_id,name\n1,a\n2,\n"),
        ("jsonl", '{"_id": 1, "name": "a"}\n{"_id": 2, "name": null}\n'),
    ],
)
def test_formats_of_a_result(environment: dict[str, str], db: Db, form: str, shown: str) -> None:
    db.products.insert_many([{"_id": 1, "name": "a"}, {"_id": 2}, {"_id": 3}])
    assert piped(environment, "SELECT _id, name FROM products ORDER BY _id", "--format", form, "--limit", "2") == shown


def test_warnings_stand_apart_from_what_is_printed(environment: dict[str, str], db: Db) -> None:
    sql = "CREATE SINK s AS SELECT n FROM products WHERE CHANGE_DETECTED() INTO WEBHOOK 'http://example.com/'"
    done = subprocess.run([*COMMAND, sql], capture_output=True, text=True, env=environment, timeout=60)
    assert (done.returncode, done.stdout) == (0, '{"name": "s", "status": "created"}\n')
    assert "warning QL254" in done.stderr


def test_csv_of_any_fields_has_all_of_them(environment: dict[str, str], db: Db) -> None:
    db.products.insert_many([{"_id": 1, "a": 1}, {"_id": 2, "b": 2}])
    assert piped(environment, "SELECT * FROM products", "--format", "csv") == "_id,a,b\n1,1,\n2,,2\n"


def test_a_closed_pipe_ends_it_quietly(environment: dict[str, str], db: Db, token: str) -> None:
    """With no further row to write: whoever read the first line waits for nothing more."""
    db.products.insert_one({"_id": 1, "name": "p"})
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started(environment, SQL, "--since", token, **pipes) as process:
        assert process.stdout is not None and process.stderr is not None
        assert json.loads(process.stdout.readline())["_id"] == 1
        process.stdout.close()
        assert process.wait(20) == 128 + signal.SIGPIPE
        assert process.stderr.read() == ""


@pytest.mark.parametrize("form", ["table", "jsonl", "csv"])
def test_a_result_that_nobody_reads(environment: dict[str, str], form: str) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    command = [*COMMAND, "--format", form, "SELECT 1 AS n"]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, env=environment, timeout=60)
    os.close(theirs)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_pipe_that_closes_while_rows_are_written(environment: dict[str, str], db: Db) -> None:
    db.products.insert_many([{"_id": n, "name": "x" * 100} for n in range(5_000)])
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started(environment, "SELECT * FROM products", **pipes) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 128 + signal.SIGPIPE
        assert process.stderr.read() == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device here")
def test_a_full_disk_is_told(environment: dict[str, str]) -> None:
    with (
        open("/dev/full", "w") as full,
        started(environment, "SELECT 1 AS n", stdout=full, stderr=subprocess.PIPE) as process,
    ):
        assert process.stderr is not None
        assert process.wait(20) == 1
        assert process.stderr.read().startswith("error: the output cannot be written")


@pytest.mark.parametrize(("form", "shown"), [("jsonl", '{"x": "\\u00e9\\u65e5"}\n'), ("csv", "x\n\\xe9\\u65e5\n")])
def test_an_encoding_without_these_letters(environment: dict[str, str], form: str, shown: str) -> None:
    with_ascii = {**environment, "PYTHONIOENCODING": "ascii"}
    assert piped(with_ascii, "SELECT 'é日' AS x", "--format", form) == shown
    assert "\\xe9" in piped(with_ascii, "SELECT 'é日' AS x", "--format", "table")


@pytest.mark.parametrize(("times", "codes"), [(1, (130,)), (50, (130, -signal.SIGINT))], ids=["once", "held down"])
def test_an_interrupt_ends_it_without_a_word(
    environment: dict[str, str], db: Db, token: str, times: int, codes: tuple[int, ...]
) -> None:
    db.products.insert_one({"_id": 1, "name": "p"})
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started(environment, SQL, "--since", token, **pipes) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.0005)
        assert process.wait(20) in codes
        assert process.stderr.read().strip() == ""


def test_a_terminal_gets_a_table_with_rows_as_they_arrive(environment: dict[str, str], db: Db) -> None:
    with terminal(environment, SQL) as until:
        until("_id")
        db.products.insert_one({"_id": 1, "name": "tea"})
        until("tea")
        db.products.insert_one({"_id": 2, "name": "coffee"})
        lines = until("coffee").splitlines()
    assert lines == ["_id       name", "────────  ────────", "1         tea", "2         coffee"]


def test_a_terminal_gets_no_control_characters(environment: dict[str, str], db: Db, token: str) -> None:
    db.products.insert_many([{"_id": 1, "name": "\x1b]0;title\x07\nx" + "日" * 40}, {"_id": 2, "name": "end"}])
    with terminal(environment, SQL, "--since", token) as until:
        seen = until("end")
    assert "\x1b" not in seen and "\x07" not in seen
    assert all(len(line) + line.count("日") <= 60 for line in seen.splitlines())


def test_a_stream_stands_alone(environment: dict[str, str], db: Db) -> None:
    """Nothing is run of a text that could never come to its end."""
    text = f"INSERT INTO products (_id) VALUES (1); {SQL}"
    done = subprocess.run([*COMMAND, text], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout, db.products.count_documents({})) == (2, "", 0)


EVIL = "\x1b]0;title\x07\x1b[2J\x9b31m\r\n\u202e" + "日" * 20


@pytest.mark.parametrize("columns", [60, 20, 5])
@pytest.mark.parametrize("form", ["table", "csv", "jsonl"])
def test_a_result_neither_steers_nor_breaks_a_terminal(
    environment: dict[str, str], db: Db, form: str, columns: int
) -> None:
    db.products.insert_one({"_id": 1, "name": EVIL, EVIL: EVIL, "a": 1, "b": 2, "last": "end"})
    with terminal(environment, "SELECT * FROM products", "--format", form, columns=columns) as until:
        seen = until("d" if form == "table" else "end")
    assert not set(re.sub("\x1b\\[[0-9;]*m", "", seen)) & set("\x1b\x07\x9b\u202e")
    if form == "table":
        assert all(len(line) + line.count("日") <= columns for line in plainly(seen))


def test_a_table_in_twenty_columns_can_be_read(environment: dict[str, str], db: Db) -> None:
    db.products.insert_one({"_id": 1, "name": "tea", "price": 3, "stock": 7, "unit": "box"})
    with terminal(environment, "SELECT * FROM products; SELECT 1 AS last", columns=20) as until:
        seen = plainly(until("last"))
    wanted = ["_id   | 1", "name  | tea", "price | 3", "stock | 7", "unit  | box"]
    assert [line for line in seen if " | " in line] == wanted


def plainly(seen: str) -> list[str]:
    """The lines without colours and blanks at their ends."""
    return [line.rstrip() for line in re.sub("\x1b\\[[0-9;]*m", "", seen).splitlines()]


@pytest.mark.parametrize(
    ("closed", "printed"), [("<&-", '{"n": 1}\n'), (">&-", ""), ("2>&-", '{"n": 1}\n'), ("<&- >&- 2>&-", "")]
)
def test_standard_files_that_are_closed(environment: dict[str, str], closed: str, printed: str) -> None:
    script = f"{shlex.join([*COMMAND, 'SELECT 1 AS n'])} {closed}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=environment, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, "")


def test_nothing_can_be_read_from_a_closed_input(environment: dict[str, str]) -> None:
    script = f"{shlex.join([*COMMAND, '-'])} <&-"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=environment, timeout=60)
    assert (done.returncode, done.stderr.splitlines()[0][:8]) == (1, "<stdin>:")


def test_a_reader_that_never_reads_holds_up_nobody_and_loses_nothing(
    environment: dict[str, str], db: Db, token: str
) -> None:
    """What it does not take waits in the server, and not in memory."""
    for start in range(0, 800, 100):
        db.products.insert_many([{"_id": n, "name": "x" * 100_000} for n in range(start + 1, start + 101)])
    with started(environment, SQL, "--since", token, "--limit", "800", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["_id"] == 1
        time.sleep(2)
        assert resident_megabytes(process.pid) < 200
        assert [json.loads(line)["_id"] for line in process.stdout] == list(range(2, 801))
        assert process.wait(20) == 0


def test_a_reader_that_never_reads_can_be_left(environment: dict[str, str], db: Db, token: str) -> None:
    db.products.insert_many([{"_id": n, "name": "x" * 10_000} for n in range(1, 100)])
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started(environment, SQL, "--since", token, **pipes) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.read(1)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        process.stdout.close()
        assert process.wait(20) in (130, 128 + signal.SIGPIPE)
        assert "Traceback" not in process.stderr.read()


def resident_megabytes(pid: int) -> float:
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_a_server_that_goes_away_is_told_and_waited_for(environment: dict[str, str], tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(ExitStack())
        uri = server.enter_context(start_embedded(tmp_path / "data"))
        shop: Db = stack.enter_context(MongoClient(uri, serverSelectionTimeoutMS=20_000))["shop"]
        since = change_in(shop)
        shop.products.insert_one({"_id": 1, "name": "before"})
        server_of_its_own = ["--uri", f"{uri}&serverSelectionTimeoutMS=500", "--db", "shop"]
        args = [*server_of_its_own, "--since", since, "--limit", "2"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = stack.enter_context(started(environment, SQL, *args, **pipes))
        assert process.stdout is not None and process.stderr is not None
        assert json.loads(process.stdout.readline())["name"] == "before"
        os.kill(shop.command("serverStatus")["pid"], signal.SIGKILL)
        assert process.stderr.readline().startswith("the server is away; waiting for it: ")
        server.close()
        assert server.enter_context(start_embedded(tmp_path / "data")) == uri
        assert process.stderr.readline() == "the server is back\n"
        shop.products.insert_one({"_id": 2, "name": "behind"})
        assert json.loads(process.stdout.readline())["name"] == "behind"
        assert (process.wait(20), process.stderr.read()) == (0, "")


def test_since_needs_a_stream(environment: dict[str, str]) -> None:
    done = subprocess.run([*COMMAND, "SELECT 1 AS n", LONG_AGO], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (2, "")


FOLLOWED = "SELECT _id, name FROM products EMIT CHANGES"


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("csv", "+/-,_id,name\n+,1,a\n-,1,a\n+,1,b\n"),
        (
            "jsonl",
            '{"change": "+", "row": {"_id": 1, "name": "a"}}\n'
            '{"change": "~", "before": {"_id": 1, "name": "a"}, "row": {"_id": 1, "name": "b"}}\n',
        ),
    ],
)
def test_a_changelog(environment: dict[str, str], db: Db, form: str, shown: str) -> None:
    db.products.insert_one({"_id": 1, "name": "a"})
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started(environment, FOLLOWED, "--format", form, "--limit", "2", **pipes) as process:
        assert process.stdout is not None
        first = "".join(process.stdout.readline() for _ in range(2 if form == "csv" else 1))
        db.products.update_one({"_id": 1}, {"$set": {"name": "b"}})
        found = first + process.communicate(timeout=30)[0]
        assert re.sub(', "id": "82[0-9A-F]+"', "", found) == shown


def test_a_changelog_goes_on_behind_its_last_line(environment: dict[str, str], db: Db) -> None:
    db.products.insert_one({"_id": 1, "name": "a"})
    with started(environment, FOLLOWED, "--limit", "2", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        db.products.update_one({"_id": 1}, {"$set": {"name": "b"}})
        last = json.loads(process.stdout.readline())
    db.products.update_one({"_id": 1}, {"$set": {"name": "c"}})
    (line,) = piped(environment, FOLLOWED, "--since", last["id"], "--limit", "1").splitlines()
    assert json.loads(line)["row"] == {"_id": 1, "name": "c"}


def test_a_named_stream(environment: dict[str, str], db: Db, token: str) -> None:
    piped(environment, "CREATE VIEW named AS SELECT _id, name FROM products WHERE CHANGE_DETECTED()")
    db.products.insert_many([{"_id": n, "name": name} for n, name in enumerate(("pen", "ink"), 1)])
    sql = "SELECT name, COUNT(*) AS n FROM named GROUP BY name EMIT CHANGES"
    assert piped(environment, sql, "--limit=2", f"--since={token}").splitlines() == [
        '{"name": "pen", "n": 1}',
        '{"name": "ink", "n": 1}',
    ]
