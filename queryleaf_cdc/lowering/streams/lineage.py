"""Where the columns of a node come from: what a time bound, a window's key and a lookup's key must know."""

from __future__ import annotations

from collections.abc import Iterator

from queryleaf_cdc.lowering.views.finish import width
from queryleaf_cdc.lowering.views.relation import column
from queryleaf_cdc.plans.dataflow import (
    ROW,
    Along,
    Closing,
    Concat,
    Lookup,
    Map,
    Meet,
    Node,
    Scan,
    Sessions,
    Sort,
    Unnest,
    inputs_of,
)
from queryleaf_cdc.source import NO_SPAN
from queryleaf_cdc.syntax.expressions import Expr, Field, Literal, OrderItem
from queryleaf_cdc.syntax.queries import CHANGE

COMMIT_TIME = (CHANGE, "timestamp")


def definition(node: Node, expr: Expr, through_meetings: bool = False) -> tuple[Node, Expr]:
    """The node that computes what the expression, over the node's rows, only passes on; and the expression there.

    Rows of a ``Meet`` come later than what they are made of: it is looked through only where that does not matter."""
    while isinstance(expr, Field) and expr.source == ROW and len(expr.path) == 1:
        at = expr.path[0]
        assert isinstance(at, int)
        match node:
            case Scan(columns=columns):
                return node, columns[at]
            case Map(input, columns):
                node, expr = input, columns[at]
            case Along(input) | Unnest(input) | Sort(input) if at < width(input):
                node = input
            case Meet() if not through_meetings:
                return node, expr
            case Lookup(kind="MARK", input_width=left) if at == left:
                return node, expr
            case Lookup(input, other, input_width=left) | Meet(input, other, left_width=left):
                node, expr = (input, expr) if at < left else (other, Field(ROW, (at - left,), expr.span))
            case _:
                return node, expr
    return node, expr


def is_commit_time(node: Node, expr: Expr) -> bool:
    """Whether the expression is CHANGE_TIMESTAMP() of the rows' change."""
    if isinstance(node, Concat):
        return all(is_commit_time(each, expr) for each in node.inputs)
    origin, found = definition(node, expr)
    if isinstance(origin, Concat):
        return is_commit_time(origin, found)
    return isinstance(origin, Scan) and isinstance(found, Field) and found.path == COMMIT_TIME


def scans_in(node: Node) -> Iterator[Scan]:
    """Each as often as it is read."""
    if isinstance(node, Scan):
        yield node
    for each in inputs_of(node):
        yield from scans_in(each)


def is_change_id(node: Node, expr: Expr) -> bool:
    """Whether the expression is CHANGE_ID() of a change that the rows came of; NULL in a part that has none."""
    origin, found = definition(node, expr, through_meetings=True)
    if isinstance(origin, Concat):
        ids = [is_change_id(each, found) for each in origin.inputs]
        return any(ids) and all(is_id or _is_null(each, found) for is_id, each in zip(ids, origin.inputs, strict=True))
    return isinstance(found, Field) and found.path == (CHANGE, "id")


def commit_order(node: Concat) -> tuple[OrderItem, ...]:
    """The order of the changes that the rows of a UNION ALL came of; empty where a row of some part may come of several
    changes, or the rows have no column that tells."""
    for at in range(width(node)):
        if all(_is_id_of_one(each, column(at)) for each in node.inputs):
            return (OrderItem(column(at), False, False, NO_SPAN),)
    return ()


def _is_id_of_one(node: Node, expr: Expr) -> bool:
    origin, found = definition(node, expr)
    if isinstance(origin, Concat):
        return all(_is_id_of_one(each, found) for each in origin.inputs)
    return isinstance(origin, Scan) and isinstance(found, Field) and found.path == (CHANGE, "id")


def _is_null(node: Node, expr: Expr) -> bool:
    _, found = definition(node, expr)
    return isinstance(found, Literal) and found.value is None


def is_united(node: Node) -> bool:
    """Whether the rows of one batch may not stand in the order of their commits, as they are those of several scans."""
    match node:
        case Concat():
            return True
        case Map(input) | Unnest(input) | Along(input) | Lookup(input):
            return is_united(input)
        case _:
            return False


def is_stream(node: Node) -> bool:
    """Whether the rows are changes, which stay."""
    match node:
        case Scan(changes=changes):
            return changes
        case Along() | Lookup() | Meet() | Closing() | Sessions():
            return True
        case Map(input) | Unnest(input) | Sort(input):
            return is_stream(input)
        case Concat(inputs):
            return bool(inputs) and all(map(is_stream, inputs))
        case _:
            return False
