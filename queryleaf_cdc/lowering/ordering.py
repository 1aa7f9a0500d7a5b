"""ORDER BY → sort keys that give SQL's order: NULLs where asked for, NaN above all numbers."""

from __future__ import annotations

from queryleaf_cdc.functions.mql import NULL, Const, Doc, Mql, Switch, op
from queryleaf_cdc.lowering.server_face import ServerScope, lower_value, or_null
from queryleaf_cdc.syntax.expressions import OrderItem
from queryleaf_cdc.values import Type


def sort_key(item: OrderItem, name: str, scope: ServerScope) -> list[tuple[str, Mql, int]]:
    """(field name, value, direction) of the rank that places NULL and NaN, then of the value itself.

    What may be an array is wrapped in a document: MongoDB sorts an array by its least or greatest element."""
    value = lower_value(item.expr, scope)
    nan_first = item.descending
    rank = Switch(
        (
            (op("$lte", value.mongo, NULL), Const(0 if item.nulls_first else 3)),
            (op("$eq", value.mongo, Const(float("nan"))), Const(1 if nan_first else 2)),
        ),
        Const(2 if nan_first else 1),
    )
    key = Doc((("v", or_null(value)),)) if value.may(Type.ARRAY) else or_null(value)
    return [(f"{name}_rank", rank, 1), (name, key, -1 if item.descending else 1)]
