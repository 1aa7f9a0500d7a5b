"""Clauses of a grouped query, rewritten to read groups instead of rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.logical.walk import free_fields_in, map_in_scope, rebuild
from queryleaf_cdc.syntax.expressions import Aggregate, Expr, Field, Path, Subquery
from queryleaf_cdc.syntax.queries import Query

GROUPED = "$grouped"
"""The source of a row after grouping: ``a0``, ... are its aggregates, ``k0``, ... its keys."""


class GroupedClauses:
    """Collects the aggregates of a query's clauses on the way.

    ``sources`` are those of the rows that are grouped; ``keys_at`` is where a grouped row has its keys."""

    def __init__(self, keys: tuple[Expr, ...], sources: frozenset[str], keys_at: Path = ()) -> None:
        self.sources = sources
        self.aggregates: dict[str, Aggregate] = {}
        self._keys_at = keys_at
        self._names = {repr(key): f"k{position}" for position, key in reversed(list(enumerate(keys)))}
        self._known: dict[str, str] = {}

    def over_groups(self, expr: Expr) -> Expr:
        """The expression over grouped rows. A field that is neither grouped nor aggregated is QL217."""
        if isinstance(expr, Aggregate):
            return Field(GROUPED, (self._aggregate(expr),), expr.span)
        return self._over_keys(expr, frozenset(), self.over_groups)

    def _over_keys(self, expr: Expr, hidden: frozenset[str], below: Callable[[Expr], Expr]) -> Expr:
        """``hidden`` are sources of the subqueries around the expression: they are not the grouped ones."""
        if repr(expr) in self._names and not hidden & {each.source for each in free_fields_in(expr)}:
            return Field(GROUPED, (*self._keys_at, self._names[repr(expr)]), expr.span)
        if isinstance(expr, Field) and expr.source in self.sources - hidden:
            return self._part_of_key(expr)
        if not isinstance(expr, Subquery):
            return rebuild(expr, below)
        operand = below(expr.operand) if expr.operand is not None else None
        return replace(expr, operand=operand, query=self._in_query(expr.query, hidden))

    def _in_query(self, query: Query, hidden: frozenset[str]) -> Query:
        """A subquery's clauses see the groups' keys, and aggregate rows of their own."""

        def change(own: frozenset[str]) -> Callable[[Expr], Expr]:
            inner = hidden | own
            return lambda expr: self._over_keys(expr, inner, change(inner))

        return map_in_scope(query, change)

    def _part_of_key(self, expr: Field) -> Field:
        """``address.city`` where the rows are grouped by ``address``."""
        for length in range(len(expr.path) - 1, 0, -1):
            name = self._names.get(repr(Field(expr.source, expr.path[:length], expr.span)))
            if name is not None:
                return Field(GROUPED, (*self._keys_at, name, *expr.path[length:]), expr.span)
        text = ".".join(str(part) for part in expr.path)
        raise CompileError(
            "QL217", f"{text!r} must be in GROUP BY or inside an aggregate", expr.span, "or use MIN, MAX or FIRST"
        )

    def _aggregate(self, node: Aggregate) -> str:
        text = repr(node)
        if text not in self._known:
            self._known[text] = f"a{len(self._known)}"
            self.aggregates[self._known[text]] = node
        return self._known[text]
