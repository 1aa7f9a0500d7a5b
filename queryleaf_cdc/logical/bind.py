"""Names → bound fields; functions → known functions. Bound trees are syntax trees without ``Name``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container
from dataclasses import dataclass, field, replace
from enum import Flag, auto
from typing import TypeVar, assert_never

from queryleaf_cdc.aggregates import AGGREGATES
from queryleaf_cdc.errors import CompileError, Diagnostic, did_you_mean
from queryleaf_cdc.functions import FUNCTIONS
from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.functions.letter_case import fused
from queryleaf_cdc.functions.mql import Const, Ref
from queryleaf_cdc.functions.objectids import accept_object_ids
from queryleaf_cdc.functions.spec import Arg
from queryleaf_cdc.logical.columns import output_columns
from queryleaf_cdc.logical.schema import Schema, Table
from queryleaf_cdc.logical.scope import Scope
from queryleaf_cdc.logical.time_windows import is_pending_session, scalar_time_window
from queryleaf_cdc.logical.walk import has_window
from queryleaf_cdc.logical.windows import SESSION_FUNCTIONS, WINDOW_FUNCTIONS, bound_window
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import (
    Aggregate,
    Call,
    Case,
    Expr,
    Field,
    Literal,
    Name,
    OrderItem,
    Star,
    Subquery,
    Variable,
    Window,
)
from queryleaf_cdc.syntax.queries import Query
from queryleaf_cdc.values import Interval, Type

EVENT_FUNCTIONS = {
    "TRIGGER_ACTION": "action",
    "TG_OP": "action",
    "CHANGE_TYPE": "action",
    "CHANGE_TIMESTAMP": "timestamp",
    "CHANGE_ID": "id",
    "CHANGE_KEY": "key",
    "CHANGE_COLLECTION": "collection",
    "CHANGE_DATABASE": "database",
    "CHANGED_FIELDS": "changed_fields",
    "TRIGGER_DEPTH": "depth",
}
"""Functions about the change itself → path below EVENT. They exist where there is a change."""

_CLOCKS = ("CURRENT_TIMESTAMP", "NOW", "TRANSACTION_TIMESTAMP", "STATEMENT_TIMESTAMP", "LOCALTIMESTAMP")

_CALLABLE = tuple(name for name in FUNCTIONS if name.isidentifier())

ELSEWHERE = {
    **dict.fromkeys(("COUNT_IF", "COUNTIF"), "COUNT(*) FILTER (WHERE x)"),
    **dict.fromkeys(("MAX_BY", "ARG_MAX", "ARGMAX"), "LAST(x ORDER BY y) FILTER (WHERE y IS NOT NULL)"),
    **dict.fromkeys(("MIN_BY", "ARG_MIN", "ARGMIN"), "FIRST(x ORDER BY y) FILTER (WHERE y IS NOT NULL)"),
    **dict.fromkeys(("APPROX_COUNT_DISTINCT", "UNIQ"), "COUNT(DISTINCT x), which is exact"),
    **dict.fromkeys(("GROUP_CONCAT", "LISTAGG"), "STRING_AGG(x, ',' ORDER BY y)"),
    **dict.fromkeys(("COLLECT_LIST", "COLLECT_SET"), "ARRAY_AGG(x), ARRAY_AGG(DISTINCT x)"),
    **dict.fromkeys(("NVL", "IFNULL", "ISNULL"), "COALESCE(x, y)"),
    **dict.fromkeys(("IF", "IIF", "DECODE"), "CASE WHEN condition THEN x ELSE y END"),
    **dict.fromkeys(("DATEDIFF", "DATE_DIFF", "TIMESTAMPDIFF"), "EXTRACT(EPOCH FROM a - b) / 86400"),
    **dict.fromkeys(("DATEADD", "DATE_ADD", "TIMESTAMPADD"), "t + INTERVAL '1 day'"),
    **dict.fromkeys(("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"), "EXTRACT(YEAR FROM t)"),
    **dict.fromkeys(("TUMBLINGWINDOW", "WINDOW"), "TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '1 minute')"),
    "HOPPINGWINDOW": "HOP(CHANGE_TIMESTAMP(), INTERVAL '5 seconds', INTERVAL '10 seconds')",
    **dict.fromkeys(("SESSIONWINDOW", "SESSION_WINDOW"), "SESSION(CHANGE_TIMESTAMP(), INTERVAL '5 minutes')"),
    "SLIDINGWINDOW": "COUNT(*) OVER (ORDER BY at RANGE BETWEEN INTERVAL '10 seconds' PRECEDING AND CURRENT ROW)",
    **dict.fromkeys(("PROCTIME", "CURRENT_WATERMARK", "MZ_NOW", "ROWTIME"), "CHANGE_TIMESTAMP()"),
    **dict.fromkeys(("TUMBLE_ROWTIME", "HOP_ROWTIME", "TUMBLE_PROCTIME", "HOP_PROCTIME"), "window_end"),
    "LATEST_BY_OFFSET": "LAST(x ORDER BY at), where a subquery selects CHANGE_TIMESTAMP() AS at",
    "EARLIEST_BY_OFFSET": "FIRST(x ORDER BY at), where a subquery selects CHANGE_TIMESTAMP() AS at",
    **dict.fromkeys(("TOPK", "TOPKDISTINCT"), "ROW_NUMBER() OVER (PARTITION BY k ORDER BY x DESC) <= 5 in a view"),
    "UNNEST": "FROM t CROSS JOIN UNNEST(t.items) AS x",
    "GENERATE_SERIES": "(VALUES (1), (2)) AS v(n)",
}
"""Functions that other systems have → how it is written here. One of the user's may be called so."""

