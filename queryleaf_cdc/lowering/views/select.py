"""A bound query → a relation whose first columns are its outputs. The steps follow the order of the clauses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.logical.grouped_windows import is_grouped
from queryleaf_cdc.logical.walk import conjunction, conjuncts
from queryleaf_cdc.lowering.views.from_clause import from_clause
from queryleaf_cdc.lowering.views.grouping import grouped
from queryleaf_cdc.lowering.views.moving_clock import is_timed, refuse_clock, timed
from queryleaf_cdc.lowering.views.relation import (
    Key,
    OuterValues,
    Relation,
    column,
    filtered,
    mapped,
    outer_places,
    outer_sources,
)
from queryleaf_cdc.lowering.views.set_operations import set_operation
from queryleaf_cdc.lowering.views.subqueries import with_condition, with_subqueries
from queryleaf_cdc.lowering.views.windows import with_windows
from queryleaf_cdc.plans.dataflow import Combine, Over, Top, WindowFunction
from queryleaf_cdc.source import NO_SPAN
from queryleaf_cdc.syntax.expressions import Call, Expr, Literal, OrderItem, Path, Star
from queryleaf_cdc.syntax.queries import Query, Select, SelectItem, SetOperation


def build_query(query: Query, want_key: bool, base: OuterValues | None = None) -> Relation:
    """The query's rows: the outputs first (``stars[""]`` names them), then ``base``'s columns, then those of the key.

    ``base`` are rows of outer values that the query depends on; all is computed for each of them by itself."""
    if isinstance(query, SetOperation):
        return _limited_set(query, set_operation(query, base, want_key, build_query), base)
    return _Select(query, base, want_key).rows()


@dataclass
class _Select:
    query: Select
    base: OuterValues | None
    want_key: bool

    def rows(self) -> Relation:
        query = self.query
        for expr in (*self._listed(), *query.group_by):
            refuse_clock(expr)
        unique = query.distinct_on == () or is_grouped(query)
        rows, later = from_clause(query, self.base, self.want_key and not unique, build_query)
        rows = self._met(rows, later)
        if is_grouped(query):
            rows = grouped(query, rows, self.base, build_query)
            rows = self._met(rows, conjuncts(query.having))
        rows = with_windows(query, rows, self.base, build_query)
        rows = self._met(rows, conjuncts(query.qualify))
        return self._projected(with_subqueries(rows, self._listed(), build_query))

    def _listed(self) -> list[Expr]:
        return [*(item.expr for item in self.query.items), *(item.expr for item in self.query.order_by)]

    def _met(self, rows: Relation, terms: Sequence[Expr]) -> Relation:
        for term in terms:
            if is_timed(term):
                rows = timed(rows, term)
            else:
                rows, condition = with_condition(rows, term, build_query)
                rows = filtered(rows, condition)
        return rows

    # -- the SELECT list ---------------------------------------------------------------------------------------------

    def _projected(self, rows: Relation) -> Relation:
        """Outputs, the base's columns, what ORDER BY and DISTINCT ON read, and the key."""
        query = self.query
        outputs = [pair for item in query.items for pair in _outputs(item, rows)]
        base = [column(at) for at in outer_places(self.base, rows)]
        order = [rows.over(item.expr) for item in query.order_by]
        first = [rows.over(expr) for expr in query.distinct_on or ()]
        key = rows.key if rows.key is not None and self.want_key else ()
        columns = [expr for _, expr in outputs] + base
        places = [_place(expr, columns) for expr in (*order, *first, *(column(at) for _, at in key))]
        ordering = tuple(replace(item, expr=column(at)) for item, at in zip(query.order_by, places, strict=False))
        done = Relation(
            mapped(rows.node, tuple(columns)),
            len(columns),
            outer_sources(self.base, len(outputs)),
            key=_named_key(key, places[len(order) + len(first) :], outputs) if self.want_key else None,
            stars={"": tuple((name, at) for at, (name, _) in enumerate(outputs))},
        )
        if query.distinct_on == ():
            done = self._distinct(done, len(outputs) + len(base), places[: len(order)])
        elif query.distinct_on:
            partition = (*outer_places(self.base, done), *places[len(order) : len(order) + len(first)])
            done = replace(done, node=Top(done.node, tuple(map(column, partition)), ordering, 1, 0))
        return limited(query, done, self.base, ordering)

    def _distinct(self, rows: Relation, width: int, order: Sequence[int]) -> Relation:
        """Each row of the outputs once; they are its key."""
        if any(at >= width for at in order):
            raise CompileError(
                "QL303", "ORDER BY of SELECT DISTINCT must be in the SELECT list", self.query.order_by[0].span
            )
        node = rows.node if rows.width == width else mapped(rows.node, tuple(map(column, range(width))))
        outputs = rows.stars[""]
        key = tuple((name or f"column{at + 1}", at) for name, at in outputs)
        return replace(rows, node=Combine((node,), "DISTINCT"), width=width, key=key if self.want_key else None)


