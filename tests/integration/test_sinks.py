"""CREATE SINK on a real server: into a collection, to a procedure, into a file; its life in the catalog."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from queryleaf_cdc import CompileError, InputError, QueryLeaf
from queryleaf_cdc.runtime.limits import Limits
from queryleaf_cdc.runtime.worker import Worker

Db = Database[dict[str, Any]]
QUICK = {"retry_seconds": 0.01, "heartbeat_seconds": 0.2, "call_retry_seconds": 0.02, "max_call_retry_seconds": 0.1}


class QuickLeaf(QueryLeaf):
    """With short pauses."""

    def _make_worker(self) -> Worker:
        return Worker(self.client, self.database.name, self._build, self._procedures, limits=Limits(**QUICK))  # type: ignore[arg-type]


@pytest.fixture
def ql(db: Db) -> Iterator[QueryLeaf]:
    each = QuickLeaf(client=db.client, database=db.name)
    yield each
    each.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory that the worker is started in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


class TestIntoCollection:
    SINK = """CREATE SINK audit AS
        SELECT _id AS order_id, total, CHANGE_TYPE() AS what FROM orders WHERE CHANGE_DETECTED() INTO order_audit"""

    def test_there_is_a_row_for_each_change(self, ql: QueryLeaf, db: Db) -> None:
        ql.execute(self.SINK)
        with ql:
            db.orders.insert_one({"_id": 1, "total": 5})
            db.orders.update_one({"_id": 1}, {"$set": {"total": 6}})
            db.orders.delete_one({"_id": 1})
            ql.drain()
        found = [(each["order_id"], each["total"], each["what"]) for each in db.order_audit.find().sort("_id", 1)]
        assert found == [(1, 5, "INSERT"), (1, 6, "UPDATE"), (1, 6, "DELETE")]

    def test_the_id_is_that_of_the_change(self, ql: QueryLeaf, db: Db) -> None:
        ql.execute("CREATE SINK audit AS SELECT CHANGE_ID() AS id FROM orders WHERE CHANGE_DETECTED() INTO order_audit")
        with ql:
            db.orders.insert_one({"_id": 1})
            ql.drain()
        (row,) = db.order_audit.find()
        assert row["_id"] == row["id"]

    def test_an_id_of_the_users_own_stands_behind_star(self, ql: QueryLeaf, db: Db) -> None:
        ql.execute(
            "CREATE SINK audit AS SELECT 'c-' || CHANGE_ID() AS _id, * FROM orders WHERE CHANGE_DETECTED() INTO copies"
        )
        with ql:
            db.orders.insert_one({"_id": 1, "total": 5})
            ql.drain()
        (row,) = db.copies.find()
        assert (row["_id"][:2], row["total"]) == ("c-", 5)

    def test_another_sink_that_would_take_its_rows_is_warned_of(self, ql: QueryLeaf) -> None:
        ql.execute(self.SINK)
        other = self.SINK.replace("SINK audit", "SINK other")
        assert [each.code for each in ql.compile(other).diagnostics] == ["QL262"]
        assert ql.compile(self.SINK.replace("CREATE", "CREATE OR REPLACE")).diagnostics == ()
        assert ql.compile(other.replace("INTO order_audit", "INTO others")).diagnostics == ()

    def test_a_row_fires_triggers_of_its_collection(self, ql: QueryLeaf, db: Db) -> None:
        ql.execute(self.SINK)
        ql.execute("CREATE TRIGGER t AFTER INSERT ON order_audit BEGIN INSERT INTO log (n) VALUES (NEW.order_id); END")
        with ql:
            db.orders.insert_one({"_id": 7})
            ql.drain()
        assert [each["n"] for each in db.log.find()] == [7]

    def test_another_worker_goes_on_where_the_first_one_stopped(self, ql: QueryLeaf, db: Db) -> None:
        ql.execute(self.SINK)
        with ql:
            db.orders.insert_one({"_id": 1})
            ql.drain()
        db.orders.insert_one({"_id": 2})
        with ql:
            ql.drain()
        assert sorted(each["order_id"] for each in db.order_audit.find()) == [1, 2]

    @pytest.mark.parametrize("columns", ["total, total * 2 AS twice", "*, total * 2 AS twice"])
    def test_one_that_begins_again_replaces_its_rows(self, ql: QueryLeaf, db: Db, columns: str) -> None:
        """A change has one row, whoever wrote it."""
        again = "CREATE SINK audit WITH (start = 'beginning') AS SELECT {} FROM orders WHERE CHANGE_DETECTED() INTO b"
        ql.execute(again.format(columns).replace(", total * 2 AS twice", ""))
        with ql:
            db.orders.insert_many([{"_id": n, "total": n} for n in range(3)])
            ql.drain()
        ql.execute("DROP SINK audit")
        ql.execute(again.format(columns))
        with ql:
            db.orders.insert_one({"_id": 3, "total": 3})
            ql.drain()
        assert [(each["total"], each["twice"]) for each in db.b.find().sort("_id", 1)] == [(n, n * 2) for n in range(4)]
        assert db["_queryleaf.dead_letters"].count_documents({}) == 0


class TestCatalog:
    SINK = "CREATE SINK audit AS SELECT total FROM orders WHERE CHANGE_DETECTED() INTO order_audit"

    def test_it_is_listed_as_a_sink(self, ql: QueryLeaf) -> None:
        assert ql.execute(self.SINK).status == "created"
        (entry,) = ql.registered()
        assert (entry.name, entry.kind) == ("audit", "sink")

    def test_its_status_tells_what_it_is(self, ql: QueryLeaf) -> None:
        ql.execute(self.SINK)
        with ql:
            ql.drain()
            status = ql.status()["audit"]
        assert (status["kind"], status["state"]) == ("sink", "running")

    def test_a_name_is_taken_once(self, ql: QueryLeaf) -> None:
        ql.execute(self.SINK)
        with pytest.raises(InputError, match="sink audit exists"):
            ql.execute(self.SINK)

    def test_it_is_replaced_by_another_target(self, ql: QueryLeaf, db: Db) -> None:
        ql.execute(self.SINK)
        with ql:
            db.orders.insert_one({"_id": 1})
            ql.drain()
            status = ql.execute(self.SINK.replace("SINK", "OR REPLACE SINK", 1).replace("order_audit", "other")).status
            db.orders.insert_one({"_id": 2})
            ql.drain()
        found = (status, db.order_audit.count_documents({}), db.other.count_documents({}))
        assert found == ("replaced", 1, 1)

    def test_a_paused_one_catches_up(self, ql: QueryLeaf, db: Db) -> None:
        ql.execute(self.SINK)
        with ql:
            ql.pause("audit")
            db.orders.insert_one({"_id": 1})
            ql.drain()
            held = db.order_audit.count_documents({})
            ql.resume("audit")
            ql.drain()
        assert (held, db.order_audit.count_documents({})) == (0, 1)

    def test_a_dropped_one_is_gone(self, ql: QueryLeaf, db: Db) -> None:
        ql.execute(self.SINK)
        with ql:
            assert ql.execute("DROP SINK audit").status == "dropped"
            db.orders.insert_one({"_id": 1})
            ql.drain()
        assert (ql.registered(), db.order_audit.count_documents({})) == ([], 0)

    def test_another_kind_is_not_dropped(self, ql: QueryLeaf) -> None:
        ql.execute(self.SINK)
        with pytest.raises(InputError, match="there is no trigger audit"):
            ql.execute("DROP TRIGGER audit")

    def test_what_is_not_there_may_be_dropped(self, ql: QueryLeaf) -> None:
        assert ql.execute("DROP SINK IF EXISTS audit").status == "unchanged"

    def test_a_plan_names_it(self, ql: QueryLeaf) -> None:
        assert ql.plan_registration(self.SINK) == [("audit", "created")]


class TestIntoProcedure:
    SINK = (
        "CREATE SINK large AS SELECT _id, total FROM orders WHERE CHANGE_DETECTED() AND total > 10 INTO PROCEDURE ship"
    )

    def test_it_is_called_with_the_row_and_the_change(self, ql: QueryLeaf, db: Db) -> None:
        calls: list[Any] = []
        ql.procedure("SHIP")(lambda row, *, change: calls.append((row, change.trigger, change.key)))
        ql.execute(self.SINK)
        with ql:
            db.orders.insert_many([{"_id": 1, "total": 5}, {"_id": 2, "total": 50}])
            ql.drain()
        assert calls == [({"_id": 2, "total": 50}, "large", {"_id": 2})]

    def test_one_that_nobody_registered_is_refused_at_once(self, ql: QueryLeaf) -> None:
        with pytest.raises(CompileError, match="unknown procedure SHIP"):
            ql.execute(self.SINK)

    def test_it_is_called_again_with_the_same_key(self, ql: QueryLeaf, db: Db) -> None:
        keys: list[str] = []

        @ql.procedure("SHIP")
        def ship(row: Any, *, change: Any) -> None:
            keys.append(change.idempotency_key)
            if len(keys) < 3:
                raise ConnectionError

        ql.execute(self.SINK)
        with ql:
            db.orders.insert_one({"_id": 1, "total": 50})
            ql.drain()
        assert len(keys) == 3
        assert len(set(keys)) == 1

    def test_max_retries_bounds_the_attempts(self, ql: QueryLeaf, db: Db) -> None:
        attempts: list[int] = []

        @ql.procedure("SHIP")
        def ship(row: Any, *, change: Any) -> None:
            attempts.append(change.attempt)
            raise ConnectionError

        ql.execute(self.SINK.replace("AS", "WITH (max_retries = 2) AS", 1))
        with ql:
            db.orders.insert_one({"_id": 1, "total": 50})
            ql.drain()
        assert attempts == [1, 2, 3]
        (letter,) = db["_queryleaf.dead_letters"].find()
        assert (letter["kind"], letter["trigger"], letter["to"]["name"]) == ("row", "large", "ship")


class TestIntoFile:
    SINK = "CREATE SINK log AS SELECT _id, total FROM orders WHERE CHANGE_DETECTED() INTO FILE 'orders.jsonl'"

    @pytest.fixture
    def written(self, ql: QueryLeaf, db: Db, folder: Path) -> Callable[[], Path]:
        def write(sink: str = self.SINK) -> Path:
            ql.execute(sink)
            with ql:
                db.orders.insert_many([{"_id": n, "total": n * 10} for n in (1, 2)])
                ql.drain()
            return folder / "orders.jsonl"

        return write

    def test_there_is_a_line_for_each_row(self, written: Callable[[], Path]) -> None:
        assert [each["row"] for each in lines(written())] == [{"_id": 1, "total": 10}, {"_id": 2, "total": 20}]

    def test_a_line_carries_its_change(self, written: Callable[[], Path]) -> None:
        first, second = (each["change"] for each in lines(written()))
        assert (first["operation"], first["collection"], first["key"]) == ("INSERT", "orders", {"_id": 1})
        assert first["id"] < second["id"]

    def test_what_was_there_stays(self, written: Callable[[], Path], folder: Path) -> None:
        (folder / "orders.jsonl").write_text('{"row": 0}\n')
        assert len(lines(written())) == 3

    def test_a_torn_line_does_not_spoil_the_next_one(self, written: Callable[[], Path], folder: Path) -> None:
        (folder / "orders.jsonl").write_text('{"id": "to')
        torn, *whole = written().read_text().splitlines()
        assert (torn, [json.loads(each)["row"]["_id"] for each in whole]) == ('{"id": "to', [1, 2])

    def test_the_folder_may_come_later(self, ql: QueryLeaf, db: Db, folder: Path) -> None:
        ql.execute(
            self.SINK.replace("orders.jsonl", "out/orders.jsonl").replace("AS", "WITH (max_retries = 900) AS", 1)
        )
        with ql:
            db.orders.insert_one({"_id": 1})
            with pytest.raises(TimeoutError):
                ql.drain(timeout=0.5)
            (folder / "out").mkdir()
            ql.drain()
        assert len(lines(folder / "out" / "orders.jsonl")) == 1


class TestApart:
    def test_the_same_change_goes_into_every_sink_once(self, ql: QueryLeaf, db: Db, folder: Path) -> None:
        calls: list[Any] = []
        ql.procedure("P")(lambda row, *, change: calls.append(row))
        ql.execute("CREATE SINK a AS SELECT total FROM orders WHERE CHANGE_DETECTED() INTO copies")
        ql.execute("CREATE SINK b AS SELECT total FROM orders WHERE CHANGE_DETECTED() INTO PROCEDURE p")
        ql.execute("CREATE SINK c AS SELECT total FROM orders WHERE CHANGE_DETECTED() INTO FILE 'c.jsonl'")
        ql.execute("CREATE SINK d AS SELECT total FROM orders WHERE CHANGE_DETECTED() INTO FILE 'd.jsonl'")
        with ql:
            db.orders.insert_many([{"_id": n} for n in range(50)])
            ql.drain(30)
        counts = [len(lines(folder / name)) for name in ("c.jsonl", "d.jsonl")]
        assert [db.copies.count_documents({}), len(calls), *counts] == [50] * 4

    def test_a_procedure_that_hangs_holds_up_no_file(self, ql: QueryLeaf, db: Db, folder: Path) -> None:
        entered, released = threading.Event(), threading.Event()

        @ql.procedure("P")
        def p(row: Any, *, change: Any) -> None:
            entered.set()
            released.wait(20)

        ql.execute("CREATE SINK b AS SELECT total FROM orders WHERE CHANGE_DETECTED() INTO PROCEDURE p")
        ql.execute("CREATE SINK c AS SELECT total FROM orders WHERE CHANGE_DETECTED() INTO FILE 'c.jsonl'")
        with ql:
            db.orders.insert_one({"_id": 1})
            assert entered.wait(10)
            db.orders.insert_one({"_id": 2})
            wait_for(lambda: (folder / "c.jsonl").exists() and len(lines(folder / "c.jsonl")) == 2)
            released.set()
            ql.drain()

    def test_many_triggers_on_the_collection_change_nothing(self, ql: QueryLeaf, db: Db, folder: Path) -> None:
        """Beyond a number of them the worker evaluates all by itself."""
        for number in range(20):
            ql.execute(f"CREATE TRIGGER t{number} AFTER DELETE ON orders BEGIN INSERT INTO log (n) VALUES (1); END")
        ql.execute("CREATE SINK a AS SELECT *, _id AS key FROM orders WHERE CHANGE_DETECTED() INTO copies")
        ql.execute("CREATE SINK c AS SELECT total FROM orders WHERE CHANGE_DETECTED() INTO FILE 'c.jsonl'")
        with ql:
            db.orders.insert_one({"_id": 1, "total": 3})
            ql.drain()
        (copy,) = db.copies.find()
        (line,) = lines(folder / "c.jsonl")
        assert (copy["key"], line["row"], line["change"]["id"]) == (1, {"total": 3}, copy["_id"])


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("it did not happen in time")
