"""Arranged rows are a sorted list, through cuts, evictions, rollbacks and restarts."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from random import Random

import pytest

from queryleaf_cdc.dataflow import arranged as pages_of_keys
from queryleaf_cdc.dataflow.arranged import Arranged
from queryleaf_cdc.dataflow.arrangement import Arrangement
from queryleaf_cdc.dataflow.ordering import encode_value
from queryleaf_cdc.dataflow.places import place_by
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.state import NegativeWeight, State
from tests.unit.dataflow.harness import Bag, BsonStore

KEYS = range(3)


def _order(row: Row) -> bytes:
    return encode_value(row[0])


by_first = place_by(_order)


@pytest.fixture(params=[1, 2, 4, 256])
def _page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_of_keys, "_PAGE", request.param)


def _entries(bag: Bag) -> list[tuple[bytes, Row, int]]:
    return sorted((by_first(row), row, weight) for row, weight in bag)


def _drawn(rng: Random, bag: Bag) -> list[tuple[Row, int]]:
    after, delta = Bag(bag), []
    for _ in range(rng.randrange(12)):
        row, weight = (rng.randrange(30), rng.choice([1, 1.0, "x"])), rng.choice([1, 1, 2])
        if after and rng.random() < 0.6:
            row, weight = rng.choice(list(after))[0], -1
        after.add([(row, weight)])
        delta.append((row, weight))
    return delta


class _Histories:
    """Three keys of an arrangement under random changes, beside plain bags of rows."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.store = BsonStore()
        self.bags = {key: Bag() for key in KEYS}
        self.start()

    def start(self) -> None:
        self.state = State(self.store, self.rng.choice([5, 50, 10_000]))
        self.arrangement = Arrangement(self.state, _order)

    def batch(self) -> Iterator[tuple[Arranged, list[tuple[bytes, Row, int]]]]:
        """What two keys hold after one batch, and what they should."""
        if self.rng.random() < 0.1:
            self.start()
        deltas = {key: _drawn(self.rng, self.bags[key]) for key in self.rng.sample(KEYS, 2)}
        self.change(deltas)
        after = {key: Bag([*self.bags[key], *delta]) for key, delta in deltas.items()}
        for key, bag in after.items():
            yield self.arrangement.get(key), _entries(bag)
        changes = self.state.changes()
        if self.rng.random() < 0.2:
            self.state.rollback()
            return
        self.store.write(changes)
        self.state.commit()
        self.bags |= after

    def change(self, deltas: dict[int, list[tuple[Row, int]]]) -> None:
        rows: dict[Hashable, list[Row]] = {key: [row for row, _ in delta] for key, delta in deltas.items()}
        self.arrangement.fetch({key: (key,) for key in deltas}, rows)
        for key, delta in deltas.items():
            for row, weight in delta:
                self.arrangement.change(key).add(row, weight)

    def end(self) -> None:
        self.change({key: [(row, -weight) for row, weight in bag] for key, bag in self.bags.items()})
        self.store.write(self.state.changes())
        self.state.commit()


@pytest.mark.usefixtures("_page")
@pytest.mark.parametrize("seed", range(20))
def test_it_reads_as_a_sorted_list_and_ends_empty(seed: int) -> None:
    history = _Histories(seed)
    for _ in range(40):
        for arranged, entries in history.batch():
            assert list(arranged.entries()) == entries
            assert list(arranged.backwards()) == entries[::-1]
            assert arranged.size == len(entries)
            assert arranged.total == sum(weight for *_, weight in entries)
    history.end()
    assert not history.store.documents


@pytest.mark.usefixtures("_page")
@pytest.mark.parametrize("seed", range(20))
def test_it_is_read_from_any_place_and_position(seed: int) -> None:
    history = _Histories(seed)
    for _ in range(40):
        for arranged, entries in history.batch():
            if not entries:
                continue
            place, _, weight = history.rng.choice(entries)
            before = [each for each in entries if each[0] < place]
            assert arranged.weight(place) == weight
            assert arranged.before(place) == sum(weight for *_, weight in before)
            assert list(arranged.entries(place)) == entries[len(before) :]
            assert list(arranged.backwards(place)) == before[::-1]
            assert arranged.first_place() == entries[0][0]
            position = history.rng.randrange(arranged.total)
            flat = [place for place, _, weight in entries for _ in range(weight)]
            rest = [place for place, _, weight in arranged.from_position(position) for _ in range(weight)]
            assert rest == flat[position:]


@pytest.mark.usefixtures("_page")
def test_marks_stay_beside_their_rows() -> None:
    history = _Histories(0)
    rows: list[Row] = [(n, "x") for n in range(20)]
    for n, row in enumerate(rows):
        history.change({0: [(row, 1)]})
        history.arrangement.change(0).set_mark(by_first(row), n)
        history.store.write(history.state.changes())
        history.state.commit()
        history.start()
    history.arrangement.fetch({0: (0,)})
    assert [history.arrangement.get(0).mark(by_first(row)) for row in rows] == list(range(20))


def test_a_row_that_never_came_cannot_go() -> None:
    history = _Histories(0)
    history.change({0: [((1, "x"), 2)]})
    for row, weight in [((1, "x"), -3), ((2, "x"), -1)]:
        with pytest.raises(NegativeWeight):
            history.arrangement.change(0).add(row, weight)


@pytest.mark.usefixtures("_page")
def test_a_batch_reads_only_the_pages_that_it_touches() -> None:
    history = _Histories(0)
    history.change({0: [((n, "x"), 1) for n in range(2000)]})
    history.store.write(history.state.changes())
    history.state.commit()
    history.start()
    history.store.reads = 0
    history.change({0: [((5, "x"), -1), ((1500, "y"), 1)]})
    assert history.store.reads == 2
    assert len(history.state.changes()) <= 4  # two pages, what one of them is cut into, and the directory


def test_large_rows_have_pages_of_their_own_and_a_short_directory() -> None:
    """Two rows that differ at their ends only, of which sixteen would not fit into one document."""
    store = BsonStore()
    state = State(store, 100)
    rows = Arrangement(state, lambda row: b"")
    rows.fetch({1: (1,)})
    for n in range(4):
        rows.change(1).add(("x" * 3_000_000 + str(n),), 1)
    store.write(state.changes())
    state.commit()
    lengths = sorted(len(document["bson"]) for document in store.documents.values())
    assert lengths[0] < 1000
    assert lengths[-1] < 7_000_000
    again = Arrangement(State(store, 100), lambda row: b"")
    again.fetch({1: (1,)})
    assert {row[0][-1] for row, _ in again.get(1).weighted()} == set("0123")
