"""What a stream remembers is stored in pages: a batch writes what it changed, and none are left behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import bson
import pytest

from queryleaf_cdc.dataflow import along, row_log
from queryleaf_cdc.dataflow.state import MemoryStore, StateChange
from tests.streams.changes import History, draw_history
from tests.streams.engine import Stream

START = datetime(2026, 3, 1)
BATCH = 1_000
HOUR = "RANGE BETWEEN INTERVAL '1 hour' PRECEDING AND CURRENT ROW"
MANY = {
    "frame": f"SELECT SUM(v) OVER (PARTITION BY k ORDER BY CHANGE_TIMESTAMP() {HOUR}) AS s FROM a",
    "far": "SELECT LAG(v, 9999) OVER (PARTITION BY k ORDER BY CHANGE_TIMESTAMP()) AS s FROM a",
    "first": "SELECT NTH_VALUE(v, 9999) OVER (ORDER BY CHANGE_TIMESTAMP() ROWS UNBOUNDED PRECEDING) AS s FROM a",
    "other order": "SELECT COUNT(v) OVER (PARTITION BY k ORDER BY v) AS s FROM a",
    "distinct": "SELECT COUNT(DISTINCT v) OVER (ORDER BY CHANGE_TIMESTAMP() ROWS UNBOUNDED PRECEDING) AS s FROM a",
    "group": "SELECT k, MAX(v) AS s FROM a {} GROUP BY k, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '1 day')",
    "session": "SELECT k, MAX(v) AS s FROM a {} GROUP BY k, SESSION(CHANGE_TIMESTAMP(), INTERVAL '1 hour')",
    "late session": "SELECT k, SUM(v) AS s FROM a {} GROUP BY k, SESSION(t, INTERVAL '1 hour')",
}  # fmt: skip
"""queries that remember 10,000 rows of a key"""


class Written(MemoryStore):
    """The changes of the last batch."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[StateChange] = []

    def write(self, changes: list[StateChange]) -> None:
        super().write(changes)
        self.changes = changes

    @property
    def bytes(self) -> int:
        return sum(len(bson.encode(each.document)) for each in self.changes if each.document is not None)


def change(n: int, k: int = 0, v: int | None = None) -> dict[str, Any]:
    at = START + timedelta(milliseconds=100 * n)
    return {
        "_id": {"_data": f"{n:010d}"},
        "operationType": "insert",
        "ns": {"db": "test", "coll": "a"},
        "documentKey": {"_id": n},
        "fullDocument": {"_id": n, "k": k, "v": n if v is None else v, "t": at + timedelta(hours=3)},
        "wallTime": at,
    }


def filled(name: str, rows: int = 10_000) -> tuple[Stream, Written]:
    store = Written()
    where = "WHERE CHANGE_DETECTED()"
    sql = MANY[name].format(where) if "{}" in MANY[name] else f"{MANY[name]} {where}"
    stream = Stream(sql, store=store, cache_rows=100_000)
    for at in range(0, rows, BATCH):
        stream.batch([change(n) for n in range(at, min(at + BATCH, rows))])
    return stream, store


@pytest.mark.parametrize("name", MANY)
def test_one_row_more_of_ten_thousand_writes_little(name: str) -> None:
    stream, store = filled(name)
    whole = sum(len(bson.encode(each)) for each in store.documents.values())
    assert stream.flow.rows >= 9_000 and whole > 150_000
    most = 0
    for n in range(10_000, 10_000 + row_log._PAGE):
        stream.batch([change(n)])
        most = max(most, store.bytes)
    assert most < 20_000, "a page, and what is left of another"
    stream.batch([change(20_000, v=5_000)])
    assert store.bytes < 20_000, "in the midst of the others"


def test_rows_that_leave_the_frame_are_deleted() -> None:
    stream, store = filled("frame", 3_000)
    before, deleted, at = len(store.documents), 0, 100_000
    assert before > 40
    while not deleted:  # it is shortened when it has doubled
        stream.batch([change(n) for n in range(at, at + 50)])
        at += 50
        deleted = sum(each.document is None for each in store.changes)
        assert at < 104_000 and store.bytes < 20_000
    assert deleted >= before - 5
    assert_no_page_is_left_behind(store)


