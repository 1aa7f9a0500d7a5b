"""Subqueries in expressions become joins.

A subquery that depends on the outer row is computed once for each different set of the outer values that it reads
(after Neumann and Kemper, "Unnesting Arbitrary Queries", BTW 2015), and joined back on them. EXISTS and IN of a plain
query need no such set: their conditions are those of the join."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from queryleaf_cdc.logical.walk import children, conjunction, conjuncts, count_selects
from queryleaf_cdc.lowering.views.correlation import computed, has_one_row, pairs_of, value_of_nothing
from queryleaf_cdc.lowering.views.from_clause import from_clause, is_key, join_relations, joined_on
from queryleaf_cdc.lowering.views.leaves import aliases_in, from_items, leaves_in, outer_fields, source_of
from queryleaf_cdc.lowering.views.relation import (
    BuildQuery,
    OuterValues,
    Relation,
    column,
    filtered,
    mapped,
    outer_places,
)
from queryleaf_cdc.plans.dataflow import Combine, Join, Top
from queryleaf_cdc.source import NO_SPAN
from queryleaf_cdc.syntax.expressions import (
    Aggregate,
    Call,
    Case,
    Expr,
    Literal,
    OrderItem,
    Subquery,
    Window,
)
from queryleaf_cdc.syntax.queries import Query, Select, SelectItem, SubqueryRef

_TRUE, _FALSE, _NULL = Literal(True, NO_SPAN), Literal(False, NO_SPAN), Literal(None, NO_SPAN)


def with_subqueries(rows: Relation, exprs: Sequence[Expr], build: BuildQuery) -> Relation:
    """The rows with columns for the results of the subqueries in these expressions."""
    for node in [each for expr in exprs for each in _subqueries_in(expr, rows.atoms)]:
        if repr(node) not in rows.atoms:
            rows = _attached(rows, node, build)
    return rows


def with_condition(rows: Relation, term: Expr, build: BuildQuery) -> tuple[Relation, Expr]:
    """The rows with what a condition needs, and the condition over them. Where it only counts whether it is true,
    ``x IN (SELECT ...)`` need not tell false from NULL."""
    if isinstance(term, Subquery) and term.form == "in" and repr(term) not in rows.atoms:
        rows = with_subqueries(rows, children(term), build)
        return _is_in(rows, term, build)
    rows = with_subqueries(rows, [term], build)
    return rows, rows.over(term)


def _subqueries_in(expr: Expr, known: Collection[str] = ()) -> Iterator[Subquery]:
    """From the inside: an operand's subqueries before the one that it belongs to. What is in an aggregate or a window
    function that is ``known`` already was computed before its rows were grouped."""
    if isinstance(expr, Aggregate | Window) and repr(expr) in known:
        return
    for child in children(expr):
        yield from _subqueries_in(child, known)
    if isinstance(expr, Subquery):
        yield expr


def _attached(rows: Relation, node: Subquery, build: BuildQuery) -> Relation:
    match node.form:
        case "exists":
            rows, result = _exists(rows, node, build)
        case "in":
            rows, result = _three_valued(rows, node, build)
        case _:
            rows, result = _scalar(rows, node.query, build)
    return replace(rows, atoms={**rows.atoms, repr(node): result})


# -- by sets of outer values -----------------------------------------------------------------------------------------


def _scalar(rows: Relation, query: Query, build: BuildQuery) -> tuple[Relation, Expr]:
    """The query's one value; NULL of no row, and the least of several rows."""
    base, inner = computed(rows, query, build, True)
    if not has_one_row(query):
        order = (OrderItem(column(0), False, False, NO_SPAN),)
        partition = tuple(column(at) for at in outer_places(base, inner))
        inner = replace(inner, node=Top(inner.node, partition, order, 1, 0))
    joined = joined_on(rows, inner, "LEFT", pairs_of(rows, inner, base))
    value = column(rows.width)
    if base is None or not base.equal_to or not has_one_row(query):
        return joined, value
    assert isinstance(query, Select)
    there = column(rows.width + outer_places(base, inner)[0])
    of_nothing = joined.over(value_of_nothing(query.items[0].expr))
    return joined, Case(((Call("IS NULL", (there,), NO_SPAN), of_nothing),), value, NO_SPAN)


