"""Function calls, aggregates and windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from queryleaf_cdc.errors import CompileError, did_you_mean
from queryleaf_cdc.frontend.faults import UNEXPECTED, unsupported
from queryleaf_cdc.frontend.nodes import only, span_of
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Aggregate, Call, Expr, Frame, Literal, OrderItem, Star, Subquery, Window

if TYPE_CHECKING:
    from queryleaf_cdc.frontend.expressions import Converter

AGGREGATES: dict[str, tuple[int, int]] = {
    **dict.fromkeys(
        (
            "SUM", "AVG", "MIN", "MAX", "STDDEV", "STDDEV_POP", "STDDEV_SAMP", "VARIANCE", "VAR_POP", "VAR_SAMP",
            "BOOL_AND", "BOOL_OR", "EVERY", "ARRAY_AGG", "FIRST", "LAST", "PERCENTILE_CONT", "PERCENTILE_DISC",
            "MEDIAN", "JSON_AGG", "JSONB_AGG", "ANY_VALUE", "BIT_AND", "BIT_OR", "BIT_XOR",
        ),
        (1, 1),
    ),
    **dict.fromkeys(
        (
            "CORR", "COVAR_POP", "COVAR_SAMP", "REGR_AVGX", "REGR_AVGY", "REGR_COUNT", "REGR_INTERCEPT", "REGR_R2",
            "REGR_SLOPE", "REGR_SXX", "REGR_SXY", "REGR_SYY", "JSON_OBJECT_AGG", "JSONB_OBJECT_AGG",
        ),
        (2, 2),
    ),
    "COUNT": (1, 1),
    "STRING_AGG": (1, 2),
    "MODE": (0, 1),
}  # fmt: skip
"""Name → least and greatest number of arguments; of COUNT(*) the star is one."""

_MAY_IGNORE_NULLS = ("LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE", "NTH_VALUE")
_ALWAYS_ORDERED = ("PERCENTILE_CONT", "PERCENTILE_DISC", "MODE")


def call(self: Converter, node: exp.Expr) -> Expr:
    """A function, or an aggregate with what may follow it: WITHIN GROUP (...) FILTER (...)."""
    span = span_of(node)
    condition = within = None
    while isinstance(node, exp.Filter | exp.WithinGroup):
        if isinstance(node, exp.Filter):
            condition = node.args["expression"]
        else:
            within = node.args["expression"]
        node = node.this
    if not isinstance(node, exp.Anonymous):
        raise unsupported("this after an expression", span)
    only(node, "this", "expressions")
    name = _name(self, node)
    if name in AGGREGATES:
        return _aggregate(self, name, node, condition, within, span)
    if condition is not None or within is not None:
        raise CompileError(UNEXPECTED, f"{name} is no aggregate", span, did_you_mean(name, AGGREGATES))
    return _function(self, name, node, span)


def _name(self: Converter, node: exp.Expr) -> str:
    name = node.this
    return (self.single(name, "a function") if isinstance(name, exp.Identifier) else str(name)).upper()


def _function(self: Converter, name: str, node: exp.Expr, span: Span) -> Expr:
    for argument in node.expressions:
        if isinstance(argument, exp.Distinct | exp.Order | exp.Star):
            raise CompileError(UNEXPECTED, f"{name} is no aggregate", span, did_you_mean(name, AGGREGATES))
    if name in ("ANY", "SOME", "ALL"):
        raise CompileError(UNEXPECTED, f"{name} needs a comparison before it", span, "write x = ANY(array)")
    args = self.exprs(node.expressions)
    if name == "EXISTS":
        if len(args) != 1 or not isinstance(args[0], Subquery):
            raise CompileError(UNEXPECTED, "EXISTS takes a query", span, "write EXISTS (SELECT ...)")
        return Subquery("exists", args[0].query, None, span)
    if name in ("GROUPING SETS", "ROLLUP", "CUBE"):
        raise CompileError(UNEXPECTED, f"{name} belongs into GROUP BY", span)
    if name == "ARRAY":
        hint = "write ARRAY[a, b]; the rows of a query are (SELECT ARRAY_AGG(x) FROM ...)"
        raise unsupported("ARRAY(...)", span, hint)
    if name == "ROW":
        raise unsupported("ROW(...)", span, "JSON_BUILD_OBJECT('key', value) makes a document")
    if name == "DATE_PART":
        return _date_part(args, span)
    return Call(name, args, span)


def _date_part(args: tuple[Expr, ...], span: Span) -> Expr:
    if len(args) == 2 and isinstance(args[0], Literal) and isinstance(args[0].value, str):
        return Call("EXTRACT", (Literal(args[0].value.upper(), args[0].span), args[1]), span)
    raise CompileError(UNEXPECTED, "DATE_PART takes a field and a time", span, "write DATE_PART('hour', created_at)")


def _aggregate(
    self: Converter,
    name: str,
    node: exp.Expr,
    condition: exp.Expr | None,
    within: exp.Expr | None,
    span: Span,
) -> Aggregate:
    arguments = list(node.expressions)
    order: list[OrderItem] = []
    if arguments and isinstance(arguments[-1], exp.Order):
        order = order_items(self, arguments[-1])
        arguments[-1] = arguments[-1].this
    distinct = bool(arguments) and isinstance(arguments[0], exp.Distinct)
    if distinct:
        arguments[0] = arguments[0].expressions[0]
        if name == "COUNT" and isinstance(arguments[0], exp.Tuple):
            arguments[0] = _as_array(arguments[0])
    if within is not None:
        if order:
            raise CompileError(UNEXPECTED, "ORDER BY stands in WITHIN GROUP or in the arguments, not both", span)
        order = order_items(self, within)
    if name in _ALWAYS_ORDERED and not order and not (name == "MODE" and arguments):
        hint = f"write {name}(...) WITHIN GROUP (ORDER BY column)"
        raise CompileError(UNEXPECTED, f"{name} needs an order", span, hint)
    args = self.exprs(arguments)
    if len(args) == 1 and isinstance(args[0], Star) and args[0].source is None:
        if name != "COUNT" or distinct:
            raise CompileError(UNEXPECTED, f"{name}(*) has no meaning", span, "name the column")
        args = ()
    else:
        _check_count(name, args, distinct, span)
    return Aggregate(name, args, distinct, self.optional(condition), tuple(order), span)


def _as_array(row: exp.Expr) -> exp.Expr:
    """A row as an array: alike where the rows are, and never NULL."""
    array = exp.Anonymous(this="JSON_BUILD_ARRAY", expressions=row.expressions)
    array.meta.update(row.meta)
    return array


def _check_count(name: str, args: tuple[Expr, ...], distinct: bool, span: Span) -> None:
    low, high = AGGREGATES[name]
    if low <= len(args) <= high:
        return
    if not args:
        hint = "COUNT(*) counts rows" if name == "COUNT" else None
        raise CompileError(UNEXPECTED, f"{name} needs an argument", span, hint)
    takes = f"{low} argument{'s' if low > 1 else ''}" if low == high else f"{low} to {high} arguments"
    hint = "different rows of several columns: COUNT(DISTINCT (a, b))" if name == "COUNT" and distinct else None
    raise CompileError("QL205", f"{name} takes {takes}, not {len(args)}", span, hint)


def order_items(self: Converter, node: exp.Expr | None) -> list[OrderItem]:
    """ORDER BY's items; without NULLS FIRST or LAST, nulls sort as the largest values."""
    if node is None:
        return []
    only(node, "this", "expressions")
    items = []
    for each in node.expressions:
        only(each, "this", "desc", "nulls_first")
        item = OrderItem(
            self.expr(each.this), bool(each.args.get("desc")), bool(each.args.get("nulls_first")), span_of(each)
        )
        items.append(item)
    return items


