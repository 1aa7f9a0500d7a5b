"""Bound queries over documents in memory, with the worker's face of every expression.

What the server does with a pipeline, for those who have none: the rows are the same, their order only where the query
says so."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

from queryleaf_cdc.dataflow.rows import identity
from queryleaf_cdc.errors import InputError, RunError
from queryleaf_cdc.logical.grouped_windows import is_grouped
from queryleaf_cdc.logical.groups import GROUPED, GroupedClauses
from queryleaf_cdc.lowering.worker_face import Env, Evaluator
from queryleaf_cdc.offline.aggregates import OverRows, compile_aggregate
from queryleaf_cdc.offline.expressions import Rows, compile_expr
from queryleaf_cdc.offline.ordering import once, sort_key
from queryleaf_cdc.offline.sources import Joined, aliases_of, compile_sources
from queryleaf_cdc.syntax.expressions import Expr, OrderItem, Star
from queryleaf_cdc.syntax.queries import Query, Select, SetOperation
from queryleaf_cdc.values import Document, Value


def compile_query(query: Query) -> Rows:
    """The function from an ``Env`` (with ``SCAN``) to the query's rows. Without items a row is {alias: document}.

    Raises InputError QL423 for what only a server can do."""
    return _set_operation(query) if isinstance(query, SetOperation) else _select(query)


def _expr(expr: Expr) -> Evaluator:
    return compile_expr(expr, compile_query)


def _select(query: Select) -> Rows:
    _refuse(query)
    aliases = aliases_of(query)
    joined = compile_sources(query, _expr, compile_query)
    if not query.items:
        return lambda env: [{alias: row[alias] for alias in aliases} for row in joined(env)]
    if is_grouped(query):
        groups, query = _grouped(query, aliases, joined)
        return _finished(query, (), groups)
    return _finished(query, aliases, lambda env: list(joined(env)))


def _refuse(query: Select) -> None:
    named = {
        "DISTINCT ON": bool(query.distinct_on),
        "ROLLUP, CUBE and GROUPING SETS": bool(query.grouping_sets),
        "QUALIFY": query.qualify is not None,
        "EMIT": query.emit is not None,
    }
    for construct, found in named.items():
        if found:
            raise InputError("QL423", f"{construct} is not supported without a server", query.span)


# -- GROUP BY -----------------------------------------------------------------------------------------------------


class _Grouping:
    """Computes the groups that the rewritten clauses (``clauses.over_groups``) read."""

    def __init__(self, keys: tuple[Expr, ...], sources: frozenset[str]) -> None:
        self.clauses = GroupedClauses(keys, sources)
        self.keys = [(f"k{position}", _expr(key)) for position, key in enumerate(keys)]
        self.aggregates: dict[str, OverRows] = {}

    def compile(self) -> None:
        """To be called after all clauses were rewritten."""
        self.aggregates = {n: compile_aggregate(each, _expr) for n, each in self.clauses.aggregates.items()}

    def groups(self, rows: list[Env], outer: Env) -> list[Env]:
        found: dict[Hashable, tuple[Document, list[Env]]] = {}
        if not self.keys:
            found[()] = ({}, [])
        for row in rows:
            keys = {name: key(row) for name, key in self.keys}
            group = found.setdefault(tuple(map(identity, keys.values())), (keys, []))
            group[1].append(row)
        return [{**outer, GROUPED: self._group(keys, members)} for keys, members in found.values()]

    def _group(self, keys: Document, rows: list[Env]) -> Document:
        return {**keys, **{name: over(rows) for name, over in self.aggregates.items()}}


def _grouped(query: Select, aliases: tuple[str, ...], joined: Joined) -> tuple[Rows, Select]:
    """The groups that meet HAVING, and the query's last clauses over them."""
    grouping = _Grouping(query.group_by, frozenset(aliases))
    over_groups = grouping.clauses.over_groups
    items = tuple(replace(item, expr=over_groups(item.expr)) for item in query.items)
    order_by = tuple(replace(item, expr=over_groups(item.expr)) for item in query.order_by)
    having = _expr(over_groups(query.having)) if query.having is not None else None
    grouping.compile()

    def groups(env: Env) -> list[Env]:
        found = grouping.groups(list(joined(env)), env)
        return found if having is None else [group for group in found if having(group) is True]

    return groups, replace(query, items=items, order_by=order_by)


# -- the SELECT list, DISTINCT, ORDER BY, LIMIT -------------------------------------------------------------------


def _finished(query: Select, aliases: tuple[str, ...], source: Callable[[Env], list[Env]]) -> Rows:
    row = _row(query, aliases)
    order = _Order(query.order_by)
    cut = _cut(query)

    def rows(env: Env) -> list[Document]:
        found = [(row(each), order.keys(each)) for each in source(env)]
        if query.distinct_on is not None:
            found = once(found, lambda each: each[0])
        if query.order_by:
            found.sort(key=lambda each: each[1])
        return cut([document for document, _ in found], env)

    return rows


def _row(query: Select, aliases: tuple[str, ...]) -> Callable[[Env], Document]:
    """The row's document. ``*`` is all fields of its source; a later column replaces an earlier one of its name."""
    parts: list[Callable[[Env], Document]] = []
    for item in query.items:
        if isinstance(item.expr, Star):
            parts += [_all_fields(alias) for alias in aliases if item.expr.source in (None, alias)]
        else:
            assert item.alias is not None
            parts.append(_column(item.alias, _expr(item.expr)))
    return lambda env: {name: value for part in parts for name, value in part(env).items()}


def _all_fields(alias: str) -> Callable[[Env], Document]:
    return lambda env: env[alias] or {}


def _column(name: str, value: Evaluator) -> Callable[[Env], Document]:
    return lambda env: {name: value(env)}


class _Order:
    """ORDER BY as a sort key of a row."""

    def __init__(self, items: tuple[OrderItem, ...]) -> None:
        self._terms = [(_expr(item.expr), sort_key(item)) for item in items]

    def keys(self, env: Env) -> tuple[Any, ...]:
        return tuple(key(value(env)) for value, key in self._terms)


def _cut(query: Query) -> Callable[[list[Document], Env], list[Document]]:
    limit = _expr(query.limit) if query.limit is not None else None
    offset = _expr(query.offset) if query.offset is not None else None

    def cut(rows: list[Document], env: Env) -> list[Document]:
        first = _count(offset(env), query) if offset is not None else 0
        most = _count(limit(env), query) if limit is not None else len(rows)
        return rows[first : first + most]

    return cut


def _count(value: Value, query: Query) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise RunError("QL602", f"LIMIT and OFFSET take whole numbers from 0, not {value!r}", query.span)
    return value


# -- UNION, INTERSECT, EXCEPT -------------------------------------------------------------------------------------


def _set_operation(query: SetOperation) -> Rows:
    left, right = compile_query(query.left), compile_query(query.right)
    if query.kind != "UNION" and query.all:
        raise InputError("QL423", f"{query.kind} ALL is not supported without a server", query.span)
    order = _Order(query.order_by)
    cut = _cut(query)

    def rows(env: Env) -> list[Document]:
        found = _combined(query, left(env), right(env))
        if query.order_by:
            found.sort(key=lambda row: order.keys({**env, "": row}))
        return cut(found, env)

    return rows


def _combined(query: SetOperation, left: list[Document], right: list[Document]) -> list[Document]:
    if query.kind == "UNION":
        both = [*left, *right]
        return both if query.all else once(both)
    others = {identity(row) for row in right}
    return [row for row in once(left) if (identity(row) in others) is (query.kind == "INTERSECT")]
