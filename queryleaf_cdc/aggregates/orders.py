"""Which values count for an aggregate, and in which order it reads them."""

from __future__ import annotations

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.syntax.expressions import Aggregate, Expr, OrderItem
from queryleaf_cdc.values import Value


def everything(value: Value) -> bool:
    return True


def known(value: Value) -> bool:
    return value is not None


def text(value: Value) -> bool:
    return type(value) is str


def argument(node: Aggregate) -> Expr:
    return node.args[0]


def within_group(node: Aggregate) -> Expr:
    """What WITHIN GROUP orders by; MODE takes it as its argument, too."""
    return node.order_by[0].expr if node.order_by else node.args[0]


def ascending(node: Aggregate) -> tuple[OrderItem, ...]:
    """By the argument."""
    return (OrderItem(node.args[0], False, False, node.span),)


def of_group(node: Aggregate) -> tuple[OrderItem, ...]:
    if node.distinct:
        raise CompileError("QL304", f"{node.name} takes no DISTINCT", node.span)
    return node.order_by[:1] or ascending(node)


def as_written(node: Aggregate) -> tuple[OrderItem, ...]:
    """With DISTINCT by the argument, so that equal values stand side by side."""
    if not node.distinct:
        return node.order_by
    if not node.order_by:
        return (OrderItem(node.args[0], False, True, node.span),)
    if node.order_by[0].expr != node.args[0]:
        hint = "leave out DISTINCT, or order by the argument itself"
        raise CompileError("QL304", f"with DISTINCT, {node.name} is ordered by its argument", node.span, hint)
    return node.order_by