def window(self: Converter, node: exp.Expr) -> Expr:
    span = span_of(node)
    function = self.expr(node.this)
    if not isinstance(function, Call | Aggregate):
        raise CompileError(UNEXPECTED, "OVER follows a function", span)
    partition, order, spec = _definition(self, node, ())
    ignore_nulls = bool(node.meta.get("ignore_nulls"))
    if ignore_nulls and function.name not in _MAY_IGNORE_NULLS:
        hint = "FILTER (WHERE x IS NOT NULL) leaves them out" if function.name in AGGREGATES else None
        raise unsupported(f"IGNORE NULLS of {function.name}", span, hint)
    order_by, frame = tuple(order_items(self, order)), _frame(self, spec) if spec else None
    return Window(function, self.exprs(partition), order_by, frame, span, ignore_nulls)


Definition = tuple[list[exp.Expr], exp.Expr | None, exp.Expr | None]


def _definition(self: Converter, node: exp.Expr, seen: tuple[str, ...]) -> Definition:
    """PARTITION BY, ORDER BY and frame, with those of the named window that it builds on."""
    only(node, "this", "partition_by", "order", "spec", "alias", "over")
    partition, order, spec = node.args.get("partition_by") or [], node.args.get("order"), node.args.get("spec")
    base = node.args.get("alias")
    if base is None:
        return partition, order, spec
    name = self.single(base, "a window")
    if name not in self.windows or name in seen:
        hint = did_you_mean(name, self.windows) or f"define it: WINDOW {name} AS (PARTITION BY ... ORDER BY ...)"
        raise CompileError(UNEXPECTED, f"there is no window '{name}'", span_of(base), hint)
    inherited = _definition(self, self.windows[name], (*seen, name))
    if partition or (order is not None and inherited[1] is not None):
        raise CompileError(UNEXPECTED, f"this overrides a part of window '{name}'", span_of(base))
    return inherited[0], order if order is not None else inherited[1], spec if spec is not None else inherited[2]


def _frame(self: Converter, node: exp.Expr) -> Frame:
    start = _bound(self, node.args["start"], node.args["start_side"])
    end = _bound(self, node.args["end"], node.args["end_side"])
    span = span_of(node)
    if start[2] == "FOLLOWING" and start[0] == "UNBOUNDED":
        raise CompileError(UNEXPECTED, "a frame cannot start at UNBOUNDED FOLLOWING", span)
    if end[2] == "PRECEDING" and end[0] == "UNBOUNDED":
        raise CompileError(UNEXPECTED, "a frame cannot end at UNBOUNDED PRECEDING", span)
    return Frame(str(node.args["kind"]), start, end, span, node.meta["exclude"])


def _bound(self: Converter, value: str | exp.Expr, side: str) -> tuple[str, Expr | None, str]:
    if isinstance(value, exp.Expr):
        return "OFFSET", self.expr(value), side
    return value, None, side
