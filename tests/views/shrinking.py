"""A failing case made smaller, greedily: fewer changes, then fewer clauses, then fewer columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from time import monotonic

from tests.views.checking import Case
from tests.views.documents import Collection, Document
from tests.views.histories import Batch, Change, History, replayed
from tests.views.texts import smaller

Fails = Callable[[Case], bool]


def shrink(case: Case, fails: Fails, seconds: float = 30.0) -> Case:
    """The smallest case that was found in the time and still fails."""
    until = monotonic() + seconds

    def still_fails(candidate: Case) -> bool:
        return monotonic() < until and fails(candidate)

    while True:
        found = case
        for step in (_fewer_views, _fewer_changes, _fewer_clauses, _fewer_batches, _fewer_columns):
            found = step(found, still_fails)
        if found == case:
            return case
        case = found


def _first(case: Case, candidates: Callable[[Case], Iterator[Case]], fails: Fails) -> Case:
    """The first candidate that fails, and the first one of its own, and so on."""
    while True:
        found = next(filter(fails, candidates(case)), None)
        if found is None:
            return case
        case = found


def _fewer_views(case: Case, fails: Fails) -> Case:
    def candidates(case: Case) -> Iterator[Case]:
        for number in range(len(case.views) - 1, -1, -1):
            if len(case.views) > 1:
                yield replace(case, views=(*case.views[:number], *case.views[number + 1 :]))

    return _first(case, candidates, fails)


def _fewer_changes(case: Case, fails: Fails) -> Case:
    """Without ever smaller parts of the history; each change is a transaction of its own then."""
    changes = [(number, change) for number, batch in enumerate(case.history.batches) for change in batch.changes()]
    size = len(changes)
    while size > 1:
        size = (size + 1) // 2
        start = 0
        while start < len(changes):
            fewer = [*changes[:start], *changes[start + size :]]
            candidate = replace(case, history=_with_changes(case.history, fewer))
            if fails(candidate):
                changes, case = fewer, candidate
            else:
                start += size
    return case


def _with_changes(history: History, changes: list[tuple[int, Change]]) -> History:
    batches = tuple(
        Batch(tuple((change,) for place, change in changes if place == number), batch.now)
        for number, batch in enumerate(history.batches)
    )
    return replayed(History(history.collections, batches))


def _fewer_clauses(case: Case, fails: Fails) -> Case:
    def candidates(case: Case) -> Iterator[Case]:
        for number, view in enumerate(case.views):
            for text in smaller(view.text):
                yield replace(case, views=(*case.views[:number], replace(view, text=text), *case.views[number + 1 :]))

    return _first(case, candidates, fails)


def _fewer_batches(case: Case, fails: Fails) -> Case:
    """Two neighbours made one; and the view created at the start."""

    def candidates(case: Case) -> Iterator[Case]:
        if case.created_after:
            yield replace(case, created_after=0)
        batches = case.history.batches
        for number in range(len(batches) - 1):
            one, other = batches[number : number + 2]
            both = Batch(one.transactions + other.transactions, other.now)
            fewer = (*batches[:number], both, *batches[number + 2 :])
            created_after = min(case.created_after, len(fewer))
            yield replace(case, history=replace(case.history, batches=fewer), created_after=created_after)

    return _first(case, candidates, fails)


def _fewer_columns(case: Case, fails: Fails) -> Case:
    def candidates(case: Case) -> Iterator[Case]:
        for collection in case.history.collections:
            for column in collection.columns[1:]:
                yield replace(case, history=_without(case.history, collection, column.path))

    return _first(case, candidates, fails)


def _without(history: History, collection: Collection, path: str) -> History:
    left = replace(collection, columns=tuple(each for each in collection.columns if each.path != path))
    collections = tuple(left if each == collection else each for each in history.collections)

    def cut(change: Change) -> Change:
        if change.collection != collection.name:
            return change
        return replace(change, before=_cut(change.before, path), after=_cut(change.after, path))

    batches = tuple(
        Batch(tuple(tuple(map(cut, transaction)) for transaction in batch.transactions), batch.now)
        for batch in history.batches
    )
    return History(collections, batches)


def _cut(document: Document | None, path: str) -> Document | None:
    if document is None:
        return None
    outer, _, inner = path.partition(".")
    found = dict(document)
    if not inner:
        found.pop(outer, None)
    elif isinstance(found.get(outer), dict):
        found[outer] = {name: value for name, value in found[outer].items() if name != inner}
    return found
