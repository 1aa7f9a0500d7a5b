"""FROM, JOIN and WHERE over documents in memory: nested loops. A row is an ``Env`` with each source's document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import assert_never

from bson import Int64

from queryleaf_cdc.logical.walk import conjuncts, fields_in
from queryleaf_cdc.lowering.worker_face import Env, Evaluator
from queryleaf_cdc.offline.expressions import SCAN, Rows
from queryleaf_cdc.syntax.expressions import Expr
from queryleaf_cdc.syntax.queries import FromItem, Join, Query, Select, SubqueryRef, TableRef, UnnestRef
from queryleaf_cdc.values import Value

Joined = Callable[[Env], Iterator[Env]]
"""From what lies outside of the query to its rows."""
Step = Callable[[Iterator[Env], Env], Iterator[Env]]
"""(rows so far, what lies outside) → rows."""
Elements = Callable[[Env], list[Value]]
"""The documents of a source; UNNEST's depend on the row."""

CompileExpr = Callable[[Expr], Evaluator]
CompileQuery = Callable[[Query], Rows]


def aliases_of(query: Select) -> tuple[str, ...]:
    """The aliases of the sources, in order."""
    items = (query.from_item, *(join.item for join in query.joins))
    return tuple(item.alias for item in items if item is not None)


def compile_sources(query: Select, compile_expr: CompileExpr, compile_query: CompileQuery) -> Joined:
    """The rows of FROM that meet WHERE. A term of WHERE is tested as soon as its sources are joined,
    unless a later join may yet bring rows in which they are NULL."""
    first = () if query.from_item is None else (Join("CROSS", query.from_item, None, (), query.span),)
    joins = (*first, *query.joins)
    every = aliases_of(query)
    late = any(join.kind in ("RIGHT", "FULL") for join in joins)
    waiting = conjuncts(query.where)
    steps: list[Step] = []
    for position, join in enumerate(joins, 1):
        steps.append(_join(join, every[: position - 1], compile_expr, compile_query))
        missing = set(every if late else every[position:])
        ready = [term for term in waiting if not missing & {each.source for each in fields_in(term)}]
        steps += [_filter(compile_expr(term)) for term in ready]
        waiting = [term for term in waiting if term not in ready]
    steps += [_filter(compile_expr(term)) for term in waiting]

    def joined(outer: Env) -> Iterator[Env]:
        rows: Iterator[Env] = iter((outer,))
        for step in steps:
            rows = step(rows, outer)
        return rows

    return joined


def _filter(test: Evaluator) -> Step:
    return lambda rows, outer: (row for row in rows if test(row) is True)


def _join(join: Join, left: tuple[str, ...], compile_expr: CompileExpr, compile_query: CompileQuery) -> Step:
    alias = join.item.alias
    elements = _elements(join.item, compile_expr, compile_query)
    test = compile_expr(join.on) if join.on is not None else (lambda row: True)
    if isinstance(join.item, UnnestRef):
        return _lateral(alias, elements, test, join.kind == "LEFT")
    match join.kind:
        case "RIGHT":
            return _right(alias, left, elements, test)
        case "FULL":
            return _outer(alias, left, elements, test, keep_right=True)
        case "LEFT":
            return _outer(alias, left, elements, test, keep_right=False)
        case _:
            return _inner(alias, elements, test)


def _elements(item: FromItem, compile_expr: CompileExpr, compile_query: CompileQuery) -> Elements:
    match item:
        case TableRef(name):
            return lambda env: list(env[SCAN](name))
        case SubqueryRef(query):
            return compile_query(query)
        case UnnestRef():
            return _unnested(item, compile_expr(item.array))
        case _:
            assert_never(item)


def _unnested(item: UnnestRef, array: Evaluator) -> Elements:
    """The elements, or ``{column: element, ordinal: position from 1}`` where columns are named."""

    def elements(row: Env) -> list[Value]:
        found = array(row)
        if not isinstance(found, list):
            return []
        if not item.columns:
            return found
        return [dict(zip(item.columns, (each, Int64(place)), strict=False)) for place, each in enumerate(found, 1)]

    return elements


def _inner(alias: str, elements: Elements, test: Evaluator) -> Step:
    def step(rows: Iterator[Env], outer: Env) -> Iterator[Env]:
        found = elements(outer)
        for row in rows:
            for each in found:
                joined = {**row, alias: each}
                if test(joined) is True:
                    yield joined

    return step


def _lateral(alias: str, elements: Elements, test: Evaluator, keep: bool) -> Step:
    def step(rows: Iterator[Env], outer: Env) -> Iterator[Env]:
        for row in rows:
            partners = [joined for each in elements(row) if test(joined := {**row, alias: each}) is True]
            yield from partners or ([{**row, alias: None}] if keep else [])

    return step


def _outer(alias: str, left: tuple[str, ...], elements: Elements, test: Evaluator, keep_right: bool) -> Step:
    """LEFT JOIN, and FULL JOIN: then what is left over of the right side comes last."""

    def step(rows: Iterator[Env], outer: Env) -> Iterator[Env]:
        found = elements(outer)
        met: set[int] = set()
        for row in rows:
            alone = True
            for position, each in enumerate(found):
                joined = {**row, alias: each}
                if test(joined) is True:
                    alone = False
                    met.add(position)
                    yield joined
            if alone:
                yield {**row, alias: None}
        if keep_right:
            nothing = {**outer, **dict.fromkeys(left)}
            yield from ({**nothing, alias: each} for position, each in enumerate(found) if position not in met)

    return step


def _right(alias: str, left: tuple[str, ...], elements: Elements, test: Evaluator) -> Step:
    def step(rows: Iterator[Env], outer: Env) -> Iterator[Env]:
        found = list(rows)
        for each in elements(outer):
            partners = [joined for row in found if test(joined := {**row, alias: each}) is True]
            yield from partners or [{**outer, **dict.fromkeys(left), alias: each}]

    return step
