"""Runs views through a history, and holds them equal to the oracle after every batch."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import duckdb

from queryleaf_cdc.errors import CompileError
from tests.views.comparison import difference
from tests.views.documents import Document
from tests.views.histories import Batch, History, deletions
from tests.views.oracle import Oracle
from tests.views.queries import View


class Engine(Protocol):
    """What keeps views: ours in memory, or a server with a worker."""

    def apply(self, batch: Batch) -> None:
        """Changes documents; every view that exists follows."""

    def create(self, view: View) -> None:
        """Over the documents as they are. Raises CompileError."""

    def rows(self, view: View) -> list[Document]:
        """Without ``_id``."""

    def leftovers(self, view: View) -> str | None:
        """What is kept for a view although it is needed no more, when all documents are gone."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class Case:
    """Views of which each may read those before it, and when they are created: after so many batches."""

    views: tuple[View, ...]
    history: History
    created_after: int = 0


@dataclass(frozen=True)
class Failure:
    """``batch`` is the number of the batch after which it showed; ``symptom`` names it in a word."""

    batch: int
    symptom: str
    message: str


@dataclass(frozen=True)
class Verdict:
    """``refused``: why the view cannot be checked; it does not compile, or DuckDB cannot run it."""

    failure: Failure | None = None
    refused: str | None = None
    rows: int = 0
    """how many rows there were to compare, in all"""


def check(case: Case, make: Callable[[], Engine]) -> Verdict:
    """One case on a new engine."""
    (verdict,) = check_together([case.views], case.history, make, case.created_after)
    return verdict


def check_together(
    groups: Sequence[tuple[View, ...]], history: History, make: Callable[[], Engine], created_after: int = 0
) -> list[Verdict]:
    """A verdict for each group of views; all go through the same history, at the end of which everything is deleted."""
    oracle, engine = Oracle(history.collections), make()
    try:
        run = _Run(oracle, engine, groups, created_after)
        batches = (*history.batches, deletions(history))
        for number, batch in enumerate(batches):
            run.batch(number, batch)
            if run.over:
                return run.verdicts
        run.end(len(batches))
        return run.verdicts
    finally:
        engine.close()
        oracle.close()


class _Run:
    def __init__(self, oracle: Oracle, engine: Engine, groups: Sequence[tuple[View, ...]], created_after: int) -> None:
        self.oracle = oracle
        self.engine = engine
        self.groups = groups
        self.created_after = created_after
        self.verdicts = [Verdict() for _ in groups]

    @property
    def over(self) -> bool:
        """Whether nothing is left to be found."""
        return not any(map(self._is_fine, range(len(self.groups))))

    def batch(self, number: int, batch: Batch) -> None:
        if number == self.created_after:
            self._create(number)
        self.oracle.apply(batch)
        self.engine.apply(batch)
        if number >= self.created_after:
            self._compare(number)

    def end(self, number: int) -> None:
        if number <= self.created_after:
            self._create(number)
            self._compare(number)
        for place, views in enumerate(self.groups):
            for view in views:
                left = self.engine.leftovers(view) if self._is_fine(place) else None
                if left is not None:
                    self._record(place, Failure(number, "leftovers", f"{view.name} left {left}"))

    def _create(self, number: int) -> None:
        for place, views in enumerate(self.groups):
            try:
                self.oracle.define(views)
                for view in views:
                    self.engine.create(view)
            except (CompileError, duckdb.Error) as error:
                self.verdicts[place] = Verdict(refused=f"{type(error).__name__}: {error}")
            except Exception:
                self._record(place, Failure(number, "raised", traceback.format_exc()))

    def _compare(self, number: int) -> None:
        for place, views in enumerate(self.groups):
            if self._is_fine(place):
                for view in views:
                    self._compare_view(number, place, view)

    def _compare_view(self, number: int, place: int, view: View) -> None:
        try:
            names, expected = self.oracle.rows(view)
        except duckdb.Error as error:
            self.verdicts[place] = Verdict(refused=f"{type(error).__name__}: {error}")
            return
        try:
            documents = self.engine.rows(view)
        except Exception:
            self._record(place, Failure(number, "raised", traceback.format_exc()))
            return
        strange = {name for each in documents for name in each} - set(names)
        found = [tuple(each.get(name) for name in names) for each in documents]
        wrong = f"fields {strange}" if strange else difference(found, expected)
        if wrong is not None:
            self._record(place, Failure(number, "differs", f"{view.name} after batch {number}:\n{wrong}"))
        elif self.verdicts[place].failure is None:
            self.verdicts[place] = Verdict(rows=self.verdicts[place].rows + len(expected))

    def _record(self, place: int, failure: Failure) -> None:
        if self._is_fine(place):
            self.verdicts[place] = Verdict(failure)

    def _is_fine(self, place: int) -> bool:
        return self.verdicts[place].failure is None and self.verdicts[place].refused is None
