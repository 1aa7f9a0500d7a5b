"""Durable streams under everything at once: writers, killed and frozen workers, pauses, replacements, new and dropped
sinks. At the end all collections are compared with what plain Python makes of the server's own record of the changes.

    python -m tests.streams.chaos --seed 1 --seconds 20 --runs 10"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from bson import Decimal128, Int64
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from queryleaf_cdc import InputError, QueryLeaf
from queryleaf_cdc.mongo.deployment import cluster_now
from queryleaf_cdc.mongo.embedded import start_embedded
from tests.streams.chaos_model import POISON, Log, disagreements, read_log

Db = Database[dict[str, Any]]

KEYS: tuple[Any, ...] = (
    0, -0.0, 1, 1.0, Int64(1), Decimal128("1.0"), 2, None, float("nan"), Decimal128("NaN"), "a", "", [1, 2], {"x": 1},
    True,
)  # fmt: skip
"""of partitions and groups; a document may also lack its key"""


STREAMS = """
CREATE VIEW changes AS
SELECT _id AS id, k, v, CHANGE_ID() AS cid, CHANGE_TIMESTAMP() AS at FROM a WHERE CHANGE_DETECTED();
CREATE VIEW answers AS SELECT _id AS id, CHANGE_ID() AS cid, CHANGE_TIMESTAMP() AS at FROM b WHERE CHANGE_DETECTED();
CREATE VIEW halves AS SELECT id, cid FROM changes WHERE v % 2 = 0;

CREATE SINK steps AS
SELECT cid, k, v - LAG(v) OVER w AS step, COUNT(*) OVER w AS nth,
       SUM(v) OVER (PARTITION BY k ORDER BY at ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) AS four,
       COUNT(*) OVER (PARTITION BY k ORDER BY at RANGE BETWEEN INTERVAL '300 milliseconds' PRECEDING AND CURRENT ROW)
       AS lately
FROM changes WINDOW w AS (PARTITION BY k ORDER BY at ROWS UNBOUNDED PRECEDING) INTO out_steps;
CREATE SINK ordered AS
SELECT cid, COUNT(*) OVER (PARTITION BY id ORDER BY cid ROWS UNBOUNDED PRECEDING) AS nth FROM changes INTO out_ordered;
CREATE SINK totals AS
SELECT k, COUNT(*) AS n, SUM(v) AS v, MAX(v) AS most FROM changes GROUP BY k EMIT CHANGES INTO out_totals;
CREATE SINK tumbled AS
SELECT k, window_start, COUNT(*) AS n, SUM(v) AS v FROM changes
GROUP BY k, TUMBLE(at, INTERVAL '200 milliseconds') INTO out_tumbled;
CREATE SINK hopped AS
SELECT window_start, COUNT(*) AS n FROM changes
GROUP BY HOP(at, INTERVAL '100 milliseconds', INTERVAL '300 milliseconds') INTO out_hopped;
CREATE SINK visits AS
SELECT k, window_start, window_end, COUNT(*) AS n, SUM(v) AS v FROM changes
GROUP BY k, SESSION(at, INTERVAL '40 milliseconds') INTO out_visits;
CREATE SINK pairs AS
SELECT c.cid AS c, d.cid AS d FROM changes c
FULL OUTER JOIN answers d
ON d.id = c.id AND d.at BETWEEN c.at - INTERVAL '100 milliseconds' AND c.at + INTERVAL '300 milliseconds'
INTO out_pairs;
CREATE SINK both AS
SELECT cid, COUNT(*) OVER (ORDER BY cid ROWS UNBOUNDED PRECEDING) AS nth
FROM (SELECT cid FROM changes UNION ALL SELECT cid FROM answers) u INTO out_both;
CREATE SINK strict WITH (on_error = 'dead_letter') AS
SELECT cid, v, COUNT(*) OVER (ORDER BY cid ROWS UNBOUNDED PRECEDING) AS nth FROM changes INTO out_strict;
CREATE SINK halved AS
SELECT cid, COUNT(*) OVER (ORDER BY cid ROWS UNBOUNDED PRECEDING) AS nth FROM halves INTO out_halved;
CREATE SINK written AS
SELECT k, COUNT(*) AS n FROM changes GROUP BY k EMIT CHANGES INTO FILE 'written.jsonl';

CREATE SINK first_hop AS SELECT cid AS origin, id FROM changes INTO hop_1;
CREATE VIEW hops AS SELECT origin, id, CHANGE_TIMESTAMP() AS at FROM hop_1 WHERE CHANGE_DETECTED();
CREATE SINK second_hop AS
SELECT origin, id, COUNT(*) OVER (PARTITION BY id ORDER BY at ROWS UNBOUNDED PRECEDING) AS nth FROM hops INTO hop_2;
CREATE SINK third_hop AS
SELECT id, COUNT(*) AS n, MAX(nth) AS nth FROM hop_2 WHERE CHANGE_DETECTED() GROUP BY id EMIT CHANGES INTO hop_3;