def _place(expr: Expr, columns: list[Expr]) -> int:
    """The column that holds the expression; a new one if none does."""
    for at, each in enumerate(columns):
        if repr(each) == repr(expr):
            return at
    columns.append(expr)
    return len(columns) - 1


def _outputs(item: SelectItem, rows: Relation) -> list[tuple[str | None, Expr]]:
    if not isinstance(item.expr, Star):
        return [(item.alias, rows.over(item.expr))]
    aliases = [item.expr.source] if item.expr.source is not None else list(rows.stars)
    return [(name, column(at)) for alias in aliases for name, at in rows.stars[alias]]


def _named_key(key: Key, places: list[int], outputs: list[tuple[str | None, Expr]]) -> Key:
    """The key's columns; one that is an output is called like it. No name in an ``_id`` may begin with a dollar."""
    names = [(outputs[at][0] or name) if at < len(outputs) else name for (name, _), at in zip(key, places, strict=True)]
    storable = [name.lstrip("$") or "key" for name in names]
    unique: list[str] = []
    for at, name in enumerate(storable):
        found = name if storable.count(name) == 1 else f"{name}{at}"
        while found in unique:
            found += "_"
        unique.append(found)
    return tuple(zip(unique, places, strict=True))


def limited(query: Query, rows: Relation, base: OuterValues | None, ordering: tuple[OrderItem, ...]) -> Relation:
    """LIMIT and OFFSET, for each of the base's rows; ORDER BY alone changes nothing in a view's rows."""
    limit, offset = _count(query.limit), _count(query.offset)
    if limit is None and not offset:
        return replace(rows, ordering=ordering)
    partition = tuple(column(at) for at in outer_places(base, rows))
    if query.with_ties and limit is not None:
        return _with_ties(rows, partition, ordering, limit, offset or 0)
    return replace(rows, node=Top(rows.node, partition, ordering, limit, offset or 0))


def _with_ties(
    rows: Relation, partition: tuple[Expr, ...], ordering: tuple[OrderItem, ...], limit: int, offset: int
) -> Relation:
    """As many rows by RANK, without the first ones by ROW_NUMBER."""
    names = ("RANK", "ROW_NUMBER") if offset else ("RANK",)
    functions = tuple(WindowFunction(each, (), False, None, (), None, NO_SPAN) for each in names)
    terms: list[Expr] = [Call("<=", (column(rows.width), Literal(offset + limit, NO_SPAN)), NO_SPAN)]
    if offset:
        terms.append(Call(">", (column(rows.width + 1), Literal(offset, NO_SPAN)), NO_SPAN))
    every = tuple(map(column, range(rows.width)))
    return replace(rows, node=mapped(Over(rows.node, partition, ordering, functions), every, conjunction(terms)))


def _limited_set(query: SetOperation, rows: Relation, base: OuterValues | None) -> Relation:
    named: dict[Path, int] = {(name,): at for name, at in rows.stars[""] if name is not None}
    outputs = Relation(rows.node, rows.width, {"": named})
    ordering = tuple(replace(item, expr=outputs.over(item.expr)) for item in query.order_by)
    if any(not isinstance(item.expr, Literal) and len(getattr(item.expr, "path", ())) != 1 for item in ordering):
        raise CompileError("QL303", f"ORDER BY of a {query.kind} takes its columns", query.order_by[0].span)
    return limited(query, rows, base, ordering)


def _count(expr: Expr | None) -> int | None:
    if expr is None:
        return None
    if not isinstance(expr, Literal):
        raise CompileError("QL303", "LIMIT and OFFSET of a view must be constants", expr.span)
    return int(expr.value)
