"""The Python API on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from queryleaf_cdc import CompileError, InputError, QueryLeaf, ServerError

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"


@pytest.fixture
def ql(db: Database[dict[str, Any]]) -> Iterator[QueryLeaf]:
    each = QueryLeaf(client=db.client, database=db.name)
    yield each
    each.close()


def rows(found: Any) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "_id"} for row in found]


def reference_trigger() -> str:
    """The first CREATE TRIGGER of the document's SQL, as it stands."""
    if not REFERENCE.is_dir():
        pytest.skip("the reference document is not here")
    text = next(REFERENCE.glob("*.txt")).read_text()
    start = text.index("CREATE TRIGGER", text.index("## QueryLeaf Change Stream Integration"))
    return text[start : text.index("\nEND;", start) + len("\nEND;")]


class TestReferenceTrigger:
    @pytest.fixture
    def calls(self, ql: QueryLeaf) -> list[tuple[Any, ...]]:
        made: list[tuple[Any, ...]] = []

        @ql.procedure("NOTIFY_CUSTOMER")
        def notify(*args: Any, change: Any) -> None:
            made.append((*args, change.idempotency_key))

        @ql.function("GENERATE_TRACKING_NUMBER")
        def tracking() -> str:
            return "TRACK-1"

        return made

    def test_an_order_through_its_life(
        self, ql: QueryLeaf, db: Database[dict[str, Any]], calls: list[tuple[Any, ...]]
    ) -> None:
        ql.execute(reference_trigger())
        db.inventory.insert_many([{"product_id": p, "reserved_quantity": 10 * p} for p in (1, 2, 3)])
        lines = [(7, 1, 3), (7, 2, 1), (7, 1, 2), (8, 3, 9)]
        db.order_items.insert_many([{"order_id": o, "product_id": p, "quantity": q} for o, p, q in lines])
        with ql:
            db.orders.insert_one({"order_id": 7, "customer_id": 99, "status": "pending"})
            ql.drain()
            (queued,) = rows(db.order_processing_queue.find())
            assert (queued["order_id"], queued["priority"]) == (7, "high")
            assert [r["reserved_quantity"] for r in db.inventory.find().sort("product_id", 1)] == [15, 21, 30]

            db.orders.update_one({"order_id": 7}, {"$set": {"note": "no change of status"}})
            db.orders.update_one({"order_id": 7}, {"$set": {"status": "shipped"}})
            ql.drain()
            (moved,) = rows(db.order_status_history.find())
            assert (moved["order_id"], moved["old_status"], moved["new_status"]) == (7, "pending", "shipped")
            assert db.orders.find_one({"order_id": 7})["tracking_number"] == "TRACK-1"  # type: ignore[index]
            assert [call[:3] for call in calls] == [(99, "order_shipped", 7)]

            db.orders.delete_one({"order_id": 7})
            ql.drain()
            assert [r["reserved_quantity"] for r in db.inventory.find().sort("product_id", 1)] == [10, 20, 30]
            status = ql.status()["orders_realtime_trigger"]
            assert (status["errors"], status["dead_letters"], status["state"]) == (0, 0, "running")
        assert len(calls) == 1

    def test_it_needs_its_procedure(self, ql: QueryLeaf) -> None:
        ql.function("GENERATE_TRACKING_NUMBER")(lambda: "x")
        with pytest.raises(CompileError) as raised:
            ql.execute(reference_trigger())
        assert raised.value.code == "QL234"

    def test_it_needs_its_function(self, ql: QueryLeaf) -> None:
        ql.procedure("NOTIFY_CUSTOMER")(lambda *args, change: None)
        with pytest.raises(CompileError) as raised:
            ql.execute(reference_trigger())
        assert raised.value.code == "QL209"


