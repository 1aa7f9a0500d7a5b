"""A read that the server refuses concerns the trigger that reads, and nobody else."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from queryleaf_cdc import QueryLeaf


def test_the_neighbour_goes_on(db: Database[dict[str, Any]]) -> None:
    db.command("create", "broken", viewOn="base", pipeline=[{"$project": {"x": {"$divide": [1, "$zero"]}}}])
    db.base.insert_one({"zero": 0})
    ql = QueryLeaf(client=db.client, database=db.name)
    reads = "INSERT INTO found (x) SELECT b.x FROM broken b;"
    ql.execute(f"CREATE TRIGGER reads AFTER INSERT ON a WITH (max_retries = 0) BEGIN {reads} END;")
    ql.execute(
        "CREATE TRIGGER z_writes AFTER INSERT ON a WITH (on_error = 'stop') "
        "BEGIN INSERT INTO out (x) VALUES (NEW.x); END;"
    )
    with ql:
        db.a.insert_many([{"x": 1}, {"x": 2}])
        ql.drain(20)
        status = ql.status()
    assert [row["x"] for row in db.out.find()] == [1, 2]
    assert (status["z_writes"]["state"], status["z_writes"]["dead_letters"]) == ("running", 0)
    assert status["reads"]["dead_letters"] == 2
    letter = db["_queryleaf.dead_letters"].find_one({"trigger": "reads"})
    assert letter is not None and "QL602" in str(letter)
    ql.close()
