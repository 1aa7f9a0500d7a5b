"""TUMBLE, HOP and SESSION as GROUP BY writes them, turned into functions, UNNEST and OVER.

    GROUP BY TUMBLE(t, size)       the key is DATE_BIN(size, t)
    GROUP BY HOP(t, slide, size)   FROM ... CROSS JOIN UNNEST(HOP_STARTS(t, slide, size)) AS "$hop"(window_start), and
                                   the key is "$hop".window_start
    GROUP BY SESSION(t, gap), k    the keys are k, SESSION_START(t, gap) OVER (PARTITION BY k ORDER BY t) and
                                   SESSION_END(t, gap) OVER (the same)

In such a query TUMBLE_START, TUMBLE_END and their kin take the same arguments, and ``window_start`` and ``window_end``
are columns. The end of TUMBLE and HOP is the start plus the size; that of a session its last time plus the gap. Rows
whose time is no timestamp are left out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.functions.moments import FIRST, LAST
from queryleaf_cdc.functions.time_windows import MAX_HOPS, length
from queryleaf_cdc.logical.walk import conjunction, conjuncts, map_clauses, rebuild
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Call, Expr, Literal, Name, OrderItem, Window
from queryleaf_cdc.syntax.queries import Join, Select, UnnestRef
from queryleaf_cdc.values import Interval

_FORMS = {
    "TUMBLE": "TUMBLE(time, INTERVAL '1 hour')",
    "HOP": "HOP(time, INTERVAL '5 minutes', INTERVAL '1 hour')",
    "SESSION": "SESSION(time, INTERVAL '30 minutes')",
}
_COUNTS = {"TUMBLE": 2, "HOP": 3, "SESSION": 2}
_HOP = "$hop"
_SESSION_ENDS = ("SESSION_START", "SESSION_END")
_PENDING = "$"
"""before the name of a session's start or end whose partition is not known yet"""


@dataclass(frozen=True)
class TimeWindow:
    """What GROUP BY names, unbound: ``start`` and ``end`` are what window_start and window_end stand for."""

    kind: str
    start: Expr
    end: Expr


def kind_of(name: str) -> str | None:
    """HOP for HOP, HOP_START, HOP_STARTS and HOP_END, and so on; None for other names."""
    kind = name.removesuffix("_START").removesuffix("_STARTS").removesuffix("_END")
    return kind if kind in _FORMS else None


def check_call(node: Call) -> None:
    """Constant intervals of days and time, in the right number. Raises CompileError QL205, QL226."""
    kind = kind_of(node.name)
    assert kind is not None
    if len(node.args) != _COUNTS[kind]:
        raise CompileError("QL205", f"{node.name} takes {_COUNTS[kind]} arguments", node.span, f"as in {_FORMS[kind]}")
    lengths = [_length(arg) for arg in node.args[1:]]
    if kind == "HOP" and lengths[1] > MAX_HOPS * lengths[0]:
        raise CompileError("QL226", f"a moment would lie in more than {MAX_HOPS:,} windows", node.span)


def _length(arg: Expr) -> int:
    value = arg.value if isinstance(arg, Literal) else None
    if not isinstance(value, Interval):
        raise CompileError("QL226", "a time window's length is a constant", arg.span, "write INTERVAL '10' SECOND")
    found = length(value.document())
    if found is None:
        hint = "months are not equally long; write days" if value.months else None
        raise CompileError("QL226", "a time window's length is days and time, more than nothing", arg.span, hint)
    return found


def scalar_time_window(name: str, args: tuple[Expr, ...], span: Span) -> Expr | None:
    """TUMBLE_START(t, size) and TUMBLE_END(t, size), which need no group; None for other functions.

    Raises CompileError QL205, QL226, QL236."""
    kind = kind_of(name)
    if kind is None:
        return None
    node = Call(name, args, span)
    check_call(node)
    if name == "HOP_STARTS":
        return None
    if name not in ("TUMBLE_START", "TUMBLE_END"):
        hint = f"write GROUP BY {_FORMS[kind]}, with the same arguments" if name != kind else f"{kind}_START is a value"
        raise CompileError("QL236", f"{name} belongs to a GROUP BY {kind}(...)", span, hint)
    time, size = args
    start = Call("DATE_BIN", (size, time), span)
    return start if name == "TUMBLE_START" else Call("+", (start, size), span)


