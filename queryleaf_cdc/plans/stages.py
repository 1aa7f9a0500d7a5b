"""A typed mirror of the pipeline stages that we emit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from queryleaf_cdc.functions.mql import Mql


@dataclass(frozen=True, slots=True)
class FieldTest:
    """Query-operator form: ``{path: {operator: value, ...}}``; a lone ``$eq`` prints as ``{path: value}``."""

    path: str
    tests: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ExprTest:
    """``{"$expr": ...}``"""

    expr: Mql


@dataclass(frozen=True, slots=True)
class AllOf:
    tests: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    tests: tuple[Test, ...]


Test = FieldTest | ExprTest | AllOf | AnyOf
ALWAYS = AllOf(())
NEVER = AnyOf(())


@dataclass(frozen=True, slots=True)
class Match:
    test: Test


@dataclass(frozen=True, slots=True)
class AddFields:
    fields: tuple[tuple[str, Mql], ...]


@dataclass(frozen=True, slots=True)
class Include:
    """``$project`` that keeps these paths."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unset:
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReplaceWith:
    expr: Mql


@dataclass(frozen=True, slots=True)
class Lookup:
    """``let`` names outer values for the inner pipeline; ``collection`` None reads ``$documents`` there."""

    collection: str | None
    let: tuple[tuple[str, Mql], ...]
    pipeline: tuple[Stage, ...]
    into: str


@dataclass(frozen=True, slots=True)
class Unwind:
    path: str
    keep_empty: bool
    index: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """``fields`` are accumulators, e.g. ``("n", op("$sum", Const(1)))``."""

    key: Mql
    fields: tuple[tuple[str, Mql], ...]


@dataclass(frozen=True, slots=True)
class Sort:
    keys: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Limit:
    count: Any


@dataclass(frozen=True, slots=True)
class Skip:
    count: Any


@dataclass(frozen=True, slots=True)
class UnionWith:
    collection: str | None
    pipeline: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Collect:
    """All rows into one document, as the array ``into``: one row comes out even of none. Rows must be few."""

    into: str


@dataclass(frozen=True, slots=True)
class Documents:
    documents: tuple[Mql, ...]


Stage = (
    Match
    | AddFields
    | Include
    | Unset
    | ReplaceWith
    | Lookup
    | Unwind
    | Group
    | Sort
    | Limit
    | Skip
    | UnionWith
    | Collect
    | Documents
)
Pipeline = tuple[Stage, ...]
