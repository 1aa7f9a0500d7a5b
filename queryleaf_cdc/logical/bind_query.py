"""Binding of SELECT: CTEs, clauses, aliases."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from queryleaf_cdc.errors import CompileError, did_you_mean, warning
from queryleaf_cdc.logical.bind import Allowed, Binder
from queryleaf_cdc.logical.bind_changes import Detected, with_detection, without_detection
from queryleaf_cdc.logical.bind_sources import SourceBinder, check_hidden, renamed
from queryleaf_cdc.logical.columns import output_columns, with_columns
from queryleaf_cdc.logical.grouped_windows import over_groups
from queryleaf_cdc.logical.schema import Table
from queryleaf_cdc.logical.scope import Scope, reads_own_field
from queryleaf_cdc.logical.time_windows import TimeWindow, grouped_by_time, is_pending_session, with_sessions
from queryleaf_cdc.logical.walk import (
    any_node,
    conjunction,
    conjuncts,
    count_selects,
    has_aggregate,
    has_window,
    names_in,
    walk,
)
from queryleaf_cdc.syntax.expressions import Aggregate, Call, Expr, Field, Literal, Name, Star, Subquery, Window
from queryleaf_cdc.syntax.queries import (
    Query,
    Select,
    SelectItem,
    SetOperation,
)


def bind_query(query: Query, outer: Scope, binder: Binder) -> Query:
    """A query with every name bound, CTEs put in place of their names, and every item with its column name."""
    if query.with_ties and not binder.for_view:
        raise CompileError("QL302", "WITH TIES is not supported here", query.span, "CREATE MATERIALIZED VIEW knows it")
    for cte in query.ctes:
        inner = renamed(bind_query(cte.query, outer, binder), cte)
        outer = replace(outer, ctes={**outer.ctes, cte.name: inner})
    bound: Query
    match query:
        case Select():
            bound = _Selecting(outer, binder).select(query)
        case SetOperation():
            bound = _set_operation(query, outer, binder)
    if count_selects(bound) > MAX_SELECTS:
        raise CompileError("QL103", f"more than {MAX_SELECTS} SELECTs, with WITH in place of its names", query.span)
    return bound


MAX_SELECTS = 500
MAX_ITEM = 5_000  # nodes of a SELECT item's expression, with aliases in place


def _set_operation(query: SetOperation, outer: Scope, binder: Binder) -> Query:
    left, right = bind_query(query.left, outer, binder), bind_query(query.right, outer, binder)
    names, other = output_columns(left), output_columns(right)
    if names is not None and other is not None:
        if len(names) != len(other):
            raise CompileError("QL210", f"{query.kind} of {len(names)} and of {len(other)} columns", query.span)
        right = with_columns(right, names)
    elif names is not None or other is not None:
        raise CompileError(
            "QL210", f"{query.kind} of named columns and of *, whose columns are unknown", query.span, "name them"
        )
    rows = outer.child({"": Table(frozenset(names or ()), names is not None)})
    order_by = tuple(replace(o, expr=binder.expr(_ordinal_name(o.expr, names), rows)) for o in query.order_by)
    for item in order_by:
        if any(isinstance(node, Subquery) for node in walk(item.expr)):
            raise CompileError(
                "QL303", f"ORDER BY of a {query.kind} cannot hold a subquery", item.span, "SELECT ... FROM (...) AS x"
            )
    limit, offset = bound_count(query.limit, outer, binder), bound_count(query.offset, outer, binder)
    return replace(query, left=left, right=right, order_by=order_by, ctes=(), limit=limit, offset=offset)


def bound_count(expr: Expr | None, outer: Scope, binder: Binder) -> Expr | None:
    """LIMIT's or OFFSET's expression; it may read what lies outside of the query. ``LIMIT NULL`` is none."""
    bound = binder.expr(expr, outer) if expr is not None else None
    if bound is None or (isinstance(bound, Literal) and bound.value is None):
        return None
    if isinstance(bound, Literal):
        is_whole = isinstance(bound.value, int) and not isinstance(bound.value, bool)
        if not is_whole or not 0 <= bound.value < 1 << 63:
            raise CompileError("QL216", "LIMIT and OFFSET take whole numbers from 0", bound.span)
    elif binder.for_dataflow:
        raise CompileError("QL216", "LIMIT and OFFSET of a materialized view are constants", bound.span)
    return bound


def _ordinal_name(expr: Expr, names: tuple[str, ...] | None) -> Expr:
    """``ORDER BY 2``: the second column. Without known columns it would be a constant."""
    if not (isinstance(expr, Literal) and isinstance(expr.value, int) and not isinstance(expr.value, bool)):
        return expr
    if names is None or not 1 <= expr.value <= len(names):
        raise CompileError("QL215", f"there is no column {expr.value} in the SELECT list", expr.span)
    return Name((names[expr.value - 1],), expr.span)


class _Selecting:
    """Binds one SELECT. The steps follow the order in which the clauses see names."""

    def __init__(self, outer: Scope, binder: Binder) -> None:
        self.outer = outer
        self.binder = binder
        self.from_binder = SourceBinder(outer, binder, bind_query)

    def select(self, query: Select) -> Select:
        self._check_supported(query)
        detected: Detected | None = None
        if self.binder.for_stream:
            query, detected = without_detection(query, lambda table: table.name not in self.outer.ctes)
        query, time_window = grouped_by_time(query)
        scope = self._around(detected).child({})
        from_item, joins = self.from_binder.sources(query.from_item, query.joins, scope)
        if self.binder.for_view:
            check_hidden(from_item, joins)
        if time_window is not None:
            self._name_ends(time_window, scope)
        items = self._items(query, scope)
        named = scope.with_aliases({item.alias: item.expr for item in items if item.alias is not None})
        where, late = self._conditions(query.where, named)
        group_by, grouping_sets = self._keys(query, items, named)
        qualify = self._expr(query.qualify, named, self._allowed)
        distinct_on = query.distinct_on
        bound = replace(
            query,
            items=items,
            from_item=from_item,
            joins=joins,
            where=where,
            group_by=group_by,
            grouping_sets=grouping_sets,
            having=self._having(query.having, named),
            qualify=conjunction([*late, *conjuncts(qualify)]),
            order_by=tuple(replace(o, expr=self._sorted_by(o.expr, items, named)) for o in query.order_by),
            limit=bound_count(query.limit, self.outer, self.binder),
            offset=bound_count(query.offset, self.outer, self.binder),
            distinct_on=tuple(self._sorted_by(e, items, named) for e in distinct_on)
            if distinct_on is not None
            else None,
            ctes=(),
        )
        _check_distinct_order(bound)
        if time_window is not None and time_window.kind == "SESSION":
            bound = with_sessions(bound)
        if detected is not None:
            bound = with_detection(bound, detected, self.outer.reaches("OLD"))
        return over_groups(bound)

    def _around(self, detected: Detected | None) -> Scope:
        """What lies outside of FROM: where there are changes, the two documents of the first source's."""
        if detected is None or detected.main is None:
            return self.outer
        return replace(self.outer.child({"NEW": None, "OLD": None}), bare=False)

    def _check_supported(self, query: Select) -> None:
        if self.binder.for_view:
            if query.emit is not None:
                hint = "a materialized view is always up to date; leave EMIT out"
                raise CompileError("QL303", "EMIT belongs to a stream", query.span, hint)
            return
        if self.binder.for_stream:
            return
        if query.emit or query.qualify is not None:
            raise CompileError(
                "QL303", "this query needs a stream: EMIT and QUALIFY are not supported here", query.span
            )
        if query.grouping_sets:
            raise CompileError("QL303", "ROLLUP, CUBE and GROUPING SETS are not supported here", query.span)

    @property
    def _allowed(self) -> Allowed:
        """In the SELECT list, ORDER BY and QUALIFY."""
        return Allowed.AGGREGATES | Allowed.WINDOWS

    def _name_ends(self, window: TimeWindow, scope: Scope) -> None:
        if window.kind == "SESSION" and not self.binder.for_dataflow:
            hint = "CREATE MATERIALIZED VIEW knows it"
            raise CompileError("QL302", "SESSION is not supported here", window.start.span, hint)
        start, end = self.binder.expr(window.start, scope), self.binder.expr(window.end, scope)
        scope.merged.update(window_start=start, window_end=end, WINDOW_START=start, WINDOW_END=end)

    def _items(self, query: Select, scope: Scope) -> tuple[SelectItem, ...]:
        """Items in order; each may use the aliases of all others. Aliases in a circle (a swap) mean the fields."""
        written = {item.alias: item.expr for item in query.items if item.alias is not None}
        reach = _reachable({alias: names_in(expr) & written.keys() for alias, expr in written.items()})
        bound: list[SelectItem] = []

        def bind_one(expr: Expr, own: str | None) -> Expr:
            circle = {name for name in written if own in reach[name] and name in reach.get(own or "", ())}
            wanted = sorted((names_in(expr) & written.keys()) - circle - {own})
            inner = scope.with_aliases({alias: bind_one(written[alias], alias) for alias in wanted})
            return self.binder.expr(expr, inner, self._allowed)

        self._check_sizes(written, reach)
        for position, item in enumerate(query.items):
            if isinstance(item.expr, Star):
                bound += self._star(item, item.expr.source, scope)
                continue
            expr = bind_one(item.expr, item.alias)
            used = written.keys() | {each.alias for each in bound}
            bound.append(replace(item, expr=expr, alias=item.alias or _free_name(item.expr, position, used)))
        return tuple(bound)

    def _check_sizes(self, written: dict[str, Expr], reach: dict[str, set[str]]) -> None:
        """``a + a AS b, b + b AS c, ...`` doubles with each alias."""
        sizes: dict[str, int] = {}
        for alias in sorted(written, key=lambda name: len(reach[name])):
            nodes = list(walk(written[alias]))
            used = [str(node.path[0]) for node in nodes if isinstance(node, Name)]
            sizes[alias] = len(nodes) + sum(sizes.get(name, 1) for name in used)
            if sizes[alias] > MAX_ITEM:
                text = f"{alias!r} is too large with the other aliases in place"
                raise CompileError("QL103", text, written[alias].span, "select from a subquery")

    def _star(self, item: SelectItem, source: str | None, scope: Scope) -> list[SelectItem]:
        """The columns that ``*`` stands for where they are known; else the item as it is: whole documents."""
        if source is not None and source not in scope.sources:
            raise CompileError("QL201", f"unknown source {source!r}", item.span, did_you_mean(source, scope.sources))
        if not scope.sources:
            raise CompileError("QL213", "SELECT * needs a FROM", item.span)
        covered = [source] if source is not None else list(scope.sources)
        known = self.from_binder.columns
        if all(alias in known for alias in covered):
            merged = {} if source is not None else scope.merged
            found = list(merged.items())
            pairs = [(alias, name) for alias in covered for name in known[alias] if name not in merged]
            found += [(name, Field(alias, (name,), item.span)) for alias, name in pairs]
            return [SelectItem(expr, name, item.span) for name, expr in found]
        if len(covered) > 1:
            scope.warnings.append(
                warning(
                    "QL212",
                    f"* makes one document of {', '.join(covered)}: of fields with one name the last is kept",
                    item.span,
                    "name the columns",
                )
            )
        return [item]

    def _conditions(self, expr: Expr | None, named: Scope) -> tuple[Expr | None, list[Expr]]:
        """WHERE, which comes before the rows are grouped; and the terms of it that need a window function's result."""
        if expr is None:
            return None, []
        allowed = self._allowed if self.binder.for_dataflow and has_window(expr) else Allowed.NOTHING
        terms = conjuncts(self.binder.expr(expr, self._before_items(expr, named), allowed))
        late = [term for term in terms if has_window(term) or any_node(term, is_pending_session)]
        early = [term for term in terms if not any(term is each for each in late)]
        if any(map(has_aggregate, early)):
            raise CompileError("QL206", "WHERE cannot hold an aggregate", expr.span, "HAVING filters the groups")
        return conjunction(early), late

    def _keys(
        self, query: Select, items: tuple[SelectItem, ...], named: Scope
    ) -> tuple[tuple[Expr, ...], tuple[tuple[Expr, ...], ...]]:
        """All keys, each once, and the grouping sets made of them."""
        keys = {id(key): self._group(key, items, named) for key in query.group_by}

        def bound(key: Expr) -> Expr:
            return keys[id(key)] if id(key) in keys else self._group(key, items, named)

        sets = tuple(tuple(bound(key) for key in each) for each in query.grouping_sets)
        every = {repr(key): key for key in (*keys.values(), *(key for each in sets for key in each))}
        return (tuple(every.values()) if sets else tuple(keys.values())), sets

    def _having(self, expr: Expr | None, named: Scope) -> Expr | None:
        bound = self._expr(expr, named, Allowed.AGGREGATES)
        if bound is not None and has_window(bound):
            raise CompileError(
                "QL228", "HAVING cannot hold a window function", bound.span, "QUALIFY filters after them"
            )
        return bound

    def _group(self, expr: Expr, items: tuple[SelectItem, ...], named: Scope) -> Expr:
        is_ordinal = isinstance(expr, Literal) and isinstance(expr.value, int) and not isinstance(expr.value, bool)
        if is_ordinal:
            assert isinstance(expr, Literal)
            bound = self._ordinal(expr, items)
        else:
            bound = self.binder.expr(expr, self._before_items(expr, named))
        if has_aggregate(bound):
            hint = "a name in GROUP BY first means a column of the SELECT list" if isinstance(expr, Name) else None
            raise CompileError("QL206", "GROUP BY cannot hold an aggregate", expr.span, hint)
        if has_window(bound):
            hint = "select it in a subquery, then group by its column"
            raise CompileError("QL228", "GROUP BY cannot hold a window function", expr.span, hint)
        return bound

    def _before_items(self, clause: Expr, named: Scope) -> Scope:
        """An alias computed from the very field it is named after does not hide it in WHERE and GROUP BY."""
        used = names_in(clause)
        for alias, expr in named.aliases.items():
            if alias in used and reads_own_field(expr, alias):
                text = f"in WHERE and GROUP BY, {alias!r} is the field, not the column computed from it"
                named.warnings.append(warning("QL214", text, clause.span))
        return named.with_aliases({a: e for a, e in named.aliases.items() if not reads_own_field(e, a)})

    def _sorted_by(self, expr: Expr, items: tuple[SelectItem, ...], named: Scope) -> Expr:
        """An expression of ORDER BY or DISTINCT ON."""
        if isinstance(expr, Literal) and isinstance(expr.value, int) and not isinstance(expr.value, bool):
            return self._ordinal(expr, items)
        return self.binder.expr(expr, named, self._allowed)

    def _ordinal(self, literal: Literal, items: tuple[SelectItem, ...]) -> Expr:
        position: int = literal.value
        if not 1 <= position <= len(items) or isinstance(items[position - 1].expr, Star):
            raise CompileError("QL215", f"there is no column {position} in the SELECT list", literal.span)
        return items[position - 1].expr

    def _expr(self, expr: Expr | None, scope: Scope, allowed: Allowed) -> Expr | None:
        return self.binder.expr(expr, scope, allowed) if expr is not None else None


