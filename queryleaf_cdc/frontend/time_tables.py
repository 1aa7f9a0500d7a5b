"""TUMBLE, HOP and SESSION in FROM: the query with columns window_start and window_end that each stands for.

    TUMBLE(bid, t, size)               SELECT bid.*, TUMBLE_START(t, size), TUMBLE_END(t, size) FROM bid
    HOP(bid, t, slide, size)           SELECT bid.*, w.window_start, w.window_start + size
                                       FROM bid CROSS JOIN UNNEST(HOP_STARTS(t, slide, size)) AS w(window_start)
    SESSION(bid PARTITION BY k, t, gap)
                                       SELECT bid.*, SESSION_START(t, gap) OVER (PARTITION BY k ORDER BY t), ...
                                       FROM bid

Rows whose time is no timestamp are left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend.faults import UNEXPECTED
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Call, Expr, Literal, Name, OrderItem, Star, Window
from queryleaf_cdc.syntax.queries import FromItem, Join, Query, Select, SelectItem, UnnestRef

_FORMS = {
    "TUMBLE": "TUMBLE(collection, time, size)",
    "HOP": "HOP(collection, time, slide, size)",
    "SESSION": "SESSION(collection PARTITION BY key, time, gap)",
}
_HOP = "$hop"
_ALL_TIME = (datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999000))


def windowed(
    kind: str, item: FromItem, partition: tuple[Expr, ...], time: Expr, lengths: tuple[Expr, ...], span: Span
) -> Query:
    """The rows of ``item`` in their windows. Raises CompileError QL106."""
    wanted = 2 if kind == "HOP" else 1
    if len(lengths) != wanted:
        raise CompileError(UNEXPECTED, f"{kind} takes a collection, a time and {wanted} more", span, _FORMS[kind])
    if partition and kind != "SESSION":
        raise CompileError(UNEXPECTED, f"PARTITION BY belongs to SESSION, not to {kind}", partition[0].span)
    args = (time, *lengths)
    match kind:
        case "TUMBLE":
            start: Expr = Call("TUMBLE_START", args, span)
            return _select(item, start, Call("TUMBLE_END", args, span), _is_moment(time), span)
        case "HOP":
            start = Name((_HOP, "window_start"), span, True)
            starts = UnnestRef(Call("HOP_STARTS", args, span), _HOP, ("window_start",), False, span)
            rows = _select(item, start, Call("+", (start, lengths[1]), span), None, span)
            return replace(rows, joins=(Join("CROSS", starts, None, (), span),))
        case "SESSION":
            order = (OrderItem(time, False, False, time.span),)
            ends = (Window(Call(f"SESSION_{side}", args, span), partition, order, None, span) for side in _SIDES)
            start, end = ends
            return _select(item, start, end, _is_moment(time), span)
        case _:
            raise AssertionError(kind)


_SIDES = ("START", "END")


def _select(item: FromItem, start: Expr, end: Expr, where: Expr | None, span: Span) -> Select:
    items = (
        SelectItem(Star(item.alias, span), None, span),
        SelectItem(start, "window_start", span),
        SelectItem(end, "window_end", span),
    )
    return Select(items, item, (), where, (), None, None, (), None, None, None, (), None, span)


def _is_moment(time: Expr) -> Expr:
    first, last = (Literal(each, time.span) for each in _ALL_TIME)
    return Call("BETWEEN", (time, first, last), time.span)
