"""How long behind a time of theirs rows come at the latest: what waits for windows of that time to end waits longer."""

from __future__ import annotations

from queryleaf_cdc.lowering.streams.lineage import COMMIT_TIME, definition
from queryleaf_cdc.lowering.views.finish import width
from queryleaf_cdc.lowering.views.relation import column
from queryleaf_cdc.plans.dataflow import ROW, Closing, Concat, Meet, Node, Scan, Sessions, Unnest
from queryleaf_cdc.source import NO_SPAN
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal
from queryleaf_cdc.values import Interval

_DAY = 24 * 60 * 60 * 1000
_UNITS = {"second": 1000, "minute": 60_000, "hour": 3_600_000, "day": _DAY, "week": 7 * _DAY}
"""of DATE_TRUNC, of which each is as long as any other"""


def delay_of(node: Node, expr: Expr) -> int | None:
    """In milliseconds; None where the expression is no time that a change was committed at, nor the beginning or end of
    a window of such times.

    A row of a join comes when its partner comes, or when none can come any more; a group when its window ends."""
    origin, found = definition(node, expr)
    match origin, found:
        case _, Call("+" | "-" as operator, (time, Literal(Interval(0, days, milliseconds)))):
            delay = delay_of(origin, time)
            shift = days * _DAY + milliseconds
            return None if delay is None else max(0, delay - shift if operator == "+" else delay + shift)
        case Scan(), Field(path=path):
            return 0 if path == COMMIT_TIME else None
        case Concat(inputs), Field():
            delays = [delay_of(each, found) for each in inputs]
            known = [each for each in delays if each is not None]
            return max(known) if known and len(known) == len(delays) else None
        case Meet(), Field(path=(int() as at,)):
            return _of_meeting(origin, at)
        case Closing(input, start=start, size=size, lag=lag), Field(path=(at,)) if at == start and size:
            return size + lag if delay_of(input, column(start)) is not None else None
        case Sessions(input, start=start, end=end, lag=lag), Field(path=(at,)) if at == end:
            return lag if delay_of(input, column(start)) is not None else None
        case Closing() | Sessions(), Field():
            return None
        case _:
            window = window_of(origin, found)
            delay = delay_of(*window[:2]) if window is not None else None
            return delay + window[2] if window is not None and delay is not None else None


def comes_after(node: Node, expr: Expr) -> int | None:
    """As ``delay_of``, where all rows for which the expression is the same come in one step, exactly so long behind it:
    groups of one window, when it has ended."""
    origin, found = definition(node, expr)
    match origin, found:
        case _, Call("+" | "-" as operator, (time, Literal(Interval(0, days, milliseconds)))):
            after = comes_after(origin, time)
            shift = days * _DAY + milliseconds
            return None if after is None else after - shift if operator == "+" else after + shift
        case Closing(start=start, size=size, every_change=False, lag=lag), Field(path=(at,)) if at == start and size:
            return size + lag
        case Concat(inputs), Field():
            times = {comes_after(each, found) for each in inputs}
            return times.pop() if len(times) == 1 else None
        case Meet(kind="INNER", before=0, after=0), Field(path=(int() as at,)):
            return _met_after(origin, at)
        case _:
            return None


def _met_after(node: Meet, at: int) -> int | None:
    """Sides of the same times: both rows are there when the later one comes."""
    left, right = comes_after(node.left, node.left_time), comes_after(node.right, node.right_time)
    is_left = at < node.left_width
    own = comes_after(node.left, column(at)) if is_left else comes_after(node.right, column(at - node.left_width))
    if left is None or right is None or own is None:
        return None
    return own - (left if is_left else right) + max(left, right)


def window_of(origin: Node, expr: Expr) -> tuple[Node, Expr, int] | None:
    """The time whose window begins where the expression says, over the node's rows, and the window's length."""
    match origin, expr:
        case Closing(start=start, size=size), Field(path=(at,)) if at == start and size:
            return _from_its_start(origin, expr, size)
        case Concat(inputs), Field():
            windows = [window_of(*definition(each, expr)) for each in inputs]
            sizes = {each[2] if each is not None else None for each in windows}
            return _from_its_start(origin, expr, sizes.pop()) if len(sizes) == 1 else None
        case Unnest(input, Call("HOP_STARTS", (time, _, Literal(Interval(0, days, milliseconds))))), _ if (
            expr == column(width(input))
        ):
            return input, time, int(days * _DAY + milliseconds)
        case _, Call("DATE_BIN", (Literal(Interval(0, days, milliseconds)), time, *_)):
            return origin, time, int(days * _DAY + milliseconds)
        case _, Call("DATE_TRUNC", (Literal(str() as unit), time)) if unit.lower() in _UNITS:
            return origin, time, _UNITS[unit.lower()]
        case _:
            return None


def _from_its_start(origin: Node, start: Expr, size: int | None) -> tuple[Node, Expr, int] | None:
    """The window of the last time that its rows may have."""
    if size is None:
        return None
    return origin, Call("+", (start, Literal(Interval(0, 0, size), start.span)), start.span), size


def lag_of(node: Node, expr: Expr) -> int:
    """As ``delay_of``. Times of the documents' own are taken as they come: a row whose window has ended is late."""
    return delay_of(node, expr) or 0


def waits(node: Meet) -> tuple[int, int]:
    """How long a row of the left side, and one of the right, waits for partners, behind its time."""
    return node.before + node.right_delay, node.after + node.left_delay


def _of_meeting(node: Meet, at: int) -> int | None:
    left_wait, right_wait = waits(node)
    if at < node.left_width:
        delay, wait = delay_of(node.left, column(at)), left_wait
    else:
        delay, wait = delay_of(node.right, Field(ROW, (at - node.left_width,), NO_SPAN)), right_wait
    return None if delay is None else delay + max(0, wait)