CREATE VIEW counted AS
SELECT id, v, cid, COUNT(*) OVER (PARTITION BY id ORDER BY at ROWS UNBOUNDED PRECEDING) AS nth FROM changes;
CREATE TRIGGER adds AFTER INSERT ON counted BEGIN
  IF NEW.v = 13 THEN RAISE 'thirteen'; END IF;
  INSERT INTO out_adds (id, n, nths) VALUES (NEW.id, 1, NEW.nth)
  ON CONFLICT (id) DO UPDATE SET n = n + 1, nths = nths + EXCLUDED.nths;
END;
CREATE TRIGGER plain AFTER INSERT OR UPDATE OR DELETE ON a BEGIN
  INSERT INTO out_plain (_id, n) VALUES (1, 1) ON CONFLICT (_id) DO UPDATE SET n = n + 1;
END;
CREATE MATERIALIZED VIEW kept AS SELECT v, COUNT(*) AS n FROM a GROUP BY v
"""
PAUSABLE = (
    "steps", "ordered", "totals", "tumbled", "hopped", "visits", "pairs", "both", "strict", "written", "first_hop",
    "second_hop", "third_hop", "adds", "plain",
)  # fmt: skip
HALVES = "CREATE OR REPLACE VIEW halves AS SELECT id, cid FROM changes WHERE v % 2 = {}"
EXTRA = (
    "CREATE SINK {name} AS SELECT cid, COUNT(*) OVER (ORDER BY cid ROWS UNBOUNDED PRECEDING) AS nth FROM changes "
    "INTO out_{name}"
)

_WORKER = """
import os, sys
from queryleaf_cdc import QueryLeaf
from queryleaf_cdc.runtime.limits import Limits
from queryleaf_cdc.runtime.worker import Worker
os.chdir(sys.argv[3])
ql = QueryLeaf(sys.argv[1], database=sys.argv[2])
limits = Limits(max_batch_events=int(sys.argv[4]), standby_poll_seconds=0.05, lease_seconds=1.5, heartbeat_seconds=0.2)
ql._make_worker = lambda: Worker(ql.client, ql.database.name, ql._build, ql._procedures, limits=limits)
ql.run()
"""


class Workers:
    """Two processes, which are killed and frozen."""

    def __init__(self, uri: str, name: str, folder: Path, random: Random) -> None:
        self._uri, self._name, self._folder, self._random = uri, name, folder, random
        self._errors = (folder / "workers.txt").open("w")
        self._running = [self._start(), self._start()]

    def _start(self) -> subprocess.Popen[bytes]:
        size = str(self._random.choice((5, 50, 500)))
        command = [sys.executable, "-c", _WORKER, self._uri, self._name, str(self._folder), size]
        return subprocess.Popen(command, stderr=self._errors)

    def kill(self) -> None:
        at = self._random.randrange(2)
        self._end(self._running[at])
        self._running[at] = self._start()

    def freeze(self, seconds: float) -> None:
        worker = self._random.choice(self._running)
        worker.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        worker.send_signal(signal.SIGCONT)

    def end(self) -> None:
        for each in self._running:
            self._end(each)
        self._errors.close()

    def fallen(self) -> str:
        """What those wrote that ended by themselves."""
        return (self._folder / "workers.txt").read_text()

    def _end(self, worker: subprocess.Popen[bytes]) -> None:
        worker.kill()
        worker.wait()


def document(random: Random, key: int) -> dict[str, Any]:
    found = {"_id": key, "v": random.randrange(60), "w": random.random()}
    return found if random.random() < 0.1 else {**found, "k": random.choice(KEYS)}


def change(db: Db, random: Random) -> None:
    """One change, or a transaction of some that may be aborted."""
    key = random.randrange(25)
    match random.randrange(9):
        case 0:
            db.a.delete_one({"_id": key})
        case 1 | 2:
            db.a.update_one({"_id": key}, {"$inc": {"v": 1}, "$set": {"w": random.random()}})
        case 3:
            db.a.update_one({"_id": key}, {"$set": {"k": random.choice(KEYS)}})
        case 4:
            db.b.replace_one({"_id": key}, {"w": random.random()}, upsert=True)
        case 5:
            _transaction(db, random)
        case 6:
            db.elsewhere.insert_one({})
        case _:
            db.a.replace_one({"_id": key}, document(random, key), upsert=True)


def _transaction(db: Db, random: Random) -> None:
    with db.client.start_session() as session:
        session.start_transaction()
        try:
            for key in random.sample(range(25), random.choice((2, 5, 20))):
                db.a.replace_one({"_id": key}, document(random, key), upsert=True, session=session)
                db.b.update_one({"_id": key}, {"$set": {"w": random.random()}}, session=session)
        except OperationFailure:
            session.abort_transaction()
            return
        if random.random() < 0.2:
            session.abort_transaction()
        else:
            session.commit_transaction()


@contextmanager
def writing(uri: str, name: str, seed: int) -> Iterator[None]:
    """Three clients that write all the time, with a silence now and then."""
    end = threading.Event()

    def work(number: int) -> None:
        random = Random(seed * 10 + number)
        with MongoClient[dict[str, Any]](uri) as client:
            while not end.wait(random.choice((0.02, 0.05, 0.1) + (0.5,) * (random.random() < 0.05))):
                try:
                    change(client[name], random)
                except OperationFailure as error:
                    if error.code not in (112, 251, 11000):
                        raise

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        end.set()
        for each in threads:
            each.join()


@dataclass
class Statements:
    """Random DDL. ``said`` is what was done, to tell whoever looks for the cause of a failure."""

    ql: QueryLeaf
    random: Random
    paused: set[str] = field(default_factory=set)
    extras: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    _count: int = 0

    def any(self) -> None:
        act: Callable[[], None] = self.random.choice(
            (self.pause, self.resume, self.resume, self.replace, self.add, self.drop)
        )
        act()

    def pause(self) -> None:
        name = self.random.choice(PAUSABLE)
        self.paused.add(name)
        self._say(f"pause {name}")
        self.ql.pause(name)

    def resume(self) -> None:
        if self.paused:
            name = self.random.choice(sorted(self.paused))
            self.paused.remove(name)
            self._say(f"resume {name}")
            self.ql.resume(name)

    def replace(self) -> None:
        self._execute(HALVES.format(self.random.randrange(2)))

    def add(self) -> None:
        """Now and then one of the same name as one that was dropped a moment before."""
        name = f"extra_{self._count}"
        self._count += 1
        self.extras.append(name)
        self._execute(EXTRA.format(name=name))

    def drop(self) -> None:
        if self.extras:
            name = self.extras.pop(self.random.randrange(len(self.extras)))
            self._execute(f"DROP SINK {name}")
            if self.random.random() < 0.5:
                self.extras.append(name)
                self._execute(EXTRA.format(name=name))

    def resume_all(self) -> None:
        while self.paused:
            self.resume()

    def _execute(self, sql: str) -> None:
        self._say(sql)
        self.ql.execute(sql)

    def _say(self, what: str) -> None:
        self.said.append(f"{time.time():.2f} {what}")


def run(uri: str, name: str, seed: int, seconds: float, folder: Path) -> list[str]:
    """One run on a database that is not there yet. What does not agree at the end."""
    random = Random(seed)
    with MongoClient[dict[str, Any]](uri) as client:
        db = client[name]
        db.create_collection("out_strict", validator={"v": {"$ne": POISON}})
        for each in ("a", "b"):
            db.create_collection(each, changeStreamPreAndPostImages={"enabled": True})
        start = cluster_now(db)
        ql = QueryLeaf(client=client, database=name)
        ql.execute(STREAMS)
        statements = Statements(ql, random)
        workers = Workers(uri, name, folder, random)
        try:
            with writing(uri, name, seed):
                _disturb(workers, statements, random, seconds)
        finally:
            workers.end()
        statements.resume_all()
        before = Path.cwd()
        os.chdir(folder)
        try:
            found = _settled(ql, db, lambda: read_log(db, start), folder)
        finally:
            os.chdir(before)
            ql.close()
        if workers.fallen():
            found.append(f"a worker fell: {workers.fallen()[-2000:]}")
        return [*found, *statements.said] if found else []


def _disturb(workers: Workers, statements: Statements, random: Random, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(random.choice((0.05, 0.3, 1.0)))
        match random.randrange(5):
            case 0:
                workers.kill()
            case 1:
                workers.freeze(random.choice((0.1, 0.5, 2.5)))
            case _:
                try:
                    statements.any()
                except InputError as error:
                    statements.said.append(str(error))


def _settled(ql: QueryLeaf, db: Db, log: Callable[[], Log], folder: Path) -> list[str]:
    """What does not agree when all has come that comes with the time alone."""
    with ql:
        ql.drain(120)
        changes, until = log(), time.monotonic() + 15
        while True:
            found = disagreements(db, changes, folder / "written.jsonl")
            if not found or time.monotonic() > until:
                return found + [f"{n}: {s['state']} {s['reason']}" for n, s in ql.status().items() if s["reason"]]
            time.sleep(0.3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--runs", type=int, default=10)
    given = parser.parse_args()
    with start_embedded() as uri:
        for seed in range(given.seed, given.seed + given.runs):
            with tempfile.TemporaryDirectory() as folder:
                found = run(uri, f"chaos_{seed}", seed, given.seconds, Path(folder))
            print(json.dumps({"seed": seed, "agrees": not found}), *found, sep="\n  ", flush=True)
            if found:
                sys.exit(1)


if __name__ == "__main__":
    main()
