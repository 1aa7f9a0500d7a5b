"""All views of an example through one history, in memory or on a server, held equal to DuckDB."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain, islice
from typing import Any, Protocol

from tests.views.checking import Engine
from tests.views.comparison import difference, plain
from tests.views.documents import START
from tests.views.example_files import ExampleOracle, Row
from tests.views.histories import Batch, Change
from tests.views.queries import View
from tests.views.texts import Pair


class Example(Protocol):
    """``VIEWS`` and ``DUCKDB``: queries by the views' names."""

    TEXT: str
    VIEWS: dict[str, str]
    DUCKDB: dict[str, str]

    def oracle(self) -> ExampleOracle: ...


class Chosen:
    """Some views of an example."""

    def __init__(self, example: Example, prefix: str, numbers: Sequence[int]) -> None:
        names = [f"{prefix}{number}" for number in numbers]
        self.TEXT = example.TEXT
        self.VIEWS = {name: example.VIEWS[name] for name in names}
        self.DUCKDB = {name: example.DUCKDB[name] for name in names}
        self.oracle = example.oracle


@dataclass
class Findings:
    """By the view's name. ``wrong``: what differed first, or state that is kept when all documents are gone. ``rows``:
    how many there were to compare at most."""

    wrong: dict[str, str] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)


def run(example: Example, engine: Engine, before: Sequence[Change], after: Iterable[Sequence[Change]]) -> Findings:
    """The views are created when half of ``before`` is there, and compared when all of it is, after each batch of
    ``after``, and when everything is deleted."""
    oracle, findings = example.oracle(), Findings()
    later = list(after)
    views = [View(name, Pair(text, example.DUCKDB[name])) for name, text in example.VIEWS.items()]
    half = len(before) // 2
    oracle.apply(before)
    engine.apply(_batch(before[:half], 0))
    for view in views:
        try:
            engine.create(view)
        except Exception as error:
            findings.wrong[view.name] = f"not created: {error}"
    engine.apply(_batch(before[half:], 1))
    _compare("as loaded", views, oracle, engine, findings)
    for number, changes in enumerate([*later, _deletions([*before, *chain.from_iterable(later)])]):
        oracle.apply(changes)
        engine.apply(_batch(changes, number + 2))
        _compare(f"after batch {number}", views, oracle, engine, findings)
    for view in views:
        left = engine.leftovers(view) if view.name not in findings.wrong else None
        if left is not None:
            findings.wrong[view.name] = f"left behind: {left}"
    oracle.close()
    return findings


def _deletions(changes: Iterable[Change]) -> list[Change]:
    """Of all that is there after these changes."""
    last = {(each.collection, each.key): each for each in changes}
    return [Change(each.collection, "delete", each.after, None) for each in last.values() if each.after is not None]


def batches(changes: Iterable[Change], size: int) -> Iterator[list[Change]]:
    rest = iter(changes)
    while batch := list(islice(rest, size)):
        yield batch


def _batch(changes: Sequence[Change], number: int) -> Batch:
    """One transaction."""
    return Batch((tuple(changes),), START + timedelta(seconds=number))


def _compare(when: str, views: Sequence[View], oracle: ExampleOracle, engine: Engine, findings: Findings) -> None:
    for view in views:
        if view.name in findings.wrong:
            continue
        names, expected = oracle.answer(view.duckdb)
        try:
            documents = engine.rows(view)
        except Exception as error:
            findings.wrong[view.name] = f"{when}: {error!r}"
            continue
        strange = {name for each in documents for name in each} - set(names)
        wrong = (
            f"fields {strange}" if strange else differs(([each.get(n) for n in names] for each in documents), expected)
        )
        if wrong is not None:
            findings.wrong[view.name] = f"{when}: {wrong}"
        findings.rows[view.name] = max(findings.rows.get(view.name, 0), len(expected))


def differs(found: Iterable[Sequence[Any]], expected: Iterable[Row]) -> str | None:
    """As ``difference``, but quick for thousands of rows: what is equal in nine digits is not looked at again."""
    mine, theirs = _by_digits(found), _by_digits(expected)
    extra = [row for key, rows in mine.items() for row in rows[len(theirs.get(key, ())) :]]
    missing = [row for key, rows in theirs.items() for row in rows[len(mine.get(key, ())) :]]
    return difference(extra, missing)


def _by_digits(rows: Iterable[Sequence[Any]]) -> dict[Row, list[Row]]:
    found: dict[Row, list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(_short(plain(value)) for value in row), []).append(tuple(row))
    return found


def _short(value: Any) -> Any:
    return value if isinstance(value, int | str | tuple) or value is None else _digits(value)


def _digits(value: Any) -> Any:
    try:
        return float(f"{float(value):.9g}")
    except TypeError:
        return value
