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
    while monotonic() < until:
        found = _first_smaller(case, fails, until)
        if found is None:
            return case
        case = found
    return case


def _first_smaller(case: Case, fails: Fails, until: float) -> Case | None:
    for candidate in _candidates(case):
        if monotonic() > until:
            return None
        if fails(candidate):
            return candidate
    return None


def _candidates(case: Case) -> Iterator[Case]:
    yield from _fewer_views(case)
    for history in _fewer_changes(case.history):
        yield replace(case, history=replayed(history), created_after=min(case.created_after, len(history.batches)))
    if case.created_after:
        yield replace(case, created_after=0)
    for number, view in enumerate(case.views):
        for text in smaller(view.text):
            views = (*case.views[:number], replace(view, text=text), *case.views[number + 1 :])
            yield replace(case, views=views)
    for history in _fewer_columns(case.history):
        yield replace(case, history=history)


def _fewer_views(case: Case) -> Iterator[Case]:
    for number in range(len(case.views) - 1, -1, -1):
        if len(case.views) > 1:
            yield replace(case, views=(*case.views[:number], *case.views[number + 1 :]))


def _fewer_changes(history: History) -> Iterator[History]:
    """Half of the batches, a batch, a change less; then two batches made one."""
    batches = history.batches
    for size in (len(batches) // 2, len(batches) // 4, 1):
        for start in range(0, len(batches), size or 1):
            yield replace(history, batches=(*batches[:start], *batches[start + (size or 1) :]))
    for number, batch in enumerate(batches):
        for other in _fewer_in_batch(batch):
            yield replace(history, batches=(*batches[:number], other, *batches[number + 1 :]))
    for number in range(len(batches) - 1):
        one, other = batches[number : number + 2]
        both = Batch(one.transactions + other.transactions, other.now)
        yield replace(history, batches=(*batches[:number], both, *batches[number + 2 :]))


def _fewer_in_batch(batch: Batch) -> Iterator[Batch]:
    changes = list(batch.changes())
    for number in range(len(changes)):
        yield Batch(tuple((each,) for each in (*changes[:number], *changes[number + 1 :])), batch.now)


def _fewer_columns(history: History) -> Iterator[History]:
    for collection in history.collections:
        for column in collection.columns[1:]:
            yield _without(history, collection, column.path)


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
