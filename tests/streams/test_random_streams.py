"""Random streaming SELECTs over recorded changes give what DuckDB says of the table of these changes."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import duckdb
import pytest

from queryleaf_cdc.dataflow import along, row_log
from queryleaf_cdc.dataflow.state import MemoryStore
from tests.streams.changes import COLUMNS, Document, History, draw_history
from tests.streams.engine import Stream
from tests.streams.queries import Question, draw_groups, draw_lookup, draw_meeting, draw_windows
from tests.views.comparison import difference

NAMES: list[Document] = [{"_id": at, "k": at % 4, "name": f"n{at % 3}"} for at in range(7)]


def oracle(history: History) -> duckdb.DuckDBPyConnection:
    found = duckdb.connect()
    found.execute("SET default_null_order='nulls_last_on_asc_first_on_desc'; SET threads=1; SET TimeZone='UTC'")
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    for name in ("a", "b"):
        found.execute(f"CREATE TABLE {name} (seq BIGINT, op VARCHAR, ts TIMESTAMP, id BIGINT, {columns})")
        rows = [row[1:] for row in history.rows if row[0] == name]
        if rows:
            found.executemany(f"INSERT INTO {name} VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    found.execute("CREATE TABLE c (id BIGINT, k BIGINT, name VARCHAR)")
    found.executemany("INSERT INTO c VALUES (?, ?, ?)", [tuple(each.values()) for each in NAMES])
    return found


def ask(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    cursor = connection.execute(sql)
    return [column[0] for column in cursor.description or ()], cursor.fetchall()


@pytest.fixture(autouse=True)
def _slack(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Partitions are shortened early, what runs on is carried on often, and few rows make a page."""
    seed = request.node.callspec.params.get("seed", 0)
    monkeypatch.setattr(along, "_SLACK", (1, 3, 32)[seed % 3])
    monkeypatch.setattr(row_log, "_PAGE", (1, 2, 64)[seed // 2 % 3])


def check(question: Question, seed: int, events: int = 200) -> None:
    random = Random(seed)
    history = draw_history(random, events)
    names, expected = ask(oracle(history), question.duckdb)
    store = MemoryStore() if seed % 2 else None
    stream = Stream(question.sql, {"c": NAMES}, store, timedelta(seconds=seed % 3))
    rows = list(stream.run(history, random))
    found = [tuple(row.values.get(name) for name in names) for row in rows]
    wrong = difference(found, expected)
    assert wrong is None, f"{question.sql}\n{question.duckdb}\n{wrong}"
    if question.is_ordered:
        pairs = zip(found, expected, strict=True)
        assert all(difference([one], [other]) is None for one, other in pairs), f"another order: {question.sql}"


@pytest.mark.parametrize("seed", range(50))
def test_windows(seed: int) -> None:
    check(draw_windows(Random(seed)), seed)


@pytest.mark.parametrize("seed", range(30))
def test_meetings(seed: int) -> None:
    check(draw_meeting(Random(1000 + seed)), seed)


@pytest.mark.parametrize("seed", range(20))
def test_lookups(seed: int) -> None:
    check(draw_lookup(Random(2000 + seed)), seed)


@pytest.mark.parametrize("seed", range(20))
def test_groups(seed: int) -> None:
    check(draw_groups(Random(3000 + seed)), seed)


@pytest.mark.parametrize("seed", range(20))
def test_windows_in_another_order_than_that_of_commits(seed: int) -> None:
    """A row sees those that came before it and sort before it: DuckDB is asked anew with each row that comes."""
    random = Random(4000 + seed)
    question = draw_windows(random, order="t")
    history = draw_history(random, 60)
    connection = oracle(history)
    expected: list[tuple[Any, ...]] = []
    names: list[str] = []
    for seq in (row[1] for row in history.rows if row[0] == "a"):
        so_far = question.duckdb.replace("FROM a", f"FROM (SELECT * FROM a WHERE seq <= {seq} ORDER BY seq)")
        so_far = so_far.replace("ORDER BY t", "ORDER BY t, seq").replace("ORDER BY seq", "ORDER BY seq", 1)
        names, rows = ask(connection, so_far.replace("* EXCLUDE (seq)", "*"))
        expected += [
            tuple(v for n, v in zip(names, row, strict=True) if n != "seq")
            for row in rows
            if row[names.index("seq")] == seq
        ]
    names = [name for name in names if name != "seq"]
    found = [tuple(row.values.get(name) for name in names) for row in Stream(question.sql).run(history, random)]
    wrong = difference(found, expected)
    assert wrong is None, f"{question.sql}\n{wrong}"


@pytest.mark.parametrize("seed", range(3))
def test_a_far_first_row_beside_what_runs_on(seed: int) -> None:
    over = "OVER (ORDER BY {order} ROWS UNBOUNDED PRECEDING)"
    items = f"NTH_VALUE(v, 20) {over} AS far, COUNT(*) {over} AS n, LAG(v, 7) OVER (ORDER BY {{order}}) AS before"
    sql = f"SELECT {items.format(order='CHANGE_TIMESTAMP()')} FROM a WHERE CHANGE_DETECTED()"
    check(Question(sql, f"SELECT {items.format(order='seq')} FROM a ORDER BY seq", True), seed)


@pytest.mark.parametrize("seed", range(3))
def test_a_clock_that_goes_back_forgets_nothing(seed: int) -> None:
    """After a failover the new primary's clock may be behind: rows are counted as they come."""
    history = draw_history(Random(seed), 200)
    for event in history.events[120:130]:
        event["wallTime"] -= timedelta(hours=1)
    over = "OVER (ORDER BY CHANGE_TIMESTAMP() ROWS UNBOUNDED PRECEDING)"
    sql = f"SELECT COUNT(*) {over} AS n FROM a WHERE CHANGE_DETECTED()"
    counts = [row.values["n"] for row in Stream(sql).run(history, Random(seed))]
    after = sum(event["ns"]["coll"] == "a" for event in history.events[130:])
    assert counts[-after:] == list(range(len(counts) - after + 1, len(counts) + 1))


@pytest.mark.parametrize("seed", range(6))
def test_late_rows_reach_behind_what_is_carried_on(seed: int) -> None:
    history = draw_history(Random(seed), 200)
    sql = "SELECT COUNT(*) OVER (ORDER BY t ROWS UNBOUNDED PRECEDING) AS n, LAG(_id, 7) OVER (ORDER BY t) AS before"
    found = [row.values for row in Stream(f"{sql} FROM a WHERE CHANGE_DETECTED()").run(history, Random(seed))]
    seen: list[tuple[Any, int, int]] = []
    expected = []
    for _, seq, _, _, key, *_, moment in (row for row in history.rows if row[0] == "a"):
        seen.append((moment, seq, key))
        upto = sorted(each for each in seen if each[:2] <= (moment, seq))
        expected.append({"n": len(upto), "before": upto[-8][2] if len(upto) > 7 else None})
    assert found == expected
