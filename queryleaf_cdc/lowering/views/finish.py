"""What is done to a view's tree as a whole, once it is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from queryleaf_cdc.functions.spec import WorkerSide
from queryleaf_cdc.logical.walk import conjunction, conjuncts, rebuild
from queryleaf_cdc.lowering.server_face import ServerScope, lower_truth
from queryleaf_cdc.lowering.views.leaves import leaves_in
from queryleaf_cdc.lowering.views.relation import column
from queryleaf_cdc.plans.dataflow import (
    ROW,
    Along,
    Closing,
    Concat,
    Group,
    Join,
    Lookup,
    Map,
    Meet,
    Node,
    Over,
    Scan,
    Sessions,
    Sort,
    Top,
    Unnest,
    While,
    inputs_of,
)
from queryleaf_cdc.plans.dataflow import Combine as CombineNode
from queryleaf_cdc.source import NO_SPAN
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal


def finished(root: Node) -> tuple[Node, tuple[Scan, ...]]:
    """The tree with bounded windows and numbered scans. Nodes that are equal are one: what two parts of a query compute
    alike (a WITH that is read twice) is computed once."""
    known: dict[int, Node] = {}
    scans: dict[str, Scan] = {}
    made: dict[object, Node] = {}

    def finish(node: Node) -> Node:
        if id(node) not in known:
            changed = with_inputs(node, finish)
            found = _placed(changed, scans) if isinstance(changed, Scan) else _bounded(changed)
            known[id(node)] = made.setdefault(_likeness(found), found)
        return known[id(node)]

    return finish(root), tuple(scans.values())


def _likeness(node: Node) -> object:
    """The same for equal nodes whose inputs are one."""
    alone = with_inputs(node, lambda _: _NOTHING)
    return repr(alone), tuple(map(id, inputs_of(node)))


_NOTHING = Concat(())


def _placed(scan: Scan, scans: dict[str, Scan]) -> Node:
    """The scan, and above it the terms of its condition that only the worker can compute."""
    if scan.changes:  # the trigger that its rows are made by knows both sides
        return _numbered(scan, scans)
    terms = conjuncts(scan.condition)
    late = [term for term in terms if not _runs_in_server(term, scan.alias)]
    if not late:
        return _numbered(scan, scans)
    leaves = {repr(leaf): leaf for term in late for leaf in leaves_in(term)}
    count = len(scan.columns)
    places = {text: column(count + at) for at, text in enumerate(leaves)}
    condition = conjunction([_with_columns(term, places) for term in late])
    early = conjunction([term for term in terms if term not in late])
    below = _numbered(replace(scan, columns=(*scan.columns, *leaves.values()), condition=early), scans)
    return Map(below, tuple(map(column, range(count))), condition)


def _runs_in_server(term: Expr, alias: str) -> bool:
    try:
        lower_truth(term, ServerScope({alias: "$fullDocument"}))
    except WorkerSide:
        return False
    return True


def _with_columns(expr: Expr, places: dict[str, Field]) -> Expr:
    known = places.get(repr(expr))
    return known if known is not None else rebuild(expr, lambda each: _with_columns(each, places))


def _numbered(scan: Scan, scans: dict[str, Scan]) -> Scan:
    text = repr(replace(scan, number=-1, alias="", columns=(), condition=None, span=NO_SPAN)) + repr(
        [_renamed(each, scan.alias) for each in (*scan.columns, *conjuncts(scan.condition))]
    )
    return scans.setdefault(text, replace(scan, number=len(scans)))


def _renamed(value: Any, alias: str) -> Any:
    if isinstance(value, Field) and value.source == alias:
        return Field("", value.path, value.span)
    if isinstance(value, tuple):
        return tuple(_renamed(each, alias) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _renamed(getattr(value, f.name), alias) for f in fields(value)})
    return value


def with_inputs(node: Node, change: Callable[[Node], Node]) -> Node:
    """The node over changed inputs."""
    match node:
        case Scan():
            return node
        case Concat(inputs) | CombineNode(inputs):
            return replace(node, inputs=tuple(map(change, inputs)))
        case Join(left, right) | Meet(left, right):
            return replace(node, left=change(left), right=change(right))
        case Lookup(input, table):
            return replace(node, input=change(input), table=change(table))
        case Map(input) | Unnest(input) | Group(input) | Over(input) | Top(input) | While(input):
            return replace(node, input=change(input))
        case Along(input) | Closing(input) | Sessions(input) | Sort(input):
            return replace(node, input=change(input))


def _bounded(node: Node) -> Node:
    """``ROW_NUMBER() ... <= n`` above a window: only the head of each partition is wanted."""
    if not isinstance(node, Map) or not isinstance(node.input, Over) or len(node.input.functions) != 1:
        return node
    over = node.input
    (function,) = over.functions
    if function.name not in ("ROW_NUMBER", "RANK"):
        return node
    at = width(over.input)
    bounds = [bound for term in conjuncts(node.condition) if (bound := _upper_bound(term, at)) is not None]
    if not bounds:
        return node
    return replace(node, input=replace(over, first=max(0, min(bounds)), first_by=function.name))


def _upper_bound(term: Expr, at: int) -> int | None:
    match term:
        case Call("<=" | "<" | "=" as operator, (Field(source, (column,)), Literal(int() as limit))):
            is_number = source == ROW and column == at and not isinstance(limit, bool)
            return (limit - 1 if operator == "<" else limit) if is_number else None
        case Call("BETWEEN", (Field() as value, _, high)):
            return _upper_bound(Call("<=", (value, high), term.span), at)
    return None


def width(node: Node) -> int:
    """How many columns a node's rows have."""
    match node:
        case Scan(columns=columns) | Map(columns=columns):
            return len(columns)
        case Concat(inputs) | CombineNode(inputs):
            return width(inputs[0]) if inputs else 0
        case Join(kind=kind, left_width=left, right_width=right):
            return left + (1 if kind == "MARK" else right)
        case Lookup(kind=kind, input_width=left, table_width=right):
            return left + (1 if kind == "MARK" else right)
        case Meet(left_width=left, right_width=right):
            return left + right
        case Unnest(input):
            return width(input) + 2
        case Group(keys=keys, aggregates=aggregates):
            return keys + len(aggregates)
        case Closing(keys=keys, aggregates=aggregates) | Sessions(keys=keys, aggregates=aggregates):
            return keys + len(aggregates)
        case Over(input, functions=functions) | Along(input, functions=functions):
            return width(input) + len(functions)
        case Top(input) | While(input) | Sort(input):
            return width(input)
