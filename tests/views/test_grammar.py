"""The generator itself: what it draws can be read by both engines, has one right answer, and finds something."""

from __future__ import annotations

from random import Random

import pytest

from queryleaf_cdc.frontend import parse
from queryleaf_cdc.source import Source
from tests.views.case_files import read, written
from tests.views.checking import Case, Verdict, check, check_together
from tests.views.documents import Collection, Document, row_of
from tests.views.drawing_cases import draw_group
from tests.views.histories import Batch
from tests.views.oracle import Oracle
from tests.views.queries import View
from tests.views.shrinking import shrink


class Recomputing:
    """DuckDB again, with the rows in another order: an answer that depends on it is no answer."""

    def __init__(self, random: Random, collections: tuple[Collection, ...]) -> None:
        self.random = random
        self.oracle = Oracle(collections)
        self.documents: dict[str, dict[object, Document]] = {each.name: {} for each in collections}

    def apply(self, batch: Batch) -> None:
        self.oracle.apply(batch)
        for change in batch.changes():
            self.documents[change.collection].pop(change.key, None)
            if change.after is not None:
                self.documents[change.collection][change.key] = change.after
        for name, documents in self.documents.items():
            rows = [row_of(self.oracle.collections[name], each) for each in documents.values()]
            self.random.shuffle(rows)
            self.oracle.connection.execute(f"DELETE FROM {name}")
            for row in rows:
                self.oracle.connection.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", row)

    def create(self, view: View) -> None:
        self.oracle.define([view])

    def rows(self, view: View) -> list[Document]:
        names, rows = self.oracle.rows(view)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def leftovers(self, view: View) -> str | None:
        return None

    def close(self) -> None:
        self.oracle.close()


@pytest.mark.parametrize("seed", range(12))
def test_every_query_has_one_answer(seed: int) -> None:
    history, groups = draw_group(seed, views=10, changes=40)
    verdicts = check_together(groups, history, lambda: Recomputing(Random(seed), history.collections))
    for views, verdict in zip(groups, verdicts, strict=True):
        assert verdict == Verdict(rows=verdict.rows), f"{[each.duckdb for each in views]}\n{verdict}"
    assert sum(verdict.rows > 0 for verdict in verdicts) > 3, "views that are always empty test nothing"


@pytest.mark.parametrize("seed", range(12))
def test_every_query_parses(seed: int) -> None:
    _, groups = draw_group(1000 + seed, views=25, changes=1)
    for view in (each for views in groups for each in views):
        _, found = parse(Source(view.sql, "view"))
        assert not [each for each in found if each.severity == "error"], (view.sql, found)


def test_a_case_is_the_same_when_it_is_read_again() -> None:
    history, groups = draw_group(7, views=4, changes=30)
    for views in groups:
        text = written(Case(views, history, 2), "why")
        assert written(read(text), "why") == text
        assert read(text).history.batches == history.batches


class Forgetful(Recomputing):
    """Loses every document whose ``k`` is 2."""

    def apply(self, batch: Batch) -> None:
        super().apply(batch)
        self.oracle.connection.execute("DELETE FROM a WHERE k = 2")


def test_a_failing_case_shrinks_to_what_fails() -> None:
    history, groups = draw_group(3, views=8, changes=30)
    forgetful = lambda: Forgetful(Random(0), history.collections)  # noqa: E731
    failing = [views for views in groups if check(Case(views, history), forgetful).failure is not None]
    small = shrink(Case(failing[0], history), lambda case: check(case, forgetful).failure is not None)
    assert sum(len(list(batch.changes())) for batch in small.history.batches) == 1
    assert len(small.views[-1].sql) < 70
