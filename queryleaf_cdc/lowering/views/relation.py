"""A part of a view's dataflow while it is built: a node, and where its columns hold what expressions speak of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.logical.walk import children, conjuncts, rebuild
from queryleaf_cdc.plans.dataflow import ROW, Map, Node, Scan
from queryleaf_cdc.source import NO_SPAN
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal, OrderItem, Path
from queryleaf_cdc.syntax.queries import Query

Columns = Mapping[Path, int]
"""Paths of a source → columns. A longer path is read from the column of its longest beginning."""
Key = tuple[tuple[str, int], ...]


class BuildQuery(Protocol):
    """A bound query → its rows; see ``select.build_query``."""

    def __call__(self, query: Query, want_key: bool, base: OuterValues | None = None) -> Relation: ...


@dataclass(frozen=True)
class Relation:
    """``sources`` are the aliases in reach; ``atoms`` are further expressions (by their repr) that columns hold:
    groups' keys, aggregates, window functions, results of subqueries."""

    node: Node
    width: int
    sources: Mapping[str, Columns] = field(default_factory=dict)
    atoms: Mapping[str, Expr] = field(default_factory=dict)
    key: Key | None = None
    """columns that identify a row, with names; None where nobody wants to know"""
    stars: Mapping[str, tuple[tuple[str | None, int], ...]] = field(default_factory=dict)
    """alias → what its ``*`` stands for: names and columns; a None is a whole document"""
    ordering: tuple[OrderItem, ...] = ()
    """of a query's rows: its ORDER BY, where there is no LIMIT"""

    def over(self, expr: Expr) -> Expr:
        """The expression over this relation's row."""
        known = self.atoms.get(repr(expr)) if self.atoms else None
        if known is not None:
            return known
        if isinstance(expr, Field):
            return self._field(expr)
        return rebuild(expr, self.over)

    def _field(self, expr: Field) -> Expr:
        columns = self.sources.get(expr.source, {})
        for length in range(len(expr.path), -1, -1):
            at = columns.get(expr.path[:length])
            if at is not None:
                return Field(ROW, (at, *expr.path[length:]), expr.span)
        for length in range(len(expr.path) - 1, -1, -1):
            known = self.atoms.get(repr(Field(expr.source, expr.path[:length], expr.span)))
            if known is not None:
                return below(known, expr.path[length:])
        text = ".".join(map(str, expr.path)) or expr.source
        raise CompileError(
            "QL217", f"{text!r} must be in GROUP BY or inside an aggregate", expr.span, "or use MIN, MAX or FIRST"
        )

    def outer_columns(self) -> list[tuple[str, Path]]:
        """Of a relation of outer values: alias and path of each column, in order."""
        found = [(at, alias, path) for alias, columns in self.sources.items() for path, at in columns.items()]
        return [(alias, path) for _, alias, path in sorted(found)]

    def shifted(self, by: int) -> Relation:
        """As the right part of a wider row."""
        if not by:
            return self
        return replace(
            self,
            sources={alias: {path: at + by for path, at in found.items()} for alias, found in self.sources.items()},
            atoms={text: shift(expr, by) for text, expr in self.atoms.items()},
            key=tuple((name, at + by) for name, at in self.key) if self.key is not None else None,
            stars={a: tuple((name, at + by) for name, at in found) for a, found in self.stars.items()},
        )


@dataclass(frozen=True)
class OuterValues(Relation):
    """The values of outer rows that a subquery depends on, one column for each field.

    With ``equal_to`` it has no rows of its own: WHERE says that each value equals this expression over the subquery's
    sources, so what it may be is known without the outer rows."""

    equal_to: tuple[Expr, ...] = ()


def column(number: int) -> Field:
    return Field(ROW, (number,), NO_SPAN)


def shift(expr: Expr, by: int) -> Expr:
    return with_columns_at(expr, lambda at: at + by)


