"""Windows over a stream: which functions and frames look back only, and which groups end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.lowering.streams.delays import comes_after, delay_of, window_of
from queryleaf_cdc.lowering.streams.lineage import definition
from queryleaf_cdc.lowering.views.relation import column
from queryleaf_cdc.plans.dataflow import Node, WindowFunction
from queryleaf_cdc.syntax.expressions import Expr, Frame

_LOOKING_AHEAD = ("LEAD", "NTILE", "PERCENT_RANK", "CUME_DIST", "SESSION_START", "SESSION_END")


def looking_back(function: WindowFunction, ordered: bool) -> WindowFunction:
    """The function with its frame up to the row itself. Raises CompileError QL323 where it would look ahead."""
    if function.name in _LOOKING_AHEAD:
        hint = "a materialized view revises its rows"
        if "SESSION" in function.name:
            hint = "GROUP BY SESSION(time, gap) gives a session once it has ended"
        raise CompileError("QL323", f"{function.name} looks ahead: a stream's rows are final", function.span, hint)
    frame = function.frame
    if frame is None:
        return function if ordered else replace(function, frame=_so_far(function))
    for kind, _, side in (frame.start, frame.end):
        if kind != "CURRENT ROW" and side == "FOLLOWING":
            hint = "end the frame at CURRENT ROW"
            raise CompileError("QL323", "FOLLOWING looks ahead: a stream's rows are final", frame.span, hint)
    return function


def _so_far(function: WindowFunction) -> Frame:
    """Without ORDER BY: all rows that have come."""
    return Frame("ROWS", ("UNBOUNDED", None, "PRECEDING"), ("CURRENT ROW", None, ""), function.span)


def comes_at_once(input: Node, partition_by: Sequence[Expr]) -> bool:
    """Whether all rows of each partition come together: groups of one window of time, when it has ended."""
    return any(comes_after(input, each) is not None for each in partition_by)


def ends_of(input: Node, keys: int) -> tuple[int, int, int] | None:
    """Which key is where a window of time begins, the window's length, and how long behind it rows may come (both in
    milliseconds). Of several the one of the changes' own times, and else the shortest: a group comes with it."""
    found: list[tuple[bool, int, int, int]] = []
    for at in range(keys):
        window = window_of(*definition(input, column(at)))
        if window is not None:
            node, time, length = window
            delay = delay_of(node, time)
            found.append((delay is None, length, at, delay or 0))
    if not found:
        return None
    _, length, at, lag = min(found)
    return at, length, lag
