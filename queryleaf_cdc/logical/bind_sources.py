"""Binding of FROM: collections, queries, joins, UNNEST."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.logical.bind import Binder
from queryleaf_cdc.logical.columns import output_columns, with_columns
from queryleaf_cdc.logical.schema import Table
from queryleaf_cdc.logical.scope import Scope
from queryleaf_cdc.logical.walk import free_fields
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Call, Expr, Name
from queryleaf_cdc.syntax.queries import Cte, FromItem, Join, Query, Select, SubqueryRef, TableRef, UnnestRef

BindQuery = Callable[[Query, Scope, Binder], Query]
"""see ``bind_query``"""


class SourceBinder:
    """Binds what stands in FROM."""

    def __init__(self, outer: Scope, binder: Binder, bind: BindQuery) -> None:
        self.outer = outer
        self.binder = binder
        self._bind = bind
        self.columns: dict[str, tuple[str, ...]] = {}
        """in order, of the sources of which they are known"""

    def sources(
        self, item: FromItem | None, joins: tuple[Join, ...], scope: Scope
    ) -> tuple[FromItem | None, tuple[Join, ...]]:
        """Binds FROM and JOIN, filling the scope from left to right (UNNEST sees what stands before it)."""
        first = self.from_item(item, scope) if item is not None else None
        return first, tuple(self._join(join, scope) for join in joins)

    def from_item(self, item: FromItem, scope: Scope) -> FromItem:
        if item.alias in scope.sources:
            raise CompileError("QL202", f"two sources are called {item.alias!r}", item.span, "give one another alias")
        match item:
            case TableRef(name, alias, span) if name in self.outer.ctes:
                return self._derived(self.outer.ctes[name], alias, scope, span)
            case TableRef(name, alias):
                scope.sources[alias] = self.binder.table(name, item.span)
                return item
            case SubqueryRef(query, alias, stream=True):
                binder = replace(self.binder, for_view=False, for_stream=True, changes=True, repeatable=None)
                inner = self._bind(query, Scope(warnings=self.outer.warnings), binder)
                return replace(self._derived(inner, alias, scope, item.span), stream=True)
            case SubqueryRef(query, alias, columns, span, lateral):
                if lateral and not self.binder.for_view:
                    raise CompileError(
                        "QL302", "LATERAL is not supported here", span, "CREATE MATERIALIZED VIEW knows it"
                    )
                around = scope if lateral else self.outer
                inner = renamed(self._bind(query, around, self.binder), Cte(alias, columns, query, span))
                return replace(self._derived(inner, alias, scope, span), lateral=lateral)
            case UnnestRef():
                bound = replace(item, array=self.binder.expr(item.array, scope))
                scope.sources[item.alias] = Table(frozenset(item.columns), True) if item.columns else None
                return bound

    def _derived(self, query: Query, alias: str, scope: Scope, span: Span) -> SubqueryRef:
        names = output_columns(query)
        scope.sources[alias] = Table(frozenset(names or _known_columns(query)), names is not None)
        if names is not None:
            self.columns[alias] = names
        return SubqueryRef(query, alias, (), span)

    def _join(self, join: Join, scope: Scope) -> Join:
        before = list(scope.sources)
        item = self.from_item(join.item, scope)
        if join.kind != "CROSS" and join.on is None and not join.using:
            raise CompileError("QL211", f"{join.kind} JOIN needs ON or USING", join.span)
        on = self.binder.expr(join.on, scope) if join.on is not None else None
        for column in join.using:
            left = self._using_side(before, column, scope, join.span)
            right = Scope({item.alias: scope.sources[item.alias]}).resolve(Name((item.alias, column), join.span))
            scope.merged[column] = _merged(join.kind, left, right)
            pair = Call("=", (left, right), join.span)
            on = pair if on is None else Call("AND", (on, pair), join.span)
        return replace(join, item=item, on=on)

    def _using_side(self, before: list[str], column: str, scope: Scope, span: Span) -> Expr:
        sources = {alias: scope.sources[alias] for alias in before}
        left = Scope(sources, merged=scope.merged, warnings=scope.warnings)
        return left.resolve(Name((column,), span))


def check_hidden(first: FromItem | None, joins: tuple[Join, ...]) -> None:
    """A query in FROM that reads a source further out must not stand beside another one of that name."""
    items = [item for item in (first, *(join.item for join in joins)) if item is not None]
    aliases = [item.alias for item in items]
    for at, item in enumerate(items):
        if not isinstance(item, SubqueryRef):
            continue
        hidden = set(aliases[at:] if item.lateral else aliases)
        field = next((each for each in free_fields(item.query) if each.source in hidden), None)
        if field is not None:
            text = f"{field.source!r} is a source around this query, and one beside it"
            raise CompileError("QL202", text, field.span, "give one another alias")


def _known_columns(query: Query) -> Iterator[str]:
    """The columns beside ``*``."""
    if isinstance(query, Select):
        yield from (item.alias for item in query.items if item.alias is not None)


def _merged(kind: str, left: Expr, right: Expr) -> Expr:
    """The column of USING: the side that has every row's, else the one that is there."""
    if kind == "FULL":
        return Call("COALESCE", (left, right), right.span)
    return right if kind == "RIGHT" else left


def renamed(query: Query, cte: Cte) -> Query:
    if not cte.columns:
        return query
    columns = output_columns(query)
    if columns is None or len(columns) != len(cte.columns):
        raise CompileError("QL210", f"{cte.name} names {len(cte.columns)} columns, its query gives others", cte.span)
    return with_columns(query, cte.columns)
