"""Materialized views on a real server: built on what is there, kept while it changes, replaced, refreshed, dropped."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo.database import Database
from views import QUICK, TOTALS, QuickLeaf, expected_totals, leftovers, state, totals, wait_for, writing

from queryleaf_cdc import CompileError, InputError

Db = Database[dict[str, Any]]


@pytest.fixture
def ql(db: Db) -> Iterator[QuickLeaf]:
    each = QuickLeaf(client=db.client, database=db.name)
    yield each
    each.close()


@pytest.fixture
def other(db: Db) -> Iterator[Callable[[], QuickLeaf]]:
    """Makes further sessions on the same database, as other processes have them."""
    made: list[QuickLeaf] = []

    def make() -> QuickLeaf:
        made.append(QuickLeaf(client=db.client, database=db.name))
        return made[-1]

    yield make
    for each in made:
        each.close()


def fill(db: Db, count: int = 300) -> None:
    db.orders.insert_many({"_id": n, "c": n % 7, "v": n} for n in range(count))


class TestLife:
    def test_on_what_is_there_and_what_comes(self, ql: QuickLeaf, db: Db) -> None:
        fill(db)
        assert ql.execute(TOTALS).status == "created"
        with ql:
            ql.drain()
            assert totals(db) == expected_totals(db)
            db.orders.insert_one({"_id": 1000, "c": 9, "v": 1})
            db.orders.update_one({"_id": 1}, {"$set": {"c": 2}})
            db.orders.delete_many({"c": 3})
            ql.drain()
            assert totals(db) == expected_totals(db)
            assert state(ql) == "running"

    def test_of_a_collection_that_is_not_there_yet(self, ql: QuickLeaf, db: Db) -> None:
        ql.execute(TOTALS)
        with ql:
            ql.drain()
            assert totals(db) == {}
            fill(db)
            ql.drain()
            assert totals(db) == expected_totals(db)

    def test_without_groups_there_is_always_a_row(self, ql: QuickLeaf, db: Db) -> None:
        ql.execute("CREATE MATERIALIZED VIEW every AS SELECT COUNT(*) AS n, SUM(v) AS s FROM orders")
        with ql:
            ql.drain()
            [row] = db.every.find({}, {"_id": 0})
            assert row == {"n": 0, "s": None}
            fill(db, 3)
            ql.drain()
            [row] = db.every.find({}, {"_id": 0})
            assert row == {"n": 3, "s": 3}

    def test_goes_on_where_the_last_worker_stopped(self, ql: QuickLeaf, db: Db) -> None:
        fill(db)
        ql.execute(TOTALS)
        with ql:
            ql.drain()
        db.orders.update_many({}, {"$inc": {"v": 1}})
        db.orders.delete_many({"c": 1})
        with ql:
            ql.drain()
            assert totals(db) == expected_totals(db)

    def test_deleting_everything_leaves_no_state(self, ql: QuickLeaf, db: Db) -> None:
        fill(db)
        ql.execute(TOTALS)
        with ql:
            ql.drain()
            db.orders.delete_many({})
            ql.drain()
            [uid] = [each["live"]["uid"] for each in db["_queryleaf.active"].find()]
            assert totals(db) == {}
            assert db[f"_queryleaf.state.{uid}"].count_documents({}) == 0

    def test_drop_leaves_nothing(self, ql: QuickLeaf, db: Db) -> None:
        fill(db)
        ql.execute(TOTALS)
        with ql:
            ql.drain()
            assert ql.execute("DROP MATERIALIZED VIEW totals").status == "dropped"
            ql.drain()
            wait_for(lambda: "totals" not in db.list_collection_names())
            assert leftovers(db) == set()
            assert ql.status() == {}
            assert ql.execute("DROP MATERIALIZED VIEW IF EXISTS totals").status == "unchanged"
            with pytest.raises(InputError) as caught:
                ql.execute("DROP MATERIALIZED VIEW totals")
            assert caught.value.code == "QL411"

    def test_dropped_and_created_again_at_once(self, ql: QuickLeaf, db: Db) -> None:
        fill(db)
        ql.execute(TOTALS)
        with ql:
            ql.drain()
            for _ in range(3):
                ql.execute("DROP MATERIALIZED VIEW totals")
                ql.execute(TOTALS)
            ql.drain()
            assert totals(db) == expected_totals(db)
            assert leftovers(db) == set()

    def test_target_and_index(self, ql: QuickLeaf, db: Db) -> None:
        fill(db)
        ql.execute(TOTALS.replace(" AS SELECT", " WITH (target = 'sums', index = 'n DESC') AS SELECT", 1))
        with ql:
            ql.drain()
            assert totals(db, "sums") == expected_totals(db)
            assert totals(db, "totals") == expected_totals(db)
            assert {"n": -1} in [dict(each["key"]) for each in db.sums.list_indexes()]
            ql.execute("DROP MATERIALIZED VIEW totals")
            ql.drain()
            assert not {"sums", "totals"} & set(db.list_collection_names())

    def test_its_order_is_that_of_select(self, ql: QuickLeaf, db: Db) -> None:
        fill(db, 20)
        db.orders.insert_one({"_id": "none", "c": 8})
        ql.execute("CREATE MATERIALIZED VIEW ranked AS SELECT c, SUM(v) AS s FROM orders GROUP BY c ORDER BY s DESC")
        with ql:
            ql.drain()
        found = [row["s"] for row in ql.execute("SELECT * FROM ranked WHERE c <> 3")]
        assert found[0] is None
        assert found[1:] == sorted(found[1:], reverse=True)
        assert len(ql.execute("SELECT * FROM ranked LIMIT 2")) == 2


class TestWhileOthersWrite:
    @pytest.mark.parametrize("piece", [7, 40, 50_000])
    def test_no_gap_and_no_double(self, ql: QuickLeaf, db: Db, piece: int) -> None:
        fill(db)
        ql.limits = dataclasses.replace(QUICK, piece_rows=piece)
        with ql, writing(db):
            time.sleep(0.2)
            ql.execute(TOTALS)
            ql.drain(60)
            time.sleep(0.2)
        with ql:
            ql.drain(30)
            assert totals(db) == expected_totals(db)
            assert leftovers(db) == set()

    def test_keys_of_every_type(self, ql: QuickLeaf, db: Db) -> None:
        """Pieces are cut in the server's order of ``_id``; the worker must have the same one."""
        from datetime import datetime

        from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp

        keys = [1, 2.5, Int64(3), Decimal128("2.75"), -4, 2**53 + 1, float(2**53), "a", "B", "ä", "", ObjectId()]
        keys += [True, False, datetime(2026, 1, 1), datetime(1900, 1, 1), Timestamp(5, 1), MinKey(), MaxKey(), None]
        keys += [{"a": 1}, {"a": "1"}, {"b": 0}, {}, Binary(b"xyz"), Binary(b"z"), b"abc", float("nan"), float("inf")]
        db.orders.insert_many({"_id": key, "c": n % 3, "v": n} for n, key in enumerate(keys))
        ql.limits = dataclasses.replace(QUICK, piece_rows=2)
        ql.execute(TOTALS)
        end = threading.Event()

        def write() -> None:
            while not end.wait(0.001):
                for key in keys:
                    db.orders.update_one({"_id": key}, {"$inc": {"v": 1}})

        thread = threading.Thread(target=write)
        thread.start()
        try:
            with ql:
                ql.drain(60)
        finally:
            end.set()
            thread.join()
        with ql:
            ql.drain(30)
            assert totals(db) == expected_totals(db)

    def test_progress_is_told(self, ql: QuickLeaf, db: Db) -> None:
        fill(db, 2000)
        ql.limits = dataclasses.replace(QUICK, piece_rows=20)
        ql.execute(TOTALS)
        seen: list[dict[str, Any]] = []
        with ql:
            while not seen or seen[-1]["state"] != "running":
                seen.append(ql.status()["totals"])
        [building] = {each["state"] for each in seen} - {"running", "stopped"}
        assert building == "backfilling"
        rows = [each["progress"]["rows"] for each in seen if each["progress"]]
        assert rows == sorted(rows)
        assert len(set(rows)) > 2
        assert max(each["progress"]["total"] for each in seen if each["progress"]) == 2000


