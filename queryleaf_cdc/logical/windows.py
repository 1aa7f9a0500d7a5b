"""``function OVER (...)``: which functions there are, where they may stand, and what a frame may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from queryleaf_cdc.errors import CompileError, Diagnostic, did_you_mean, warning
from queryleaf_cdc.logical.time_windows import check_call
from queryleaf_cdc.logical.walk import has_window
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Aggregate, Call, Expr, Frame, Literal, OrderItem, Window
from queryleaf_cdc.values import Interval

WINDOW_FUNCTIONS: dict[str, tuple[int, int]] = {
    "ROW_NUMBER": (0, 0),
    "RANK": (0, 0),
    "DENSE_RANK": (0, 0),
    "PERCENT_RANK": (0, 0),
    "CUME_DIST": (0, 0),
    "NTILE": (1, 1),
    "LAG": (1, 3),
    "LEAD": (1, 3),
    "FIRST_VALUE": (1, 1),
    "LAST_VALUE": (1, 1),
    "NTH_VALUE": (2, 2),
}
"""Name → least and greatest number of arguments. Besides these every aggregate may stand before OVER."""

SESSION_FUNCTIONS = ("SESSION_START", "SESSION_END")
"""Over a time and a gap: what SESSION(...) is turned into."""

_NEED_ORDER = ("ROW_NUMBER", "NTILE", "LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE", "NTH_VALUE")
_POSITIVE = {"NTILE": 0, "NTH_VALUE": 1}  # the argument that counts from 1

Bind = Callable[[Expr], Expr]


def bound_window(node: Window, bind: Bind, warnings: list[Diagnostic]) -> Window:
    """The window with its parts bound by ``bind``. Raises CompileError QL205, QL209, QL228, QL229."""

    def inner(expr: Expr) -> Expr:
        bound = bind(expr)
        if has_window(bound):
            hint = "select the inner one in a subquery, then use its column"
            raise CompileError("QL228", "a window function cannot stand inside of another", expr.span, hint)
        return bound

    def ordered(items: tuple[OrderItem, ...]) -> tuple[OrderItem, ...]:
        return tuple(replace(item, expr=inner(item.expr)) for item in items)

    function = node.function
    if isinstance(function, Call):
        _check_function(function, bool(node.order_by), warnings)
        bound: Call | Aggregate = replace(function, args=tuple(map(inner, function.args)))
    else:
        bound = replace(
            function,
            args=tuple(map(inner, function.args)),
            filter=inner(function.filter) if function.filter is not None else None,
            order_by=ordered(function.order_by),
        )
    order_by = ordered(node.order_by)
    if node.frame is not None:
        _check_frame(node.frame, len(order_by))
    return replace(node, function=bound, partition_by=tuple(map(inner, node.partition_by)), order_by=order_by)


def _check_function(node: Call, ordered: bool, warnings: list[Diagnostic]) -> None:
    if node.name in SESSION_FUNCTIONS:
        return check_call(node)
    if node.name not in WINDOW_FUNCTIONS:
        hint = did_you_mean(node.name, WINDOW_FUNCTIONS) or "before OVER stands an aggregate, or ROW_NUMBER and its kin"
        raise CompileError("QL209", f"{node.name} is no window function", node.span, hint)
    low, high = WINDOW_FUNCTIONS[node.name]
    count = len(node.args)
    if not low <= count <= high:
        wanted = "no arguments" if high == 0 else f"{low} to {high} arguments" if low < high else f"{low} arguments"
        wanted = "1 argument" if low == high == 1 else wanted
        raise CompileError("QL205", f"{node.name} takes {wanted}, not {count}", node.span)
    place = _POSITIVE.get(node.name)
    if place is not None:
        _check_number(node.name, node.args[place])
    if node.name in _NEED_ORDER and not ordered:
        text = f"{node.name} without ORDER BY: which row comes first is left open"
        warnings.append(warning("QL230", text, node.span, "write OVER (ORDER BY column)"))
    return None


def _check_number(name: str, expr: Expr) -> None:
    if not isinstance(expr, Literal):
        raise CompileError("QL226", f"the number of {name} is a constant", expr.span)
    if isinstance(expr.value, int | float) and expr.value < 1:
        raise CompileError("QL226", f"{name} counts from 1", expr.span)


# -- frames ---------------------------------------------------------------------------------------------------------


def _check_frame(frame: Frame, order_columns: int) -> None:
    for bound in (frame.start, frame.end):
        if bound[0] == "OFFSET":
            assert bound[1] is not None
            _check_offset(frame.unit, bound[1], order_columns)
    if _rank(frame.start) > _rank(frame.end):
        raise CompileError("QL229", "the frame starts after its end", frame.span, "BETWEEN start AND end")
    if frame.unit == "GROUPS" and not order_columns:
        raise CompileError("QL229", "GROUPS counts equal rows of an order: ORDER BY is missing", frame.span)


def _rank(bound: tuple[str, Expr | None, str]) -> int:
    """Places from the first row to the last; offsets of one side are not compared."""
    kind, _, side = bound
    match kind:
        case "CURRENT ROW":
            return 0
        case "UNBOUNDED":
            return -2 if side == "PRECEDING" else 2
        case _:
            return -1 if side == "PRECEDING" else 1


def _check_offset(unit: str, offset: Expr, order_columns: int) -> None:
    value = offset.value if isinstance(offset, Literal) else None
    if value is None or isinstance(value, bool) or not isinstance(value, int | float | Interval):
        raise _wrong_offset("a frame's offset is a constant", offset.span)
    match unit:
        case "ROWS" | "GROUPS":
            if not isinstance(value, int):
                raise _wrong_offset(f"{unit} counts whole {'rows' if unit == 'ROWS' else 'groups'}", offset.span)
        case "RANGE":
            if order_columns != 1:
                raise _wrong_offset("RANGE with an offset needs an ORDER BY of exactly one column", offset.span)
        case _:
            raise AssertionError(unit)
    if _is_negative(value):
        raise _wrong_offset("a frame's offset cannot be negative", offset.span)


def _is_negative(value: int | float | Interval) -> bool:
    match value:
        case Interval(months, days, milliseconds):
            return min(months, days, milliseconds) < 0
        case int() | float():
            return not value >= 0
        case _:
            assert_never(value)


def _wrong_offset(message: str, span: Span) -> CompileError:
    hint = "write ROWS 5 PRECEDING, or RANGE BETWEEN INTERVAL '1 hour' PRECEDING AND CURRENT ROW"
    return CompileError("QL229", message, span, hint)
