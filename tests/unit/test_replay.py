"""Recorded change events through a program."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pytest
from bson import Timestamp, json_util

from queryleaf_cdc.compiler import compile_sql
from queryleaf_cdc.errors import CompileError, InputError
from queryleaf_cdc.offline.recorded import read_events
from queryleaf_cdc.offline.replay import replay

LOG = """
CREATE TRIGGER log ON trips FOR INSERT, UPDATE, DELETE BEGIN
  INSERT INTO log (_id, op, at) VALUES (CHANGE_ID(), CHANGE_TYPE(), NOW());
END;"""
AT = datetime(2025, 3, 4, 5, 6, 7)


def event(kind: str, key: object, after: Any = None, before: Any = None, **more: Any) -> dict[str, Any]:
    found = {
        "_id": {"_data": f"82{kind}{key}"},
        "operationType": kind,
        "clusterTime": Timestamp(1741064767, 1),
        "wallTime": AT,
        "ns": {"db": "fleet", "coll": "trips"},
        "documentKey": {"_id": key},
        "fullDocument": after,
        "fullDocumentBeforeChange": before,
        **more,
    }
    return {name: value for name, value in found.items() if value is not None}


def insert(key: object, **fields: Any) -> dict[str, Any]:
    return event("insert", key, {"_id": key, **fields})


def lines(*events: dict[str, Any], canonical: bool = False) -> list[str]:
    options = json_util.CANONICAL_JSON_OPTIONS if canonical else json_util.RELAXED_JSON_OPTIONS
    return [json_util.dumps(each, json_options=options) for each in events]


def replayed(sql: str, texts: Iterable[str | bytes], **more: Any) -> list[dict[str, Any]]:
    return list(replay(sql, read_events(texts, "day.jsonl"), **more))


@pytest.mark.parametrize("canonical", [False, True])
def test_effects_are_stable_json_lines(canonical: bool) -> None:
    events = [insert(1, n=5), event("update", 1, {"_id": 1, "n": 6}), event("delete", 1)]
    found = [json.dumps(each) for each in replayed(LOG, lines(*events, canonical=canonical))]
    assert found[0] == (
        '{"event": 1, "trigger": "log", "op": "insert", "collection": "log", "document": '
        '{"_id": "82insert1", "op": "INSERT", "at": {"$date": "2025-03-04T05:06:07Z"}}}'
    )
    assert [json.loads(each)["document"]["op"] for each in found] == ["INSERT", "UPDATE", "DELETE"]


def test_events_are_applied_before_triggers_fire() -> None:
    sql = """
    CREATE TRIGGER t ON trips FOR INSERT BEGIN
      UPDATE stock SET n = stock.n - l.n FROM lines l WHERE l.trip = NEW._id AND stock._id = l.item;
    END;"""
    first = {**insert(7, trip=1, item="tea", n=2), "ns": {"db": "fleet", "coll": "lines"}}
    second = {**insert(8, trip=1, item="tea", n=3), "ns": {"db": "fleet", "coll": "lines"}}
    found = list(replay(sql, [first, second, insert(1)], data={"stock": [{"_id": "tea", "n": 9}]}))
    assert [each["document"]["n"] for each in found] == [7, 4] and {each["event"] for each in found} == {3}


def test_updates_without_an_image_are_applied_from_their_description() -> None:
    sql = """
    CREATE TRIGGER t ON other FOR INSERT BEGIN INSERT INTO log (_id, trip) SELECT 1, t.a FROM trips t; END;"""
    described = {
        "updatedFields": {"a.b": 2, "a.list.1": "y", "a.list.3.z": 1},
        "removedFields": ["a.gone"],
        "truncatedArrays": [{"field": "a.long", "newSize": 1}],
    }
    events = [
        insert(1, a={"b": 1, "gone": 1, "list": ["x"], "long": [1, 2, 3]}),
        event("update", 1, updateDescription=described),
        {**insert(2), "ns": {"db": "fleet", "coll": "other"}},
    ]
    (found,) = replay(sql, events)
    assert found["document"]["trip"] == {"b": 2, "list": ["x", "y", None, {"z": 1}], "long": [1]}


def test_writes_of_triggers_fire_triggers_and_count_for_their_event() -> None:
    sql = LOG + "CREATE TRIGGER up ON log FOR INSERT BEGIN CALL TELL(NEW.op, TRIGGER_DEPTH()); END;"
    found = replayed(sql, lines(insert(1)))
    assert found[1] == {
        "event": 1,
        "trigger": "up",
        "depth": 1,
        "op": "call",
        "procedure": "TELL",
        "args": ["INSERT", 1],
    }


def test_dead_letters_tell_where() -> None:
    sql = "CREATE TRIGGER t ON trips FOR INSERT BEGIN\n  RAISE 'no %', NEW.n;\nEND;"
    program = compile_sql(sql, name="fleet.sql")
    (found,) = replay(program, read_events(lines(insert(1, n=4))))
    assert found == {
        "event": 1,
        "trigger": "t",
        "op": "dead_letter",
        "code": "QL601",
        "message": "no 4",
        "place": "fleet.sql:2:3",
    }


def test_functions_and_procedures() -> None:
    called: list[object] = []
    sql = "CREATE TRIGGER t ON trips FOR INSERT BEGIN CALL P(TWICE(NEW.n)); END;"
    found = list(
        replay(
            sql,
            [insert(1, n=4)],
            functions={"twice": lambda n: n * 2},
            procedures={"P": lambda n, change: called.append(n)},
        )
    )
    assert called == [8] and found[0]["args"] == [8]
    with pytest.raises(InputError, match="QL428"):
        list(replay(sql, [insert(1, n=4)]))
    with pytest.raises(CompileError, match="QL209"):
        list(replay(sql, [], functions={}))


def test_other_events_pass_and_blank_lines_do_not_count() -> None:
    drop = {"_id": {"_data": "1"}, "operationType": "drop", "ns": {"db": "fleet", "coll": "trips"}}
    texts = ["", *lines(insert(1)), "  ", *lines(drop), *lines(insert(1))]
    assert [each["event"] for each in replayed(LOG, texts)] == [1, 3]


def test_an_event_may_come_twice() -> None:
    sql = "CREATE TRIGGER t ON trips FOR INSERT BEGIN INSERT INTO n (n) SELECT COUNT(*) FROM trips; END;"
    found = replayed(sql, lines(insert(1), insert(1)))
    assert [each["document"]["n"] for each in found] == [1, 1]


def test_one_shot_statements_run_first() -> None:
    found = replayed("INSERT INTO trips (_id) VALUES (1);" + LOG + "INSERT INTO trips (_id) VALUES (2);", [])
    assert [each["document"]["op"] for each in found] == ["INSERT"]


def test_cluster_time_stands_in_for_wall_time() -> None:
    old = {name: value for name, value in insert(1).items() if name != "wallTime"}
    (found,) = replay(LOG, [old])
    assert found["document"]["at"] == {"$date": "2025-03-04T05:06:07Z"}


def test_the_events_given_are_left_alone() -> None:
    given = insert(1)
    before = json_util.dumps(given)
    list(replay(LOG, [given]))
    assert json_util.dumps(given) == before


# -- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ('{"operationType": ', "QL420", "day.jsonl:2: not extended JSON"),
        ("hello", "QL420", "hello"),
        ('{"_id": {"$oid": "zz"}}', "QL420", "zz"),
        ('{"a": {"$date": "soon"}}', "QL420", "day.jsonl:2"),
        ("[" * 3000, "QL420", "day.jsonl:2"),
        (b"\xff\xfe{}", "QL420", "not UTF-8"),
        ("[1, 2]", "QL421", "not a change event but a list"),
        ('{"a": 1}', "QL421", "operationType is missing"),
        ('{"operationType": 3}', "QL421", "operationType is missing"),
        ('{"operationType": "insert"}', "QL421", "resume token"),
        ('{"operationType": "insert", "_id": {"_data": "1"}}', "QL421", "ns.coll"),
        ('{"operationType": "insert", "_id": {"_data": "1"}, "ns": {"coll": "t"}}', "QL421", "documentKey"),
        (
            '{"operationType": "delete", "_id": {"_data": "1"}, "ns": {"coll": "t"}, "documentKey": {"_id": 1}}',
            "QL421",
            "wallTime",
        ),
    ],
)
def test_bad_lines_are_named_with_their_number(line: str | bytes, code: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        replayed(LOG, [*lines(insert(1)), line])
    assert caught.value.code == code and "day.jsonl:2" in caught.value.message and said in caught.value.message
    assert len(caught.value.message) < 400


@pytest.mark.parametrize(
    "broken",
    [
        {**insert(1), "fullDocument": "text"},
        {**insert(1), "fullDocument": None},
        {**insert(1), "documentKey": [1]},
        {**event("update", 1, {"_id": 1}), "fullDocumentBeforeChange": 3},
        {**event("update", 1, {"_id": 1}), "updateDescription": [1]},
    ],
)
def test_events_of_the_wrong_shape(broken: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="QL421"):
        list(replay(LOG, [broken]))


def test_a_malformed_description_is_named() -> None:
    for description in ({"updatedFields": [1]}, {"truncatedArrays": [{"a": 1}]}, {"removedFields": [7]}):
        with pytest.raises(InputError, match="QL421"):
            list(replay(LOG, [insert(1, n=1), event("update", 1, updateDescription=description)]))


@pytest.mark.parametrize(
    ("value", "change", "image"),
    [
        ("NEW.n", event("update", 1), "fullDocument"),
        ("OLD.n", event("update", 1, {"_id": 1}), "fullDocumentBeforeChange"),
        ("OLD.n", event("delete", 1), "fullDocumentBeforeChange"),
    ],
)
def test_a_missing_image_is_named(value: str, change: dict[str, Any], image: str) -> None:
    sql = f"CREATE TRIGGER needy ON trips FOR UPDATE, DELETE BEGIN INSERT INTO log (v) VALUES ({value}); END;"
    with pytest.raises(InputError) as caught:
        replayed(sql, lines(insert(1), change))
    assert caught.value.code == "QL422"
    assert f"day.jsonl:2: needy needs {image}," in caught.value.message and caught.value.hint is not None


def test_an_image_that_nobody_needs_may_be_missing() -> None:
    assert len(replayed(LOG, lines(event("update", 1), event("delete", 1)))) == 2


def test_data_that_cannot_be_stored() -> None:
    with pytest.raises(InputError, match="QL425"):
        list(replay(LOG, [], data={"stock": [{"_id": 1}, {"_id": 1.0}]}))
