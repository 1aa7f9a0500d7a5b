"""GROUP BY SESSION, which a view computes by windows over all rows, as rows that are sessions of their own at first."""

from __future__ import annotations

from dataclasses import dataclass

from queryleaf_cdc.lowering.views.finish import width
from queryleaf_cdc.lowering.views.relation import column, columns_read, substituted
from queryleaf_cdc.plans.dataflow import Map, Node, Over
from queryleaf_cdc.source import NO_SPAN
from queryleaf_cdc.syntax.expressions import Call, Expr


@dataclass(frozen=True)
class OwnSessions:
    """``rows`` have their own time, and that time plus the gap, in the columns ``start`` and ``end``, where a view's
    have those of the whole session. ``elsewhere`` tells whether other columns are computed from these."""

    rows: Map
    start: int
    end: int
    elsewhere: bool


def own_sessions(input: Node) -> OwnSessions | None:
    """None where rows are not grouped by sessions."""
    if not isinstance(input, Map) or not isinstance(input.input, Over):
        return None
    over = input.input
    first = width(over.input)
    names = {first + at: function.name for at, function in enumerate(over.functions)}
    places = {names[at]: place for place, each in enumerate(input.columns) if (at := _only_column(each)) in names}
    if set(places) != {"SESSION_START", "SESSION_END"}:
        return None
    time, gap = over.functions[0].args
    own: dict[str, Expr] = {"SESSION_START": time, "SESSION_END": Call("+", (time, gap), NO_SPAN)}
    before = (*map(column, range(first)), *(own[function.name] for function in over.functions))
    rows = Map(over.input, tuple(substituted(each, before) for each in input.columns), input.condition)
    others = [each for at, each in enumerate(input.columns) if at not in places.values()]
    elsewhere = any(at in names for each in others for at in columns_read(each))
    return OwnSessions(rows, places["SESSION_START"], places["SESSION_END"], elsewhere)


def _only_column(expr: Expr) -> int | None:
    read = list(columns_read(expr))
    return read[0] if read and expr == column(read[0]) else None
