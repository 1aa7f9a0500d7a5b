"""Streams as a program reads them: where they begin, how they wait, and how they end."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.database import Database

from queryleaf_cdc import CompileError, InputError, QueryLeaf, QueryLeafError, RunError, ServerError

Db = Database[dict[str, Any]]
SQL = "SELECT n FROM t WHERE CHANGE_DETECTED()"
WITH_ID = "SELECT n, CHANGE_ID() AS id FROM t WHERE CHANGE_DETECTED()"


@pytest.fixture
def ql(db: Db) -> Iterator[QueryLeaf]:
    each = QueryLeaf(client=db.client, database=db.name)
    yield each
    each.close()


def take(stream: Any, count: int) -> list[Any]:
    found: list[Any] = []
    deadline = time.monotonic() + 30
    while len(found) < count:
        assert time.monotonic() < deadline, found
        row = stream.poll()
        if row is not None:
            found.append(row)
    return found


def numbers(rows: Any) -> list[int]:
    return [row["n"] for row in rows]


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield thread
    thread.join(20)
    assert not thread.is_alive()


def open_cursors(db: Db) -> int:
    stages = [{"$currentOp": {"idleCursors": True}}, {"$match": {"ns": {"$regex": f"^{db.name}\\."}}}]
    return len(list(db.client.admin.aggregate([*stages, {"$match": {"cursor.tailable": True}}])))


# -- where they begin ---------------------------------------------------------------------------------------------


def test_since_a_time(ql: QueryLeaf, db: Db) -> None:
    before = datetime.fromtimestamp(time.time() - 2, UTC)
    db.t.insert_one({"n": 1})
    with ql.stream(SQL, since=before) as stream:
        assert numbers(take(stream, 1)) == [1]


@pytest.mark.parametrize("form", [lambda id: id, lambda id: {"_data": id}], ids=["text", "token"])
def test_since_a_change_goes_on_behind_it(ql: QueryLeaf, db: Db, form: Callable[[str], Any]) -> None:
    with ql.stream(WITH_ID) as stream:
        db.t.insert_many([{"n": n} for n in range(5)])
        rows = take(stream, 5)
    with ql.stream(SQL, since=form(rows[2]["id"])) as again:
        assert numbers(take(again, 2)) == [3, 4]


def test_since_a_change_that_this_query_leaves_out(ql: QueryLeaf, db: Db) -> None:
    with ql.stream(WITH_ID) as stream:
        db.t.insert_many([{"n": n} for n in range(5)])
        rows = take(stream, 5)
    with ql.stream(f"{SQL} AND n > 3", since=rows[1]["id"]) as again:
        assert numbers(take(again, 1)) == [4]


def test_the_future_is_refused(ql: QueryLeaf) -> None:
    with pytest.raises(ServerError) as raised:
        ql.stream(SQL, since=datetime(2100, 1, 1))
    assert raised.value.code == "QL507"


def test_a_row_tells_of_its_change(ql: QueryLeaf, db: Db) -> None:
    with ql.stream(WITH_ID) as stream:
        db.t.insert_one({"_id": 7, "n": 1})
        (row,) = take(stream, 1)
    change = row.change
    assert (change.operation, change.key, change.collection, change.id) == ("INSERT", {"_id": 7}, "t", row["id"])
    assert abs((datetime.now(UTC).replace(tzinfo=None) - change.timestamp).total_seconds()) < 60


# -- how they wait ------------------------------------------------------------------------------------------------


def test_a_row_has_the_document_before_and_after(ql: QueryLeaf, db: Db) -> None:
    with ql.stream("SELECT n, OLD.n AS was, NEW.n AS now FROM t WHERE CHANGE_DETECTED(n)") as rows:
        db.t.insert_one({"_id": 1, "n": 1})
        db.t.update_one({"_id": 1}, {"$set": {"n": 2}})
        db.t.delete_one({"_id": 1})
        assert take(rows, 3) == [
            {"n": 1, "was": None, "now": 1},
            {"n": 2, "was": 1, "now": 2},
            {"n": 2, "was": 2, "now": None},
        ]


def test_a_slow_reader_holds_one_batch_and_loses_nothing(ql: QueryLeaf, db: Db) -> None:
    with ql.stream(SQL) as stream:
        db.t.insert_many([{"n": n} for n in range(12_000)])
        found = take(stream, 1)
        time.sleep(1)
        at_hand = stream.take()
        assert len(at_hand) < 5_000
        found += at_hand
        while len(found) < 12_000:
            found += stream.take()
    assert numbers(found) == list(range(12_000))


def test_failures_of_the_server_are_waited_out(db: Db, mongo_uri: str) -> None:
    """It only seems to be no primary any more: nothing tells the driver that it is one, but that it asks again soon."""
    impatient = QueryLeaf(f"{mongo_uri}&heartbeatFrequencyMS=500", database=db.name)
    with closing(impatient), impatient.stream(SQL) as stream:
        db.t.insert_one({"n": 1})
        found = take(stream, 1)
        fail(db, {"times": 3}, {"failCommands": ["getMore", "aggregate"], "errorCode": 11602})
        db.t.insert_one({"n": 2})
        found += take(stream, 1)
        fail(db, {"times": 3}, {"failCommands": ["getMore", "aggregate"], "closeConnection": True})
        db.t.insert_one({"n": 3})
        found += take(stream, 1)
    assert numbers(found) == [1, 2, 3]


def fail(db: Db, mode: dict[str, Any], what: dict[str, Any]) -> None:
    db.client.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": what})


def test_a_change_that_cannot_be_read_is_told_once_in_its_place(ql: QueryLeaf, db: Db) -> None:
    ql.function("PICKY")(lambda n: 1 // n)
    with ql.stream("SELECT n, PICKY(n) AS p FROM t WHERE CHANGE_DETECTED()") as stream:
        db.t.insert_many([{"n": 2}, {"n": 0}, {"n": 1}])
        assert numbers(take(stream, 1)) == [2]
        with pytest.raises((RunError, ZeroDivisionError)):
            take(stream, 1)
        assert numbers(take(stream, 1)) == [1]


# -- how they end -------------------------------------------------------------------------------------------------


def test_another_thread_closes_it(ql: QueryLeaf, db: Db) -> None:
    stream = ql.stream(SQL)
    db.t.insert_one({"n": 1})
    seen: list[Any] = []
    with meanwhile(lambda: seen.extend(stream)):
        while not seen:
            time.sleep(0.01)
        began = time.monotonic()
        stream.close()
    assert time.monotonic() - began < 2
    assert numbers(seen) == [1]
    assert open_cursors(db) == 0


def test_it_ends_with_its_session(db: Db) -> None:
    ql = QueryLeaf(client=db.client, database=db.name)
    stream = ql.stream(SQL)
    with meanwhile(lambda: list(stream)):
        ql.close()
    assert stream.closed


# -- async --------------------------------------------------------------------------------------------------------


def test_async_for(ql: QueryLeaf, db: Db) -> None:
    async def read() -> list[int]:
        found = []
        async with ql.astream(SQL) as rows:
            db.t.insert_many([{"n": n} for n in range(3)])
            async for row in rows:
                found.append(row["n"])
                if len(found) == 3:
                    return found
        return found

    assert asyncio.run(read()) == [0, 1, 2]


def test_a_wait_that_times_out_loses_no_row(ql: QueryLeaf, db: Db) -> None:
    async def read() -> list[int]:
        async with ql.astream(SQL) as rows:
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(anext(rows), 0.05)
            db.t.insert_many([{"n": n} for n in range(3)])
            return [(await anext(rows))["n"] for _ in range(3)]

    assert asyncio.run(read()) == [0, 1, 2]


def test_other_tasks_go_on_while_one_waits(ql: QueryLeaf, db: Db) -> None:
    async def read() -> int:
        async with ql.astream(SQL) as rows:
            waiting = asyncio.create_task(anext(rows))
            ticks = 0
            while not waiting.done():
                await asyncio.sleep(0.01)
                ticks += 1
                if ticks == 20:
                    await asyncio.to_thread(db.t.insert_one, {"n": 1})
            return ticks

    assert asyncio.run(read()) >= 20


def test_aclose_ends_a_task_that_waits(ql: QueryLeaf) -> None:
    async def read() -> list[Any]:
        rows = ql.astream(SQL)
        async with rows:
            waiting = asyncio.create_task(collect(rows))
            await asyncio.sleep(0.05)
        return await asyncio.wait_for(waiting, 5)

    assert asyncio.run(read()) == []


async def collect(rows: Any) -> list[Any]:
    return [row async for row in rows]


def test_no_thread_waits(ql: QueryLeaf, db: Db) -> None:
    async def read(ready: asyncio.Semaphore) -> int:
        async with ql.astream(SQL) as rows:
            ready.release()
            return int((await anext(rows))["n"])

    async def read_all() -> list[int]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        ready = asyncio.Semaphore(0)
        tasks = [asyncio.create_task(read(ready)) for _ in range(20)]
        for _ in tasks:
            await ready.acquire()
        await asyncio.to_thread(db.t.insert_one, {"n": 7})
        return await asyncio.gather(*tasks)

    assert asyncio.run(read_all()) == [7] * 20


def test_streams_of_a_loop_share_a_client(ql: QueryLeaf) -> None:
    async def read() -> list[int]:
        clients = ql._async_clients._by_loop
        async with ql.astream(SQL), ql.astream(SQL):
            users = [each.users for each in clients.values()]
        return [*users, len(clients)]

    assert asyncio.run(read()) == [2, 0]


def test_a_cursor_ends_with_its_stream(ql: QueryLeaf, db: Db) -> None:
    async def read() -> None:
        async with ql.astream(SQL) as rows:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(rows), 0.3)
            assert open_cursors(db) == 1

    asyncio.run(read())
    deadline = time.monotonic() + 10
    while open_cursors(db):  # the server ends a wait after a moment
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_mistake_is_raised_where_it_is_awaited(ql: QueryLeaf) -> None:
    with pytest.raises(CompileError):
        asyncio.run(collect(ql.astream("SELECT FRO t")))


# -- subscriptions ------------------------------------------------------------------------------------------------


def signs(rows: Any) -> list[tuple[str, Any]]:
    return [(row.change.sign, row.get("_id")) for row in rows]


def test_first_the_content_then_the_changes(ql: QueryLeaf, db: Db) -> None:
    db.t.insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": 2}])
    with ql.subscribe("t") as rows:
        assert sorted(signs(take(rows, 2))) == [("+", 1), ("+", 2)]
        db.t.update_one({"_id": 1}, {"$set": {"n": 9}})
        db.t.insert_one({"_id": 3, "n": 3})
        db.t.delete_one({"_id": 2})
        changed, came, went = take(rows, 3)
    assert (changed, changed.change.before) == ({"_id": 1, "n": 9}, {"_id": 1, "n": 1})
    assert signs([changed, came, went]) == [("~", 1), ("+", 3), ("-", 2)]
    assert went == {"_id": 2, "n": 2}


class Mirror(dict[Any, Any]):
    """What a changelog adds up to; refuses a gap and a double."""

    def add(self, row: Any) -> None:
        match row.change.sign:
            case "+":
                assert row["_id"] not in self
                self[row["_id"]] = dict(row)
            case "~":
                assert self[row["_id"]] == row.change.before
                self[row["_id"]] = dict(row)
            case "-":
                assert self.pop(row["_id"]) == row
            case "=":
                self.clear()


def test_no_gap_and_no_double_under_load(ql: QueryLeaf, db: Db) -> None:
    db.t.insert_many([{"_id": n, "n": 0} for n in range(3_000)])
    stop = threading.Event()

    def write() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            db.t.update_one({"_id": turn % 3_000}, {"$inc": {"n": 1}})
            db.t.delete_one({"_id": turn * 7 % 3_000})
            db.t.update_one({"_id": turn * 11 % 3_000}, {"$set": {"n": turn}}, upsert=True)
        db.t.insert_one({"_id": "end"})

    mirror = Mirror()
    with meanwhile(write), ql.subscribe("t") as rows:
        for row in rows:
            mirror.add(row)
            if len(mirror) > 2_500:
                stop.set()
            if row.get("_id") == "end":
                break
    assert mirror == {each["_id"]: each for each in db.t.find()}


@pytest.fixture
def view(ql: QueryLeaf, db: Db) -> Iterator[str]:
    db.orders.insert_many([{"_id": n, "country": "NL" if n % 2 else "BE", "total": n} for n in range(10)])
    ql.execute("CREATE MATERIALIZED VIEW v AS SELECT country, SUM(total) AS total FROM orders GROUP BY country")
    with ql:
        ql.drain(30)
        yield "v"


def test_a_view_is_followed(ql: QueryLeaf, db: Db, view: str) -> None:
    with ql.subscribe(view) as rows:
        mirror = Mirror()
        for row in take(rows, 2):
            mirror.add(row)
        db.orders.insert_one({"_id": 10, "country": "FR", "total": 5})
        db.orders.update_one({"_id": 0}, {"$set": {"total": 100}})
        db.orders.delete_many({"country": "NL"})
        ql.drain(30)
        while {each["country"]: each["total"] for each in mirror.values()} != {"BE": 120, "FR": 5}:
            mirror.add(take(rows, 1)[0])


def test_a_view_that_is_built_anew_is_told_as_a_reset(ql: QueryLeaf, view: str) -> None:
    with ql.subscribe(view) as rows:
        take(rows, 2)
        ql.execute("REFRESH MATERIALIZED VIEW v")
        ql.drain(30)
        again = take(rows, 3)
    assert [row.change.sign for row in again] == ["=", "+", "+"]
    assert {row["country"]: row["total"] for row in again[1:]} == {"NL": 25, "BE": 20}


def test_it_ends_when_the_view_is_dropped(ql: QueryLeaf, view: str) -> None:
    with ql.subscribe(view) as rows:
        take(rows, 2)
        ql.execute("DROP MATERIALIZED VIEW v")
        assert list(rows) == []


def test_a_view_may_still_be_to_be_built(ql: QueryLeaf, db: Db) -> None:
    db.orders.insert_one({"_id": 1, "total": 5})
    ql.execute("CREATE MATERIALIZED VIEW v AS SELECT total FROM orders")
    with ql.subscribe("v") as rows, ql:
        assert [row["total"] for row in take(rows, 1)] == [5]


def test_failures_of_the_server_do_not_break_a_subscription(ql: QueryLeaf, db: Db) -> None:
    db.t.insert_many([{"_id": n, "n": 0, "pad": "x" * 2_000} for n in range(25_000)])
    mirror = Mirror()
    with ql.subscribe("t") as rows:
        mirror.add(next(rows))
        fail(db, {"times": 2}, {"failCommands": ["getMore", "aggregate"], "closeConnection": True})
        db.t.insert_one({"_id": "end"})
        for row in rows:
            mirror.add(row)
            if "end" in mirror and len(mirror) == 25_001:
                break


def test_a_collection_that_comes_again_is_read_anew(ql: QueryLeaf, db: Db) -> None:
    db.t.insert_one({"_id": 1})
    with ql.subscribe("t") as rows:
        assert signs(take(rows, 1)) == [("+", 1)]
        db.t.drop()
        db.t.insert_one({"_id": 2})
        assert signs(take(rows, 2)) == [("=", None), ("+", 2)]
        db.t.update_one({"_id": 2}, {"$set": {"n": 1}})
        assert signs(take(rows, 1)) == [("~", 2)]


def test_a_misspelt_name_is_told(ql: QueryLeaf, view: str) -> None:
    with pytest.raises(InputError) as raised:
        ql.subscribe("order")
    assert (raised.value.code, raised.value.hint) == ("QL411", "did you mean orders?")


# -- EMIT CHANGES -------------------------------------------------------------------------------------------------


def test_a_row_comes_and_goes_as_its_condition_holds(ql: QueryLeaf, db: Db) -> None:
    db.t.insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": 20}])
    with ql.stream("SELECT _id, n * 2 AS twice FROM t WHERE n > 10 EMIT CHANGES") as rows:
        assert take(rows, 1) == [{"_id": 2, "twice": 40}]
        for n in (11, 12, 12.0, 3):
            db.t.update_one({"_id": 1}, {"$set": {"n": n}})
        db.t.delete_one({"_id": 2})
        found = take(rows, 4)
    assert [(row.change.sign, row["_id"], row["twice"]) for row in found] == [
        ("+", 1, 22),
        ("~", 1, 24),
        ("-", 1, 24),
        ("-", 2, 40),
    ]


@pytest.mark.parametrize(
    ("before", "after"), [(1, True), (False, 0.0), ([1], [True]), ({"a": 1, "b": 2}, {"b": 2, "a": 1})]
)
def test_values_that_python_takes_for_the_same(ql: QueryLeaf, db: Db, before: Any, after: Any) -> None:
    db.t.insert_one({"_id": 1, "v": before})
    with ql.stream("SELECT v FROM t EMIT CHANGES") as rows:
        take(rows, 1)
        db.t.update_one({"_id": 1}, {"$set": {"v": after}})
        (row,) = take(rows, 1)
    assert (row.change.sign, repr(row.change.before["v"]), repr(row["v"])) == ("~", repr(before), repr(after))


def test_a_view_under_another_name_than_its_collection(ql: QueryLeaf, db: Db) -> None:
    db.orders.insert_one({"_id": 1, "total": 5})
    ql.execute("CREATE MATERIALIZED VIEW v WITH (target = 'rows_of_v') AS SELECT total FROM orders")
    with ql:
        ql.drain(30)
        with ql.stream("SELECT total FROM v EMIT CHANGES") as rows:
            assert take(rows, 1) == [{"total": 5}]


def test_it_goes_on_behind_a_change(ql: QueryLeaf, db: Db) -> None:
    """Whoever has the rows of then gets the changes since, and no rows twice."""
    sql = "SELECT _id, n FROM t WHERE n > 1 EMIT CHANGES"
    db.t.insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": 2}])
    with ql.stream(sql) as rows:
        assert take(rows, 1) == [{"_id": 2, "n": 2}]
        db.t.update_one({"_id": 2}, {"$set": {"n": 3}})
        seen = next(rows).change.id
    db.t.update_one({"_id": 2}, {"$set": {"n": 4}})
    db.t.delete_one({"_id": 2})
    with ql.stream(sql, since=seen) as rows:
        found = take(rows, 2)
        assert [(row.change.sign, row["n"]) for row in found] == [("~", 4), ("-", 4)]
        db.t.drop()
        db.t.insert_one({"_id": 3, "n": 5})
        assert [row.change.sign for row in take(rows, 2)] == ["=", "+"]


def test_it_goes_on_from_a_time(ql: QueryLeaf, db: Db) -> None:
    db.t.insert_one({"_id": 1, "n": 1})
    now = datetime.now(UTC)
    db.t.insert_one({"_id": 2, "n": 2})
    with ql.stream("SELECT n FROM t EMIT CHANGES", since=now) as rows:
        assert [row.change.sign for row in take(rows, 1)] == ["+"]


@pytest.mark.parametrize(("since", "code"), [("soon", "QL446"), ("2090-01-01", "QL507")])
def test_a_since_that_is_none(ql: QueryLeaf, db: Db, since: str, code: str) -> None:
    db.t.insert_one({"_id": 1})
    with pytest.raises(QueryLeafError) as raised:
        ql.stream("SELECT n FROM t EMIT CHANGES", since=since)
    assert raised.value.code == code