def _check_distinct_order(query: Select) -> None:
    """DISTINCT ON takes the first row of each: ORDER BY must begin with what makes rows alike."""
    if not query.distinct_on or not query.order_by:
        return
    wanted = set(map(repr, query.distinct_on))
    first = [item.expr for item in query.order_by[: len(wanted)]]
    if set(map(repr, first)) != wanted and not {*map(repr, first)} < wanted:
        hint = "ORDER BY begins with the expressions of DISTINCT ON"
        raise CompileError("QL227", "DISTINCT ON with another order", query.order_by[0].span, hint)


def _reachable(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    reach = {name: set(targets) for name, targets in edges.items()}
    for middle in edges:
        for start in edges:
            if middle in reach[start]:
                reach[start] |= reach[middle]
    return reach


def _free_name(expr: Expr, position: int, used: Collection[str | None]) -> str:
    """A column without an alias: called after its field or function, by its number when that name is taken."""
    name = _column_name(expr, position)
    return f"column{position + 1}" if name in used and not isinstance(expr, Name) else name


def _column_name(expr: Expr, position: int) -> str:
    match expr:
        case Name(path) if isinstance(path[-1], str):
            return path[-1]
        case Aggregate(name) | Call(name) if name.replace("_", "").isalnum():
            return name.lower()
        case Call(name, (operand, *_)) if name.startswith("CAST "):
            return _column_name(operand, position)
        case Window(function):
            return _column_name(function, position)
        case _:
            return f"column{position + 1}"
