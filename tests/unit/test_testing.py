"""OfflineDatabase: what a trigger's statements do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, ObjectId

from queryleaf_cdc.testing import Call, FixedClock, OfflineDatabase, Write

Rows = list[dict[str, Any]]


def trigger(body: str, events: str = "INSERT", name: str = "t", collection: str = "trips", options: str = "") -> str:
    return f"CREATE TRIGGER {name} ON {collection} FOR {events} {options} BEGIN {body} END;"


def rows(db: OfflineDatabase, collection: str) -> Rows:
    """The documents without their generated ids."""
    found = list(db[collection].find())
    return [{k: v for k, v in each.items() if not isinstance(v, ObjectId) or k != "_id"} for each in found]


def after(body: str, *documents: dict[str, Any], read: str = "log", seed: Any = None) -> Rows:
    """What a collection holds after the documents were inserted into ``trips``."""
    with OfflineDatabase(trigger(body)) as db:
        db.seed(seed or {})
        for document in documents:
            db.insert("trips", document)
        assert db.dead_letters == []
        return rows(db, read)


LEGS = {
    "legs": [
        {"_id": 1, "trip": "a", "port": "Oslo", "km": 100},
        {"_id": 2, "trip": "a", "port": "Bergen", "km": 50},
        {"_id": 3, "trip": "a", "port": "Oslo", "km": 7},
        {"_id": 4, "trip": "b", "port": "Bergen", "km": None},
    ],
    "ports": [{"_id": "Oslo", "km": 0}, {"_id": "Bergen", "km": 0}, {"_id": "Tromsø", "km": 1}],
}


# -- control --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("km", "size"),
    [(1000, "far"), (50, "near"), (1, "here"), (None, "here"), ("50", "here"), (float("nan"), "far")],
)
def test_if_takes_the_first_branch_that_is_true(km: object, size: str) -> None:
    body = """
    IF NEW.km > 100 THEN INSERT INTO log (size) VALUES ('far');
    ELSIF NEW.km > 10 THEN INSERT INTO log (size) VALUES ('near');
    ELSE INSERT INTO log (size) VALUES ('here');
    END IF;"""
    assert after(body, {"km": km}) == [{"size": size}]


def test_case_compares_and_falls_to_else() -> None:
    body = """
    CASE NEW.kind
      WHEN 'sea' THEN INSERT INTO log (n) VALUES (1);
      WHEN 'rail' THEN INSERT INTO log (n) VALUES (2);
      ELSE INSERT INTO log (n) VALUES (3);
    END CASE;"""
    assert after(body, {"kind": "rail"}, {"kind": None}, {"kind": "sea"}) == [{"n": 2}, {"n": 3}, {"n": 1}]


def test_declare_casts_and_set_assigns() -> None:
    body = """
    DECLARE km INTEGER := NEW.km;
    DECLARE label TEXT;
    SET label = 'km ' || km;
    IF km > 10 THEN km := 10; END IF;
    INSERT INTO log (km, label) VALUES (km, label);"""
    assert after(body, {"km": "12"}, {"km": 3.4}, {"km": "x"}) == [
        {"km": 10, "label": "km 12"},
        {"km": 3, "label": "km 3"},
        {"km": None, "label": None},
    ]


def test_select_into_takes_the_first_row_or_nulls() -> None:
    body = """
    DECLARE v_port TEXT; DECLARE v_km INTEGER;
    SELECT port, km INTO v_port, v_km FROM legs WHERE trip = NEW._id ORDER BY km DESC NULLS LAST LIMIT 1;
    INSERT INTO log (port, km) VALUES (v_port, v_km);"""
    assert after(body, {"_id": "a"}, {"_id": "z"}, seed=LEGS) == [
        {"port": "Oslo", "km": 100},
        {"port": None, "km": None},
    ]


def test_for_runs_over_rows_that_were_there_when_it_began() -> None:
    body = """
    FOR leg IN (SELECT port, SUM(km) AS km FROM legs WHERE trip = NEW._id GROUP BY port ORDER BY port) LOOP
      INSERT INTO legs (trip, port, km) VALUES (NEW._id, leg.port, leg.km);
      INSERT INTO log (port, km) VALUES (leg.port, leg.km);
    END LOOP;"""
    assert after(body, {"_id": "a"}, seed=LEGS) == [{"port": "Bergen", "km": 50}, {"port": "Oslo", "km": 107}]


def test_return_ends_the_firing_even_in_a_loop() -> None:
    body = """
    FOR leg IN (SELECT * FROM legs ORDER BY _id) LOOP
      IF leg.port = 'Bergen' THEN RETURN; END IF;
      INSERT INTO log (port) VALUES (leg.port);
    END LOOP;
    INSERT INTO log (port) VALUES ('never');"""
    assert after(body, {"_id": "a"}, seed=LEGS) == [{"port": "Oslo"}]


def test_when_and_update_of_decide_whether_it_fires() -> None:
    sql = """
    CREATE TRIGGER t AFTER UPDATE OF km ON trips FOR EACH ROW WHEN (NEW.km > 5)
    BEGIN INSERT INTO log (km) VALUES (NEW.km); END;"""
    with OfflineDatabase(sql) as db:
        db.insert("trips", {"_id": 1, "km": 9})
        assert db.update("trips", {"_id": 1}, {"$set": {"name": "x"}}) == []
        assert db.update("trips", {"_id": 1}, {"$set": {"km": 4}}) == []
        (write,) = db.update("trips", {"_id": 1}, {"$set": {"km": 6}})
        assert isinstance(write, Write) and write.document["km"] == 6


# -- writes ---------------------------------------------------------------------------------------------------------


def test_insert_of_several_rows_nested_and_odd_columns() -> None:
    body = """INSERT INTO log (a.b, a.c, "x.y", whole) VALUES (1, NEW.km, 2, NEW), (3, NULL, 4, OLD);"""
    assert after(body, {"_id": 1, "km": 5}) == [
        {"a": {"b": 1, "c": 5}, "x.y": 2, "whole": {"_id": 1, "km": 5}},
        {"a": {"b": 3, "c": None}, "x.y": 4, "whole": None},
    ]


def test_insert_select() -> None:
    body = """
    INSERT INTO log (trip, port, far)
    SELECT NEW._id, port, km > 60 FROM legs WHERE trip = NEW._id AND km IS NOT NULL ORDER BY km;"""
    assert after(body, {"_id": "a"}, seed=LEGS) == [
        {"trip": "a", "port": "Oslo", "far": False},
        {"trip": "a", "port": "Bergen", "far": False},
        {"trip": "a", "port": "Oslo", "far": True},
    ]


def test_on_conflict_do_update_sees_the_row_the_new_row_and_the_change() -> None:
    body = """
    INSERT INTO tally (ship, trips, km) VALUES (NEW.ship, 1, NEW.km)
      ON CONFLICT (ship) DO UPDATE SET trips = tally.trips + 1, km = tally.km + EXCLUDED.km, last = NEW._id
      WHERE tally.trips < 3;"""
    documents = [{"_id": n, "ship": "Fram", "km": n} for n in (1, 2, 3, 4)]
    assert after(body, *documents, read="tally") == [{"ship": "Fram", "trips": 3, "km": 6, "last": 3}]


def test_on_conflict_with_null_is_no_conflict() -> None:
    body = "INSERT INTO tally (ship, n) VALUES (NEW.ship, 1) ON CONFLICT (ship) DO UPDATE SET n = tally.n + 1;"
    assert after(body, {"_id": 1}, {"_id": 2}, read="tally") == [{"ship": None, "n": 1}] * 2


def test_on_conflict_about_the_id() -> None:
    body = "INSERT INTO tally (_id, n) VALUES (NEW.ship, 1) ON CONFLICT (_id) DO UPDATE SET n = tally.n + NEW.km;"
    assert after(body, {"_id": 1, "ship": "Fram", "km": 1}, {"_id": 2, "ship": "Fram", "km": 5}, read="tally") == [
        {"_id": "Fram", "n": 6}
    ]


def test_on_conflict_do_nothing_keeps_the_first() -> None:
    body = "INSERT INTO tally (ship, first) VALUES (NEW.ship, NEW._id) ON CONFLICT (ship) DO NOTHING;"
    assert after(body, {"_id": 1, "ship": "Fram"}, {"_id": 2, "ship": "Fram"}, read="tally") == [
        {"ship": "Fram", "first": 1}
    ]


def test_insert_select_on_conflict() -> None:
    body = """
    INSERT INTO tally (port, n) SELECT port, km FROM legs WHERE trip = NEW._id AND km IS NOT NULL
      ON CONFLICT (port) DO UPDATE SET n = tally.n + EXCLUDED.n, by = NEW.who;"""
    assert after(body, {"_id": "a", "who": "me"}, read="tally", seed=LEGS) == [
        {"port": "Oslo", "n": 107, "by": "me"},
        {"port": "Bergen", "n": 50},
    ]


def test_update_from_adds_every_line() -> None:
    body = "UPDATE ports SET km = km + l.km FROM legs l WHERE l.trip = NEW._id AND ports._id = l.port;"
    assert after(body, {"_id": "a"}, read="ports", seed=LEGS) == [
        {"_id": "Oslo", "km": 107},
        {"_id": "Bergen", "km": 50},
        {"_id": "Tromsø", "km": 1},
    ]


def test_update_assigns_from_the_old_row_and_writes_below() -> None:
    seed = {"ports": [{"_id": 1, "a": 1, "b": 2, "list": [{"n": 1}, {}]}]}
    body = "UPDATE ports SET a = ports.b, b = ports.a, deep.down = NEW.km, list.n = 9 WHERE _id = NEW._id;"
    assert after(body, {"_id": 1, "km": 3}, read="ports", seed=seed) == [
        {"_id": 1, "a": 2, "b": 1, "list": [{"n": 9}, {"n": 9}], "deep": {"down": 3}}
    ]


def test_update_and_delete_with_subqueries() -> None:
    body = """
    UPDATE ports SET km = -1 WHERE _id IN (SELECT port FROM legs WHERE trip = NEW._id);
    DELETE FROM ports WHERE NOT EXISTS (SELECT 1 FROM legs l WHERE l.port = ports._id);"""
    assert after(body, {"_id": "b"}, read="ports", seed=LEGS) == [{"_id": "Oslo", "km": 0}, {"_id": "Bergen", "km": -1}]


def test_delete_using() -> None:
    body = "DELETE FROM ports USING legs l WHERE l.trip = NEW._id AND ports._id = l.port;"
    assert [each["_id"] for each in after(body, {"_id": "a"}, read="ports", seed=LEGS)] == ["Tromsø"]


def test_null_finds_nothing() -> None:
    assert len(after("DELETE FROM ports WHERE _id = NEW.port;", {"_id": 1}, read="ports", seed=LEGS)) == 3


def test_statements_of_a_firing_see_each_other() -> None:
    body = """
    INSERT INTO log (_id, n) VALUES (1, 1);
    UPDATE log SET n = log.n + 1 WHERE _id = 1;
    INSERT INTO log (_id, n) SELECT 2, n FROM log;
    DELETE FROM log WHERE _id = 1;"""
    assert after(body, {"_id": 1}) == [{"_id": 2, "n": 2}]


# -- the change -----------------------------------------------------------------------------------------------------


def test_old_and_new_by_operation() -> None:
    body = """
    INSERT INTO log (op, old, new, other, known)
    VALUES (TRIGGER_ACTION, OLD.km, NEW.km, OLD.km <> NEW.km, OLD.km IS DISTINCT FROM NEW.km);"""
    with OfflineDatabase(trigger(body, "INSERT, UPDATE, DELETE")) as db:
        db.insert("trips", {"_id": 1, "km": 1})
        db.update("trips", {"_id": 1}, {"$set": {"km": 2}})
        db.replace("trips", {"_id": 1}, {"km": 2})
        db.delete("trips", {"_id": 1})
        assert rows(db, "log") == [
            {"op": "INSERT", "old": None, "new": 1, "other": None, "known": True},
            {"op": "UPDATE", "old": 1, "new": 2, "other": True, "known": True},
            {"op": "UPDATE", "old": 2, "new": 2, "other": False, "known": False},
            {"op": "DELETE", "old": 2, "new": None, "other": None, "known": True},
        ]


def test_what_a_change_tells_about_itself() -> None:
    body = """
    INSERT INTO log (k, c, d, fields, at, depth) VALUES
      (CHANGE_KEY(), CHANGE_COLLECTION(), CHANGE_DATABASE(), CHANGED_FIELDS(), CURRENT_TIMESTAMP, TRIGGER_DEPTH());"""
    noon = datetime(2025, 6, 1, 12, 0, 0, 123456)
    with OfflineDatabase(trigger(body, "UPDATE"), clock=FixedClock(noon), database="fleet") as db:
        db.insert("trips", {"_id": 1, "a": 1, "b": 2})
        db.update("trips", {"_id": 1}, {"$set": {"a": 5, "z": 1}, "$unset": {"b": 1}})
        assert rows(db, "log") == [
            {
                "k": {"_id": 1},
                "c": "trips",
                "d": "fleet",
                "fields": ["a", "z", "b"],
                "at": datetime(2025, 6, 1, 12, 0, 0, 123000),
                "depth": 0,
            }
        ]


def test_change_ids_ascend_and_are_the_same_in_every_run() -> None:
    def ids() -> list[str]:
        with OfflineDatabase(trigger("INSERT INTO log (id) VALUES (CHANGE_ID());")) as db:
            db.insert("trips", {"a": 1}, {"a": 2})
            return [each["id"] for each in db["log"].find()]

    first = ids()
    assert first == ids() and first == sorted(first) and len(set(first)) == 2


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1, "int"),
        (Int64(1), "long"),
        (2**40, "long"),
        (1.5, "double"),
        (Decimal128("1.50"), "decimal"),
        (True, "bool"),
        ("x", "string"),
        (datetime(2025, 1, 2), "date"),
        (ObjectId("64b000000000000000000001"), "objectId"),
        (Binary(b"\x01", 5), "binData"),
        ([1, [2]], "array"),
        ({"a": {"b": None}}, "object"),
    ],
)
def test_every_kind_of_value_passes_through(value: object, kind: str) -> None:
    (found,) = after("INSERT INTO log (v, same) VALUES (NEW.v, NEW.v = NEW.v);", {"v": value})
    assert found == {"v": value, "same": True}
    with OfflineDatabase() as db:
        db.seed({"log": [found]})
        assert next(db["log"].aggregate([{"$project": {"n": "$v"}}]))["n"] == value, kind


# -- CALL -----------------------------------------------------------------------------------------------------------


def test_calls_come_after_all_triggers_of_the_event_in_order() -> None:
    seen: list[object] = []
    sql = trigger("CALL SHIP(NEW._id, 'a'); CALL SHIP(NEW._id, 'b');", name="one") + trigger(
        "INSERT INTO log (n) VALUES (1); CALL ship(NEW._id, 'c');", name="two"
    )

    def ship(trip: object, what: str, *, change: object) -> None:
        seen.append((trip, what, db["log"].count_documents({})))

    with OfflineDatabase(sql, procedures={"SHIP": ship}) as db:
        db.insert("trips", {"_id": 7})
        assert seen == [(7, "a", 1), (7, "b", 1), (7, "c", 1)]
        assert [call.args for call in db.calls] == [(7, "a"), (7, "b"), (7, "c")]


def test_a_procedure_is_told_about_the_change() -> None:
    keys: list[str] = []

    def ship(*, change: Any) -> None:
        keys.append(change.idempotency_key)
        assert (change.operation, change.collection, change.key, change.trigger) == ("INSERT", "trips", {"_id": 1}, "t")

    with OfflineDatabase(trigger("CALL SHIP(); CALL SHIP();"), procedures={"ship".upper(): ship}) as db:
        db.insert("trips", {"_id": 1})
    assert len(set(keys)) == 2


def test_calls_without_a_procedure_are_recorded() -> None:
    with OfflineDatabase(trigger("CALL SHIP(NEW.a, NEW.b - INTERVAL '1 day', (SELECT COUNT(*) FROM legs));")) as db:
        (call,) = db.insert("trips", {"a": [1], "b": datetime(2025, 3, 1)})
        assert isinstance(call, Call)
        assert (call.procedure, call.args) == ("SHIP", ([1], datetime(2025, 2, 28), 0))
        assert db.dead_letters == []


def test_functions_run_in_python() -> None:
    double: Callable[[Any], Any] = lambda value: value * 2  # noqa: E731
    with OfflineDatabase(trigger("INSERT INTO log (n) VALUES (twice(NEW.km) + 1);"), functions={"Twice": double}) as db:
        db.insert("trips", {"km": 4})
        assert rows(db, "log") == [{"n": 9}]