def test_many_open_sessions_of_a_key_are_not_all_written() -> None:
    store = Written()
    sql = "SELECT k, SUM(v) AS s FROM a WHERE CHANGE_DETECTED() GROUP BY k, SESSION(t, INTERVAL '1 minute')"
    stream = Stream(sql, store=store, cache_rows=100_000)
    events = [change(n) for n in range(9_100)]
    for n, event in enumerate(events):
        event["fullDocument"]["t"] = START + timedelta(days=1, hours=n % 100, seconds=n // 100)
    for at in range(0, 9_000, BATCH):
        stream.batch(events[at : at + BATCH])
    whole = sum(len(bson.encode(each)) for each in store.documents.values())
    for event in events[9_000:]:
        stream.batch([event])
        assert store.bytes < 70_000 < whole / 5
    stream.step({}, START + timedelta(days=9))
    assert len(store.documents) == 2, "the watermark and the number of the last row"


def settings(monkeypatch: pytest.MonkeyPatch, page: int, length: int = 1 << 15) -> None:
    monkeypatch.setattr(along, "_SLACK", 1)
    monkeypatch.setattr(row_log, "_PAGE", page)
    monkeypatch.setattr(row_log, "_BYTES", length)


OVER = "OVER (PARTITION BY k ORDER BY CHANGE_TIMESTAMP()"
QUERIES = {
    "lag": f"SELECT LAG(v, 5) {OVER}) AS x, v FROM a WHERE CHANGE_DETECTED()",
    "rows": f"SELECT ARRAY_AGG(v) {OVER} ROWS BETWEEN 7 PRECEDING AND CURRENT ROW) AS x FROM a WHERE CHANGE_DETECTED()",
    "range": f"SELECT SUM(v) {OVER} RANGE BETWEEN INTERVAL '1 minute' PRECEDING AND CURRENT ROW) AS x FROM a "
    "WHERE CHANGE_DETECTED()",
    "running": f"SELECT MAX(v) {OVER} ROWS UNBOUNDED PRECEDING) AS x, NTH_VALUE(v, 6) {OVER} ROWS UNBOUNDED PRECEDING) "
    f"AS y, COUNT(DISTINCT v) {OVER} ROWS 3 PRECEDING) AS z FROM a WHERE CHANGE_DETECTED()",
    "first": f"SELECT NTH_VALUE(v, 6) {OVER} ROWS UNBOUNDED PRECEDING) AS x, LAG(v) {OVER}) AS y FROM a "
    "WHERE CHANGE_DETECTED()",
    "other order": "SELECT SUM(v) OVER (PARTITION BY k ORDER BY t) AS x, LAG(v) OVER (PARTITION BY k ORDER BY v) AS y "
    "FROM a WHERE CHANGE_DETECTED()",
    "group": "SELECT k, ARRAY_AGG(v) AS x, SUM(v) AS s FROM a WHERE CHANGE_DETECTED() "
    "GROUP BY k, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '1 minute')",
    "every change": "SELECT k, MEDIAN(v) AS x FROM a WHERE CHANGE_DETECTED() GROUP BY k EMIT CHANGES",
    "session": "SELECT k, ARRAY_AGG(v) AS x FROM a WHERE CHANGE_DETECTED() "
    "GROUP BY k, SESSION(CHANGE_TIMESTAMP(), INTERVAL '15 seconds')",
    "late session": "SELECT k, ARRAY_AGG(v) AS x FROM a WHERE CHANGE_DETECTED() "
    "GROUP BY k, SESSION(t, INTERVAL '15 seconds')",
}  # fmt: skip
END_WITH_TIME = ("group", "session", "late session")


def batches(history: History, random: Random) -> Iterator[list[Any]]:
    events = list(history.events)
    while events:
        size = random.choice((1, 2, 7, 20))
        yield events[:size]
        del events[:size]


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("seed", range(4))
def test_restarts_between_all_batches_change_nothing(name: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(monkeypatch, (1, 2, 5, 64)[seed], (1 << 15, 60, 200, 100)[seed])
    history = draw_history(Random(seed), 200)
    store = MemoryStore()
    stream, unbroken = Stream(QUERIES[name], store=store), Stream(QUERIES[name])
    for batch in batches(history, Random(seed)):
        stream.restart()
        assert [row.values for row in stream.batch(batch)] == [row.values for row in unbroken.batch(batch)]
        assert_no_page_is_left_behind(store)
    end = history.events[-1]["wallTime"] + timedelta(days=2)
    stream.restart()
    assert [row.values for row in stream.step({}, end)] == [row.values for row in unbroken.step({}, end)]
    assert_no_page_is_left_behind(store)
    if name in END_WITH_TIME:
        assert len(store.documents) <= 2, "the watermark and the number of the last row"


def assert_no_page_is_left_behind(store: MemoryStore) -> None:
    """Every document whose id is that of a page is one that another document names."""
    named = {id for id, document in store.documents.items() for id in _pages(id, document)}
    assert named <= set(store.documents)
    pages = {id for id in store.documents if id[-5:-4] == b"\xff" and id[:-5] in store.documents}
    assert pages == named


def _pages(id: bytes, document: Any) -> Iterator[bytes]:
    if isinstance(document, dict):
        if "p" in document:
            yield from row_log.pages_of(id, document)
        if "pages" in document:
            yield from (id + b"\xff" + number.to_bytes(4, "big") for _, number, *_ in document["pages"])
        for value in document.values():
            yield from _pages(id, value)
    elif isinstance(document, list | tuple):
        for value in document:
            yield from _pages(id, value)
