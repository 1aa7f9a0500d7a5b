"""Generic walks over expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar, assert_never

from queryleaf_cdc.syntax.expressions import (
    Aggregate,
    Call,
    Case,
    Expr,
    Field,
    Literal,
    Name,
    OrderItem,
    Star,
    Subquery,
    Variable,
    Window,
)
from queryleaf_cdc.syntax.queries import FromItem, Join, Query, Select, SetOperation, SubqueryRef, TableRef, UnnestRef
from queryleaf_cdc.syntax.statements import Delete, Insert, OnConflict, Update

W = TypeVar("W", bound=Insert | Update | Delete)


def children(node: Expr) -> tuple[Expr, ...]:
    """Direct subexpressions; a subquery's operand, but nothing inside its query."""
    match node:
        case Literal() | Name() | Field() | Variable() | Star():
            return ()
        case Call(_, args):
            return args
        case Case(whens, default):
            pairs = tuple(each for pair in whens for each in pair)
            return (*pairs, default) if default is not None else pairs
        case Aggregate(_, args, _, condition, order_by):
            return (*args, *((condition,) if condition is not None else ()), *(o.expr for o in order_by))
        case Window(function, partition_by, order_by):
            return (function, *partition_by, *(o.expr for o in order_by))
        case Subquery(_, _, operand):
            return (operand,) if operand is not None else ()
        case _:
            assert_never(node)