class TestReplacing:
    def test_a_new_definition_takes_its_place(self, ql: QuickLeaf, db: Db) -> None:
        fill(db)
        with ql:
            ql.execute(TOTALS)
            ql.drain()
            with pytest.raises(InputError) as caught:
                ql.execute(TOTALS)
            assert caught.value.code == "QL410"
            again = TOTALS.replace("CREATE", "CREATE OR REPLACE")
            assert ql.execute(again).status == "replaced"  # the text differs
            assert ql.execute(again).status == "unchanged"
            assert ql.execute(TOTALS.replace("VIEW", "VIEW IF NOT EXISTS")).status == "unchanged"
            ql.execute(
                """CREATE OR REPLACE MATERIALIZED VIEW totals AS
                SELECT v % 2 AS c, COUNT(*) AS k FROM orders GROUP BY v % 2"""
            )
            ql.drain()
            assert {(each["c"], each["k"]) for each in db.totals.find()} == {(0, 150), (1, 150)}
            assert leftovers(db) == set()

    def test_readers_see_the_old_version_until_the_new_one_is_complete(self, ql: QuickLeaf, db: Db) -> None:
        fill(db, 1000)
        with ql:
            ql.execute(TOTALS)
            ql.drain()
        ql.limits = dataclasses.replace(QUICK, piece_rows=10)
        sizes = set()
        with ql:
            ql.execute("REFRESH MATERIALIZED VIEW totals")
            db.orders.insert_one({"_id": -1, "c": 99, "v": 1})
            wait_for(lambda: state(ql) == "rebuilding")
            while state(ql) == "rebuilding":
                sizes.add(sum(each["n"] for each in db.totals.find()))
            ql.drain()
        assert sizes <= {1000, 1001}
        assert 1001 in sizes  # the old version is kept right meanwhile

    def test_pause_and_resume(self, ql: QuickLeaf, db: Db) -> None:
        fill(db)
        ql.execute(TOTALS)
        with ql:
            ql.drain()
            before = totals(db)
            ql.pause("totals")
            db.orders.delete_many({"c": 1})
            ql.drain()
            assert totals(db) == before
            assert state(ql) == "paused"
            ql.resume("totals")
            ql.drain()
            assert totals(db) == expected_totals(db)