# -- before binding -------------------------------------------------------------------------------------------------


def grouped_by_time(query: Select) -> tuple[Select, TimeWindow | None]:
    """The unbound query with its time window put into other words. Raises CompileError QL205, QL226, QL236."""
    found = [key for key in query.group_by if isinstance(key, Call) and key.name in _FORMS]
    if not found:
        return query, None
    if len(found) > 1:
        raise CompileError("QL236", "a query is grouped by one time window", found[1].span, "use a subquery for each")
    (key,) = found
    check_call(key)
    if key.name == "SESSION" and query.grouping_sets:
        raise CompileError("QL236", "SESSION(...) cannot be part of grouping sets", key.span, "use a subquery")
    window = _window(key)
    own = {key.name: window.start, f"{key.name}_START": window.start, f"{key.name}_END": window.end}

    def change(expr: Expr) -> Expr:
        if isinstance(expr, Call) and expr.name in own and expr.args == key.args:
            return own[expr.name]
        return rebuild(expr, change)

    return _only_timed(map_clauses(query, change), key), window


def _window(key: Call) -> TimeWindow:
    time, span = key.args, key.span
    match key.name:
        case "HOP":
            start: Expr = Name((_HOP, "window_start"), span, True)
            return TimeWindow("HOP", start, Call("+", (start, time[2]), span))
        case "SESSION":
            start, end = (Call(_PENDING + name, time, span) for name in _SESSION_ENDS)
            return TimeWindow("SESSION", start, end)
        case kind:
            return TimeWindow(kind, Call(f"{kind}_START", time, span), Call(f"{kind}_END", time, span))


def _only_timed(query: Select, key: Call) -> Select:
    """Without the rows that lie in no window."""
    if key.name == "HOP":
        starts = UnnestRef(Call("HOP_STARTS", key.args, key.span), _HOP, ("window_start",), False, key.span)
        return replace(query, joins=(*query.joins, Join("CROSS", starts, None, (), key.span)))
    return replace(query, where=conjunction([*conjuncts(query.where), is_moment(key.args[0])]))


def is_moment(time: Expr) -> Expr:
    """Whether the value is a timestamp; a comparison, so that the server can use an index."""
    return Call("BETWEEN", (time, Literal(FIRST, time.span), Literal(LAST, time.span)), time.span)


# -- after binding --------------------------------------------------------------------------------------------------


def with_sessions(query: Select) -> Select:
    """The bound query, grouped by SESSION, with its sessions as windows over the other keys."""
    others = tuple(key for key in query.group_by if not is_pending_session(key))

    def over(call: Call, name: str) -> Window:
        order = OrderItem(call.args[0], False, False, call.span)
        return Window(replace(call, name=name), others, (order,), None, call.span)

    def change(expr: Expr) -> Expr:
        if isinstance(expr, Call) and is_pending_session(expr):
            return over(expr, expr.name.removeprefix(_PENDING))
        return rebuild(expr, change)

    session = next(key for key in query.group_by if is_pending_session(key))
    assert isinstance(session, Call)
    ends = tuple(over(session, name) for name in _SESSION_ENDS)
    return replace(map_clauses(query, change), group_by=(*others, *ends))


def is_pending_session(expr: Expr) -> bool:
    """Whether it is a session's start or end that ``with_sessions`` has yet to make a window of."""
    return isinstance(expr, Call) and expr.name in _PENDING_NAMES


_PENDING_NAMES = tuple(_PENDING + name for name in _SESSION_ENDS)
