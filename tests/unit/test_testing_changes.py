"""OfflineDatabase: which changes make events, chains of triggers, and what failures leave."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from typing import Any

import pytest

from queryleaf_cdc.errors import CompileError, InputError, RunError
from queryleaf_cdc.offline.worker import MAX_DEPTH
from queryleaf_cdc.testing import DeadLetter, FixedClock, OfflineDatabase, Row, Write, effect_json

AUDIT = """
CREATE TRIGGER audit ON trips FOR INSERT, UPDATE, DELETE
BEGIN INSERT INTO log (op, k) VALUES (TRIGGER_ACTION, CHANGE_KEY()); END;"""


@pytest.fixture
def db() -> OfflineDatabase:
    return OfflineDatabase(AUDIT)


def ops(db: OfflineDatabase) -> list[Any]:
    return [each["op"] for each in db["log"].find()]


# -- which changes make events --------------------------------------------------------------------------------------


def test_an_update_that_changes_nothing_makes_no_event(db: OfflineDatabase) -> None:
    db.seed({"trips": [{"_id": 1, "n": 1}]})
    assert db.update("trips", {"_id": 1}, {"$set": {"n": 1}}) == []
    assert db.update("trips", {"_id": 9}, {"$set": {"n": 1}}) == []


def test_an_update_that_only_changes_the_width_of_a_number_is_one(db: OfflineDatabase) -> None:
    db.seed({"trips": [{"_id": 1, "n": 1}]})
    assert len(db.update("trips", {"_id": 1}, {"$set": {"n": 1.0}})) == 1


def test_a_replacement_always_makes_an_event(db: OfflineDatabase) -> None:
    db.seed({"trips": [{"_id": 1, "n": 1}]})
    db.replace("trips", {"_id": 1}, {"n": 1})
    assert ops(db) == ["UPDATE"]


def test_many_or_one(db: OfflineDatabase) -> None:
    db.seed({"trips": [{"_id": n, "n": 0} for n in range(3)]})
    assert len(db.update("trips", {}, {"$inc": {"n": 1}})) == 3
    assert len(db.update("trips", {}, {"$inc": {"n": 1}}, many=False)) == 1
    assert len(db.delete("trips", {}, many=False)) == 1
    assert len(db.delete("trips", {})) == 2


def test_upserts_insert(db: OfflineDatabase) -> None:
    db.update("trips", {"_id": 5}, {"$set": {"n": 1}}, upsert=True)
    db.update("trips", {"n": 7}, {"$setOnInsert": {"m": 1}}, upsert=True)
    db.replace("trips", {"_id": 6}, {"n": 2}, upsert=True)
    assert ops(db) == ["INSERT"] * 3
    assert db["trips"].find_one({"_id": 5}) == {"_id": 5, "n": 1}
    assert db["trips"].find_one({"_id": 6}) == {"_id": 6, "n": 2}
    assert db["trips"].find_one({"n": 7})["m"] == 1


def test_seeds_and_writes_to_the_collection_itself_fire_nothing(db: OfflineDatabase) -> None:
    db.seed({"trips": [{"_id": 1}]})
    db["trips"].insert_one({"_id": 2, "n": 1})
    assert db.effects == []
    db.update("trips", {"_id": 2}, {"$set": {"n": 2}})
    assert ops(db) == ["UPDATE"]


def test_documents_are_stored_as_a_server_would(db: OfflineDatabase) -> None:
    given = {"_id": 1, "at": datetime(2025, 1, 1, microsecond=1999), "pair": [1, 2]}
    db.insert("trips", given)
    given["pair"].append(3)  # type: ignore[attr-defined]
    assert db["trips"].find_one() == {"_id": 1, "at": datetime(2025, 1, 1, microsecond=1000), "pair": [1, 2]}


def test_a_refused_insert_leaves_nothing(db: OfflineDatabase) -> None:
    db["trips"].create_index("n", unique=True)
    for documents in ([{"_id": 1}, {"_id": 1}], [{"n": 1}, {"n": 1}], [{"_id": [1]}], [{"n": 2**70}]):
        with pytest.raises(RunError, match="QL602"):
            db.insert("trips", *documents)
    assert list(db["trips"].find()) == [] and db.effects == []


def test_ids_that_only_look_alike_differ(db: OfflineDatabase) -> None:
    db.insert("trips", {"_id": 1})
    with pytest.raises(RunError, match="QL602"):
        db.insert("trips", {"_id": 1.0})


def test_effects_are_returned_collected_and_cleared(db: OfflineDatabase) -> None:
    first = db.insert("trips", {"_id": 1})
    second = db.delete("trips", {"_id": 1})
    assert [each.event for each in first + second] == [1, 2]
    assert db.effects == first + second == db.writes
    db.clear()
    assert db.effects == [] and ops(db) == ["INSERT", "DELETE"]


# -- order, chains ----------------------------------------------------------------------------------------------------


def test_triggers_fire_in_the_order_of_their_names() -> None:
    make = "CREATE TRIGGER {0} ON trips FOR INSERT BEGIN INSERT INTO log (k) VALUES ('{0}'); END;"
    with OfflineDatabase("".join(make.format(name) for name in ("c", "a", "B"))) as db:
        db.insert("trips", {})
        assert [each["k"] for each in db["log"].find()] == ["B", "a", "c"]


def test_writes_fire_triggers_in_turn_with_the_images_of_their_moment() -> None:
    sql = """
    CREATE TRIGGER a ON trips FOR INSERT BEGIN
      UPDATE stock SET n = stock.n - 1; UPDATE stock SET n = stock.n - 1;
    END;
    CREATE TRIGGER b ON stock FOR UPDATE BEGIN
      INSERT INTO log (old, new, depth) VALUES (OLD.n, NEW.n, TRIGGER_DEPTH());
    END;"""
    with OfflineDatabase(sql) as db:
        db.seed({"stock": [{"_id": 1, "n": 5}]})
        effects = db.insert("trips", {})
        assert list(db["log"].find({}, {"_id": 0})) == [
            {"old": 5, "new": 4, "depth": 1},
            {"old": 4, "new": 3, "depth": 1},
        ]
        assert [(each.event, each.trigger, each.depth) for each in effects] == [
            (1, "a", 0),
            (1, "a", 0),
            (1, "b", 1),
            (1, "b", 1),
        ]


def test_an_endless_chain_ends_in_a_dead_letter() -> None:
    sql = "CREATE TRIGGER again ON trips FOR INSERT BEGIN INSERT INTO trips (n) VALUES (NEW.n + 1); END;"
    with OfflineDatabase(sql) as db:
        db.insert("trips", {"n": 0})
        (letter,) = db.dead_letters
        assert letter.code == "QL608" and "again → again" in letter.message
        assert letter.depth == MAX_DEPTH + 1 and len(letter.chain) == MAX_DEPTH + 2
        assert db["trips"].count_documents({}) == MAX_DEPTH + 2


def test_a_write_to_its_own_row_that_settles_does_not_loop() -> None:
    sql = """
    CREATE TRIGGER total ON trips FOR INSERT, UPDATE BEGIN
      UPDATE trips SET total = trips.km * 2 WHERE _id = NEW._id;
    END;"""
    with OfflineDatabase(sql) as db:
        effects = db.insert("trips", {"_id": 1, "km": 4})
        assert [(each.depth, each.trigger) for each in effects] == [(0, "total")]
        assert db["trips"].find_one() == {"_id": 1, "km": 4, "total": 8} and db.dead_letters == []


def test_two_triggers_that_feed_each_other_show_the_chain() -> None:
    sql = """
    CREATE TRIGGER ping ON a FOR INSERT BEGIN INSERT INTO b (n) VALUES (1); END;
    CREATE TRIGGER pong ON b FOR INSERT BEGIN INSERT INTO a (n) VALUES (1); END;"""
    with OfflineDatabase(sql) as db:
        db.insert("a", {})
        (letter,) = db.dead_letters
        assert letter.chain[:3] == ("ping", "pong", "ping")


# -- failures ---------------------------------------------------------------------------------------------------------


def test_raise_is_a_dead_letter_with_its_place_and_leaves_nothing() -> None:
    sql = """CREATE TRIGGER strict ON trips FOR INSERT BEGIN
  UPDATE ports SET n = 1; DELETE FROM gone; INSERT INTO log (n) VALUES (1); CALL NOTIFY();
  RAISE 'no ship for %', NEW._id;
