"""SHOW, DESCRIBE and EXPLAIN on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from queryleaf_cdc import InputError, QueryLeaf

Db = Database[dict[str, Any]]
TRIGGER = """CREATE TRIGGER note AFTER INSERT OR DELETE ON orders WITH (max_retries = 2)
BEGIN INSERT INTO log (n) VALUES (NEW.n); CALL TELL(NEW.n); END"""
VIEW = "CREATE MATERIALIZED VIEW totals WITH (target = 'kept') AS SELECT n, COUNT(*) AS many FROM orders GROUP BY n"


@pytest.fixture
def ql(db: Db) -> Iterator[QueryLeaf]:
    each = QueryLeaf(client=db.client, database=db.name)
    each.procedure("TELL")(lambda *args, change: None)
    yield each
    each.close()


@pytest.fixture
def registered(ql: QueryLeaf) -> QueryLeaf:
    ql.execute(f"{TRIGGER}; {VIEW};")
    return ql


def properties(ql: QueryLeaf, name: str) -> dict[str, Any]:
    return {each["property"]: each["value"] for each in ql.execute(f"DESCRIBE {name}")}


def test_triggers_and_views_are_listed_with_their_state(registered: QueryLeaf) -> None:
    assert [(each["name"], each["state"]) for each in registered.execute("SHOW TRIGGERS")] == [("note", "stopped")]
    with registered:
        registered.drain(30)
        assert [(each["name"], each["state"]) for each in registered.execute("SHOW VIEWS")] == [("totals", "running")]


def test_nothing_is_listed_under_its_columns(ql: QueryLeaf) -> None:
    for what in ("TRIGGERS", "VIEWS", "STREAMS", "SINKS", "COLLECTIONS"):
        found = ql.execute(f"SHOW {what}")
        assert (list(found), found.columns is not None and found.columns[0]) == ([], "name")


def test_collections_are_listed_without_what_is_internal(registered: QueryLeaf, db: Db) -> None:
    db.people.insert_many([{}, {}])
    db.create_collection("shown", viewOn="people")
    with registered:
        registered.drain(30)
        rows = {each.pop("name"): each for each in map(dict, registered.execute("SHOW COLLECTIONS"))}
    assert rows["people"] == {"kind": "collection", "documents": 2, "images": False}
    assert rows["orders"]["images"] is True
    assert (rows["shown"]["kind"], rows["shown"]["documents"]) == ("view", None)
    assert rows["kept"]["kind"] == "materialized view"
    assert not [name for name in rows if name.startswith(("_queryleaf", "system."))]


def test_a_trigger_is_described(registered: QueryLeaf) -> None:
    found = properties(registered, "note")
    wanted = {
        "kind": "trigger",
        "state": "stopped",
        "collection": "orders",
        "fires on": "INSERT, DELETE",
        "writes": "log",
        "calls": "TELL",
        "max_retries": 2,
        "sql": TRIGGER,
    }
    assert {name: found[name] for name in wanted} == wanted


def test_a_view_is_described(registered: QueryLeaf, db: Db) -> None:
    db.orders.insert_many([{"n": 1}, {"n": 2}, {"n": 2}])
    with registered:
        registered.drain(30)
        found = properties(registered, "totals")
    wanted = {"kind": "materialized view", "state": "running", "collection": "kept", "rows": 2, "reads": "orders"}
    wanted |= {"columns": "n, many", "sql": VIEW}
    assert {name: found[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("target", "options", "wanted"),
    [
        ("copies", "", {"into": "collection copies", "delivery": "exactly once", "max_retries": 5}),
        ("PROCEDURE tell", "", {"into": "procedure tell", "delivery": "at least once", "max_retries": 7}),
        ("FILE 'out/a.jsonl'", "WITH (start = 'beginning')", {"into": "file out/a.jsonl", "start": "beginning"}),
        (
            "WEBHOOK 'https://example.com/x?team=a&token=hush'",
            "WITH (secret = ENV 'HOOK', timeout_ms = 300)",
            {
                "into": "webhook https://example.com/x?team=…&token=…",
                "timeout_ms": 300,
                "allow_private": False,
                "secret": "ENV 'HOOK'",
                "max_retries": 15,
            },
        ),
    ],
)
def test_a_sink_is_described(ql: QueryLeaf, target: str, options: str, wanted: dict[str, Any]) -> None:
    ql.execute(f"CREATE SINK s {options} AS SELECT total, n FROM orders WHERE CHANGE_DETECTED() INTO {target}")
    wanted = {"kind": "sink", "state": "stopped", "collection": "orders", "columns": "total, n", **wanted}
    found = properties(ql, "s")
    assert {name: found[name] for name in wanted} == wanted


def test_a_named_stream_is_described(ql: QueryLeaf) -> None:
    ql.execute("CREATE VIEW big AS SELECT _id, n FROM orders WHERE CHANGE_DETECTED() AND n > 5")
    found = properties(ql, "big")
    assert (found["reads"], found["columns"]) == ("orders", "_id, n")


def test_a_collection_is_described_by_its_documents(ql: QueryLeaf, db: Db) -> None:
    db.people.insert_many({"_id": n, "name": str(n), "home": {"city": "Ghent"}} for n in range(3))
    db.people.insert_one({"_id": 3, "name": None, "a.b": 1.5})
    assert list(ql.execute("DESCRIBE people")) == [
        {"field": "_id", "type": "int", "present": "100 %"},
        {"field": "name", "type": "string 75 %, null 25 %", "present": "100 %"},
        {"field": "home", "type": "object", "present": "75 %"},
        {"field": "home.city", "type": "string", "present": "75 %"},
        {"field": '"a.b"', "type": "double", "present": "25 %"},
    ]


def test_a_rare_field_is_neither_everywhere_nor_nowhere(ql: QueryLeaf, db: Db) -> None:
    db.people.insert_many([{"_id": n, **({"rare": 1} if n == 0 else {"often": 1})} for n in range(300)])
    assert {each["field"]: each["present"] for each in ql.execute("DESCRIBE people")} == {
        "_id": "100 %",
        "rare": "<1 %",
        "often": ">99 %",
    }


def test_an_empty_collection_has_no_fields(ql: QueryLeaf, db: Db) -> None:
    db.create_collection("people")
    assert list(ql.execute("DESCRIBE people")) == []


def test_an_unknown_name_is_told_with_its_place(ql: QueryLeaf, db: Db) -> None:
    db.people.insert_one({})
    with pytest.raises(InputError) as raised:
        ql.execute("DESCRIBE peple")
    assert raised.value.code == "QL411"
    assert raised.value.render().splitlines()[1:] == [
        "  DESCRIBE peple",
        "           ^^^^^",
        "  hint: did you mean people?",
    ]


def test_explain_tells_and_does_nothing(ql: QueryLeaf, db: Db) -> None:
    found = ql.execute(f"EXPLAIN {TRIGGER}")
    assert found[0] == {"plan": "trigger note on orders for INSERT, DELETE"}
    assert "server: change stream" in found[1]["plan"]
    assert list(ql.execute("SHOW TRIGGERS")) == []
    ql.execute("EXPLAIN INSERT INTO t (a) VALUES (1)")
    assert db.t.count_documents({}) == 0


def test_what_is_explained_may_be_created_behind_it(ql: QueryLeaf) -> None:
    assert ql.execute(f"EXPLAIN {TRIGGER}; {TRIGGER};").status == "created"


def test_what_is_registered_is_explained_by_its_name(registered: QueryLeaf) -> None:
    assert list(registered.execute("EXPLAIN note")) == list(registered.execute(f"EXPLAIN {TRIGGER}"))
    assert registered.execute("EXPLAIN totals")[0] == {"plan": "materialized view totals"}
    with pytest.raises(InputError, match=r"QL411.*nothing registered as orders"):
        registered.execute("EXPLAIN orders")
