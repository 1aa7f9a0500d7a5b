"""Going on behind an event that the new pipeline drops."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from queryleaf_cdc.mongo.change_source import ChangeSource, StreamFault
from queryleaf_cdc.mongo.faults import Todo
from queryleaf_cdc.mongo.positions import Position

OFF = ("default", "off")
ONLY_B = [{"$match": {"ns.coll": "b"}}]


def tokens(client: MongoClient[dict[str, Any]], db: Database[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the changes a1 b2 a3 b4 a5, made in one transaction, and so at one time, and of b6."""
    for name in ("a", "b"):
        db.create_collection(name)
    with db.watch() as stream:
        with client.start_session() as session, session.start_transaction():
            for number, name in enumerate("ababa", 1):
                db[name].insert_one({"n": number}, session=session)
        db.b.insert_one({"n": 6})
        return [stream.next()["_id"] for _ in range(6)]


def numbers(source: ChangeSource) -> list[int]:
    found = []
    while events := source.next_batch().events:
        found += [event["fullDocument"]["n"] for event in events]
    return found


@pytest.mark.parametrize(("done", "ahead"), [(1, [2, 4, 6]), (2, [4, 6]), (3, [4, 6]), (4, [6]), (5, [6]), (6, [])])
def test_nothing_is_lost_or_doubled(
    client: MongoClient[dict[str, Any]], db: Database[dict[str, Any]], done: int, ahead: list[int]
) -> None:
    token = tokens(client, db)[done - 1]
    source = ChangeSource(db, ONLY_B, OFF, Position(token), await_ms=50)
    assert numbers(source) == ahead
    source.close()
    assert numbers(source) == []
    db.b.insert_one({"n": 7})
    assert numbers(source) == [7]
    source.close()


def test_a_token_that_no_pipeline_finds_is_a_fault(
    client: MongoClient[dict[str, Any]], db: Database[dict[str, Any]]
) -> None:
    token = tokens(client, db)[0]["_data"]
    strange = f"{token[:10]}{int(token[10:18], 16) - 1:08X}{token[18:]}"  # the same event, a moment earlier
    source = ChangeSource(db, ONLY_B, OFF, Position({"_data": strange}), await_ms=50)
    with pytest.raises(StreamFault) as fault:
        numbers(source)
    assert fault.value.todo is Todo.BAD_POSITION