class TestStream:
    def take(self, stream: Any, count: int) -> list[Any]:
        found = []
        while len(found) < count:
            row = stream.poll()
            if row is not None:
                found.append(row)
        return found

    def test_rows_are_projected_and_filtered(self, ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
        with ql.stream("SELECT sku, price * 2 AS twice FROM products WHERE CHANGE_DETECTED() AND price > 10") as stream:
            db.products.insert_many([{"sku": "a", "price": 5}, {"sku": "b", "price": 20}, {"sku": "c"}])
            (row,) = self.take(stream, 1)
            assert row == {"sku": "b", "twice": 40}
            assert row.change.operation == "INSERT"

    def test_a_delete_gives_the_old_document(self, ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
        with ql.stream("SELECT sku, CHANGE_TYPE() AS what FROM products WHERE CHANGE_DETECTED()") as stream:
            db.products.insert_one({"_id": 1, "sku": "a"})
            db.products.update_one({"_id": 1}, {"$set": {"sku": "b"}})
            db.products.delete_one({"_id": 1})
            assert self.take(stream, 3) == [
                {"sku": "a", "what": "INSERT"},
                {"sku": "b", "what": "UPDATE"},
                {"sku": "b", "what": "DELETE"},
            ]

    def test_only_changes_of_the_column(self, ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
        with ql.stream("SELECT * FROM products WHERE CHANGE_DETECTED(price) AND CHANGE_TYPE() = 'UPDATE'") as stream:
            db.products.insert_one({"_id": 1, "price": 1, "name": "x"})
            db.products.update_one({"_id": 1}, {"$set": {"name": "y"}})
            db.products.update_one({"_id": 1}, {"$set": {"price": 2}})
            assert self.take(stream, 1) == [{"_id": 1, "price": 2, "name": "y"}]

    def test_what_the_server_cannot_compute_is_computed_here(self, ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
        ql.function("DOUBLED")(lambda x: x * 2)
        with ql.stream("SELECT DOUBLED(n) AS d, MD5(s) AS h FROM t WHERE CHANGE_DETECTED()") as stream:
            db.t.insert_one({"n": 4, "s": "x"})
            assert self.take(stream, 1) == [{"d": 8, "h": "9dd4e461268c8034f5c8564e155c67a6"}]

    def test_registering_a_trigger_is_no_row(self, ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
        with ql.stream("SELECT _id FROM t WHERE CHANGE_DETECTED()") as stream:
            ql.execute("CREATE TRIGGER copy AFTER INSERT ON t BEGIN INSERT INTO u (n) VALUES (1); END;")
            db.t.insert_one({"_id": 7})
            assert self.take(stream, 1) == [{"_id": 7}]

    def test_it_ends_when_closed(self, ql: QueryLeaf) -> None:
        stream = ql.stream("SELECT a FROM t WHERE CHANGE_DETECTED()")
        stream.close()
        assert list(stream) == []

    def test_a_closed_session_says_so(self, mongo_uri: str, db: Database[dict[str, Any]]) -> None:
        ql = QueryLeaf(mongo_uri, database=db.name)
        ql.close()
        for use in (ql.stream, ql.execute):
            with pytest.raises(InputError) as raised:
                use("SELECT a FROM t WHERE CHANGE_DETECTED()")
            assert raised.value.code == "QL447"

    def test_execute_refuses_what_never_ends(self, ql: QueryLeaf) -> None:
        with pytest.raises(InputError) as raised:
            ql.execute("SELECT a FROM t WHERE CHANGE_DETECTED()")
        assert raised.value.code == "QL441"

    def test_stream_refuses_what_ends(self, ql: QueryLeaf) -> None:
        with pytest.raises(InputError) as raised:
            ql.stream("SELECT a FROM t")
        assert raised.value.code == "QL442"


class TestStatements:
    def test_rows_counts_and_columns(self, ql: QueryLeaf) -> None:
        assert ql.execute("INSERT INTO t (a, b) VALUES (1, 'x'), (2, NULL), (3, 'y')").rowcount == 3
        assert ql.execute("UPDATE t SET a = a * 10 WHERE b IS NOT NULL").rowcount == 2
        result = ql.execute("SELECT a, b FROM t ORDER BY a")
        assert list(result) == [{"a": 2, "b": None}, {"a": 10, "b": "x"}, {"a": 30, "b": "y"}]
        assert result.columns == ("a", "b")
        assert ql.execute("DELETE FROM t WHERE a > 5").rowcount == 2

    def test_nothing_runs_when_there_is_a_mistake(self, ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
        with pytest.raises(CompileError):
            ql.execute("INSERT INTO t (a) VALUES (1); SELECT UPPR(a) FROM t")
        assert db.t.count_documents({}) == 0

    def test_unqualified_columns_are_found_by_samples(self, ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
        db.orders.insert_one({"number": 1, "customer": 5})
        db.customers.insert_one({"_id": 5, "name": "Ada"})
        sql = "SELECT number, name FROM orders o JOIN customers c ON o.customer = c._id"
        assert list(ql.execute(sql)) == [{"number": 1, "name": "Ada"}]
        assert ql.compile(sql).diagnostics == ()

    def test_a_trigger_is_created_replaced_and_dropped(self, ql: QueryLeaf) -> None:
        body = "TRIGGER t AFTER INSERT ON a BEGIN INSERT INTO b (x) VALUES (NEW.x); END"
        assert ql.execute(f"CREATE {body}").status == "created"
        with pytest.raises(InputError):
            ql.execute(f"CREATE {body}")
        assert ql.execute(f"CREATE OR REPLACE {body.replace('INTO b', 'INTO c')}").status == "replaced"
        assert ql.execute("DROP TRIGGER t").status == "dropped"
        assert ql.execute("DROP TRIGGER IF EXISTS t").status == "unchanged"

    def test_current_timestamp_is_the_same_in_one_statement(self, ql: QueryLeaf) -> None:
        (row,) = ql.execute("SELECT CURRENT_TIMESTAMP AS a, NOW() AS b")
        assert row["a"] == row["b"]

    def test_drain_needs_a_worker(self, ql: QueryLeaf) -> None:
        with pytest.raises(InputError) as raised:
            ql.drain()
        assert raised.value.code == "QL443"

    def test_a_start_that_failed_can_be_tried_again(self) -> None:
        client: MongoClient[dict[str, Any]] = MongoClient("mongodb://127.0.0.1:1/", serverSelectionTimeoutMS=50)
        with client:
            ql = QueryLeaf(client=client, database="shop")
            for _ in range(2):
                with pytest.raises(ServerError):
                    ql.start()

    def test_one_worker_at_a_time(self, ql: QueryLeaf) -> None:
        with ql:
            with pytest.raises(InputError) as caught:
                ql.run()
            assert caught.value.code == "QL445"
            ql.drain(30)

    def test_drain_gives_up_in_time(self, ql: QueryLeaf, db: Database[dict[str, Any]]) -> None:
        ql.procedure("SLOW")(lambda *args, change: __import__("time").sleep(3))
        ql.execute("CREATE TRIGGER t AFTER INSERT ON a BEGIN CALL SLOW(); END")
        with ql:
            db.a.insert_one({})
            with pytest.raises(TimeoutError):
                ql.drain(0.5)


@pytest.mark.parametrize(("option", "seconds"), [("?serverSelectionTimeoutMS=50", 0.05), ("", 5.0)])
def test_how_long_a_server_is_looked_for_is_the_uris_to_say(option: str, seconds: float) -> None:
    with QueryLeaf(f"mongodb://127.0.0.1:1/{option}", database="shop").client as client:
        assert client.options.server_selection_timeout == seconds
