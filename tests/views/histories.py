"""Random histories: changes of documents, in transactions, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from tests.views.documents import START, Collection, Document, draw_document

MAX_DOCUMENTS = 12
"""in a collection; few, so that changes meet each other"""


@dataclass(frozen=True)
class Change:
    """``kind`` is insert, update, replace or delete; a document is None where there is none."""

    collection: str
    kind: str
    before: Document | None
    after: Document | None

    @property
    def key(self) -> object:
        document = self.after if self.before is None else self.before
        assert document is not None
        return document["_id"]


Transaction = tuple[Change, ...]


@dataclass(frozen=True)
class Batch:
    """What a worker takes in one go. ``now`` is the clock at its end, and never runs backward."""

    transactions: tuple[Transaction, ...]
    now: datetime

    def changes(self) -> Iterator[Change]:
        for transaction in self.transactions:
            yield from transaction


@dataclass(frozen=True)
class History:
    collections: tuple[Collection, ...]
    batches: tuple[Batch, ...]


def draw_history(random: Random, collections: tuple[Collection, ...], changes: int) -> History:
    drawing = _Drawing(random, collections)
    batches: list[Batch] = []
    now, left = START, changes
    while left > 0:
        count = min(left, random.randint(4, 11))
        left -= count
        now += timedelta(minutes=random.choice((0, 1, 20, 60)))
        batches.append(Batch(tuple(drawing.transactions(count)), now))
    return History(collections, tuple(batches))


class _Drawing:
    """The documents as they are after what was drawn so far."""

    def __init__(self, random: Random, collections: Sequence[Collection]) -> None:
        self.random = random
        self.collections = collections
        self.documents: dict[str, dict[int, Document]] = {each.name: {} for each in collections}
        self.next_key = 1

    def transactions(self, count: int) -> Iterator[Transaction]:
        while count > 0:
            size = min(count, self.random.choice((1, 1, 1, 2, 4)))
            count -= size
            yield tuple(self.change() for _ in range(size))

    def change(self) -> Change:
        collection = self.random.choice(self.collections)
        known = self.documents[collection.name]
        dice = self.random.random()
        if not known or (dice < (0.4 if len(known) > 5 else 0.8) and len(known) < MAX_DOCUMENTS):
            return self.insert(collection, known)
        key = self.random.choice(sorted(known))
        before = known[key]
        if dice < 0.6:
            del known[key]
            return Change(collection.name, "delete", before, None)
        kind = "replace" if dice < 0.7 else "update"
        known[key] = after = self.updated(collection, before) if kind == "update" else self.drawn(collection, key)
        return Change(collection.name, kind, before, after)

    def insert(self, collection: Collection, known: dict[int, Document]) -> Change:
        """Now and then with the key of a document that was deleted before."""
        key = self.random.randint(1, self.next_key)
        if key in known or key == self.next_key or self.random.random() < 0.7:
            key = self.next_key
            self.next_key += 1
        known[key] = self.drawn(collection, key)
        return Change(collection.name, "insert", None, known[key])

    def drawn(self, collection: Collection, key: int) -> Document:
        """Often like another document in everything but the key."""
        known = self.documents[collection.name]
        if known and self.random.random() < 0.25:
            return {**known[self.random.choice(sorted(known))], "_id": key}
        return draw_document(self.random, collection, key)

    def updated(self, collection: Collection, before: Document) -> Document:
        """A few fields as another document has them; sometimes nothing differs."""
        other = draw_document(self.random, collection, before["_id"])
        names = sorted({column.path.split(".")[0] for column in collection.columns[1:]})
        after = dict(before)
        for name in self.random.sample(names, self.random.randint(1, min(3, len(names)))):
            after.pop(name, None)
            if name in other:
                after[name] = other[name]
        return after


def deletions(history: History) -> Batch:
    """Deletes whatever the history leaves."""
    left: dict[tuple[str, object], Document] = {}
    for batch in history.batches:
        for change in batch.changes():
            left.pop((change.collection, change.key), None)
            if change.after is not None:
                left[change.collection, change.key] = change.after
    now = history.batches[-1].now if history.batches else START
    return Batch((tuple(Change(name, "delete", each, None) for (name, _), each in left.items()),), now)


def replayed(history: History) -> History:
    """The same documents, one after another, as changes that fit together: after some were left out."""
    known: dict[tuple[str, object], Document] = {}
    batches = []
    for batch in history.batches:
        transactions = (tuple(_replayed(transaction, known)) for transaction in batch.transactions)
        batches.append(Batch(tuple(each for each in transactions if each), batch.now))
    return History(history.collections, tuple(batches))


def _replayed(transaction: Transaction, known: dict[tuple[str, object], Document]) -> Iterator[Change]:
    for change in transaction:
        place = (change.collection, change.key)
        before = known.pop(place, None)
        if change.after is not None:
            known[place] = change.after
        match (before is None, change.after is None):
            case (True, True):
                continue
            case (True, False):
                kind = "insert"
            case (False, True):
                kind = "delete"
            case _:
                kind = change.kind if change.kind in ("update", "replace") else "replace"
        yield Change(change.collection, kind, before, change.after)