def _any_row(rows: Relation, inner: Relation, base: OuterValues | None) -> tuple[Relation, Expr]:
    """Whether there is any row for the outer values: a mark that flips only with the first and the last one."""
    places = outer_places(base, inner)
    present = mapped(inner.node, tuple(map(column, places)))
    found = Relation(
        Combine((present,), "DISTINCT"),
        len(places),
        {} if base is None else {a: dict(c) for a, c in base.sources.items()},
    )
    pairs = [(one, column(at)) for at, (one, _) in enumerate(pairs_of(rows, inner, base))]
    return joined_on(rows, found, "MARK", pairs), column(rows.width)


# -- EXISTS and IN ---------------------------------------------------------------------------------------------------


def _exists(rows: Relation, node: Subquery, build: BuildQuery) -> tuple[Relation, Expr]:
    if outer_fields(node.query) and _is_plain(node.query):
        return _marked_where(rows, node.query, (), build)
    base, inner = computed(rows, node.query, build)
    return _any_row(rows, inner, base)


def _is_in(rows: Relation, node: Subquery, build: BuildQuery) -> tuple[Relation, Expr]:
    """Whether the operand equals one of the query's values: true, or not."""
    operands = tuple(map(rows.over, _operands(node)))
    if node.operator == "=" and outer_fields(node.query) and _is_plain(node.query):
        return _marked_where(rows, node.query, operands, build)
    base, inner = computed(rows, node.query, build)
    return _marked(rows, operands, node.operator, inner, base)


def _operands(node: Subquery) -> tuple[Expr, ...]:
    """What is compared with the query's columns, one by one."""
    if node.operand is None:
        return ()
    is_row = isinstance(node.operand, Call) and node.operand.name == "ROW"
    return children(node.operand) if is_row else (node.operand,)


def _marked(
    rows: Relation, operands: Sequence[Expr], operator: str, inner: Relation, base: OuterValues | None
) -> tuple[Relation, Expr]:
    """Whether the operands compare so with the columns of one of the inner rows: true, or not."""
    outer = pairs_of(rows, inner, base)
    if operator != "=":
        (compared,) = _comparisons(rows, operands, operator)
        return joined_on(rows, inner, "MARK", outer, compared), column(rows.width)
    pairs = [*((each, column(at)) for at, each in enumerate(operands)), *outer]
    null_safe = (*(False for _ in operands), *(True for _ in outer))
    keys = tuple(one for one, _ in pairs), tuple(other for _, other in pairs)
    join = Join(rows.node, inner.node, "MARK", *keys, null_safe, None, rows.width, inner.width)
    return replace(rows, node=join, width=rows.width + 1), column(rows.width)


def _three_valued(rows: Relation, node: Subquery, build: BuildQuery) -> tuple[Relation, Expr]:
    """``x IN (SELECT y ...)``: true when a y equals x; else NULL when there is a NULL to compare with; else false."""
    operands = tuple(map(rows.over, _operands(node)))
    if node.operator != "=" or len(operands) > 1:
        return _three_valued_by_row(rows, node, operands, build)
    assert node.operand is not None
    base, inner = computed(rows, node.query, build)
    unknown = filtered(inner, Call("IS NULL", (column(0),), node.span))
    rows, found = _marked(rows, operands, "=", inner, base)
    rows, any_row = _any_row(rows, inner, base)
    rows, any_null = _any_row(rows, unknown, base)
    no_operand = Call("IS NULL", (rows.over(node.operand),), node.span)
    no_answer = Call("OR", (any_null, Call("AND", (no_operand, any_row), node.span)), node.span)
    return rows, Case(((found, _TRUE), (no_answer, _NULL)), _FALSE, node.span)


