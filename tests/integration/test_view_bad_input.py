"""Documents, definitions and neighbours that a materialized view must not break on: a clear error or the documented
result, and the view is right again once the cause is gone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import bson
import pytest
from bson import Binary, Code, DatetimeMS, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.database import Database
from views import QuickLeaf, leftovers, state, wait_for

from queryleaf_cdc import InputError, QueryLeafError, RunError

Db = Database[dict[str, Any]]
MB = 1_000_000

GROUPS = "SELECT c, COUNT(*) AS n, SUM(x) AS s FROM orders GROUP BY c"


@pytest.fixture(scope="module")
def tolerant(mongo_uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """Reads dates beyond year 9999, too."""
    with MongoClient[dict[str, Any]](mongo_uri, datetime_conversion="DATETIME_AUTO") as each:
        yield each


@pytest.fixture
def db(tolerant: MongoClient[dict[str, Any]], db: Db) -> Db:
    return tolerant[db.name]


@pytest.fixture
def ql(db: Db) -> Iterator[QuickLeaf]:
    each = QuickLeaf(client=db.client, database=db.name)
    yield each
    each.close()


def fill(db: Db, count: int = 50) -> None:
    db.orders.insert_many({"_id": n, "c": n % 5, "x": n} for n in range(count))


def plain(value: Any, digits: int = 9) -> Any:
    """Hashable; numbers by what they are worth."""
    if isinstance(value, Decimal128):
        value = value.to_decimal()
    if isinstance(value, (float, Decimal)) or (isinstance(value, int) and not isinstance(value, bool)):
        number = Decimal(value)
        return "NaN" if number.is_nan() else f"{number:.{digits}E}" if number else "0"
    if isinstance(value, dict):
        return ("document", *((name, plain(each, digits)) for name, each in value.items()))
    if isinstance(value, list):
        return ("array", *(plain(each, digits) for each in value))
    return (type(value).__name__, repr(value))


def rows(documents: Any) -> Counter[Any]:
    return Counter(plain({name: each[name] for name in each if name != "_id"}) for each in documents)


def is_right(ql: QuickLeaf, db: Db, query: str = GROUPS, name: str = "v") -> bool:
    """Whether the view runs, and has the rows that its query gives now."""
    ql.drain(60)
    assert state(ql, name) == "running", ql.status()[name]["reason"]
    assert rows(db[name].find()) == rows(ql.execute(query))
    assert leftovers(db) == set()
    return True


def refreshed(ql: QuickLeaf, name: str = "v") -> None:
    """A view that has given up waits for this."""
    wait_for(lambda: state(ql, name) in ("running", "failed"))
    if state(ql, name) == "failed":
        ql.execute(f"REFRESH MATERIALIZED VIEW {name}")


def insert_broken(db: Db, document: dict[str, Any]) -> None:
    """With ``abc`` in it turned into bytes that are no UTF-8."""
    broken = bson.encode(document).replace(b"abc", b"a\xffc")
    db.command({"insert": "orders", "documents": [RawBSONDocument(broken)]})


# -- definitions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("CREATE OR REPLACE MATERIALIZED VIEW below AS SELECT c FROM above", "QL413"),
        ("CREATE MATERIALIZED VIEW orders AS SELECT c FROM above", "QL413"),
        ("CREATE MATERIALIZED VIEW other WITH (target = 'orders') AS SELECT c FROM above", "QL413"),
        ("CREATE MATERIALIZED VIEW other WITH (target = 'below') AS SELECT c FROM orders", "QL412"),
        ("CREATE OR REPLACE MATERIALIZED VIEW below WITH (target = 'moved') AS SELECT c FROM orders", "QL414"),
        ("CREATE MATERIALIZED VIEW other AS SELECT c FROM other", "QL239"),
        ("CREATE MATERIALIZED VIEW other AS SELECT RANDOM() AS r FROM orders", "QL235"),
        ("CREATE MATERIALIZED VIEW other AS SELECT CLOCK_TIMESTAMP() AS t FROM orders", "QL235"),
        ("CREATE MATERIALIZED VIEW other AS SELECT UNSURE(c) AS u FROM orders", "QL235"),
        ("CREATE MATERIALIZED VIEW other AS SELECT NOWHERE(c) AS u FROM orders", "QL209"),
        ("CREATE MATERIALIZED VIEW \"_queryleaf.x\" AS SELECT c FROM orders", "QL240"),
        ("CREATE MATERIALIZED VIEW other AS SELECT state FROM \"_queryleaf.active\"", "QL240"),
        ("CREATE MATERIALIZED VIEW other AS SELECT c FROM shown", "QL415"),
        ("CREATE MATERIALIZED VIEW other AS SELECT c FROM measured", "QL415"),
        ("CREATE MATERIALIZED VIEW other AS SELECT c FROM ring", "QL415"),
        ("CREATE MATERIALIZED VIEW shown AS SELECT c FROM orders", "QL412"),
        ("CREATE TRIGGER below AFTER INSERT ON orders BEGIN DELETE FROM log; END", "QL410"),
        ("DROP MATERIALIZED VIEW below", "QL414"),
        ("DROP MATERIALIZED VIEW belwo", "QL411"),
        ("REFRESH MATERIALIZED VIEW belwo", "QL411"),
        ("INSERT INTO below (c) VALUES (1)", "QL416"),
        ("CREATE TRIGGER t AFTER INSERT ON orders BEGIN DELETE FROM above WHERE c = NEW.c; END", "QL416"),
    ],
)  # fmt: skip
def test_refused(ql: QuickLeaf, db: Db, text: str, code: str) -> None:
    ql.function("UNSURE")(lambda value: value)
    db.create_collection("shown", viewOn="orders", pipeline=[])
    db.create_collection("measured", timeseries={"timeField": "t"})
    db.create_collection("ring", capped=True, size=4096)
    ql.execute("""CREATE MATERIALIZED VIEW below AS SELECT c FROM orders;
        CREATE MATERIALIZED VIEW above AS SELECT c FROM below""")
    with pytest.raises(QueryLeafError) as caught:
        ql.execute(text)
    assert caught.value.code == code
    with pytest.raises(QueryLeafError) as caught:
        ql.plan_registration(text)
    assert caught.value.code == code
    assert sorted(ql.status()) == ["above", "below"]


def test_a_source_that_becomes_a_capped_collection(ql: QuickLeaf, db: Db) -> None:
    fill(db)
    ql.execute(f"CREATE MATERIALIZED VIEW v AS {GROUPS}")
    with ql:
        assert is_right(ql, db)
        db.command("convertToCapped", "orders", size=4096)
        wait_for(lambda: state(ql, "v") == "failed")
        assert ql.status()["v"]["reason"].startswith("QL415: orders is a capped collection")
        db.orders.drop()
        fill(db)
        refreshed(ql)
        assert is_right(ql, db)


def test_names_with_dots(ql: QuickLeaf, db: Db) -> None:
    query = GROUPS.replace("orders", '"shop.orders.all"')
    db["shop.orders.all"].insert_many({"c": n % 3, "x": n} for n in range(30))
    ql.execute(f'CREATE MATERIALIZED VIEW "by.c" AS {query}')
    with ql:
        assert is_right(ql, db, query, "by.c")
        db["shop.orders.all"].delete_many({"c": 1})
        assert is_right(ql, db, query, "by.c")


def test_another_target_and_back(ql: QuickLeaf, db: Db) -> None:
    fill(db)
    with ql:
        for options, target in (("", "v"), ("WITH (target = 'elsewhere')", "elsewhere"), ("", "v")):
            ql.execute(f"CREATE OR REPLACE MATERIALIZED VIEW v {options} AS {GROUPS}")
            assert is_right(ql, db)
            kinds = {each["name"]: each["type"] for each in db.list_collections()}
            assert kinds[target] == "collection"
            assert ("elsewhere" in kinds) == (target == "elsewhere")
            assert kinds["v"] == ("collection" if target == "v" else "view")


# -- values -----------------------------------------------------------------------------------------------------------

KINDS: list[Any] = [
    "text", "", [1, 2], [], {"a": 1}, {}, None, True, False, float("nan"), float("inf"), float("-inf"), -0.0, 0.0,
    2**62, 2**63 - 1, Int64(5), Decimal128("1.10"), Decimal128("NaN"), Decimal128("Infinity"), Decimal128("-0"), 1e308,
    1e308, 5e-324, datetime(2020, 1, 1), DatetimeMS(2**60), ObjectId("5" * 24), b"x", Binary(b"x", 128), Regex("a", 2),
    Timestamp(1, 2), DBRef("a", 1),
]  # fmt: skip


def test_a_column_that_turns_out_to_hold_anything(ql: QuickLeaf, db: Db) -> None:
    query = """SELECT c, COUNT(*) AS n, COUNT(x) AS k, SUM(x) AS s, AVG(x) AS a, MIN(x) AS low, MAX(x) AS high,
        COUNT(DISTINCT x) AS d, BOOL_AND(x > 1) AS b, FIRST(x ORDER BY _id) AS f FROM orders GROUP BY c"""
    fill(db, 20)
    ql.execute(f"CREATE MATERIALIZED VIEW v AS {query}")
    with ql:
        for n, value in enumerate(KINDS):
            db.orders.insert_one({"_id": 100 + n, "c": n % 5, "x": value})
            assert is_right(ql, db, query)
        for n, value in enumerate(KINDS):
            db.orders.update_one({"_id": 100 + n}, {"$set": {"c": (n + 1) % 5}})
            db.orders.update_one({"_id": n % 20}, {"$set": {"x": value}})
        assert is_right(ql, db, query)
        db.orders.delete_many({"_id": {"$gte": 100}})
        db.orders.update_many({}, {"$set": {"x": 3}})
        assert is_right(ql, db, query)
        assert {each["s"] for each in db.v.find()} == {12}


KEYS: list[Any] = [
    *KINDS, "k" * 2048, "k" * 20480, MinKey(), MaxKey(), Code("x"), Code("x", {"a": 1}), Binary(b"x", 5),
    Binary(b"1" * 16, 4), Binary(b"1" * 16, 3), Binary(b"x" * 3000), Regex("a", 0), DBRef("a", 1, "db"),
    DatetimeMS(-(2**60)), 1, 1.0, Int64(1), Decimal128("1"), Decimal128("1.0"), 2.5, Decimal128("2.5"),
    2**53 + 1, float(2**53), datetime(1, 1, 1), [1], [1.0], [[1, [2]], None], [[]], {"key": [1]}, {"a": 1.0},
    {"a": None}, {"a.b": 1}, {"$x": 1}, {"": 1}, {"a": {"$b": {"": [1]}}}, {"b": 1, "a": 2}, {"a": 2, "b": 1},
    "a.b", "$x", "\0z", "ä", "a\u0308",
]  # fmt: skip


def counted(db: Db) -> Counter[Any]:
    return Counter(plain(each.get("c"), 20) for each in db.orders.find())


def counts(db: Db, name: str) -> dict[Any, int]:
    return {plain(each["key"], 20): each["n"] for each in db[name].find()}


def test_group_keys_of_every_kind(ql: QuickLeaf, db: Db) -> None:
    db.orders.insert_many([*({"_id": n, "c": key} for n, key in enumerate(KEYS)), {"_id": -1}])
    ql.execute("""CREATE MATERIALIZED VIEW one AS SELECT c AS key, COUNT(*) AS n FROM orders GROUP BY c;
        CREATE MATERIALIZED VIEW two AS SELECT c AS key, missing, COUNT(*) AS n FROM orders GROUP BY c, missing;
        CREATE MATERIALIZED VIEW "every" AS SELECT DISTINCT c AS key, 1 AS n FROM orders""")

    def right() -> bool:
        ql.drain(60)
        assert counts(db, "one") == counts(db, "two") == counted(db)
        assert counts(db, "every") == dict.fromkeys(counted(db), 1)
        return True

    with ql:
        assert right()
        db.orders.insert_many({"_id": 1000 + n, "c": key} for n, key in enumerate(KEYS))
        assert right()
        db.orders.delete_many({"_id": {"$lt": 1000}})
        assert right()
        for n in range(1000, 1000 + len(KEYS), 3):
            db.orders.update_one({"_id": n}, {"$set": {"c": KEYS[(n + 7) % len(KEYS)]}})
        assert right()
        db.orders.delete_many({})
        assert right()
        assert all(db[name].count_documents({}) == 0 for name in db.list_collection_names() if ".state." in name)


def test_join_keys_of_every_kind(ql: QuickLeaf, db: Db) -> None:
    query = "SELECT o._id AS o, p._id AS p FROM orders o LEFT JOIN parts p ON o.c = p.c"
    db.orders.insert_many({"_id": n, "c": key} for n, key in enumerate(KEYS))
    ql.execute(f"CREATE MATERIALIZED VIEW v AS {query}")
    with ql:
        assert is_right(ql, db, query)
        db.parts.insert_many([*({"_id": n, "c": key} for n, key in enumerate(KEYS)), {"_id": -1}])
        assert is_right(ql, db, query)
        db.parts.delete_many({"_id": {"$mod": [2, 0]}})
        assert is_right(ql, db, query)


def test_arrays_in_two_fields_of_an_index(ql: QuickLeaf, db: Db) -> None:
    """MongoDB refuses such a row: the index goes, the view stays right."""
    query = "SELECT c, x FROM orders"
    fill(db)
    ql.execute(f"CREATE MATERIALIZED VIEW v AS {query} ORDER BY c, x")
    with ql:
        assert is_right(ql, db, query)
        assert len(db.v.index_information()) == 2
        db.orders.insert_one({"_id": 100, "c": [1, 2], "x": [1, 2]})
        assert is_right(ql, db, query)
        ql.execute("REFRESH MATERIALIZED VIEW v")
        assert is_right(ql, db, query)
        db.orders.delete_one({"_id": 100})
        assert is_right(ql, db, query)


# -- functions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: object(), "cannot encode object"),
        (lambda: 2**70, "8-byte ints"),
        (lambda: "x" * 17 * MB, "QL602: the server refused one of its rows: BSON document too large"),
    ],
)
def test_a_function_that_fails_for_a_row(ql: QuickLeaf, db: Db, bad: Callable[[], Any], said: str) -> None:
    ql.function("CHECKED", repeatable=True)(lambda value: bad() if value == 1000 else value)
    fill(db)
    ql.execute("CREATE MATERIALIZED VIEW v AS SELECT CHECKED(x) AS x FROM orders")
    with ql:
        assert is_right(ql, db, "SELECT x FROM orders")
        db.orders.insert_one({"_id": 1000, "c": 1, "x": 1000})
        wait_for(lambda: state(ql, "v") == "failed")
        assert said in ql.status()["v"]["reason"]
        assert db.v.count_documents({}) == 50
        db.orders.delete_one({"_id": 1000})
        refreshed(ql)
        assert is_right(ql, db, "SELECT x FROM orders")


# -- size -------------------------------------------------------------------------------------------------------------


def test_documents_of_8_mb_of_which_a_view_reads_little(ql: QuickLeaf, db: Db) -> None:
    """Both images exceed 16 MB together; what travels is what the view reads."""
    db.orders.insert_many({"_id": n, "c": n, "x": n, "text": "x" * (8 * MB)} for n in range(2))
    ql.execute(f"CREATE MATERIALIZED VIEW v AS {GROUPS}")
    with ql:
        assert is_right(ql, db)
        uid = db["_queryleaf.active"].find_one()["live"]["uid"]  # type: ignore[index]
        for n in range(2):
            db.orders.update_one({"_id": n}, {"$set": {"text": "y" * (8 * MB), "c": n + 1}})
        assert is_right(ql, db)
        assert db["_queryleaf.active"].find_one()["live"]["uid"] == uid  # type: ignore[index]  # not built anew


def test_documents_of_8_mb_of_which_a_view_reads_all(ql: QuickLeaf, db: Db) -> None:
    """A change is too large for an event, right behind another and behind what a rebuild renames and drops; a group
    is too large for a row."""
    ql.execute("""CREATE MATERIALIZED VIEW v AS SELECT * FROM orders;
        CREATE MATERIALIZED VIEW twice AS SELECT c, MIN(text) AS low, MAX(text) AS high FROM orders GROUP BY c""")
    with ql:
        db.orders.insert_many({"_id": n, "c": n, "text": "x" * (8 * MB)} for n in range(2))
        ql.drain(60)
        for n in range(2):
            db.orders.update_one({"_id": n}, {"$set": {"text": "y" * (8 * MB)}})
        ql.drain(60)
        db.orders.insert_one({"_id": 7, "c": 7, "text": "z" * (16 * MB)})
        wait_for(lambda: state(ql, "twice") == "failed", 60)
        assert ql.status()["twice"]["reason"].startswith("QL602: the server refused one of its rows")
        db.orders.delete_one({"_id": 7})
        refreshed(ql, "twice")
        ql.drain(60)
        assert {each["_id"]: each["text"][:1] for each in db.v.find()} == {0: "y", 1: "y"}
        assert {each["c"]: each["low"] == each["high"] for each in db.twice.find()} == {0: True, 1: True}


def test_a_group_key_of_15_mb(ql: QuickLeaf, db: Db) -> None:
    fill(db)
    ql.execute(f"CREATE MATERIALIZED VIEW v AS {GROUPS}")
    with ql:
        db.orders.insert_one({"_id": 100, "c": "x" * (15 * MB), "x": 1})
        assert is_right(ql, db)
        db.orders.update_one({"_id": 100}, {"$set": {"x": 2}})
        assert is_right(ql, db)
        db.orders.delete_one({"_id": 100})
        assert is_right(ql, db)


def test_a_batch_whose_first_command_is_too_large(ql: QuickLeaf, db: Db) -> None:
    """It is sent in halves, and the first of them must begin the transaction."""
    db.orders.insert_many({"_id": n, "c": n, "text": "x" * MB} for n in range(40))
    ql.execute("""CREATE MATERIALIZED VIEW v AS SELECT * FROM orders;
        CREATE TRIGGER copied AFTER UPDATE ON orders BEGIN INSERT INTO copies (text) VALUES (NEW.text); END""")
    with ql:
        ql.drain(60)
        assert db.v.count_documents({}) == 40
        db.orders.update_many({}, {"$set": {"text": "y" * MB}})
        ql.drain(60)
        assert {each["text"][0] for each in db.v.find()} == {"y"}
        assert db.copies.count_documents({}) == 40


def test_unnest_of_a_large_array(ql: QuickLeaf, db: Db) -> None:
    query = "SELECT i AS i, COUNT(*) AS n FROM orders o, UNNEST(o.items) AS i GROUP BY i"
    ql.execute(f"CREATE MATERIALIZED VIEW v AS {query}")
    with ql:
        db.orders.insert_one({"_id": 1, "items": [n % 100 for n in range(100_000)]})
        assert is_right(ql, db, query)
        db.orders.update_one({"_id": 1}, {"$set": {"items.5": 77}})
        assert is_right(ql, db, query)
        db.orders.update_one({"_id": 1}, {"$set": {"items": "no array"}})
        assert is_right(ql, db, query)


# -- what cannot be decoded -------------------------------------------------------------------------------------------


def test_an_undecodable_document_that_is_there_already(ql: QuickLeaf, db: Db) -> None:
    """It must not be taken for one of NULLs."""
    fill(db)
    insert_broken(db, {"_id": 100, "c": "abc", "x": 1})
    with pytest.raises(RunError) as caught:
        ql.execute("SELECT * FROM orders")
    assert caught.value.code == "QL604"
    ql.execute(f"CREATE MATERIALIZED VIEW v AS {GROUPS}")
    with ql:
        wait_for(lambda: state(ql, "v") == "failed")
        assert ql.status()["v"]["reason"].startswith("QL604: a document of orders cannot be decoded")
        assert db.v.count_documents({}) == 0
        db.orders.delete_one({"_id": 100})
        refreshed(ql)
        assert is_right(ql, db)


def test_an_undecodable_field_that_no_view_reads(ql: QuickLeaf, db: Db) -> None:
    fill(db)
    insert_broken(db, {"_id": 100, "c": 1, "x": 1, "note": "abc"})
    ql.execute(f"CREATE MATERIALIZED VIEW v AS {GROUPS}")
    with ql:
        assert is_right(ql, db)
        insert_broken(db, {"_id": 101, "c": 1, "x": 1, "note": "abc"})
        db.orders.update_one({"_id": 101}, {"$set": {"x": 5}})
        assert is_right(ql, db)


# -- neighbours -------------------------------------------------------------------------------------------------------


def test_rows_changed_by_hand_are_put_right_when_the_view_changes_them(ql: QuickLeaf, db: Db) -> None:
    fill(db)
    ql.execute(f"CREATE MATERIALIZED VIEW v AS {GROUPS}")
    with ql:
        ql.drain()
        db.v.update_one({"c": 1}, {"$set": {"n": -1, "more": True}})
        db.orders.update_one({"_id": 1}, {"$inc": {"x": 1}})
        assert is_right(ql, db)
        db.v.delete_one({"c": 3})
        db.orders.delete_many({"c": 3})
        wait_for(lambda: db.v.count_documents({}) == 4)
        assert is_right(ql, db)
        db.v.rename("stolen")
        wait_for(lambda: db.v.count_documents({}) == 4)
        assert is_right(ql, db)
        db.v.create_index("s", unique=True)
        db.orders.update_many({}, {"$set": {"x": 0}})
        wait_for(lambda: "s_1" not in db.v.index_information())
        assert is_right(ql, db)


def test_the_state_is_dropped(ql: QuickLeaf, db: Db) -> None:
    fill(db)
    ql.execute(f"CREATE MATERIALIZED VIEW v AS {GROUPS}")
    with ql:
        ql.drain()
        for change in ({"_id": 1}, {"_id": 2}):
            for name in db.list_collection_names(filter={"name": {"$regex": r"\.state\."}}):
                db.drop_collection(name)
            db.orders.update_one(change, {"$inc": {"x": 1}})
            time.sleep(0.2)
            assert is_right(ql, db)


def test_the_database_is_dropped(ql: QuickLeaf, db: Db) -> None:
    """With it goes what was registered, and the worker says so; afterwards all can be had again."""
    fill(db)
    ql.execute(f"CREATE MATERIALIZED VIEW v AS {GROUPS}")
    with pytest.raises(QueryLeafError) as caught, ql:
        ql.drain()
        db.client.drop_database(db.name)
        ql.drain(20)
    assert caught.value.code == "QL511"
    fill(db)
    ql.execute(f"CREATE MATERIALIZED VIEW v AS {GROUPS}")
    with ql:
        assert is_right(ql, db)


def test_a_target_that_is_not_ours_stays(ql: QuickLeaf, db: Db) -> None:
    db.v.insert_one({"precious": True})
    for options in ("", "WITH (target = 'elsewhere')"):
        with pytest.raises(InputError) as caught:
            ql.execute(f"CREATE MATERIALIZED VIEW v {options} AS {GROUPS}")
        assert caught.value.code == "QL412"
    assert db.v.count_documents({"precious": True}) == 1
