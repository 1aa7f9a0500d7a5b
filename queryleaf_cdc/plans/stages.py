"""A typed mirror of the pipeline stages that we emit."""

from __future__ import annotations

from typing import Any

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.functions.mql import Mql


@frozen
class FieldTest:
    """Query-operator form: ``{path: {operator: value, ...}}``; a lone ``$eq`` prints as ``{path: value}``."""

    path: str
    tests: tuple[tuple[str, Any], ...]


@frozen
class ExprTest:
    """``{"$expr": ...}``"""

    expr: Mql


@frozen
class AllOf:
    tests: tuple[Test, ...]


@frozen
class AnyOf:
    tests: tuple[Test, ...]


Test = FieldTest | ExprTest | AllOf | AnyOf
ALWAYS = AllOf(())
NEVER = AnyOf(())


@frozen
class Match:
    test: Test


@frozen
class AddFields:
    fields: tuple[tuple[str, Mql], ...]


@frozen
class Include:
    """``$project`` that keeps these paths."""

    paths: tuple[str, ...]


@frozen
class Unset:
    paths: tuple[str, ...]


@frozen
class ReplaceWith:
    expr: Mql


@frozen
class Lookup:
    """``let`` names outer values for the inner pipeline; ``collection`` None reads ``$documents`` there."""

    collection: str | None
    let: tuple[tuple[str, Mql], ...]
    pipeline: tuple[Stage, ...]
    into: str


@frozen
class Unwind:
    path: str
    keep_empty: bool
    index: str | None = None


@frozen
class Group:
    """``fields`` are accumulators, e.g. ``("n", op("$sum", Const(1)))``."""

    key: Mql
    fields: tuple[tuple[str, Mql], ...]


@frozen
class Sort:
    keys: tuple[tuple[str, int], ...]


@frozen
class Limit:
    count: Any


@frozen
class Skip:
    count: Any


@frozen
class UnionWith:
    collection: str | None
    pipeline: tuple[Stage, ...]


@frozen
class Collect:
    """All rows into one document, as the array ``into``: one row comes out even of none. Rows must be few."""

    into: str


@frozen
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
