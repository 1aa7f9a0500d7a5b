"""The REPL under rough hands: whatever is typed, pressed, resized, signalled, or done to its server, the shell lives,
shows no traceback and no control character of the data, and answers after Ctrl-C. In the end Ctrl-D ends it with 0, the
terminal is as it was, and nothing is left over.

    python tests/integration/monkey.py --seed 1 --seconds 60 --runs 10"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from terminal import Terminal

from queryleaf_cdc.mongo.embedded import start_embedded

PATIENCE = 60.0
"""seconds in which the shell must answer after Ctrl-C, on a machine that is busy"""

EVIL = "\x1b]0;owned\x07\x9b31m\u202e王\r\n\t"
NEVER_WRITTEN = re.compile(
    "Traceback|Exception ignored|Unhandled exception|the prompt stumbled|error: [A-Z]\\w+:|\x1b\\]0;owned|\u202e"
)
DOCUMENTS = ({"total": 1, "note": EVIL}, {EVIL: {EVIL: [EVIL]}, "total": 2.5}, {"note": "x" * 3000, "total": None}, {})

STATEMENTS = (
    "SELECT * FROM orders;", "SELECT _id, note FROM orders ORDER BY _id LIMIT 3;", "SELECT 1 AS a; SELECT 2 AS b;",
    "UPDATE orders SET total = total + 1 WHERE _id < 9;", "DELETE FROM orders WHERE _id = 3;", "SHOW COLLECTIONS;",
    "INSERT INTO orders (_id, note) VALUES (7, '王小明');", "DESCRIBE orders;", "SELECT nothing FROM ordrs;",
    "CREATE OR REPLACE TRIGGER copy AFTER INSERT OR UPDATE ON orders BEGIN INSERT INTO log (n) VALUES (NEW._id); END;",
    "CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT total, COUNT(*) AS n FROM orders GROUP BY total;",
    "SELECT * FROM v;", "DROP TRIGGER copy;", "DROP MATERIALIZED VIEW v;", "SELECT 1 AS a; SELEC 2; SELECT 3 AS c;",
)  # fmt: skip
STREAMS = (
    "SELECT _id, note FROM orders WHERE CHANGE_DETECTED()", "SELECT * FROM orders WHERE CHANGE_DETECTED()",
    "SELECT _id, total FROM orders EMIT CHANGES",
    "SELECT _id, COUNT(*) OVER (ORDER BY CHANGE_TIMESTAMP() ROWS 3 PRECEDING) AS n FROM orders WHERE CHANGE_DETECTED()",
    "SELECT total, COUNT(*) AS n FROM orders WHERE CHANGE_DETECTED() GROUP BY total EMIT CHANGES",
)  # fmt: skip
COMMANDS = (
    "\\run", "\\run", "\\stop", "\\x", "\\timing", "\\watch 0.1", "SELECT _id FROM orders \\watch 1", "\\i some.sql",
    "\\i loop.sql", "\\i nothing.sql", "\\o out.txt", "\\o", "\\explain SELECT total FROM orders WHERE total > 1;",
    "\\pipeline SELECT total FROM orders WHERE CHANGE_DETECTED();", "\\pipeline copy", "\\d", "\\d orders", "\\dt",
    "\\jobs", "\\kill 1", "\\kill 2", "\\kill x", "\\drain 1", "\\status", "\\conninfo", "\\?", "\\nosuch",
    "\\pset pager",
)  # fmt: skip
UNFINISHED = ("SELECT 'never closed", "SELECT (1", "CREATE TRIGGER x AFTER INSERT ON orders BEGIN", "/* ", "SELECT")
STRANGE = (
    "王小明",
    "\x1b[31m",
    "\x00\x01\x02",
    "e\u0301",
    "👩‍👩‍👧",
    "\u2066",
    "\x7f\x7f",
    "\\",
    "\x1b[<0;1;1M",
    "\x1b[999;999R",
)
KEYS = (
    "\x1b[A",
    "\x1b[B",
    "\x1b[C",
    "\x1b[D",
    "\t",
    "\t\t",
    "\x1b",
    "\r",
    "\x1b\r",
    "\x12",
    "\x17",
    "\x0b",
    "\x0c",
    "\x03",
)
SIZES = ((80, 24), (200, 50), (10, 24), (80, 2), (10, 2), (1, 1), (40, 8))
FILES = {"some.sql": "SELECT 1 AS one;\nSELECT _id FROM orders;\n", "loop.sql": "\\i loop.sql\n"}


class Server:
    """A mongod that is frozen, or killed and started again at the same place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self.uri = self._stack.enter_context(start_embedded(folder))
        self.client: MongoClient[dict[str, Any]] = MongoClient(self.uri, serverSelectionTimeoutMS=5000)

    def pid(self) -> int:
        return int(self.client.admin.command("serverStatus")["pid"])

    def restart(self, seconds: float) -> None:
        os.kill(self.pid(), signal.SIGKILL)
        time.sleep(seconds)
        self._stack.close()
        assert self._stack.enter_context(start_embedded(self._folder)) == self.uri

    def end(self) -> None:
        self.client.close()
        self._stack.close()


