"""What the grammar draws from: values of known kinds, rows, and dice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from random import Random
from typing import TypeVar

from tests.views.documents import Collection, Family
from tests.views.texts import Pair, Text

T = TypeVar("T")


class Kind(Enum):
    """Values of different kinds never meet. WILD are doubles with NaN and infinities, with which nobody reckons. FUZZY
    is a double that both engines may round differently: it is only ever put out, or compared where the rounding cannot
    matter. ARRAY likewise has no order here."""

    NUMBER = "number"
    TEXT = "text"
    BOOL = "bool"
    TIME = "time"
    TEXTS = "texts"
    INTS = "ints"
    WILD = "wild"
    FUZZY = "fuzzy"
    ARRAY = "array"


PLAIN = (Kind.NUMBER, Kind.TEXT, Kind.BOOL, Kind.TIME, Kind.WILD)
"""kinds that can be compared, sorted and grouped"""

_KINDS = {
    Family.KEY: Kind.NUMBER, Family.INT: Kind.NUMBER, Family.REAL: Kind.NUMBER, Family.DECIMAL: Kind.NUMBER,
    Family.TEXT: Kind.TEXT, Family.BOOL: Kind.BOOL, Family.TIME: Kind.TIME,
    Family.TEXTS: Kind.TEXTS, Family.INTS: Kind.INTS, Family.WILD: Kind.WILD,
}  # fmt: skip


@dataclass(frozen=True)
class Value:
    """An expression. ``whole`` numbers have no fraction; ``column`` says that it is a column as it stands."""

    text: Text
    kind: Kind
    whole: bool = False
    column: bool = False


@dataclass(frozen=True)
class Rows:
    """What stands in FROM. No two rows agree in all of ``unique``, unless they are the same in everything, which in
    ``distinct`` rows they never are."""

    text: Text
    columns: tuple[Value, ...]
    unique: tuple[Value, ...]
    distinct: bool = True


@dataclass(frozen=True)
class Query:
    """A SELECT whose columns are named c0, c1, ...; ``unique`` are the places of the columns that identify a row."""

    text: Text
    columns: tuple[Value, ...]
    unique: tuple[int, ...]
    distinct: bool = False
    """whether no two rows are the same in everything"""


@dataclass(frozen=True)
class Relation:
    """What FROM can name: a collection, a view or a CTE. Columns are (path here, name in DuckDB, kind, whole)."""

    name: str
    columns: tuple[tuple[str, str, Kind, bool], ...]
    unique: tuple[int, ...]
    is_collection: bool = False
    distinct: bool = True

    @staticmethod
    def of_collection(collection: Collection) -> Relation:
        columns = tuple(
            (each.path, each.name, _KINDS[each.family], each.family in (Family.KEY, Family.INT))
            for each in collection.columns
        )
        return Relation(collection.name, columns, (0,), True)

    @staticmethod
    def of_query(name: str, query: Query) -> Relation:
        columns = tuple((f"c{n}", f"c{n}", each.kind, each.whole) for n, each in enumerate(query.columns))
        return Relation(name, columns, query.unique, distinct=query.distinct)

    def rows(self, alias: str) -> Rows:
        columns = tuple(
            Value(Pair(f"{alias}.{path}", f"{alias}.{name}"), kind, whole, True)
            for path, name, kind, whole in self.columns
        )
        return Rows(f"{self.name} AS {alias}", columns, tuple(columns[each] for each in self.unique), self.distinct)


@dataclass(frozen=True)
class Draw:
    """Dice, and what is known where they are thrown. ``clock``: whether the query may speak of the time."""

    random: Random
    relations: tuple[Relation, ...]
    clock: bool
    aliases: list[int]

    def alias(self) -> str:
        self.aliases[0] += 1
        return f"r{self.aliases[0]}"

    def knowing(self, relation: Relation) -> Draw:
        return replace(self, relations=(*self.relations, relation))

    def pick(self, *options: T) -> T:
        return self.random.choice(options)

    def one_of(self, options: Sequence[T]) -> T:
        return self.random.choice(options)

    def some(self, options: Sequence[T], least: int, most: int) -> list[T]:
        return self.random.sample(list(options), min(len(options), self.random.randint(least, most)))

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability


def of_kind(columns: Sequence[Value], *kinds: Kind) -> list[Value]:
    return [each for each in columns if each.kind in kinds]


def plain(columns: Sequence[Value]) -> list[Value]:
    return of_kind(columns, *PLAIN)
