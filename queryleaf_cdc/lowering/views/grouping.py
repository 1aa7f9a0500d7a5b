"""GROUP BY: keys and aggregates as columns; grouping sets as several groupings of the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from queryleaf_cdc.aggregates import check
from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.logical.walk import children
from queryleaf_cdc.lowering.views.from_clause import joined_on
from queryleaf_cdc.lowering.views.relation import (
    BuildQuery,
    OuterValues,
    Relation,
    column,
    mapped,
    outer_places,
    outer_sources,
)
from queryleaf_cdc.lowering.views.subqueries import with_subqueries
from queryleaf_cdc.lowering.views.windows import windowed, windows_in
from queryleaf_cdc.plans.dataflow import Concat, Group, Map, Node
from queryleaf_cdc.source import NO_SPAN
from queryleaf_cdc.syntax.expressions import Aggregate, Call, Case, Expr, Literal, OrderItem, Window
from queryleaf_cdc.syntax.queries import Select


def grouped(query: Select, rows: Relation, base: OuterValues | None, build: BuildQuery) -> Relation:
    """One row for each group: the base's columns, the keys, the aggregates."""
    aggregates = {repr(each): each for each in _aggregates(query)}
    for each in aggregates.values():
        check(each)
    inner = [expr for each in aggregates.values() for expr in children(each)]
    rows = with_subqueries(rows, [*query.group_by, *inner], build)
    rows = windowed(rows, [window for key in query.group_by for window in windows_in(key)], base, build)
    keys = [column(at) for at in outer_places(base, rows)] + [rows.over(key) for key in query.group_by]
    columns: list[Expr] = list(keys)
    specs = tuple(_over_columns(each, rows, columns) for each in aggregates.values())
    input = mapped(rows.node, tuple(columns))
    outer = len(keys) - len(query.group_by)
    if query.grouping_sets:
        return _sets(query, input, keys, specs, list(aggregates), base)
    always = not query.group_by
    found = Relation(
        Group(input, len(keys), specs, always and base is None),
        len(keys) + len(specs),
        outer_sources(base, 0),
        _atoms(query, list(aggregates), outer),
        tuple((f"key{at + 1}", outer + at) for at in range(len(query.group_by))),
    )
    return _for_every(base, found, specs) if always and base is not None and not base.equal_to else found


def _atoms(query: Select, aggregates: Sequence[str], outer: int) -> dict[str, Expr]:
    keys = {repr(key): column(outer + at) for at, key in enumerate(query.group_by)}
    start = outer + len(query.group_by)
    return {**{text: column(start + at) for at, text in enumerate(aggregates)}, **keys}


def _for_every(base: OuterValues, groups: Relation, specs: Sequence[Aggregate]) -> Relation:
    """Aggregates without GROUP BY in a subquery have a row for each outer row, also where there is nothing: NULLs, and
    counts of 0."""
    width = base.width
    pairs = [(column(at), column(at)) for at in range(width)]
    joined = joined_on(base, groups, "LEFT", pairs)
    counts = {width + at for at, each in enumerate(specs) if each.name == "COUNT"}
    moved = groups.shifted(width)

    def present(expr: Expr) -> Expr:
        at = expr.path[0]  # type: ignore[union-attr]
        known = isinstance(at, int) and at - width in counts
        return Call("COALESCE", (expr, Literal(0, NO_SPAN)), NO_SPAN) if known else expr

    atoms = {text: present(expr) for text, expr in moved.atoms.items()}
    return replace(joined, sources=outer_sources(base, 0), atoms=atoms, key=())


def _over_columns(node: Aggregate, rows: Relation, columns: list[Expr]) -> Aggregate:
    """The aggregate over columns of the row that is grouped; each expression inside becomes one."""

    def place(expr: Expr) -> Expr:
        if _is_constant(expr):
            return expr
        over = rows.over(expr)
        for at, each in enumerate(columns):
            if repr(each) == repr(over):
                return column(at)
        columns.append(over)
        return column(len(columns) - 1)

    return _rebuilt(node, place)


def _is_constant(expr: Expr) -> bool:
    """Literals, and arrays of them: fractions, separators."""
    return isinstance(expr, Literal) or (
        isinstance(expr, Call) and expr.name == "ARRAY" and all(map(_is_constant, expr.args))
    )


