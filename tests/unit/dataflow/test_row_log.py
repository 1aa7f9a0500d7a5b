"""Logs of rows in pages: what is stored is what is there, and only what changed is written."""

from __future__ import annotations

from random import Random

import pytest

from queryleaf_cdc.dataflow import row_log
from queryleaf_cdc.dataflow.row_log import PageWriter, RowLog, pages_of, read_log
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.state import StateChange
from queryleaf_cdc.values import Document
from tests.unit.dataflow.harness import BsonStore

ID = b"key"


class _Stored:
    """Two logs of one cell, and the documents that are made of them."""

    def __init__(self) -> None:
        self.store = BsonStore()
        self.logs = [RowLog(), RowLog()]
        self.documents: list[Document] = []

    def write(self, gone: list[int] | None = None) -> list[StateChange]:
        pages = PageWriter(ID, self.logs, gone or ())
        self.documents = [pages.document(log) for log in self.logs]
        self.store.write(pages.changes)
        return pages.changes

    def restart(self) -> None:
        found = [self.store.load(pages_of(ID, document)) for document in self.documents]
        self.logs = [read_log(ID, *each) for each in zip(self.documents, found, strict=True)]

    def pages(self) -> int:
        return sum(len(pages_of(ID, document)) for document in self.documents)


def rows(first: int, last: int, width: int = 0) -> list[Row]:
    return [(n, "x" * width) for n in range(first, last)]


@pytest.mark.parametrize("seed", range(60))
def test_any_history_is_that_of_lists(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(seed)
    monkeypatch.setattr(row_log, "_PAGE", random.choice((1, 2, 5)))
    monkeypatch.setattr(row_log, "_BYTES", random.choice((40, 100, 10_000)))
    stored, expected, n = _Stored(), [[], []], 0
    for _ in range(80):
        for log, rows_of in zip(stored.logs, expected, strict=True):
            for _ in range(random.randrange(3)):
                new = rows(n, n + random.randrange(7), random.choice((0, 0, 60)))
                n += len(new)
                at = random.choice((len(rows_of), random.randint(0, len(rows_of))))
                log.put(at, new)
                rows_of[at:at] = new
            gone = random.choice((0, 0, 2, random.randint(0, len(rows_of))))
            log.drop(gone)
            del rows_of[:gone]
        if random.random() < 0.7:
            stored.write()
            assert len(stored.store.documents) == stored.pages(), "and no page is left behind"
            if random.random() < 0.5:
                stored.restart()
        assert [log.rows for log in stored.logs] == expected
    for log in stored.logs:
        log.clear()
    stored.write()
    assert stored.documents == [{}, {}] and not stored.store.documents


def test_a_row_more_writes_no_page() -> None:
    stored = _Stored()
    (log, _) = stored.logs
    log.put(0, rows(0, 10_000))
    stored.write()
    assert stored.pages() >= 100
    log.put(10_000, rows(10_000, 10_001))
    log.drop(1)
    assert stored.write() == []
    assert stored.documents[0]["p"] == [[0, stored.pages()]], "however many there are"
    stored.restart()
    assert stored.logs[0].rows == rows(1, 10_001)


def test_rows_that_have_gone_take_their_pages_with_them() -> None:
    stored = _Stored()
    stored.logs[0].put(0, rows(0, 1_000))
    stored.write()
    before = stored.pages()
    stored.logs[0].drop(500)
    changes = stored.write()
    assert all(each.document is None for each in changes)
    assert 0 < stored.pages() == before - len(changes) <= before // 2 + 1


def test_long_rows_have_pages_of_their_own() -> None:
    stored = _Stored()
    for n in range(5):
        stored.logs[0].put(n, rows(n, n + 1, 3 * row_log._BYTES))
        (change,) = stored.write()
        assert change.is_new
    stored.restart()
    assert stored.logs[0].rows == rows(0, 5, 3 * row_log._BYTES)


def test_logs_share_the_room_in_the_document_of_their_cell() -> None:
    stored = _Stored()
    stored.logs = [RowLog() for _ in range(200)]
    for n in range(100):
        for log in stored.logs:
            log.put(n, rows(n, n + 1, 400))
        stored.write()
        inline = sum(len(document.get("t", b"")) for document in stored.documents)
        assert inline <= row_log._BYTES
    assert stored.pages() <= 3 * 200, "not one for each row"
    stored.restart()
    assert all(log.rows == rows(0, 100, 400) for log in stored.logs)


def test_released_pages_go_and_the_rows_are_written_elsewhere() -> None:
    stored = _Stored()
    first, second = stored.logs
    second.put(0, rows(0, 200))
    stored.write()
    gone = second.release()
    first.put(0, second.rows)
    stored.logs[1] = RowLog()
    stored.write(gone)
    assert len(stored.store.documents) == stored.pages()
    stored.restart()
    assert [log.rows for log in stored.logs] == [rows(0, 200), []]