def _three_valued_by_row(
    rows: Relation, node: Subquery, operands: Sequence[Expr], build: BuildQuery
) -> tuple[Relation, Expr]:
    """The same where a NULL does not tell: kinds that differ have no order, and a row with a NULL may be unequal."""
    base, inner = computed(rows, node.query, build)
    rows, found = _marked(rows, operands, node.operator, inner, base)
    compared = conjunction(_comparisons(rows, operands, node.operator))
    assert compared is not None
    is_unknown = Call("IS NULL", (compared,), node.span)
    unknown = column(rows.width)
    rows = joined_on(rows, inner, "MARK", pairs_of(rows, inner, base), is_unknown)
    return rows, Case(((found, _TRUE), (unknown, _NULL)), _FALSE, node.span)


def _comparisons(rows: Relation, operands: Sequence[Expr], operator: str) -> list[Expr]:
    """Of the operands with the first columns of the row that stands right of these rows."""
    return [Call(operator, (each, column(rows.width + at)), each.span) for at, each in enumerate(operands)]


def _is_plain(query: Query) -> bool:
    """Whether the rows are those of FROM that meet WHERE, and only WHERE reads outer values."""
    if not isinstance(query, Select) or query.limit or query.offset or query.qualify or query.distinct_on:
        return False
    if query.group_by or query.grouping_sets or query.having or not query.from_item:
        return False
    if any(True for item in query.items for _ in _parts(item.expr)):
        return False
    own = {item.alias for item in from_items(query)}
    inside = [item.query for item in from_items(query) if isinstance(item, SubqueryRef)]
    ons = [source_of(leaf) for join in query.joins if join.on is not None for leaf in leaves_in(join.on)]
    items = [source_of(leaf) for item in query.items for leaf in leaves_in(item.expr)]
    return not any(map(outer_fields, inside)) and {*ons, *items} <= own and count_selects(query) < 50


def _parts(expr: Expr) -> Iterator[Expr]:
    """What makes an item other than a plain value: aggregates, windows, subqueries."""
    if isinstance(expr, Aggregate | Window | Subquery):
        yield expr
    for child in children(expr):
        yield from _parts(child)


def _marked_where(rows: Relation, query: Query, operands: Sequence[Expr], build: BuildQuery) -> tuple[Relation, Expr]:
    """A mark whose join has the terms of WHERE that read outer values, and equates operands with its columns."""
    assert isinstance(query, Select)
    own = {item.alias for item in from_items(query)}
    terms = conjuncts(query.where)
    outer = [term for term in terms if not aliases_in(term) - {"EVENT"} <= own]
    wanted = [*outer, *(item.expr for item in query.items if operands)]
    inner_query = replace(
        query,
        where=conjunction([term for term in terms if term not in outer]),
        items=tuple(SelectItem(each, f"c{at}", each.span) for at, each in enumerate(wanted)),
        order_by=(),
        distinct_on=None,
    )
    inner, later = from_clause(inner_query, None, False, build)
    for term in later:
        inner, condition = with_condition(inner, term, build)
        inner = filtered(inner, condition)
    nested = [each for term in outer for each in _subqueries_in(term)]
    if nested:  # a deeper subquery reads both: in the general way
        base, found = computed(rows, query, build)
        return _marked(rows, operands, "=", found, base) if operands else _any_row(rows, found, base)
    visible = {alias: columns for alias, columns in rows.sources.items() if alias not in own}
    left = replace(rows, sources=visible, key=None)
    extra = [(each, inner.over(item.expr)) for each, item in zip(operands, query.items, strict=bool(operands))]
    return _mark(rows, left, inner, outer, extra)


def _mark(
    rows: Relation, left: Relation, inner: Relation, terms: Sequence[Expr], extra: Sequence[tuple[Expr, Expr]]
) -> tuple[Relation, Expr]:
    keys = [term for term in terms if is_key(term, left, inner)]
    rest = [term for term in terms if term not in keys]
    join = join_relations(left, inner, "MARK", keys, rest).node
    assert isinstance(join, Join)
    join = replace(
        join,
        left_keys=(*join.left_keys, *(one for one, _ in extra)),
        right_keys=(*join.right_keys, *(other for _, other in extra)),
        null_safe=(*join.null_safe, *(False for _ in extra)),
    )
    return replace(rows, node=join, width=join.left_width + 1), column(join.left_width)
