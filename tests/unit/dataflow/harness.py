"""The law that every operator obeys: all its output, added up, is what its node means over all its input, added up.

``hold`` tries it on random histories: inserts, deletes of rows that are there, duplicates, cancelling pairs in any
order, empty batches; batches rolled back and computed again, or written though they were rolled back; restarts over
what is stored; caches and pages so small that everything is evicted and cut all the time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isclose
from random import Random
from unittest.mock import patch

import bson

from queryleaf_cdc.dataflow import arranged as pages_of_keys
from queryleaf_cdc.dataflow.operator import Context, Operator
from queryleaf_cdc.dataflow.rows import Delta, Row, exact
from queryleaf_cdc.dataflow.state import MemoryStore, State, StateChange
from queryleaf_cdc.mongo.decoding import OPTIONS
from queryleaf_cdc.values import Document, Value

START = datetime(2025, 3, 1)


@dataclass(frozen=True)
class Law:
    """What holds for an operator.

    ``draw`` has one function for each input: it draws a row (from few values: rows shall meet).
    ``expected`` recomputes the output, duplicates as often as they are there, from the rows of the inputs and ``now``.
    ``same`` tells rows of the output apart: by default whatever differs in anything, be it the width of a number.
    With a ``tolerance`` floats are equal when they are that close, relatively (and ``same`` is not asked).
    ``most_reads`` bounds how often a step may ask the store."""

    make: Callable[[Context], Operator]
    draw: Sequence[Callable[[Random], Row]]
    expected: Callable[[Sequence[list[Row]], datetime], Iterable[Row]]
    same: Callable[[Row], Hashable] = exact
    tolerance: float | None = None
    leaves_nothing: bool = True
    most_reads: int | None = None
    functions: Mapping[str, Callable[..., Value]] = field(default_factory=dict)


def hold(law: Law, seeds: Iterable[int] = range(60), batches: int = 20) -> None:
    """Fails with the seed and the batch where the law is broken."""
    for seed in seeds:
        rng = Random(seed)
        with patch.object(pages_of_keys, "_PAGE", rng.choice((1, 2, 5, 256))):
            run = _Run(law, rng, f"seed {seed}")
            for _ in range(rng.randrange(1, batches + 1)):
                run.batch(run.drawn())
            run.end()


class Bag:
    """A multiset of rows, told apart by all that can differ."""

    def __init__(self, rows: Iterable[tuple[Row, int]] = ()) -> None:
        self._rows: dict[bytes, tuple[Row, int]] = {}
        self.add(rows)

    def add(self, delta: Iterable[tuple[Row, int]]) -> None:
        for row, weight in delta:
            key = exact(row)
            total = self._rows.get(key, (row, 0))[1] + weight
            if total:
                self._rows[key] = (row, total)
            else:
                self._rows.pop(key, None)

    def __iter__(self) -> Iterator[tuple[Row, int]]:
        return iter(list(self._rows.values()))

    def __bool__(self) -> bool:
        return bool(self._rows)

    def rows(self) -> list[Row]:
        return [row for row, weight in self for _ in range(weight)]


class BsonStore(MemoryStore):
    """Keeps bytes, as a server does: what BSON does not carry is lost, and nobody shares what is stored."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def load(self, ids: Sequence[bytes]) -> dict[bytes, Document]:
        self.reads += 1
        found = super().load(ids)
        return {id: bson.decode(document["bson"], OPTIONS) for id, document in found.items()}

    def write(self, changes: Sequence[StateChange]) -> None:
        super().write(
            [
                StateChange(each.id, each.document and {"bson": bson.encode(each.document)}, each.is_new)
                for each in changes
            ]
        )


