"""UNION, INTERSECT, EXCEPT: both sides with their outputs, then the base's columns."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.lowering.views.relation import (
    BuildQuery,
    Key,
    OuterValues,
    Relation,
    column,
    mapped,
    outer_places,
    outer_sources,
)
from queryleaf_cdc.plans.dataflow import Combine, Concat, Node, Over, Scan, WindowFunction, inputs_of
from queryleaf_cdc.source import NO_SPAN
from queryleaf_cdc.syntax.expressions import Expr, Literal
from queryleaf_cdc.syntax.queries import SetOperation


def set_operation(query: SetOperation, base: OuterValues | None, want_key: bool, build: BuildQuery) -> Relation:
    """The combined rows. Where duplicates stay, a row's key is that of its side, and which side."""
    keeps = query.all and query.kind == "UNION"
    sides = [build(each, want_key and keeps, base) for each in (query.left, query.right)]
    if keeps and not want_key and all(_is_of_changes(each.node) for each in sides):
        return set_operation(query, base, True, build)  # a stream has an order, which the keys tell
    outputs = sides[0].stars[""]
    if len(outputs) != len(sides[1].stars[""]):
        raise CompileError("QL210", f"the sides of {query.kind} have different columns", query.span, "name them")
    width = len(outputs) + len(outer_places(base, sides[0]))
    named: dict[str, tuple[tuple[str | None, int], ...]] = {"": tuple((n, at) for at, (n, _) in enumerate(outputs))}
    if keeps:
        return _union_all(sides, base, width, named, want_key)
    nodes = tuple(_narrowed(side, base, ()) for side in sides)
    found = Relation(_combined(query, nodes), width, outer_sources(base, len(outputs)), stars=named)
    if query.all and want_key:
        return _numbered(found, len(outputs))
    key: Key = tuple((name or f"column{at + 1}", at) for name, at in named[""])
    return replace(found, key=key) if want_key else found


def _is_of_changes(node: Node) -> bool:
    if isinstance(node, Scan):
        return node.changes
    return any(map(_is_of_changes, inputs_of(node)))


def _numbered(rows: Relation, width: int) -> Relation:
    """Rows that may be there several times get a number among their copies, to tell them apart."""
    every = tuple(map(column, range(width)))
    number = WindowFunction("ROW_NUMBER", (), False, None, (), None, NO_SPAN)
    key: Key = (*((name or f"column{at + 1}", at) for name, at in rows.stars[""]), ("copy", rows.width))
    return replace(rows, node=Over(rows.node, every, (), (number,)), width=rows.width + 1, key=key)


def _combined(query: SetOperation, nodes: tuple[Node, ...]) -> Node:
    if query.kind == "UNION":
        return Combine((Concat(nodes),), "DISTINCT")
    return Combine(nodes, query.kind, query.all)


def _narrowed(side: Relation, base: OuterValues | None, more: tuple[Expr, ...]) -> Node:
    places = [*range(len(side.stars[""])), *outer_places(base, side)]
    return mapped(side.node, (*map(column, places), *more))


def _union_all(
    sides: list[Relation],
    base: OuterValues | None,
    width: int,
    named: dict[str, tuple[tuple[str | None, int], ...]],
    want_key: bool,
) -> Relation:
    sources = outer_sources(base, len(named[""]))
    if not want_key:
        return Relation(Concat(tuple(_narrowed(side, base, ()) for side in sides)), width, sources, stars=named)
    longest = max(len(side.key or ()) for side in sides)
    nodes = []
    for number, side in enumerate(sides):
        keys: list[Expr] = [column(at) for _, at in side.key or ()]
        padding = [Literal(None, NO_SPAN)] * (longest - len(keys))
        nodes.append(_narrowed(side, base, (Literal(number, NO_SPAN), *keys, *padding)))
    key: Key = (("branch", width), *((f"key{at + 1}", width + 1 + at) for at in range(longest)))
    return Relation(Concat(tuple(nodes)), width + 1 + longest, sources, key=key, stars=named)
