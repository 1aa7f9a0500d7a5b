"""Columns that nobody reads are not carried along: below windows, UNNEST, LIMIT and the clock, rows are state.

So ``SELECT * ... OVER ...`` in a derived table, of which three fields are read, keeps three fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from queryleaf_cdc.logical.walk import children, rebuild
from queryleaf_cdc.lowering.views.finish import width, with_inputs
from queryleaf_cdc.lowering.views.relation import column, mapped
from queryleaf_cdc.plans.dataflow import ROW, Along, Map, Node, Over, Top, Unnest, While, WindowFunction, inputs_of
from queryleaf_cdc.syntax.expressions import Expr, Field, OrderItem

Carrier = Unnest | While | Over | Top | Along
"""Nodes that pass on their input's columns, and may add some behind."""
Change = Callable[[Expr], Expr]


def pruned(root: Node) -> Node:
    """The tree with narrower rows. A node that is used twice stays as it is."""
    uses: Counter[int] = Counter()
    _count(root, uses)
    known: dict[int, tuple[Node, Node]] = {}
    """each node beside what became of it: while it is held here, no other node can have its id"""

    def prune(node: Node) -> Node:
        if id(node) not in known:
            narrow = node
            if isinstance(node, Map) and isinstance(node.input, Carrier) and uses[id(node.input)] == 1:
                narrow = _narrowed(node, node.input)
            known[id(node)] = node, with_inputs(narrow, prune)
        return known[id(node)][1]

    return prune(root)


def _count(node: Node, uses: Counter[int]) -> None:
    uses[id(node)] += 1
    if uses[id(node)] == 1:
        for each in inputs_of(node):
            _count(each, uses)


def _narrowed(above: Map, carrier: Carrier) -> Node:
    before = width(carrier.input)
    own = [*above.columns, *((above.condition,) if above.condition is not None else ()), *_expressions(carrier)]
    read = {repr(field): field for expr in own for field in _fields(expr) if field.path[0] < before}  # type: ignore[operator]
    if len(read) == before and all(len(field.path) == 1 for field in read.values()):
        return above
    places = {text: at for at, text in enumerate(read)}

    def moved(expr: Expr) -> Expr:
        if not isinstance(expr, Field) or expr.source != ROW:
            return rebuild(expr, moved)
        at, *rest = expr.path
        assert isinstance(at, int)
        if at < before:
            return column(places[repr(expr)])
        return Field(ROW, (at - before + len(places), *rest), expr.span)

    inner = replace(_changed(carrier, moved), input=mapped(carrier.input, tuple(read.values())))
    condition = moved(above.condition) if above.condition is not None else None
    return Map(inner, tuple(map(moved, above.columns)), condition)


def _fields(expr: Expr) -> Iterator[Field]:
    if isinstance(expr, Field) and expr.source == ROW:
        yield expr
    for child in children(expr):
        yield from _fields(child)


def _expressions(node: Carrier) -> Iterable[Expr]:
    """What the node itself reads of its input's rows."""
    match node:
        case Unnest(array=array):
            yield array
        case While(since=since, until=until):
            yield from (each for each in (since, until) if each is not None)
        case Over() | Along():
            partition, order, functions = node.partition_by, node.order_by, node.functions
            yield from (*partition, *(item.expr for item in order))
            for function in functions:
                yield from (*function.args, *(item.expr for item in function.order_by))
                yield from (function.filter,) if function.filter is not None else ()
        case Top(partition_by=partition, order_by=order):
            yield from (*partition, *(item.expr for item in order))


def _changed(node: Carrier, change: Change) -> Carrier:
    match node:
        case Unnest(array=array):
            return replace(node, array=change(array))
        case While(since=since, until=until):
            return replace(node, since=_maybe(since, change), until=_maybe(until, change))
        case Over() | Along():
            return replace(
                node,
                partition_by=tuple(map(change, node.partition_by)),
                order_by=_ordered(node.order_by, change),
                functions=tuple(_function(each, change) for each in node.functions),
            )
        case Top(partition_by=partition, order_by=order):
            return replace(node, partition_by=tuple(map(change, partition)), order_by=_ordered(order, change))


def _function(node: WindowFunction, change: Change) -> WindowFunction:
    return replace(
        node,
        args=tuple(map(change, node.args)),
        filter=_maybe(node.filter, change),
        order_by=_ordered(node.order_by, change),
    )


def _ordered(items: tuple[OrderItem, ...], change: Change) -> tuple[OrderItem, ...]:
    return tuple(replace(item, expr=change(item.expr)) for item in items)


def _maybe(expr: Expr | None, change: Change) -> Expr | None:
    return change(expr) if expr is not None else None