END;"""
    with OfflineDatabase(sql, name="fleet.sql") as db:
        db.seed({"ports": [{"_id": 1, "n": 0}], "gone": [{"_id": 1}]})
        (letter,) = db.insert("trips", {"_id": 7})
        assert isinstance(letter, DeadLetter)
        assert (letter.code, letter.message, letter.trigger) == ("QL601", "no ship for 7", "strict")
        assert letter.place == "fleet.sql:3:3" and letter.chain == ("strict",)
        assert list(db["ports"].find()) == [{"_id": 1, "n": 0}]
        assert list(db["gone"].find()) == [{"_id": 1}] and list(db["log"].find()) == []
        assert db.calls == []


def test_a_failure_concerns_its_own_trigger_only() -> None:
    sql = (
        AUDIT
        + "CREATE TRIGGER bad ON trips FOR INSERT BEGIN RAISE 'no'; END;"
        + ("CREATE TRIGGER zeta ON trips FOR INSERT BEGIN INSERT INTO log (op) VALUES ('zeta'); END;")
    )
    with OfflineDatabase(sql) as db:
        db.insert("trips", {"_id": 1})
        assert ops(db) == ["INSERT", "zeta"] and len(db.dead_letters) == 1


def test_a_refused_write_is_a_dead_letter() -> None:
    sql = """CREATE TRIGGER t ON trips FOR INSERT BEGIN
    INSERT INTO log (n) VALUES (1);
    INSERT INTO taken (ship) VALUES (NEW.ship); END;"""
    with OfflineDatabase(sql) as db:
        db["taken"].create_index("ship", unique=True)
        db.insert("trips", {"ship": "Fram"}, {"ship": "Fram"})
        (letter,) = db.dead_letters
        assert letter.code == "QL602" and letter.event == 2 and letter.place == "<sql>:3:5"
        assert db["log"].count_documents({}) == 1


def test_a_function_that_fails_is_a_dead_letter() -> None:
    def broken(value: object) -> object:
        raise ValueError("no such value")

    sql = "CREATE TRIGGER t ON trips FOR INSERT BEGIN INSERT INTO log (n) VALUES (BROKEN(NEW.n)); END;"
    with OfflineDatabase(sql, functions={"BROKEN": broken}) as db:
        (letter,) = db.insert("trips", {})
        assert isinstance(letter, DeadLetter)
        assert (letter.code, letter.message) == ("QL603", "ValueError: no such value")


def test_a_procedure_that_fails_is_a_dead_letter_of_its_own() -> None:
    def broken(*, change: object) -> None:
        raise RuntimeError("unreachable")

    sql = "CREATE TRIGGER t ON trips FOR INSERT BEGIN INSERT INTO log (n) VALUES (1); CALL BROKEN(); END;"
    with OfflineDatabase(sql, procedures={"BROKEN": broken}) as db:
        db.insert("trips", {})
        (letter,) = db.dead_letters
        assert (letter.procedure, letter.message) == ("BROKEN", "RuntimeError: unreachable")
        assert db["log"].count_documents({}) == 1


def test_on_error_stop_stops_the_trigger_but_raise_does_not() -> None:
    sql = """CREATE TRIGGER t ON trips FOR INSERT WITH (on_error = 'stop') BEGIN
      IF NEW.n = 1 THEN RAISE 'one'; END IF;
      INSERT INTO log (n) VALUES (PICKY(NEW.n));
    END;"""

    def picky(value: object) -> object:
        if value == 2:
            raise ValueError
        return value

    with OfflineDatabase(sql, functions={"PICKY": picky}) as db:
        db.insert("trips", {"n": 1}, {"n": 0}, {"n": 2}, {"n": 3})
        assert [letter.stopped for letter in db.dead_letters] == [False, True]
        assert [each["n"] for each in db["log"].find()] == [0]
        assert effect_json(db.dead_letters[1])["op"] == "stop"


def test_a_procedure_may_change_the_database() -> None:
    def book(ship: object, *, change: object) -> None:
        db.insert("bookings", {"ship": ship})

    sql = """
    CREATE TRIGGER t ON trips FOR INSERT BEGIN CALL BOOK(NEW.ship); END;
    CREATE TRIGGER u ON bookings FOR INSERT BEGIN INSERT INTO log (ship) VALUES (NEW.ship); END;"""
    with OfflineDatabase(sql, procedures={"BOOK": book}) as db:
        db.insert("trips", {"ship": "Fram"})
        assert [each["ship"] for each in db["log"].find()] == ["Fram"]


# -- statements -------------------------------------------------------------------------------------------------------


def test_execute_runs_statements_and_gives_the_last_rows(db: OfflineDatabase) -> None:
    found = db.execute("INSERT INTO trips (_id, n) VALUES (1, 2); SELECT _id AS trip, n * 2 AS n FROM trips;")
    assert found == [{"trip": 1, "n": 4}] and ops(db) == ["INSERT"]
    db.execute("UPDATE trips SET n = trips.n + 1; DELETE FROM trips WHERE n = 3;")
    assert ops(db) == ["INSERT", "UPDATE", "DELETE"] and db.execute("SELECT * FROM trips") == []


def test_a_one_shot_statement_that_fails_leaves_nothing(db: OfflineDatabase) -> None:
    db.seed({"trips": [{"_id": 2}]})
    with pytest.raises(RunError, match="QL602"):
        db.execute("INSERT INTO trips (_id) VALUES (1), (2);")
    assert db["trips"].count_documents({}) == 1 and db.effects == []


def test_triggers_are_replaced_and_dropped(db: OfflineDatabase) -> None:
    with pytest.raises(InputError, match="exists"):
        db.execute(AUDIT)
    db.execute(AUDIT.replace("CREATE", "CREATE OR REPLACE").replace("CHANGE_KEY()", "1"))
    db.insert("trips", {})
    assert db["log"].find_one()["k"] == 1
    db.execute("DROP TRIGGER audit;")
    assert db.insert("trips", {}) == []
    db.execute("DROP TRIGGER IF EXISTS audit;")
    with pytest.raises(InputError, match="no trigger"):
        db.execute("DROP TRIGGER audit;")


def test_a_streaming_select_gives_rows() -> None:
    with OfflineDatabase("SELECT _id, CHANGE_TYPE() AS op FROM trips WHERE CHANGE_DETECTED() AND n > 1") as db:
        db.insert("trips", {"_id": 1, "n": 1}, {"_id": 2, "n": 2})
        assert [row.document for row in db.rows] == [{"_id": 2, "op": "INSERT"}]
        assert all(isinstance(each, Row) for each in db.effects)


def test_mistakes_of_the_sql_are_compile_errors() -> None:
    with pytest.raises(CompileError, match="QL209"):
        OfflineDatabase("CREATE TRIGGER t ON a FOR INSERT BEGIN INSERT INTO b (n) VALUES (NOBODY_KNOWS(1)); END;")


def test_the_clock_is_the_commit_time() -> None:
    clock = FixedClock(datetime(2025, 9, 5, 10))
    sql = "CREATE TRIGGER t ON trips FOR INSERT BEGIN INSERT INTO log (at) VALUES (NOW()); END;"
    with OfflineDatabase(sql, clock=clock) as db:
        db.insert("trips", {})
        clock.advance(timedelta(hours=1))
        db.insert("trips", {})
        assert [each["at"].hour for each in db["log"].find()] == [10, 11]


def test_effects_as_json_are_the_same_in_every_run() -> None:
    def run() -> list[dict[str, Any]]:
        sql = (
            "CREATE TRIGGER t ON trips FOR INSERT BEGIN INSERT INTO log (n, at) VALUES (NEW.n, NOW()); CALL P(1); END;"
        )
        with OfflineDatabase(sql) as db:
            return [effect_json(each) for each in db.insert("trips", {"n": 2**40})]

    assert run() == run()
    assert [list(each) for each in run()] == [
        ["event", "trigger", "op", "collection", "document"],
        ["event", "trigger", "op", "procedure", "args"],
    ]


def test_what_mongomock_cannot_do_is_named(db: OfflineDatabase) -> None:
    with pytest.raises(InputError, match="QL427"):
        db.update("trips", {"$where": "this.n > 1"}, {"$set": {"n": 1}})
    db.insert("trips", {"_id": 1})
    with pytest.raises(InputError, match="QL427"):
        db.update("trips", {}, [{"$unset": "n"}])  # type: ignore[arg-type]


def test_a_write_that_is_undone_restores_inserted_updated_and_deleted_documents(db: OfflineDatabase) -> None:
    sql = """CREATE TRIGGER t ON x FOR INSERT BEGIN
      INSERT INTO a (_id, n) VALUES (2, 1); UPDATE a SET n = a.n + 1;
      DELETE FROM a; INSERT INTO a (_id, n) VALUES (1, 9);
      RAISE 'undo';
    END;"""
    db.execute(sql)
    db.seed({"a": [{"_id": 1, "n": 0}]})
    db.insert("x", {})
    assert list(db["a"].find()) == [{"_id": 1, "n": 0}]
    assert all(not isinstance(each, Write) for each in db.effects)


def test_without_mongomock_the_import_says_what_to_install() -> None:
    code = "import sys; sys.modules['mongomock'] = None; import queryleaf_cdc.testing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "pip install 'queryleaf-cdc[testing]'" in done.stderr
