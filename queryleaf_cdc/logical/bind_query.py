"""Binding of SELECT: sources, CTEs, aliases."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.errors import CompileError, did_you_mean, warning
from queryleaf_cdc.logical.bind import Binder
from queryleaf_cdc.logical.schema import Table
from queryleaf_cdc.logical.scope import Scope
from queryleaf_cdc.logical.walk import fields_in, has_aggregate, names_in
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Aggregate, Call, Expr, Field, Literal, Name, OrderItem, Star
from queryleaf_cdc.syntax.queries import (
    Cte,
    FromItem,
    Join,
    Query,
    Select,
    SelectItem,
    SetOperation,
    SubqueryRef,
    TableRef,
    UnnestRef,
)


def bind_query(query: Query, outer: Scope, binder: Binder) -> Query:
    """A query with every name bound, CTEs put in place of their names, and every item with its column name."""
    return _bind(query, outer, binder, {})


def _bind(query: Query, outer: Scope, binder: Binder, ctes: dict[str, Query]) -> Query:
    ctes = dict(ctes)
    for cte in query.ctes:
        ctes[cte.name] = _renamed(_bind(cte.query, outer, binder, ctes), cte)
    match query:
        case Select():
            return _Selecting(outer, binder, ctes).select(query)
        case SetOperation():
            return _set_operation(query, outer, binder, ctes)


def output_columns(query: Query) -> tuple[str, ...] | None:
    """Column names of a bound query; None where ``*`` makes them unknown."""
    if isinstance(query, SetOperation):
        return output_columns(query.left)
    names = [item.alias for item in query.items]
    return None if None in names else tuple(name for name in names if name is not None)


def _renamed(query: Query, cte: Cte) -> Query:
    if not cte.columns:
        return query
    columns = output_columns(query)
    if columns is None or len(columns) != len(cte.columns) or isinstance(query, SetOperation):
        raise CompileError("QL210", f"{cte.name} names {len(cte.columns)} columns, its query gives others", cte.span)
    items = tuple(replace(item, alias=name) for item, name in zip(query.items, cte.columns, strict=True))
    return replace(query, items=items)


def _set_operation(query: SetOperation, outer: Scope, binder: Binder, ctes: dict[str, Query]) -> Query:
    left, right = _bind(query.left, outer, binder, ctes), _bind(query.right, outer, binder, ctes)
    names, other = output_columns(left), output_columns(right)
    if names is not None and other is not None and len(names) != len(other):
        raise CompileError("QL210", f"{query.kind} of {len(names)} and of {len(other)} columns", query.span)
    if names is not None and isinstance(right, Select) and other is not None:
        right = replace(right, items=tuple(replace(i, alias=n) for i, n in zip(right.items, names, strict=True)))
    rows = outer.child({"": Table(frozenset(names or ()), names is not None)})
    order_by = tuple(replace(o, expr=binder.expr(_ordinal_name(o.expr, names), rows)) for o in query.order_by)
    return replace(query, left=left, right=right, order_by=order_by, ctes=())


def _ordinal_name(expr: Expr, names: tuple[str, ...] | None) -> Expr:
    if isinstance(expr, Literal) and isinstance(expr.value, int) and names and 1 <= expr.value <= len(names):
        return Name((names[expr.value - 1],), expr.span)
    return expr


class SourceBinder:
    """Binds what stands in FROM. ``ctes`` are the bound queries that a name may stand for."""

    def __init__(self, outer: Scope, binder: Binder, ctes: dict[str, Query]) -> None:
        self.outer = outer
        self.binder = binder
        self.ctes = ctes

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
            case TableRef(name, alias, span) if name in self.ctes:
                inner = self.ctes[name]
                scope.sources[alias] = _table_of(inner)
                return SubqueryRef(inner, alias, (), span)
            case TableRef(name, alias):
                scope.sources[alias] = self.binder.schema.get(name)
                return item
            case SubqueryRef(query, alias, columns, span):
                inner = _renamed(_bind(query, self.outer, self.binder, self.ctes), Cte(alias, columns, query, span))
                scope.sources[alias] = _table_of(inner)
                return SubqueryRef(inner, alias, (), span)
            case UnnestRef():
                bound = replace(item, array=self.binder.expr(item.array, scope))
                scope.sources[item.alias] = Table(frozenset(item.columns), True) if item.columns else None
                return bound

    def _join(self, join: Join, scope: Scope) -> Join:
        before = list(scope.sources)
        item = self.from_item(join.item, scope)
        if join.kind != "CROSS" and join.on is None and not join.using:
            raise CompileError("QL211", f"{join.kind} JOIN needs ON or USING", join.span)
        on = self.binder.expr(join.on, scope) if join.on is not None else None
        for column in join.using:
            left = self._using_side(before, column, scope, join.span)
            right = Field(item.alias, (column,), join.span)
            pair = Call("=", (left, right), join.span)
            on = pair if on is None else Call("AND", (on, pair), join.span)
        return replace(join, item=item, on=on)

    def _using_side(self, before: list[str], column: str, scope: Scope, span: Span) -> Expr:
        left = Scope({alias: scope.sources[alias] for alias in before}, warnings=scope.warnings)
        return left.resolve(Name((column,), span))


class _Selecting:
    """Binds one SELECT. The steps follow the order in which the clauses see names."""

    def __init__(self, outer: Scope, binder: Binder, ctes: dict[str, Query]) -> None:
        self.outer = outer
        self.binder = binder
        self.from_binder = SourceBinder(outer, binder, ctes)

    def select(self, query: Select) -> Select:
        if query.emit or query.qualify is not None:
            raise CompileError(
                "QL303", "this query needs a stream: EMIT and QUALIFY are not supported here", query.span
            )
        if query.grouping_sets:
            raise CompileError("QL303", "ROLLUP, CUBE and GROUPING SETS are not supported here", query.span)
        scope = self.outer.child({})
        from_item, joins = self.from_binder.sources(query.from_item, query.joins, scope)
        items = self._items(query, scope)
        named = scope.with_aliases({item.alias: item.expr for item in items if item.alias is not None})
        where = self._expr(query.where, self._without_own(named, items, scope))
        group_by = tuple(self._group(g, items, named, scope) for g in query.group_by)
        return replace(
            query,
            items=items,
            from_item=from_item,
            joins=joins,
            where=where,
            group_by=group_by,
            having=self._expr(query.having, named, True),
            order_by=tuple(self._order(o, items, named) for o in query.order_by),
            limit=self._count(query.limit),
            offset=self._count(query.offset),
            distinct_on=tuple(self._group(e, items, named, scope) for e in query.distinct_on)
            if query.distinct_on is not None
            else None,
            ctes=(),
        )

    def _items(self, query: Select, scope: Scope) -> tuple[SelectItem, ...]:
        """Items in order; each may use the aliases of all others. Aliases in a circle (a swap) mean the fields."""
        written = {item.alias: item.expr for item in query.items if item.alias is not None}
        reach = _reachable({alias: names_in(expr) & written.keys() for alias, expr in written.items()})
        bound: list[SelectItem] = []

        def bind_one(expr: Expr, own: str | None) -> Expr:
            circle = {name for name in written if own in reach[name] and name in reach.get(own or "", ())}
            wanted = sorted((names_in(expr) & written.keys()) - circle - {own})
            inner = scope.with_aliases({alias: bind_one(written[alias], alias) for alias in wanted})
            return self.binder.expr(expr, inner, True)

        for position, item in enumerate(query.items):
            if isinstance(item.expr, Star):
                bound.append(self._star(item, scope))
                continue
            expr = bind_one(item.expr, item.alias)
            bound.append(replace(item, expr=expr, alias=item.alias or _column_name(item.expr, position)))
        return tuple(bound)

    def _star(self, item: SelectItem, scope: Scope) -> SelectItem:
        assert isinstance(item.expr, Star)
        if item.expr.source is not None and item.expr.source not in scope.sources:
            raise CompileError(
                "QL201",
                f"unknown source {item.expr.source!r}",
                item.span,
                did_you_mean(item.expr.source, scope.sources),
            )
        if not scope.sources:
            raise CompileError("QL213", "SELECT * needs a FROM", item.span)
        return item

    def _without_own(self, named: Scope, items: tuple[SelectItem, ...], scope: Scope) -> Scope:
        """An alias computed from the very field it is named after does not hide it in WHERE and GROUP BY."""
        kept = {alias: expr for alias, expr in named.aliases.items() if not _reads(expr, alias)}
        for alias, expr in named.aliases.items():
            if alias not in kept and not isinstance(expr, Field):
                named.warnings.append(
                    warning(
                        "QL214",
                        f"in WHERE and GROUP BY, {alias!r} is the field, not the column computed from it",
                        expr.span,
                    )
                )
        return named.with_aliases({a: e for a, e in kept.items() if not has_aggregate(e)})

    def _group(self, expr: Expr, items: tuple[SelectItem, ...], named: Scope, scope: Scope) -> Expr:
        if isinstance(expr, Literal) and isinstance(expr.value, int) and not isinstance(expr.value, bool):
            return self._ordinal(expr, items)
        return self.binder.expr(expr, self._without_own_quietly(named))

    def _without_own_quietly(self, named: Scope) -> Scope:
        return named.with_aliases({a: e for a, e in named.aliases.items() if not _reads(e, a) and not has_aggregate(e)})

    def _order(self, item: OrderItem, items: tuple[SelectItem, ...], named: Scope) -> OrderItem:
        expr = item.expr
        if isinstance(expr, Literal) and isinstance(expr.value, int) and not isinstance(expr.value, bool):
            return replace(item, expr=self._ordinal(expr, items))
        return replace(item, expr=self.binder.expr(expr, named, True))

    def _ordinal(self, literal: Literal, items: tuple[SelectItem, ...]) -> Expr:
        position: int = literal.value
        if not 1 <= position <= len(items) or isinstance(items[position - 1].expr, Star):
            raise CompileError("QL215", f"there is no column {position} in the SELECT list", literal.span)
        return items[position - 1].expr

    def _count(self, expr: Expr | None) -> Expr | None:
        if expr is None:
            return None
        bound = self.binder.expr(expr, self.outer)
        if isinstance(bound, Literal) and not (isinstance(bound.value, int) and bound.value >= 0):
            raise CompileError("QL216", "LIMIT and OFFSET take whole numbers from 0", expr.span)
        return bound

    def _expr(self, expr: Expr | None, scope: Scope, aggregates: bool = False) -> Expr | None:
        return self.binder.expr(expr, scope, aggregates) if expr is not None else None


def _reachable(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    reach = {name: set(targets) for name, targets in edges.items()}
    for middle in edges:
        for start in edges:
            if middle in reach[start]:
                reach[start] |= reach[middle]
    return reach


def _table_of(query: Query) -> Table | None:
    names = output_columns(query)
    return Table(frozenset(names), True) if names is not None else None


def _column_name(expr: Expr, position: int) -> str:
    match expr:
        case Name(path) if isinstance(path[-1], str):
            return path[-1]
        case Aggregate(name) | Call(name) if name.replace("_", "").isalnum():
            return name.lower()
        case Call(name, (operand, *_)) if name.startswith("CAST "):
            return _column_name(operand, position)
        case _:
            return f"column{position + 1}"


def _reads(expr: Expr, column: str) -> bool:
    return any(each.path == (column,) for each in fields_in(expr))
