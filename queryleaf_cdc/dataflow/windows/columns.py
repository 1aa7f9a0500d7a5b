"""Window functions by name."""

from __future__ import annotations

from collections.abc import Callable

from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.partitions import Order
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.windows.column import Column
from queryleaf_cdc.dataflow.windows.framed_aggregates import aggregate
from queryleaf_cdc.dataflow.windows.framed_values import LastValue, NthValue, PickedValue
from queryleaf_cdc.dataflow.windows.frames import Bounds, bounds
from queryleaf_cdc.dataflow.windows.neighbours import ComputedNeighbour, KnownNeighbour, Neighbour
from queryleaf_cdc.dataflow.windows.ranking import CumeDist, DenseRank, Ntile, PercentRank, Rank, RowNumber
from queryleaf_cdc.dataflow.windows.running import running_known, running_last_known
from queryleaf_cdc.dataflow.windows.sessions import SessionBound
from queryleaf_cdc.lowering.worker_face import Evaluator
from queryleaf_cdc.plans.dataflow import WindowFunction
from queryleaf_cdc.syntax.expressions import Expr, Literal, OrderItem
from queryleaf_cdc.values import Value

_RANKS: dict[str, Callable[[Order], Column]] = {
    "RANK": Rank,
    "DENSE_RANK": DenseRank,
    "PERCENT_RANK": PercentRank,
    "CUME_DIST": CumeDist,
}


def column(function: WindowFunction, order_by: tuple[OrderItem, ...], order: Order, context: Context) -> Column:
    """The function over partitions in this order. What must be constant is a Literal: the number of NTILE and
    NTH_VALUE, the gap of sessions, the offsets of frames (0 or more)."""
    args = [context.row(arg) for arg in function.args]
    match function.name:
        case "ROW_NUMBER":
            return RowNumber()
        case "RANK" | "DENSE_RANK" | "PERCENT_RANK" | "CUME_DIST":
            return _RANKS[function.name](order)
        case "NTILE":
            return Ntile(args[0](()))
        case "LAG" | "LEAD":
            return _neighbour(function, args)
        case "SESSION_START" | "SESSION_END":
            return SessionBound(args[0], args[1](()), function.name == "SESSION_END")
    frame = bounds(function.frame, order_by, order, context)
    known = function.ignore_nulls
    match function.name:
        case "FIRST_VALUE" if known and frame.runs_on:
            return running_known(args[0], 1, frame)
        case "LAST_VALUE" if known and frame.runs_on:
            return running_last_known(args[0], frame)
        case "FIRST_VALUE" | "LAST_VALUE" if known or frame.exclude:
            return PickedValue(args[0], 1, function.name == "LAST_VALUE", known, frame)
        case "FIRST_VALUE":
            return NthValue(args[0], 1, frame)
        case "LAST_VALUE":
            return LastValue(args[0], frame)
        case "NTH_VALUE":
            return _nth_value(args[0], args[1](()), frame, known)
        case _:
            return aggregate(function, frame, context)


def _neighbour(function: WindowFunction, args: list[Evaluator]) -> Column:
    sign = -1 if function.name == "LAG" else 1
    offset: Expr | None = function.args[1] if len(args) > 1 else None
    default = args[2] if len(args) > 2 else _null
    if function.ignore_nulls:
        return KnownNeighbour(args[0], args[1] if len(args) > 1 else _one, sign, default)
    if offset is None:
        return Neighbour(args[0], sign, default)
    if isinstance(offset, Literal) and _is_integer(offset.value):
        return Neighbour(args[0], sign * offset.value, default)
    return ComputedNeighbour(args[0], args[1], sign, default)


def _nth_value(value: Evaluator, nth: Value, frame: Bounds, known: bool) -> Column:
    if not _is_integer(nth) or nth <= 0:
        return NthValue(_null, 1, frame)
    if known and frame.runs_on:
        return running_known(value, nth, frame)
    return PickedValue(value, nth, False, known, frame) if known or frame.exclude else NthValue(value, nth, frame)


def _is_integer(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _null(row: Row) -> Value:
    return None


def _one(row: Row) -> Value:
    return 1