T = TypeVar("T")


class Allowed(Flag):
    """What may stand in an expression besides values of its row."""

    NOTHING = 0
    AGGREGATES = auto()
    WINDOWS = auto()


@dataclass(frozen=True)
class Binder:
    """What binding needs besides the scope.

    ``functions`` are the registered user functions, None when that is not known (a pure compile): then an unknown name
    counts as the user's. ``used_functions`` collects those. ``changes`` tells whether there is a change (a trigger, a
    stream) that CURRENT_TIMESTAMP and the change functions speak of. ``for_view`` tells that the query is a
    materialized view's: windows, QUALIFY, grouping sets and DISTINCT ON are known there, and every function must be
    repeatable; of the user's those in ``repeatable`` are (None: that is not known). ``for_stream`` tells that the query
    is a streaming SELECT, which knows windows and QUALIFY too."""

    schema: Schema
    functions: Collection[str] | None
    changes: bool
    bind_query: Callable[[Query, Scope, Binder], Query]
    streams: Container[str] = ()
    """names of streams: no collections"""
    used_functions: dict[str, Span] = field(default_factory=dict)
    errors: list[Diagnostic] = field(default_factory=list)
    for_view: bool = False
    for_stream: bool = False
    repeatable: Collection[str] | None = None

    @property
    def for_dataflow(self) -> bool:
        """Whether the query becomes a dataflow, which knows windows."""
        return self.for_view or self.for_stream

    def table(self, name: str, span: Span) -> Table | None:
        """What is known of a collection. Raises CompileError QL257 for a stream."""
        if name in self.streams:
            hint = "read it in FROM of a streaming SELECT, or keep its rows with CREATE SINK"
            raise CompileError("QL257", f"{name} is a stream, and not a collection", span, hint)
        return self.schema.get(name)

    def attempt(self, bind: Callable[[], T], otherwise: T) -> T:
        """Notes a mistake and goes on with ``otherwise``, so that one statement can report several."""
        try:
            return bind()
        except CompileError as error:
            self.errors.extend(error.diagnostics)
            return otherwise

    def expr(self, node: Expr, scope: Scope, allowed: Allowed = Allowed.NOTHING) -> Expr:
        """Binds an expression; ``allowed`` says what may be written in it."""
        match node:
            case Star():
                raise CompileError("QL106", "* is no value", node.span, "name the column")
            case Literal() | Field() | Variable():
                return node
            case Name():
                return scope.resolve(node)
            case Call():
                return self._call(node, scope, allowed)
            case Case(whens, default, span):
                bound = tuple((self.expr(t, scope, allowed), self.expr(v, scope, allowed)) for t, v in whens)
                return Case(bound, self.expr(default, scope, allowed) if default else None, span)
            case Aggregate():
                return self._aggregate(node, scope, allowed)
            case Window():
                return self._window(node, scope, allowed)
            case Subquery(form, query, operand, span):
                bound_operand = self._operand(operand, scope, allowed) if operand else None
                bound_query = self.bind_query(query, scope, self)
                if form != "exists":
                    _check_columns(bound_query, bound_operand, span)
                return replace(node, query=bound_query, operand=bound_operand)
            case _:
                assert_never(node)

    def _operand(self, node: Expr, scope: Scope, allowed: Allowed) -> Expr:
        """What stands before IN (SELECT ...)."""
        if not isinstance(node, Call) or node.name != "ROW":
            return self.expr(node, scope, allowed)
        if not self.for_view:
            hint = "CREATE MATERIALIZED VIEW knows it; here use EXISTS"
            raise CompileError("QL302", "a row before IN (SELECT ...) is not supported here", node.span, hint)
        return replace(node, args=tuple(self.expr(each, scope, allowed) for each in node.args))

    def order(self, items: tuple[OrderItem, ...], scope: Scope) -> tuple[OrderItem, ...]:
        return tuple(replace(item, expr=self.expr(item.expr, scope)) for item in items)

    def _aggregate(self, node: Aggregate, scope: Scope, allowed: Allowed) -> Expr:
        if Allowed.AGGREGATES not in allowed:
            raise CompileError(
                "QL206",
                f"{node.name} is an aggregate: it cannot be used here",
                node.span,
                "HAVING filters groups; elsewhere use a subquery: (SELECT ...)",
            )
        rows = scope.for_aggregate()
        bound = replace(
            node,
            args=tuple(self.expr(arg, rows) for arg in node.args),
            filter=self.expr(node.filter, rows) if node.filter else None,
            order_by=self.order(node.order_by, rows),
        )
        if has_window(bound):
            hint = "select the window function in a subquery, then use its column"
            raise CompileError("QL228", f"{node.name} cannot aggregate a window function", node.span, hint)
        return bound

    def _window(self, node: Window, scope: Scope, allowed: Allowed) -> Expr:
        if not self.for_dataflow:
            what = "SESSION" if node.function.name in SESSION_FUNCTIONS else "OVER"
            hint = "CREATE MATERIALIZED VIEW knows it"
            raise CompileError("QL302", f"{what} is not supported here", node.span, hint)
        if Allowed.WINDOWS not in allowed:
            hint = "select it in a subquery, then use its column"
            raise CompileError("QL228", "OVER cannot be used here", node.span, hint)
        return bound_window(node, lambda expr: self.expr(expr, scope, allowed), scope.warnings)

    def _call(self, node: Call, scope: Scope, allowed: Allowed) -> Expr:
        if node.name in EVENT_FUNCTIONS:
            return self._event(node)
        if node.name == "CHANGE_DETECTED":
            raise self._no_stream(node)
        if self.for_dataflow and node.name == "GROUPING":
            return self._grouping(node, scope, allowed)
        if node.name in ELSEWHERE and node.name not in FUNCTIONS:
            self._user_function(node)  # before its arguments, which may not stand where they do
        args = tuple(self.expr(arg, scope, allowed) for arg in node.args)
        if is_pending_session(node):
            return replace(node, args=args)
        special = self._clock(node, args) or scalar_time_window(node.name, args, node.span)
        if special is not None:
            return special
        self._check_function(node, args)
        return accept_object_ids(fused(Call(node.name, args, node.span)))

    def _grouping(self, node: Call, scope: Scope, allowed: Allowed) -> Expr:
        """GROUPING(a, b): its arguments are read as GROUP BY reads its own."""
        if Allowed.AGGREGATES not in allowed:
            raise CompileError("QL206", "GROUPING speaks of groups: it cannot be used here", node.span)
        if not 1 <= len(node.args) < 32:
            raise CompileError("QL205", "GROUPING takes 1 to 31 arguments", node.span)
        keys = scope.for_aggregate()
        return Call("GROUPING", tuple(self.expr(arg, keys) for arg in node.args), node.span)

    def _no_stream(self, node: Call) -> CompileError:
        if self.for_view:
            text, hint = "a materialized view reads collections, not changes", "leave CHANGE_DETECTED() out"
            return CompileError("QL303", text, node.span, hint)
        return CompileError("QL207", "CHANGE_DETECTED() belongs to the WHERE of a streaming SELECT", node.span)

    def _event(self, node: Call) -> Expr:
        if not self.changes:
            raise CompileError(
                "QL208", f"{node.name} speaks of a change: there is none here", node.span,
                "use it in a trigger or a stream",
            )  # fmt: skip
        if node.args:
            hint = (
                f"of another source select it there: (SELECT ..., {node.name}() AS x FROM b WHERE CHANGE_DETECTED()) b"
            )
            raise CompileError("QL205", f"{node.name} takes no arguments", node.span, hint)
        return Field("EVENT", (EVENT_FUNCTIONS[node.name],), node.span)

    def _clock(self, node: Call, args: tuple[Expr, ...]) -> Expr | None:
        """CURRENT_TIMESTAMP is the change's commit time, in one-shot SQL the statement's start."""
        now = Field("EVENT", ("timestamp" if self.changes else "now",), node.span)
        if node.name in _CLOCKS:
            return now
        today = Call("DATE_TRUNC", (Literal("day", node.span), now), node.span)
        if node.name == "CURRENT_DATE":
            return today
        if node.name == "AGE" and len(args) == 1:
            return Call("AGE", (today, args[0]), node.span)
        return None

    def _check_function(self, node: Call, args: tuple[Expr, ...]) -> None:
        name = node.name
        if name == "FIELD_EXISTS":
            if len(node.args) != 1 or not isinstance(node.args[0], Name | Field):
                raise CompileError("QL205", "FIELD_EXISTS takes one field", node.span, "FIELD_EXISTS(NEW.address.city)")
            return
        spec = FUNCTIONS.get(name)
        if spec is None:
            self._user_function(node)
            return
        if self.for_view and not spec.repeatable:
            hint = "CURRENT_TIMESTAMP is known there, as a moving clock" if name == "CLOCK_TIMESTAMP" else None
            text = f"{name} gives another value each time: a materialized view could never be right"
            raise CompileError("QL235", text, node.span, hint or "store the value in the document")
        count = len(node.args)
        if count < spec.min_args or (spec.max_args is not None and count > spec.max_args):
            raise CompileError("QL205", f"{name} takes {_arity(spec.min_args, spec.max_args)}, not {count}", node.span)
        if spec.check is not None:
            wrong = spec.check(tuple(_known_arg(arg) for arg in args))
            if wrong is not None:
                raise CompileError("QL226", wrong, node.span)

    def _user_function(self, node: Call) -> None:
        name = node.name
        if name in WINDOW_FUNCTIONS and name not in (self.functions or ()):
            raise CompileError("QL228", f"{name} is a window function", node.span, f"write {name}(...) OVER (...)")
        if name in ELSEWHERE and name not in (self.functions or ()):
            raise CompileError("QL209", f"unknown function {name}", node.span, f"write {ELSEWHERE[name]}")
        if self.functions is None:
            hint = did_you_mean(name, [*_CALLABLE, *AGGREGATES], 0.85)
            if hint or not name.replace("_", "").isalnum():
                raise CompileError("QL209", f"unknown function {name}", node.span, hint)
        elif name not in self.functions:
            meant = did_you_mean(name, [*_CALLABLE, *AGGREGATES, *self.functions])
            own = f'register it: @ql.function("{name}")'
            raise CompileError("QL209", f"unknown function {name}", node.span, f"{meant} Or {own}" if meant else own)
        if self.for_view and self.repeatable is not None and name not in self.repeatable:
            hint = f'if it is: @ql.function("{name}", repeatable=True)'
            raise CompileError("QL235", f"{name} is not declared repeatable", node.span, hint)
        self.used_functions.setdefault(name, node.span)


