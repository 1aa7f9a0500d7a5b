"""Rows while a query's pipeline is built.

A row is one document: the source's own document when there is one source, ``{alias: document, ...}`` for several. A
clause reads sources through a ``ServerScope`` that says where each lies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.functions.mql import Array, Const, Doc, Mql, Ref, op
from queryleaf_cdc.functions.paths import is_plain
from queryleaf_cdc.functions.spec import WorkerSide
from queryleaf_cdc.lowering.server_face import Reader
from queryleaf_cdc.plans.stages import Documents, ReplaceWith, Stage
from queryleaf_cdc.syntax.expressions import Expr
from queryleaf_cdc.syntax.queries import Query

Outer = Mapping[str, str | Reader]
"""Sources outside of a query, and where the query's pipeline finds them (``$$o``, a variable of ``$lookup``)."""

T = TypeVar("T")


@dataclass(frozen=True)
class QueryPlan:
    """``collection`` is None when the pipeline makes its own rows (run it on the database)."""

    collection: str | None
    pipeline: tuple[Stage, ...]


LowerQuery = Callable[[Query, Outer], QueryPlan]


@dataclass(frozen=True)
class Rows:
    """A relation while it is built: where its rows come from and where each source's document lies in them.

    ``elements`` are the sources that are an array's element, be it a document or not."""

    collection: str | None
    stages: tuple[Stage, ...]
    places: dict[str, str]
    elements: frozenset[str] = frozenset()

    def then(self, *stages: Stage) -> Rows:
        return replace(self, stages=(*self.stages, *stages))

    def spread(self) -> Rows:
        """Rows of the form ``{alias: document}``, also for a single source."""
        if len(self.places) == 1 and next(iter(self.places.values())) == "$":
            (alias,) = self.places
            key = row_key(alias)
            spread = ReplaceWith(Doc(((key, Ref("$$ROOT")),)))
            return replace(self, stages=(*self.stages, spread), places={alias: f"${key}"})
        return self

    def prefixes(self) -> dict[str, str]:
        """Where query operators find each source."""
        return {alias: place.lstrip("$") for alias, place in self.places.items()}

    def plan(self) -> QueryPlan:
        return QueryPlan(self.collection, self.stages)


ONE_ROW = Rows(None, (Documents((Doc(()),)),), {})
"""What a SELECT without FROM reads."""


def row_key(alias: str) -> str:
    """The field of a row that holds a source's document. Names of our own begin with an underscore."""
    if is_plain(alias) and not alias.startswith("_"):
        return alias
    return "q_" + "".join(c if c.isalnum() else "_" for c in alias)


def variable_names(aliases: Iterable[str], outer: Outer) -> dict[str, str]:
    """Names for the variables that hand sources into an inner pipeline: none that it needs from further out."""
    taken = {place[2:] for place in outer.values() if isinstance(place, str) and place.startswith("$$")}
    names: dict[str, str] = {}
    for alias in aliases:
        name = base = _variable(alias)
        number = 1
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        names[alias] = name
        taken.add(name)
    return names


def _variable(alias: str) -> str:
    """A name that MongoDB takes for a variable, and that is not one of those inside of an expression (``v1``)."""
    name = alias.strip("$")
    if re.fullmatch(r"[a-z][A-Za-z0-9_]*", name) and not re.fullmatch(r"v\d+|this|value", name):
        return name
    return "row_" + "".join(c if c.isascii() and c.isalnum() else "_" for c in name)


def in_server(expr: Expr, lower: Callable[[], T]) -> T:
    """What only a worker can compute is an error here: a one-shot query runs in the server."""
    try:
        return lower()
    except WorkerSide as reason:
        raise CompileError("QL305", f"the server cannot compute this: {reason.because}", expr.span) from None


def document(fields: Mapping[str, Mql]) -> Mql:
    """A document with these fields, also where their names are odd."""
    if all(is_plain(name) for name in fields):
        return Doc(tuple(fields.items()))
    pairs = tuple(Doc((("k", Const(name)), ("v", value))) for name, value in fields.items())
    return op("$arrayToObject", Array(pairs))
