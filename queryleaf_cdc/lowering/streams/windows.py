"""Windows over a stream: which functions and frames look back only, and which groups end."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.lowering.streams.lineage import definition
from queryleaf_cdc.lowering.views.relation import column
from queryleaf_cdc.plans.dataflow import Node, Unnest, WindowFunction
from queryleaf_cdc.syntax.expressions import Call, Expr, Frame, Literal
from queryleaf_cdc.values import Interval

_LOOKING_AHEAD = ("LEAD", "NTILE", "PERCENT_RANK", "CUME_DIST", "SESSION_START", "SESSION_END")
_DAY = 24 * 60 * 60 * 1000
_UNITS = {"second": 1000, "minute": 60_000, "hour": 3_600_000, "day": _DAY, "week": 7 * _DAY}
"""of DATE_TRUNC, of which each is as long as any other"""


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


def ends_of(input: Node, keys: int) -> tuple[int, int] | None:
    """Which key is where a window of time begins, and the window's length in milliseconds."""
    for at in range(keys):
        origin, found = definition(input, column(at))
        length = _hop_length(origin) if isinstance(origin, Unnest) else _length(found)
        if length is not None:
            return at, length
    return None


def _length(expr: Expr) -> int | None:
    match expr:
        case Call("DATE_BIN", (Literal(Interval(0, days, milliseconds)), *_)):
            return int(days * _DAY + milliseconds)
        case Call("DATE_TRUNC", (Literal(str() as unit), _)):
            return _UNITS.get(unit.lower())
        case _:
            return None


def _hop_length(node: Unnest) -> int | None:
    match node.array:
        case Call("HOP_STARTS", (_, _, Literal(Interval(0, days, milliseconds)))):
            return int(days * _DAY + milliseconds)
        case _:
            return None