def _rebuilt(node: Aggregate, place: Callable[[Expr], Expr]) -> Aggregate:
    order: tuple[OrderItem, ...] = tuple(replace(item, expr=place(item.expr)) for item in node.order_by)
    condition = place(node.filter) if node.filter is not None else None
    return replace(node, args=tuple(map(place, node.args)), filter=condition, order_by=order)


# -- ROLLUP, CUBE, GROUPING SETS -------------------------------------------------------------------------------------


def _sets(
    query: Select,
    input: Node,
    keys: Sequence[Expr],
    specs: tuple[Aggregate, ...],
    aggregates: list[str],
    base: OuterValues | None,
) -> Relation:
    """A grouping for each set, with NULL for the keys that are not in it, and the set's number behind all."""
    outer = len(keys) - len(query.group_by)
    if base is not None and () in query.grouping_sets:
        raise CompileError("QL303", "grouping sets with () cannot stand in a correlated subquery", query.span)
    parts = tuple(
        _one_set(input, len(keys), [at for at in range(len(keys)) if at < outer or _is_in(query, at - outer, each)],
                 specs, number)
        for number, each in enumerate(query.grouping_sets)
    )  # fmt: skip
    width = len(keys) + len(specs)
    atoms = {**_atoms(query, aggregates, outer), **_grouping_calls(query, width)}
    key = (*((f"key{at + 1}", outer + at) for at in range(len(query.group_by))), ("grouping_set", width))
    return Relation(Concat(parts), width + 1, outer_sources(base, 0), atoms, key)


def _is_in(query: Select, key: int, grouping_set: tuple[Expr, ...]) -> bool:
    return repr(query.group_by[key]) in {repr(each) for each in grouping_set}


def _one_set(input: Node, width: int, kept: list[int], specs: tuple[Aggregate, ...], number: int) -> Node:
    inner: dict[int, int] = {}

    def place(expr: Expr) -> Expr:
        if _is_constant(expr):
            return expr
        at = expr.path[0]  # type: ignore[union-attr]
        assert isinstance(at, int)
        return column(inner.setdefault(at, len(kept) + len(inner)))

    moved = tuple(_rebuilt(each, place) for each in specs)
    node = Group(Map(input, tuple(map(column, (*kept, *inner)))), len(kept), moved, not kept)
    null = Literal(None, NO_SPAN)
    keys = [column(kept.index(at)) if at in kept else null for at in range(width)]
    results = [column(len(kept) + at) for at in range(len(specs))]
    return Map(node, (*keys, *results, Literal(number, NO_SPAN)))


def _grouping_calls(query: Select, number_at: int) -> dict[str, Expr]:
    """GROUPING(a, b): for each set a number whose bits tell which arguments are not grouped in it."""
    calls = {repr(node): node for expr in _clauses(query) for node in _grouping_in(expr)}
    return {text: _grouping_value(node, query, number_at) for text, node in calls.items()}


def _grouping_in(expr: Expr) -> Iterator[Call]:
    if isinstance(expr, Call) and expr.name == "GROUPING":
        yield expr
    for child in children(expr):
        yield from _grouping_in(child)


def _grouping_value(node: Call, query: Select, number_at: int) -> Expr:
    whens: list[tuple[Expr, Expr]] = []
    for number, each in enumerate(query.grouping_sets):
        present = {repr(key) for key in each}
        bits = 0
        for arg in node.args:
            bits = bits * 2 + (repr(arg) not in present)
        test = Call("=", (column(number_at), Literal(number, node.span)), node.span)
        whens.append((test, Literal(bits, node.span)))
    return Case(tuple(whens), None, node.span)


# -- aggregates of a query -------------------------------------------------------------------------------------------


def _clauses(query: Select) -> list[Expr]:
    clauses = [*(item.expr for item in query.items), *(item.expr for item in query.order_by)]
    return (
        clauses + [each for each in (query.having, query.qualify) if each is not None] + list(query.distinct_on or ())
    )


def _aggregates(query: Select) -> Iterator[Aggregate]:
    for expr in _clauses(query):
        yield from _aggregates_in(expr)


def _aggregates_in(expr: Expr) -> Iterator[Aggregate]:
    """The aggregates of the query's own groups: one that has an OVER is a window function."""
    match expr:
        case Aggregate():
            yield expr
        case Window(function):
            for child in (*children(function), *children(expr)[1:]):
                yield from _aggregates_in(child)
        case _:
            for child in children(expr):
                yield from _aggregates_in(child)