def rebuild(node: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """The node with each direct subexpression changed."""
    match node:
        case Literal() | Name() | Field() | Variable() | Star():
            return node
        case Call(name, args, span):
            return Call(name, tuple(change(arg) for arg in args), span)
        case Case(whens, default, span):
            pairs = tuple((change(test), change(value)) for test, value in whens)
            return Case(pairs, change(default) if default is not None else None, span)
        case Aggregate(_, args, _, condition, order_by):
            return replace(
                node,
                args=tuple(change(arg) for arg in args),
                filter=change(condition) if condition is not None else None,
                order_by=_changed_order(order_by, change),
            )
        case Window(function, partition_by, order_by):
            changed = change(function)
            assert isinstance(changed, Call | Aggregate)
            return replace(
                node,
                function=changed,
                partition_by=tuple(change(each) for each in partition_by),
                order_by=_changed_order(order_by, change),
            )
        case Subquery(_, _, operand):
            return replace(node, operand=change(operand) if operand is not None else None)
        case _:
            assert_never(node)


def _changed_order(items: tuple[OrderItem, ...], change: Callable[[Expr], Expr]) -> tuple[OrderItem, ...]:
    return tuple(replace(item, expr=change(item.expr)) for item in items)


def walk(node: Expr) -> Iterator[Expr]:
    """The node and everything below it, subqueries' insides too."""
    yield node
    for child in children(node):
        yield from walk(child)
    if isinstance(node, Subquery):
        yield from query_expressions(node.query)


def clauses(query: Select) -> Iterator[Expr]:
    """The outermost expressions that are computed of the rows that WHERE has left."""
    yield from (item.expr for item in query.items)
    yield from (each for each in (query.having, query.qualify) if each is not None)
    yield from query.group_by
    yield from query.distinct_on or ()
    yield from (item.expr for item in query.order_by)


def query_expressions(query: Query) -> Iterator[Expr]:
    """Every expression of a query, at any depth."""
    for expr in _own_expressions(query):
        yield from walk(expr)
    for inner in _inner_queries(query):
        yield from query_expressions(inner)


def _own_expressions(query: Query) -> Iterator[Expr]:
    yield from (item.expr for item in query.order_by)
    yield from (each for each in (query.limit, query.offset) if each is not None)
    if isinstance(query, SetOperation):
        return
    yield from (item.expr for item in query.items)
    yield from (each for each in (query.where, query.having, query.qualify) if each is not None)
    yield from query.group_by
    yield from query.distinct_on or ()
    yield from (join.on for join in query.joins if join.on is not None)
    for item in (query.from_item, *(join.item for join in query.joins)):
        if isinstance(item, UnnestRef):
            yield item.array


def _inner_queries(query: Query) -> Iterator[Query]:
    yield from (cte.query for cte in query.ctes)
    if isinstance(query, SetOperation):
        yield from (query.left, query.right)
        return
    for item in (query.from_item, *(join.item for join in query.joins)):
        if isinstance(item, SubqueryRef):
            yield item.query


def table_refs(query: Query) -> tuple[TableRef, ...]:
    """The collections that a bound query reads, at any depth."""
    own: tuple[FromItem | None, ...] = ()
    if isinstance(query, Select):
        own = (query.from_item, *(join.item for join in query.joins))
    inner = [*_inner_queries(query)]
    inner += [node.query for expr in _own_expressions(query) for node in _here(expr) if isinstance(node, Subquery)]
    found = tuple(item for item in own if isinstance(item, TableRef))
    return found + tuple(ref for each in inner for ref in table_refs(each))


def any_node(expr: Expr, test: Callable[[Expr], bool]) -> bool:
    return any(test(node) for node in walk(expr))


def has_aggregate(expr: Expr) -> bool:
    """Whether the expression aggregates the rows of its own query; what a subquery aggregates is its own matter.

    An aggregate before OVER is none, but there may be some inside of it: ``SUM(COUNT(*)) OVER ()``."""
    if isinstance(expr, Window):
        parts = (*children(expr.function), *expr.partition_by, *(item.expr for item in expr.order_by))
        return any(map(has_aggregate, parts))
    return isinstance(expr, Aggregate) or any(map(has_aggregate, children(expr)))


def has_window(expr: Expr) -> bool:
    """Whether there is an OVER in it, subqueries left out."""
    return isinstance(expr, Window) or any(map(has_window, children(expr)))


def fields_in(expr: Expr) -> Iterator[Field]:
    return (node for node in walk(expr) if isinstance(node, Field))


def names_in(expr: Expr) -> set[str]:
    """First words of the names in an unbound expression."""
    return {str(node.path[0]) for node in walk(expr) if isinstance(node, Name)}


def conjuncts(expr: Expr | None) -> list[Expr]:
    """The terms of a condition's outermost ANDs."""
    if expr is None:
        return []
    if isinstance(expr, Call) and expr.name == "AND":
        return [term for arg in expr.args for term in conjuncts(arg)]
    return [expr]


def conjunction(terms: list[Expr]) -> Expr | None:
    if not terms:
        return None
    span = terms[0].span.to(terms[-1].span)
    return terms[0] if len(terms) == 1 else Call("AND", tuple(terms), span)


def free_fields(query: Query) -> Iterator[Field]:
    """The fields that a bound query reads of sources outside of it."""
    own = own_aliases(query)
    inside = (each for expr in _own_expressions(query) for each in free_fields_in(expr))
    yield from (each for each in inside if each.source not in own)
    for inner in _inner_queries(query):
        if isinstance(query, Select) and _is_lateral(query, inner):
            yield from (each for each in free_fields(inner) if each.source not in own)
        else:
            yield from free_fields(inner)


def _is_lateral(query: Select, inner: Query) -> bool:
    items = (query.from_item, *(join.item for join in query.joins))
    return any(isinstance(item, SubqueryRef) and item.query is inner and item.lateral for item in items)


def free_fields_in(expr: Expr) -> Iterator[Field]:
    """The fields that an expression reads of the sources around it: of a subquery those that lie outside of it."""
    if isinstance(expr, Field):
        yield expr
    for child in children(expr):
        yield from free_fields_in(child)
    if isinstance(expr, Subquery):
        yield from free_fields(expr.query)


def count_selects(query: Query, known: dict[int, int] | None = None) -> int:
    """The SELECTs of a bound query. CTEs are in place of their names and shared, so that the count may be far beyond
    what a walk could reach."""
    known = {} if known is None else known
    if id(query) not in known:
        inner = list(_inner_queries(query))
        for expr in _own_expressions(query):
            inner += [node.query for node in _here(expr) if isinstance(node, Subquery)]
        known[id(query)] = 1 + sum(count_selects(each, known) for each in inner)
    return known[id(query)]


def _here(node: Expr) -> Iterator[Expr]:
    """The node and what is below it, subqueries' insides left out."""
    yield node
    for child in children(node):
        yield from _here(child)


def own_aliases(query: Query) -> frozenset[str]:
    """The sources that a query's own clauses read; they hide outer ones of the same name."""
    if isinstance(query, SetOperation):
        return frozenset(("",))
    items = (query.from_item, *(join.item for join in query.joins))
    return frozenset(item.alias for item in items if item is not None)


def map_query(query: Query, change: Callable[[Expr], Expr]) -> Query:
    """The bound query with every outermost expression changed, at any depth of FROM.

    ``change`` meets a ``Subquery`` as a whole and decides itself about its inside."""
    return _mapped(query, change, lambda inner: map_query(inner, change))


def map_in_scope(query: Query, change: Callable[[frozenset[str]], Callable[[Expr], Expr]]) -> Query:
    """As ``map_query``; ``change`` is told which sources are the query's own, and so hide outer ones of that name."""
    return _mapped(query, change(own_aliases(query)), lambda inner: map_in_scope(inner, change))


def _mapped(query: Query, change: Callable[[Expr], Expr], inner: Callable[[Query], Query]) -> Query:
    limit = change(query.limit) if query.limit is not None else None
    offset = change(query.offset) if query.offset is not None else None
    if isinstance(query, SetOperation):
        left, right = inner(query.left), inner(query.right)
        order_by = _changed_order(query.order_by, change)
        return replace(query, left=left, right=right, order_by=order_by, limit=limit, offset=offset)
    return replace(
        map_clauses(query, change),
        from_item=_changed_source(query.from_item, change, inner) if query.from_item is not None else None,
        joins=tuple(_changed_join(join, change, inner) for join in query.joins),
        limit=limit,
        offset=offset,
    )


def map_clauses(query: Select, change: Callable[[Expr], Expr]) -> Select:
    """The query with every outermost expression of its own clauses changed; FROM, LIMIT and OFFSET stay."""
    return replace(
        query,
        items=tuple(replace(item, expr=change(item.expr)) for item in query.items),
        where=change(query.where) if query.where is not None else None,
        group_by=tuple(change(each) for each in query.group_by),
        having=change(query.having) if query.having is not None else None,
        qualify=change(query.qualify) if query.qualify is not None else None,
        grouping_sets=tuple(tuple(change(each) for each in group) for group in query.grouping_sets),
        distinct_on=tuple(change(each) for each in query.distinct_on) if query.distinct_on is not None else None,
        order_by=_changed_order(query.order_by, change),
    )


def _changed_source(item: FromItem, change: Callable[[Expr], Expr], inner: Callable[[Query], Query]) -> FromItem:
    match item:
        case SubqueryRef():
            return replace(item, query=inner(item.query))
        case UnnestRef():
            return replace(item, array=change(item.array))
        case _:
            return item


def _changed_join(join: Join, change: Callable[[Expr], Expr], inner: Callable[[Query], Query]) -> Join:
    on = change(join.on) if join.on is not None else None
    return replace(join, item=_changed_source(join.item, change, inner), on=on)


def map_write(node: W, change: Callable[[Expr], Expr]) -> W:
    """The bound write with every outermost expression changed."""

    def inner(query: Query) -> Query:
        return map_query(query, change)

    match node:
        case Insert(rows=rows, query=query, on_conflict=conflict):
            return replace(
                node,
                rows=tuple(tuple(map(change, row)) for row in rows),
                query=map_query(query, change) if query is not None else None,
                on_conflict=_changed_conflict(conflict, change) if conflict is not None else None,
            )
        case Update(assignments=assignments, from_item=item, joins=joins, where=where):
            return replace(
                node,
                assignments=tuple(replace(each, value=change(each.value)) for each in assignments),
                from_item=_changed_source(item, change, inner) if item is not None else None,
                joins=tuple(_changed_join(join, change, inner) for join in joins),
                where=change(where) if where is not None else None,
            )
        case Delete(using=item, joins=joins, where=where):
            return replace(
                node,
                using=_changed_source(item, change, inner) if item is not None else None,
                joins=tuple(_changed_join(join, change, inner) for join in joins),
                where=change(where) if where is not None else None,
            )


def _changed_conflict(node: OnConflict, change: Callable[[Expr], Expr]) -> OnConflict:
    return replace(
        node,
        assignments=tuple(replace(each, value=change(each.value)) for each in node.assignments),
        where=change(node.where) if node.where is not None else None,
    )


def rename_sources(expr: Expr, names: Mapping[str, str]) -> Expr:
    """The expression with other names for sources, but where a subquery hides them by its own."""
    if isinstance(expr, Field):
        return Field(names.get(expr.source, expr.source), expr.path, expr.span)
    if not isinstance(expr, Subquery):
        return rebuild(expr, lambda each: rename_sources(each, names))

    def renaming(own: frozenset[str]) -> Callable[[Expr], Expr]:
        visible = {old: new for old, new in names.items() if old not in own}
        return lambda each: rename_sources(each, visible)

    operand = rename_sources(expr.operand, names) if expr.operand is not None else None
    return replace(expr, operand=operand, query=map_in_scope(expr.query, renaming))