class Monkey:
    """One shell, and what is done to it. ``said`` tells what that was."""

    def __init__(self, random: Random, command: list[str], server: Server | None, folder: Path, jobs: bool) -> None:
        self.said: list[str] = []
        self._random = random
        self._server = server
        self._jobs = jobs
        self._folder = folder
        environment = {**os.environ, "XDG_STATE_HOME": str(folder), "TMPDIR": str(folder / "tmp"), "PS1": "bash> "}
        environment |= {"PAGER": random.choice(("", "less")), "COLUMNS": "", "LINES": ""}
        shell = ["bash", "--norc", "--noprofile", "-i"] if jobs else command
        self.terminal = Terminal(shell, environment, cwd=str(folder))
        self._modes = self.terminal.modes()
        if jobs:
            self.terminal.wait_for(r"^bash> ?$")
            self._modes = self.terminal.modes()
            self.terminal.enter(" ".join(f"'{each}'" for each in command))
        self.terminal.wait_for(r"^test> ?$", PATIENCE)
        self._checked = len(self.terminal.raw)  # before, it is this process that is forked
        self.pid = children(self.terminal.pid)[0] if jobs else self.terminal.pid
        if server is None:
            self.uri = f"mongodb://127.0.0.1:{port_of(mongod_of(self.pid))}/?directConnection=true"
        else:
            self.uri = server.uri

    # -- what is done ---------------------------------------------------------------------------------------------

    def step(self) -> None:
        act: Callable[[], str] = self._random.choice(
            (
                self.statement, self.statement, self.statement, self.stream, self.stream, self.command, self.command,
                self.unfinished, self.strange, self.keys, self.keys, self.paste, self.resize, self.interrupts,
                self.interrupts, self.winches, self.freeze, self.restart, self.write, self.write, self.suspend,
                self.held_down,
            )
        )  # fmt: skip
        began = time.monotonic()
        what = act()
        if what:
            self.said.append(f"{began:.2f} {act.__name__}: {what[:120]}")
        time.sleep(self._random.choice((0, 0, 0.01, 0.1, 0.5)))
        self.terminal.settled(0.01)

    def statement(self) -> str:
        return self._enter(self._random.choice(STATEMENTS))

    def stream(self) -> str:
        return self._enter(self._random.choice(STREAMS) + self._random.choice((";", " &", "\n;")))

    def command(self) -> str:
        return self._enter(self._random.choice(COMMANDS))

    def unfinished(self) -> str:
        return self._enter(self._random.choice(UNFINISHED))

    def strange(self) -> str:
        return self._enter("".join(self._random.choices(STRANGE, k=3)))

    def keys(self) -> str:
        return self._type("".join(self._random.choices(KEYS, k=self._random.choice((1, 3, 20)))))

    def held_down(self) -> str:
        key = self._random.choice(("\x03", "\r", "\t", "\t" if self._jobs else "\x1a"))
        return self._type(key * self._random.choice((5, 50, 300)))

    def paste(self) -> str:
        """A long one at the prompt only: while a statement runs the terminal takes 4,096 bytes, and then no key at all,
        not even Ctrl-C."""
        times = self._random.choice((10, 3000))
        if times > 100:
            self.answers()
        text = "INSERT INTO log (n) VALUES (1); " * times
        return self._type(self._random.choice((f"\x1b[200~{text}\x1b[201~", text)) + "\r")

    def resize(self) -> str:
        columns, rows = self._random.choice(SIZES)
        self.terminal.resize(columns, rows)
        return f"{columns} x {rows}"

    def interrupts(self) -> str:
        return self._signal(signal.SIGINT)

    def winches(self) -> str:
        return self._signal(signal.SIGWINCH)

    def freeze(self) -> str:
        """For a moment in which more is done."""
        pid = self._mongod()
        if pid is None:
            return ""
        os.kill(pid, signal.SIGSTOP)
        try:
            for _ in range(self._random.choice((1, 3))):
                act = self._random.choice((self.statement, self.stream, self.keys, self.interrupts, self.command))
                self.said.append(f"frozen, {act.__name__}: {act()[:120]}")
                time.sleep(self._random.choice((0.1, 1.0)))
                self.terminal.settled(0.01)
        finally:
            os.kill(pid, signal.SIGCONT)
        return "goes on"

    def restart(self) -> str:
        if self._server is None:
            return ""
        seconds = self._random.choice((0, 1.0))
        self._server.restart(seconds)
        return f"{seconds} s"

    def write(self) -> str:
        with suppress(PyMongoError), MongoClient[dict[str, Any]](self.uri, timeoutMS=2000) as client:
            for _ in range(self._random.choice((1, 5, 100))):
                key = {"_id": self._random.randrange(30)}
                client["test"].orders.replace_one(key, {**key, **self._random.choice(DOCUMENTS)}, upsert=True)
        return "orders"

    def suspend(self) -> str:
        if not self._jobs:
            return ""
        before = self.terminal.raw.count("Stopped")
        self.terminal.press("z")
        until = time.monotonic() + PATIENCE
        while self.terminal.raw.count("Stopped") == before:
            if time.monotonic() > until:
                return "not suspended"  # a pager has its own way with the key
            self.terminal.settled(0.05)
        self.terminal.enter("fg")
        return "and fg"

    def _enter(self, text: str) -> str:
        return self._type(text + "\r")

    def _type(self, text: str) -> str:
        self.terminal.type(text)
        return repr(text)

    def _signal(self, number: int) -> str:
        times, pause = self._random.choice(((1, 0), (20, 0), (300, 0), (20, 0.01), (100, 0.001)))
        for _ in range(times):
            os.kill(self.pid, number)
            time.sleep(pause)
        return f"{times} times"

    def _mongod(self) -> int | None:
        with suppress(PyMongoError):
            return self._server.pid() if self._server is not None else mongod_of(self.pid)
        return None

    # -- what must be -----------------------------------------------------------------------------------------------

    def answers(self) -> None:
        """After Ctrl-C. A pager is left first; a search of the history takes a Ctrl-C of its own."""
        self.terminal.resize(80, 24)
        wanted = self._random.randrange(10_000, 90_000)
        for keys in ("\x03", "q", "\x03", "\x03"):
            self.terminal.type(keys)
            self.terminal.settled(0.1)
        self.terminal.enter("\\o")
        self.terminal.enter(f"SELECT {wanted - 2} + 2 AS answer;")
        self.terminal.wait_for(rf"^(answer \|)? *{wanted}$", PATIENCE)
        self.looks_right()

    def looks_right(self) -> None:
        raw = self.terminal.raw
        found = NEVER_WRITTEN.search(raw, max(0, self._checked - 100))
        assert found is None, f"{found[0]!r} was written:\n{raw[max(0, found.start() - 300) : found.end() + 3000]}"
        self._checked = len(raw)

    def leaves(self) -> None:
        self.answers()
        family = descendants(self.pid)
        self.terminal.settled(0.2)
        self.terminal.press("d")
        if self._jobs:
            self.terminal.wait_for(r"^bash> ?\Z", PATIENCE)
            assert self.terminal.modes() == self._modes, "the terminal is not as it was"
            self.terminal.enter("exit $?")
        code = self.terminal.ended(PATIENCE)
        assert code == 0, f"it ended with {code}:\n{self.terminal.text()[-2000:]}"
        self.looks_right()
        if not self._jobs:
            assert self.terminal.modes() == self._modes, "the terminal is not as it was"
        until = time.monotonic() + 20
        while left := [each for each in family if Path(f"/proc/{each}").exists()]:
            assert time.monotonic() < until, f"left over: {[name_of(each) for each in left]}"
            time.sleep(0.1)
        files = list((self._folder / "tmp").iterdir())
        assert files == [], f"left over: {files}"


