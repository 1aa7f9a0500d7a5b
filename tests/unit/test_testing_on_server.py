"""The same triggers over the same changes, with a server and without: the same documents and calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId, json_util
from pymongo.database import Database

from queryleaf_cdc.compiler import compile_sql
from queryleaf_cdc.events import Event, Origin
from queryleaf_cdc.plans.program import TriggerStatement
from queryleaf_cdc.runtime.program import CompiledProgram
from queryleaf_cdc.testing import OfflineDatabase

Document = dict[str, Any]
State = dict[str, list[str]]

SEED: dict[str, list[Document]] = {
    "legs": [
        {"_id": 1, "trip": 1, "port": "Oslo", "km": 2, "fee": 1.5},
        {"_id": 2, "trip": 1, "port": "Oslo", "km": 3, "fee": 2.0},
        {"_id": 3, "trip": 1, "port": "Bodø", "km": 1, "fee": 4},
        {"_id": 4, "trip": 2, "port": "Bergen", "km": None, "fee": Decimal128("2.10")},
        {"_id": 5, "trip": 2, "port": None, "km": 7, "fee": float("nan")},
    ],
    "ports": [
        {"_id": "Oslo", "n": 10},
        {"_id": "Bodø", "n": 5},
        {"_id": "Bergen", "n": 1},
        {"_id": "Vardø", "n": 0, "tags": ["a", "b"]},
    ],
}
COLLECTIONS = ("trips", "legs", "ports", "log", "tally")

MIXED = [
    {"_id": 1, "km": 500, "ship": "Fram", "when": datetime(2025, 1, 31)},
    {"_id": 2, "km": Int64(6), "ship": "Fram", "tags": ["x", "y"], "when": datetime(2024, 2, 29)},
    {"_id": 3, "km": 1.5, "ship": None, "tags": "x"},
    {"_id": 4, "ship": 1},
    {"_id": 5, "km": "7", "ship": 1.0},
    {"_id": 6, "km": Decimal128("7"), "ship": ["Fram"]},
    {"_id": 7, "km": float("nan"), "ship": {"name": "Fram"}},
    {"_id": 8, "km": None},
    {"_id": "Oslo", "km": True},
]

BODIES = {
    "if": """IF NEW.km > 100 THEN INSERT INTO log (k) VALUES ('far'); ELSIF NEW.km > 5 THEN
        INSERT INTO log (k, km) VALUES ('near', NEW.km); ELSE INSERT INTO log (k) VALUES ('here'); END IF;""",
    "variables": """DECLARE a INTEGER := NEW.km; DECLARE b TEXT; SET b = 'n ' || a;
        IF a > 5 THEN a := 5; END IF; INSERT INTO log (a, b) VALUES (a, b);""",
    "select into": """DECLARE a INTEGER; DECLARE b DOUBLE; SELECT COUNT(*), SUM(km * fee) INTO a, b
        FROM legs WHERE trip = NEW._id; INSERT INTO log (a, b) VALUES (a, b);""",
    "loop": """FOR r IN (SELECT port, SUM(km) AS km FROM legs WHERE trip = NEW._id GROUP BY port ORDER BY port) LOOP
        INSERT INTO log (p, km, trip) VALUES (r.port, r.km, NEW._id);
        UPDATE ports SET n = ports.n - r.km WHERE ports._id = r.port; END LOOP;""",
    "return in a loop": """FOR r IN (SELECT * FROM legs ORDER BY _id) LOOP IF r.port = 'Bodø' THEN RETURN; END IF;
        INSERT INTO log (p) VALUES (r.port); END LOOP; INSERT INTO log (p) VALUES ('never');""",
    "call": "CALL P(NEW.ship, NEW.km * 2, (SELECT MAX(n) FROM ports));",
    "insert select": "INSERT INTO log (t, p) SELECT NEW._id, port FROM legs WHERE trip = NEW._id AND km > 1;",
    "upsert": """INSERT INTO tally (ship, n, last) VALUES (NEW.ship, 1, NEW._id)
        ON CONFLICT (ship) DO UPDATE SET n = tally.n + 1, last = EXCLUDED.last, km = NEW.km WHERE tally.n < 2;""",
    "upsert by id": """INSERT INTO tally (_id, n) VALUES (TYPEOF(NEW.ship), 1)
        ON CONFLICT (_id) DO UPDATE SET n = tally.n + EXCLUDED.n;""",
    "upsert of rows": """INSERT INTO tally (port, km) SELECT port, km FROM legs
        ON CONFLICT (port) DO UPDATE SET km = tally.km + EXCLUDED.km, trip = NEW._id;""",
    "upsert in a loop": """FOR r IN (SELECT port, km FROM legs ORDER BY _id) LOOP INSERT INTO tally (p, n)
        VALUES (r.port, 1) ON CONFLICT (p) DO UPDATE SET n = tally.n + r.km + NEW._id; END LOOP;""",
    "upsert beside an array": """INSERT INTO tally (k) VALUES (NEW.tags);
        INSERT INTO tally (k) VALUES ('x') ON CONFLICT (k) DO UPDATE SET n = COALESCE(tally.n, 0) + 1;""",
    "do nothing": "INSERT INTO tally (ship, n) VALUES (NEW.ship, NEW._id) ON CONFLICT (ship) DO NOTHING;",
    "odd columns": """INSERT INTO log (k, "a.b") VALUES (NEW._id, '$x');
        INSERT INTO tally (k, "a.b") VALUES (1, 1) ON CONFLICT (k) DO UPDATE SET "a.b" = tally."a.b" + 1;""",
    "update from": "UPDATE ports SET n = n - l.km FROM legs l WHERE l.trip = NEW._id AND ports._id = l.port;",
    "update below": "UPDATE ports SET d.e = ports.n, tags.x = 1 WHERE _id IN ('Vardø', NEW._id);",
    "update in": "UPDATE ports SET n = 0 WHERE _id IN (SELECT port FROM legs WHERE trip = NEW._id);",
    "update not exists": "UPDATE ports SET n = -1 WHERE NOT EXISTS (SELECT 1 FROM legs l WHERE l.port = ports._id);",
    "update scalar": "UPDATE ports SET n = 99 WHERE n > (SELECT AVG(km) FROM legs);",
    "delete using": "DELETE FROM ports USING legs l WHERE l.trip = NEW._id AND ports._id = l.port;",
    "delete": "DELETE FROM ports WHERE n < NEW.km OR _id = NEW.ship;",
    "exists": """IF EXISTS (SELECT 1 FROM legs WHERE trip = NEW._id AND km > 2) OR
        NEW.ship NOT IN (SELECT port FROM legs) THEN INSERT INTO log (k) VALUES (NEW._id); END IF;""",
    "unnest": "INSERT INTO log (x, p) SELECT u.x, u.i FROM UNNEST(NEW.tags) WITH ORDINALITY AS u(x, i);",
    "see own writes": """INSERT INTO log (_id, n) VALUES (NEW._id, 1); UPDATE log SET n = log.n + 1 WHERE _id = NEW._id;
        DELETE FROM log WHERE n > 5; INSERT INTO log (k) SELECT MAX(n) FROM log;""",
    "interval": "INSERT INTO log (a, b) VALUES (NEW.when + INTERVAL '1 month', NEW.when - INTERVAL '2 days');",
    "self": "IF NEW.km < 9 THEN UPDATE trips SET km = trips.km + 1 WHERE _id = NEW._id; END IF;",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_inserts(db: Database[Document], body: str) -> None:
    sql = f"CREATE TRIGGER t ON trips FOR INSERT BEGIN {body} END;"
    changes = [("insert", [document]) for document in MIXED]
    assert without_server(sql, changes) == with_server(db, sql, changes)


def test_all_operations(db: Database[Document]) -> None:
    sql = """CREATE TRIGGER t ON trips FOR INSERT, UPDATE, DELETE BEGIN
      INSERT INTO log (op, k, f, o, n, d) VALUES
        (TRIGGER_ACTION, CHANGE_KEY(), CHANGED_FIELDS(), OLD.km, NEW.km, OLD.km <> NEW.km);
      IF OLD.km IS DISTINCT FROM NEW.km THEN UPDATE ports SET n = ports.n + 1; END IF;
    END;"""
    changes: list[tuple[str, list[Document]]] = [
        ("insert", [{"_id": 1, "km": 1, "a": 2}]),
        ("update", [{"_id": 1}, {"$set": {"km": 3, "z": 1}, "$unset": {"a": 1}}]),
        ("replace", [{"_id": 1}, {"km": 3, "z": 1}]),
        ("delete", [{"_id": 1}]),
    ]
    assert without_server(sql, changes) == with_server(db, sql, changes)


def without_server(sql: str, changes: Sequence[tuple[str, list[Document]]]) -> State:
    with OfflineDatabase(sql) as offline:
        offline.seed(SEED)
        for method, arguments in changes:
            getattr(offline, method)("trips", *arguments)
        assert offline.dead_letters == []
        calls = [{call.procedure: list(call.args)} for call in offline.calls]
        return {"calls": shown(calls)} | {name: shown(offline[name].find()) for name in COLLECTIONS}


def with_server(db: Database[Document], sql: str, changes: Sequence[tuple[str, list[Document]]]) -> State:
    """Fires the triggers as the worker does, one event after another; each write at once."""
    db.create_collection("trips", changeStreamPreAndPostImages={"enabled": True})
    for name, documents in SEED.items():
        db[name].insert_many([dict(each) for each in documents])
    statements = [each for each in compile_sql(sql).statements if isinstance(each, TriggerStatement)]
    program, effects = CompiledProgram(statements, {}), Immediate(db)
    images = {"full_document": program.images[0], "full_document_before_change": program.images[1]}
    given = {name: value for name, value in images.items() if value == "whenAvailable"}
    methods = {"insert": "insert_one", "update": "update_many", "replace": "replace_one", "delete": "delete_many"}
    with db.watch(program.pipeline, max_await_time_ms=20, **given) as stream:  # type: ignore[arg-type]
        for method, arguments in changes:
            getattr(db["trips"], methods[method])(*(dict(each) for each in arguments))
            while (event := stream.try_next() or stream.try_next()) is not None:
                for trigger in program.triggers_for(dict(event)):
                    trigger.fire(dict(event), effects)
    return {"calls": shown(effects.calls)} | {name: shown(db[name].find()) for name in COLLECTIONS}


def shown(documents: Any) -> list[str]:
    """As text, in some order, without generated ids."""
    kept = [{k: v for k, v in each.items() if k != "_id" or not isinstance(v, ObjectId)} for each in documents]
    return sorted(json_util.dumps(each, json_options=json_util.CANONICAL_JSON_OPTIONS) for each in kept)


class Immediate:
    """``events.Effects`` that writes at once."""

    def __init__(self, db: Database[Document]) -> None:
        self.db = db
        self.calls: list[Document] = []

    def insert(self, collection: str, document: Document, origin: Origin) -> None:
        self._run({"insert": collection, "documents": [document]})

    def update(
        self, collection: str, filter: Document, update: Any, origin: Origin, *, upsert: bool = False, many: bool = True
    ) -> None:
        self._run({"update": collection, "updates": [{"q": filter, "u": update, "upsert": upsert, "multi": many}]})

    def delete(self, collection: str, filter: Document, origin: Origin, *, many: bool = True) -> None:
        self._run({"delete": collection, "deletes": [{"q": filter, "limit": 0 if many else 1}]})

    def aggregate(self, collection: str, pipeline: list[Document], origin: Origin) -> list[Document]:
        return list((self.db[collection] if collection else self.db).aggregate(pipeline))

    def call(self, procedure: str, args: Sequence[Any], event: Event, origin: Origin) -> None:
        self.calls.append({procedure: list(args)})

    def _run(self, command: Document) -> None:
        reply = self.db.command(command)
        assert not reply.get("writeErrors"), reply["writeErrors"]