class _Run:
    """One history."""

    def __init__(self, law: Law, rng: Random, name: str) -> None:
        self._law = law
        self._rng = rng
        self._name = name
        self._number = 0
        self._now = START
        self._store = BsonStore()
        self._cache_rows = rng.choice((1, 10, 100_000))
        self._size = rng.choice((2, 8, 40))
        self._inputs = [Bag() for _ in law.draw]
        self._output = Bag()
        self._start()

    def _start(self) -> None:
        self._state = State(self._store, self._cache_rows)
        self._operator = self._law.make(Context(self._state, self._law.functions))

    def drawn(self) -> list[Delta]:
        """A random change of the inputs."""
        return [self._drawn(bag, draw) for bag, draw in zip(self._inputs, self._law.draw, strict=True)]

    def _drawn(self, bag: Bag, draw: Callable[[Random], Row]) -> Delta:
        rng, after, delta = self._rng, Bag(bag), []
        deletes = rng.choice((0.1, 0.4, 0.8))
        for _ in range(rng.randrange(self._size + 1) if rng.random() < 0.8 else 0):
            row, change = draw(rng), rng.choice(([1], [1], [1], [2], [1, -1]))
            if after and rng.random() < deletes + 0.1:
                row, weight = rng.choice(list(after))
                change = rng.choice(([-1], [-weight], [-1, 1])) if rng.random() < deletes else [1]
            changed = [(row, weight) for weight in change]
            after.add(changed)
            delta += changed
        rng.shuffle(delta)
        return delta

    def batch(self, deltas: Sequence[Delta]) -> None:
        """One batch, perhaps at the second attempt, perhaps after a restart."""
        rng = self._rng
        self._number += 1
        self._now += timedelta(seconds=rng.choice((0, 1, 60, 3600)))
        if rng.random() < 0.1:
            self._start()
        if rng.random() < 0.2:
            self._step(deltas)
            if rng.random() < 0.5:
                self._state.changes()
            self._state.rollback()
        for bag, delta in zip(self._inputs, deltas, strict=True):
            bag.add(delta)
        self._output.add(self._step(deltas))
        self._store.write(self._state.changes())
        if rng.random() < 0.9:
            self._state.commit()
        else:  # it is not known that the transaction succeeded
            self._state.rollback()
        self._compare()

    def _step(self, deltas: Sequence[Delta]) -> Delta:
        reads = self._store.reads
        delta = self._operator.step([list(each) for each in deltas], self._now)
        most = self._law.most_reads
        assert most is None or self._store.reads - reads <= most, f"{self._where()}: {self._store.reads - reads} reads"
        return delta

    def end(self) -> None:
        """Everything goes."""
        self.batch([[(row, -weight) for row, weight in bag] for bag in self._inputs])
        if self._law.leaves_nothing:
            assert not self._store.documents, f"{self._where()}: left behind {self._store.documents}"

    def _compare(self) -> None:
        negative = [each for each in self._output if each[1] < 0]
        assert not negative, f"{self._where()}: went without having come: {negative}"
        expected = list(self._law.expected([bag.rows() for bag in self._inputs], self._now))
        missing, extra = _difference(expected, self._output.rows(), self._law)
        assert not missing and not extra, f"{self._where()}: missing {missing}, too many {extra}"

    def _where(self) -> str:
        return f"{self._name}, batch {self._number}"


def _difference(expected: list[Row], actual: list[Row], law: Law) -> tuple[list[Row], list[Row]]:
    """What is missing, and what there is too much of."""
    if law.tolerance is not None:
        return _difference_of_close(expected, actual, law.tolerance)
    wanted, found = (Counter(map(law.same, rows)) for rows in (expected, actual))
    some = {law.same(row): row for row in [*actual, *expected]}
    return [some[key] for key in (wanted - found).elements()], [some[key] for key in (found - wanted).elements()]


def _difference_of_close(expected: list[Row], actual: list[Row], tolerance: float) -> tuple[list[Row], list[Row]]:
    missing, left = [], list(actual)
    for row in expected:
        match = next((at for at, other in enumerate(left) if _close(row, other, tolerance)), None)
        if match is None:
            missing.append(row)
        else:
            del left[match]
    return missing, left


def _close(row: Row, other: Row, tolerance: float) -> bool:
    return len(row) == len(other) and all(
        isclose(a, b, rel_tol=tolerance, abs_tol=tolerance) or (a != a and b != b)
        if isinstance(a, float) and isinstance(b, float)
        else exact((a,)) == exact((b,))
        for a, b in zip(row, other, strict=True)
    )