class TestTwoAtOnce:
    """Somebody else changes the catalog between the look at what is registered and the registration."""

    @pytest.fixture
    def meanwhile(self, ql: QuickLeaf, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
        look = ql._catalog.get

        def once(act: Callable[[], object]) -> None:
            def looked(name: str) -> Any:
                found = look(name)
                monkeypatch.setattr(ql._catalog, "get", look)
                act()
                return found

            monkeypatch.setattr(ql._catalog, "get", looked)

        return once

    def test_a_pause_outlives_a_replacement(
        self, ql: QuickLeaf, other: Callable[[], QuickLeaf], meanwhile: Callable[[Callable[[], object]], None]
    ) -> None:
        ql.execute(TOTALS)
        meanwhile(lambda: other().pause("totals"))
        assert ql.execute("CREATE OR REPLACE MATERIALIZED VIEW totals AS SELECT k FROM orders").status == "replaced"
        assert [each.state for each in ql.registered()] == ["paused"]

    def test_what_was_dropped_is_created_again(
        self, ql: QuickLeaf, other: Callable[[], QuickLeaf], meanwhile: Callable[[Callable[[], object]], None]
    ) -> None:
        ql.execute(TOTALS)
        meanwhile(lambda: other().drop("totals"))
        assert ql.execute("CREATE OR REPLACE MATERIALIZED VIEW totals AS SELECT k FROM orders").status == "created"
        assert [each.name for each in ql.registered()] == ["totals"]


class TestImpossible:
    def test_a_target_that_is_not_ours(self, ql: QuickLeaf, db: Db) -> None:
        db.totals.insert_one({"precious": True})
        with pytest.raises(InputError) as caught:
            ql.execute(TOTALS)
        assert caught.value.code == "QL412"
        assert db.totals.count_documents({}) == 1

    def test_an_empty_collection_is_nobodys_loss(self, ql: QuickLeaf, db: Db) -> None:
        fill(db, 20)
        ql.execute("CREATE MATERIALIZED VIEW sizes AS SELECT n, COUNT(*) AS k FROM totals GROUP BY n")
        with ql:
            ql.drain()
            assert "totals" in db.list_collection_names()
            ql.execute(TOTALS)
            ql.drain()
            assert {each["n"]: each["k"] for each in db.sizes.find()} == {3: 6, 2: 1}

    def test_two_views_of_one_target(self, ql: QuickLeaf) -> None:
        ql.execute(TOTALS)
        with pytest.raises(InputError) as caught:
            ql.execute("CREATE MATERIALIZED VIEW more WITH (target = 'totals') AS SELECT COUNT(*) AS n FROM orders")
        assert caught.value.code == "QL412"

    def test_circles(self, ql: QuickLeaf) -> None:
        with pytest.raises(CompileError):
            ql.execute("CREATE MATERIALIZED VIEW orders AS SELECT COUNT(*) AS n FROM orders")
        ql.execute("CREATE MATERIALIZED VIEW a AS SELECT COUNT(*) AS n FROM b")
        with pytest.raises(InputError) as caught:
            ql.execute("CREATE MATERIALIZED VIEW b AS SELECT COUNT(*) AS n FROM a")
        assert caught.value.code == "QL413"

    def test_a_name_that_a_trigger_has(self, ql: QuickLeaf) -> None:
        ql.execute("CREATE TRIGGER totals AFTER INSERT ON orders BEGIN DELETE FROM log WHERE k = NEW.k; END;")
        with pytest.raises(InputError) as caught:
            ql.execute(TOTALS.replace("CREATE", "CREATE OR REPLACE"))
        assert caught.value.code == "QL410"


class TestTogether:
    OVER = "CREATE MATERIALIZED VIEW sizes AS SELECT n, COUNT(*) AS k FROM totals GROUP BY n"

    def sizes(self, db: Db) -> dict[int, int]:
        return {each["n"]: each["k"] for each in db.sizes.find()}

    def expected_sizes(self, db: Db) -> dict[int, int]:
        found: dict[int, int] = {}
        for count, _, _ in expected_totals(db).values():
            found[count] = found.get(count, 0) + 1
        return found

    def test_a_view_over_a_view(self, ql: QuickLeaf, db: Db) -> None:
        fill(db, 100)
        ql.execute(f"{TOTALS}; {self.OVER}")
        with ql:
            ql.drain()
            assert self.sizes(db) == self.expected_sizes(db)
            with writing(db, keys=100):
                time.sleep(0.5)
            ql.drain()
            assert totals(db) == expected_totals(db)
            assert self.sizes(db) == self.expected_sizes(db)

    def test_it_follows_when_the_view_below_is_built_anew(self, ql: QuickLeaf, db: Db) -> None:
        fill(db, 100)
        ql.execute(TOTALS)
        with ql:
            ql.drain()
            ql.execute(self.OVER)
            ql.drain()
            with writing(db, keys=100):
                ql.execute("REFRESH MATERIALIZED VIEW totals")
                time.sleep(0.5)
            ql.drain(20)
            assert self.sizes(db) == self.expected_sizes(db)

    def test_both_are_consistent_for_every_reader(self, ql: QuickLeaf, db: Db) -> None:
        fill(db, 100)
        ql.execute(f"{TOTALS}; {self.OVER}")
        with ql:
            ql.drain()
            with writing(db, keys=100):
                for _ in range(30):
                    with db.client.start_session(snapshot=True) as session:
                        groups = [each["n"] for each in db.totals.find(session=session)]
                        sizes = {each["n"]: each["k"] for each in db.sizes.find(session=session)}
                    assert sizes == {n: groups.count(n) for n in groups}

    def test_a_view_that_is_read_stays(self, ql: QuickLeaf, db: Db) -> None:
        ql.execute(f"{TOTALS}; {self.OVER}")
        for text in (
            "DROP MATERIALIZED VIEW totals",
            "CREATE OR REPLACE MATERIALIZED VIEW totals AS SELECT COUNT(*) AS other FROM orders",
        ):
            with pytest.raises(InputError) as caught:
                ql.execute(text)
            assert caught.value.code == "QL414"
            assert "sizes" in caught.value.message

    def test_views_and_triggers_share_the_stream(self, ql: QuickLeaf, db: Db) -> None:
        fill(db)
        ql.execute(f"""{TOTALS};
            CREATE MATERIALIZED VIEW big AS SELECT _id AS id, v FROM orders WHERE v > 100;
            CREATE TRIGGER note AFTER INSERT ON orders BEGIN INSERT INTO log (k) VALUES (NEW._id); END;
            CREATE TRIGGER split AFTER INSERT ON incoming
            BEGIN INSERT INTO orders (_id, c, v) VALUES (NEW._id, NEW.c, NEW.v); END;""")
        with ql:
            ql.drain()
            db.incoming.insert_many({"_id": n, "c": 1, "v": n} for n in range(1000, 1050))
            ql.drain()
            assert totals(db) == expected_totals(db)
            assert db.big.count_documents({}) == db.orders.count_documents({"v": {"$gt": 100}})
            assert db.log.count_documents({}) == 50

    def test_rows_leave_when_time_passes(self, ql: QuickLeaf, db: Db) -> None:
        from datetime import UTC, datetime

        ql.execute("""CREATE MATERIALIZED VIEW recent AS SELECT COUNT(*) AS n FROM orders
            WHERE at >= CURRENT_TIMESTAMP - INTERVAL '2 seconds'""")
        with ql:
            ql.drain()
            db.orders.insert_one({"_id": 1, "at": datetime.now(UTC)})
            ql.drain()
            [row] = db.recent.find()
            assert row["n"] == 1
            wait_for(lambda: [each["n"] for each in db.recent.find()] == [0], 6)

    def test_more_views_than_the_server_computes(self, ql: QuickLeaf, db: Db) -> None:
        """Beyond 16 members of a collection the worker evaluates conditions and columns itself."""
        fill(db)
        for n in range(20):
            ql.execute(f"CREATE MATERIALIZED VIEW v{n} AS SELECT c, SUM(v) AS s FROM orders WHERE v >= {n} GROUP BY c")
        with ql:
            ql.drain(60)
            with writing(db):
                time.sleep(0.3)
            ql.drain(60)
            for n in range(20):
                expected: dict[Any, int] = {}
                for each in db.orders.find({"v": {"$gte": n}}):
                    expected[each["c"]] = expected.get(each["c"], 0) + each["v"]
                assert {each["c"]: each["s"] for each in db[f"v{n}"].find()} == expected

    def test_a_trigger_on_a_view(self, ql: QuickLeaf, db: Db) -> None:
        fill(db)
        ql.execute(TOTALS)
        with ql:
            ql.drain()
            ql.execute("""CREATE TRIGGER moved AFTER UPDATE ON totals WHEN (OLD.n <> NEW.n)
                BEGIN INSERT INTO log (was, now) VALUES (OLD.n, NEW.n); END""")
            ql.execute("REFRESH MATERIALIZED VIEW totals")
            ql.drain()
            before = db.totals.find_one({"c": 1})["n"]  # type: ignore[index]
            db.orders.insert_one({"_id": 1001, "c": 1, "v": 1})
            ql.drain()
            assert [(each["was"], each["now"]) for each in db.log.find()] == [(before, before + 1)]

    def test_a_circle_of_a_trigger_and_a_view_ends(self, ql: QuickLeaf, db: Db) -> None:
        db.orders.insert_one({"_id": 1, "c": 1, "v": 1})
        ql.execute(TOTALS)
        with ql:
            ql.drain()
            ql.execute("""CREATE TRIGGER again AFTER UPDATE ON totals
                BEGIN UPDATE orders SET v = v + 1 WHERE _id = 1; END""")
            db.orders.update_one({"_id": 1}, {"$inc": {"v": 1}})
            wait_for(lambda: db["_queryleaf.dead_letters"].count_documents({"code": "QL608"}) > 0)
            ql.drain()
            assert totals(db) == expected_totals(db)
