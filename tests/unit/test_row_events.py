"""How deep the rows of streams are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from queryleaf_cdc import compile_sql
from queryleaf_cdc.dataflow.flow import FlowRow
from queryleaf_cdc.plans.program import TriggerStatement
from queryleaf_cdc.runtime import row_events
from queryleaf_cdc.runtime.row_events import RowEvents

AT = datetime(2025, 3, 4)
ONE = "SELECT k FROM a WHERE CHANGE_DETECTED()"
GROUPS = "SELECT COUNT(*) AS n FROM a WHERE CHANGE_DETECTED() GROUP BY TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '1 hour')"


def rows_of(query: str) -> RowEvents:
    sql = f"CREATE VIEW s AS {query}; CREATE TRIGGER t AFTER INSERT ON s BEGIN INSERT INTO x (a) VALUES (1); END"
    statement = compile_sql(sql).statements[1]
    assert isinstance(statement, TriggerStatement) and statement.flow is not None
    return RowEvents(statement.flow, "s", "shop")


def change(id: str, depth: int, collection: str = "a") -> dict[str, Any]:
    chain = ("t",) * depth
    return {"_id": {"_data": id}, "ns": {"coll": collection}, "wallTime": AT, "_depth": depth, "_chain": chain}


def depth(rows: RowEvents, *changes: str) -> int:
    found = rows.insert(FlowRow({}, changes, 1, "token"), AT)
    assert len(found["_chain"]) == found["_depth"]
    return found["_depth"]  # type: ignore[no-any-return]


def test_a_row_is_as_deep_as_its_change() -> None:
    rows = rows_of(ONE)
    rows.see([change("1", 3)])
    rows.see([change("2", 0)])
    assert (depth(rows, "1"), depth(rows, "2")) == (3, 0)


def test_the_deepest_of_several_changes_counts_also_when_it_is_not_at_hand() -> None:
    rows = rows_of(ONE)
    rows.see([change("1", 3)])
    rows.see([change("2", 1)])
    assert depth(rows, "1", "2") == 3


def test_a_group_that_comes_with_each_change_is_as_deep_as_the_changes_at_hand() -> None:
    rows = rows_of(f"{GROUPS} EMIT CHANGES")
    rows.see([change("1", 3)])
    assert depth(rows) == 3
    rows.see([change("2", 5, "another")])
    assert depth(rows) == 0
    rows.see([change("3", 1)])
    assert depth(rows) == 1


def test_what_comes_when_its_window_ends_begins_a_chain_anew() -> None:
    rows = rows_of(GROUPS)
    rows.see([change("1", 3)])
    assert depth(rows) == 0


def test_only_the_latest_are_remembered(monkeypatch: Any) -> None:
    monkeypatch.setattr(row_events, "_MOST", 2)
    rows = rows_of(ONE)
    for id in "123":
        rows.see([change(id, 3)])
    assert [depth(rows, id) for id in "123"] == [0, 3, 3]