def with_columns_at(expr: Expr, place: Callable[[int], int]) -> Expr:
    """The expression over rows whose columns stand elsewhere."""
    if isinstance(expr, Field) and expr.source == ROW:
        at, *rest = expr.path
        assert isinstance(at, int)
        return Field(ROW, (place(at), *rest), expr.span)
    return rebuild(expr, lambda each: with_columns_at(each, place))


def below(expr: Expr, path: Path) -> Expr:
    """A path below what an expression yields."""
    if isinstance(expr, Field):
        return Field(expr.source, (*expr.path, *path), expr.span)
    for part in path:
        expr = Call("[]", (expr, Literal(part, NO_SPAN)), NO_SPAN)
    return expr


def substituted(expr: Expr, columns: tuple[Expr, ...]) -> Expr:
    """The expression with the columns that it reads put in place of their numbers."""
    if isinstance(expr, Field) and expr.source == ROW:
        at, *rest = expr.path
        assert isinstance(at, int)
        return below(columns[at], tuple(rest))
    return rebuild(expr, lambda each: substituted(each, columns))


def columns_read(expr: Expr) -> Iterable[int]:
    """The columns that an expression over a row reads, each time it does."""
    if isinstance(expr, Field) and expr.source == ROW:
        assert isinstance(expr.path[0], int)
        yield expr.path[0]
    for child in children(expr):
        yield from columns_read(child)


def conjoined(first: Expr | None, second: Expr | None) -> Expr | None:
    terms = (*conjuncts(first), *conjuncts(second))
    if not terms:
        return None
    return terms[0] if len(terms) == 1 else Call("AND", terms, terms[0].span)


def mapped(input: Node, columns: tuple[Expr, ...], condition: Expr | None = None) -> Node:
    """``Map``, put together with the Map or Scan below it: so a scan computes what is wanted of it, in the server."""
    if not isinstance(input, Map | Scan) or not _is_worth_it(input.columns, columns, condition):
        return Map(input, columns, condition)
    inner = input.columns
    outer = tuple(substituted(each, inner) for each in columns)
    test = conjoined(input.condition, substituted(condition, inner) if condition is not None else None)
    return replace(input, columns=outer, condition=test)


def _is_worth_it(inner: tuple[Expr, ...], columns: tuple[Expr, ...], condition: Expr | None) -> bool:
    """Whether nothing that costs something would be computed twice."""
    read = [at for each in (*columns, *conjuncts(condition)) for at in columns_read(each)]
    return all(isinstance(inner[at], Field | Literal) or read.count(at) == 1 for at in set(read))


def filtered(relation: Relation, condition: Expr | None) -> Relation:
    """The rows that meet a condition over the relation's row."""
    if condition is None:
        return relation
    every = tuple(map(column, range(relation.width)))
    return replace(relation, node=mapped(relation.node, every, condition))


def extended(relation: Relation, exprs: tuple[Expr, ...]) -> tuple[Relation, tuple[Expr, ...]]:
    """The relation with columns for these expressions over its row, and how to read them."""
    columns: list[Expr] = [column(at) for at in range(relation.width)]
    read: list[Expr] = []
    for each in exprs:
        if isinstance(each, Field) and len(each.path) == 1:
            read.append(each)
        else:
            read.append(column(len(columns)))
            columns.append(each)
    if len(columns) == relation.width:
        return relation, exprs
    return replace(relation, node=mapped(relation.node, tuple(columns)), width=len(columns)), tuple(read)


def outer_sources(base: OuterValues | None, start: int) -> dict[str, dict[Path, int]]:
    """The base's columns as sources of a row that has them from ``start`` on."""
    found: dict[str, dict[Path, int]] = {}
    for at, (alias, path) in enumerate(base.outer_columns() if base is not None else ()):
        found.setdefault(alias, {})[path] = start + at
    return found


def outer_places(base: OuterValues | None, rows: Relation) -> list[int]:
    """Where the base's columns stand in these rows."""
    return [rows.sources[alias][path] for alias, path in base.outer_columns()] if base is not None else []
