"""Keyed state: what is asked of the store, what stays in memory, and what a key is stored under."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from bson import Decimal128

from queryleaf_cdc.dataflow import arranged as pages_of_keys
from queryleaf_cdc.dataflow.arrangement import Arrangement
from queryleaf_cdc.dataflow.filters import Filter
from queryleaf_cdc.dataflow.rows import Row, identity
from queryleaf_cdc.dataflow.state import State
from queryleaf_cdc.values import Document
from tests.unit.dataflow.harness import BsonStore


class _Watched(BsonStore):
    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def load(self, ids: Sequence[bytes]) -> dict[bytes, Document]:
        self.asked += len(ids)
        return super().load(ids)


class _Rows:
    """An arrangement of rows by their first value."""

    def __init__(self, store: _Watched, cache_rows: int) -> None:
        self.store = store
        self.state = State(store, cache_rows)
        self.arrangement = Arrangement(self.state, lambda row: b"")

    def add(self, *rows: Row, weight: int = 1) -> None:
        keys = {identity(row[0]): row[:1] for row in rows}
        self.arrangement.fetch(keys)
        for row in rows:
            self.arrangement.change(identity(row[0])).add(row, weight)

    def write(self) -> None:
        self.store.write(self.state.changes())

    def commit(self) -> None:
        self.write()
        self.state.commit()

    def of(self, key: object) -> list[tuple[Row, int]]:
        self.arrangement.fetch({identity(key): (key,)})
        return self.arrangement.get(identity(key)).weighted()


def test_a_state_that_began_empty_asks_for_no_new_key() -> None:
    rows = _Rows(_Watched(), 10)
    for n in range(1000):
        rows.add((n, "x"))
        rows.commit()
    assert rows.store.asked < 50


def test_but_it_asks_for_what_was_evicted() -> None:
    rows = _Rows(_Watched(), 10)
    for n in range(1000):
        rows.add((n, "x"))
        rows.commit()
    assert all(rows.of(n) == [((n, "x"), 1)] for n in range(1000))


def test_and_for_what_was_rolled_back_but_written_all_the_same() -> None:
    rows = _Rows(_Watched(), 1000)
    rows.add((1, "x"))
    rows.write()
    rows.state.rollback()
    assert rows.of(1) == [((1, "x"), 1)]


def test_a_state_that_is_opened_again_asks_for_all() -> None:
    store = _Watched()
    rows = _Rows(store, 1000)
    rows.add((1, "x"))
    rows.commit()
    again = _Rows(store, 1000)
    assert again.of(1) == [((1, "x"), 1)]
    assert again.of(2) == []


def test_what_a_rollback_forgets_is_read_anew() -> None:
    rows = _Rows(_Watched(), 1000)
    rows.add((1, "x"))
    rows.commit()
    rows.add((1, "x"), (1, "y"))
    rows.state.rollback()
    assert rows.of(1) == [((1, "x"), 1)]


def test_nothing_is_evicted_while_a_batch_is_computed() -> None:
    rows = _Rows(_Watched(), 2)
    rows.add(*((n, "x") for n in range(100)))
    assert all(rows.arrangement.get(n).total == 1 for n in range(100))
    rows.commit()
    assert rows.state.rows <= 2


def test_the_bound_counts_pages_that_were_only_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_of_keys, "_PAGE", 4)
    store = _Watched()
    rows = _Rows(store, 100_000)
    rows.add(*((1, n) for n in range(1000)))
    rows.commit()
    again = _Rows(store, 500)
    again.arrangement.fetch({1: (1,)})
    arranged = again.arrangement.get(1)
    again.arrangement.read([(arranged, arranged.wanted_between())])
    again.commit()
    assert again.state.rows == 0


def test_one_key_of_many_rows_does_not_drive_out_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a key that is larger than the cache only pages in memory count."""
    monkeypatch.setattr(pages_of_keys, "_PAGE", 4)
    store = _Watched()
    rows = _Rows(store, 100_000)
    rows.add(*((1, n) for n in range(2000)), *((key, 0) for key in range(2, 50)))
    rows.commit()
    again = _Rows(store, 500)
    for _ in range(3):
        again.add(*((key, 0) for key in range(1, 50)))
        again.commit()
    asked = store.asked
    again.add(*((key, 0) for key in range(1, 50)))
    assert store.asked == asked


@pytest.mark.parametrize("key", ["k" * 2048, {"a.b": "$x" * 500}, [None] * 600, b"\0" * 3000])
def test_a_long_key_has_a_short_id(key: object) -> None:
    rows = _Rows(_Watched(), 1)
    rows.add((key, "x"), (2, "y"))
    rows.commit()
    assert all(len(id) <= 600 for id in rows.store.documents)
    assert rows.of(key) == [((key, "x"), 1)]


def test_an_id_that_is_a_hash_is_no_other_keys_id() -> None:
    """No value begins with a zero byte."""
    rows = _Rows(_Watched(), 1)
    rows.add(("k" * 2048, "x"))
    rows.commit()
    (id,) = rows.store.documents
    assert id[2:3] == b"\0"


def test_a_signalling_nan_is_a_nan() -> None:
    assert identity(Decimal128("sNaN")) == identity(float("nan")) == identity(Decimal128("-NaN"))


def test_a_filter_never_denies_what_it_holds_and_seldom_takes_one_key_for_another() -> None:
    found = Filter()
    for n in range(200_000):
        found.add(n)
    assert all(found.may_hold(n) for n in range(200_000))
    assert sum(found.may_hold(n) for n in range(200_000, 300_000)) < 5_000


def test_an_empty_filter_holds_nothing() -> None:
    assert not Filter().may_hold("x")