def _check_columns(query: Query, operand: Expr | None, span: Span) -> None:
    """Of a subquery that is a value, or stands behind IN."""
    wanted = len(operand.args) if isinstance(operand, Call) and operand.name == "ROW" else 1
    if len(output_columns(query) or ()) != wanted:
        count = "exactly one column" if wanted == 1 else f"{wanted} columns, as the row before it"
        raise CompileError("QL219", f"a subquery here must have {count}", span)


def _known_arg(expr: Expr) -> Arg:
    """What a check may know of a bound argument: a literal's value, and the type of what a function gives."""
    match expr:
        case Literal(Interval()):
            return Arg(Ref("$argument"), Type.INTERVAL)
        case Literal(value):
            return Arg(Const(value), type_of_value(value))
        case Field("EVENT", ("timestamp" | "now",)):
            return Arg(Ref("$argument"), Type.DATE)
        case Call(name, operands) if (spec := FUNCTIONS.get(name)) is not None:
            args = tuple(_known_arg(operand) for operand in operands)
            if spec.for_intervals is not None and any(arg.only(Type.INTERVAL | Type.NULL) for arg in args):
                spec = spec.for_intervals
            return Arg(Ref("$argument"), spec.result_type(args))
    return Arg(Ref("$argument"), Type.ANY)


def _arity(low: int, high: int | None) -> str:
    if high is None:
        return f"at least {low} argument{'s' if low != 1 else ''}"
    if low == high:
        return f"{low} argument{'s' if low != 1 else ''}" if low else "no arguments"
    return f"{low} to {high} arguments"