def children(pid: int) -> list[int]:
    found = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(each) for each in (task / "children").read_text().split()]
    return found


def descendants(pid: int) -> list[int]:
    return [found for child in children(pid) for found in (child, *descendants(child))]


def name_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""


def mongod_of(pid: int) -> int:
    (found,) = [each for each in descendants(pid) if "mongod" in name_of(each).split(" ")[0]]
    return found


def port_of(mongod: int) -> int:
    return int(re.findall(r"--port=(\d+)", name_of(mongod))[0])


@contextmanager
def served(random: Random, folder: Path) -> Iterator[tuple[list[str], Server | None]]:
    """The options of the command, and the server that is not the command's own."""
    if random.random() < 0.3:
        yield ["--embedded"], None
        return
    server = Server(folder / "data")
    try:
        yield ["--uri", server.uri, "--db", "test"], server
    finally:
        server.end()


def run(seed: int, seconds: float, folder: Path) -> list[str]:
    """What went wrong, and what was done before; empty when all is well."""
    random = Random(seed)
    (folder / "tmp").mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    jobs = shutil.which("bash") is not None and random.random() < 0.4
    with served(random, folder) as (options, server):
        monkey = Monkey(random, [sys.executable, "-m", "queryleaf_cdc", "repl", *options], server, folder, jobs)
        with monkey.terminal:
            try:
                _play(monkey, random, seconds)
            except (AssertionError, OSError) as error:
                return [*monkey.said, f"{options[0]}, jobs: {jobs}: {error}"]
    return []


def _play(monkey: Monkey, random: Random, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        monkey.step()
        monkey.looks_right()
        if random.random() < 0.4:
            monkey.answers()
    monkey.leaves()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--runs", type=int, default=10)
    given = parser.parse_args()
    for seed in range(given.seed, given.seed + given.runs):
        with tempfile.TemporaryDirectory() as folder:
            found = run(seed, given.seconds, Path(folder))
        print(json.dumps({"seed": seed, "lives": not found}), *found, sep="\n  ", flush=True)
        if found:
            sys.exit(1)


if __name__ == "__main__":
    main()
