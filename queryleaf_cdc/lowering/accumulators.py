"""Aggregates of a one-shot query → accumulators of ``$group``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from queryleaf_cdc.errors import CompileError, did_you_mean
from queryleaf_cdc.functions.mql import (
    NULL,
    Array,
    Const,
    Doc,
    Dot,
    Mql,
    Named,
    Over,
    Ref,
    Var,
    bind,
    cond,
    op,
)
from queryleaf_cdc.functions.spec import Arg
from queryleaf_cdc.lowering.ordering import sort_key
from queryleaf_cdc.lowering.server_face import ServerScope, lower_truth, lower_value, or_null
from queryleaf_cdc.syntax.expressions import Aggregate, Literal
from queryleaf_cdc.values import Type


@dataclass(frozen=True)
class Accumulation:
    """``parts`` are accumulators by suffix; ``result`` turns their values into the aggregate's."""

    parts: Mapping[str, Mql]
    result: Callable[[dict[str, Mql]], Mql]


def accumulate(node: Aggregate, scope: ServerScope) -> Accumulation:
    """The server's accumulators for one aggregate; NULLs do not count."""
    values = [_as_operand(lower_value(arg, scope)) for arg in node.args]
    keep = lower_truth(node.filter, scope) if node.filter is not None else None
    make = _ACCUMULATIONS.get(node.name)
    if make is None:
        raise CompileError(
            "QL304",
            f"{node.name} is not supported in a one-shot query",
            node.span,
            did_you_mean(node.name, _ACCUMULATIONS),
        )
    if node.name != "COUNT" and not values:
        raise CompileError("QL205", f"{node.name} needs an argument", node.span)
    return make(node, [_kept(value, keep) for value in values], keep, scope)


def _as_operand(value: Arg) -> Arg:
    """An accumulator takes an array as written for the list of its operands."""
    if not isinstance(value.mongo, Array):
        return value
    return Arg(op("$concatArrays", value.mongo, Array(())), value.type)


def _kept(value: Arg, keep: Mql | None) -> Arg:
    return value if keep is None else Arg(cond(keep, value.mongo, NULL), value.type | Type.NULL)


def _count(node: Aggregate, values: list[Arg], keep: Mql | None, scope: ServerScope) -> Accumulation:
    if not values:
        return _single(op("$sum", cond(keep, Const(1), Const(0)) if keep is not None else Const(1)))
    if node.distinct:
        return Accumulation({"s": op("$addToSet", or_null(values[0]))}, lambda p: op("$size", _without_nulls(p["s"])))
    return _single(op("$sum", cond(_known_value(values[0]), Const(1), Const(0))))


def _sum(node: Aggregate, values: list[Arg], keep: Mql | None, scope: ServerScope) -> Accumulation:
    value = values[0].mongo
    if node.distinct:
        return _over_set(
            values[0], lambda s: cond(op("$eq", op("$size", s), Const(0)), NULL, op("$sum", s)), numbers=True
        )
    counted = cond(op("$isNumber", value), Const(1), Const(0))
    return Accumulation(
        {"s": op("$sum", value), "n": op("$sum", counted)},
        lambda p: cond(op("$eq", p["n"], Const(0)), NULL, p["s"]),
    )


def _avg(node: Aggregate, values: list[Arg], keep: Mql | None, scope: ServerScope) -> Accumulation:
    if node.distinct:
        return _over_set(values[0], lambda s: op("$avg", s), numbers=True)
    return _single(op("$avg", values[0].mongo))


def _extreme(name: str) -> Callable[..., Accumulation]:
    """MIN or MAX; NaN is the greatest number in SQL and the least in MongoDB's order."""

    def make(node: Aggregate, values: list[Arg], keep: Mql | None, scope: ServerScope) -> Accumulation:
        value = values[0].mongo
        is_nan = op("$eq", value, Const(float("nan")))
        parts = {"v": op(name, cond(is_nan, NULL, value)), "x": op("$max", is_nan)}
        if name == "$min":
            return Accumulation(
                parts, lambda p: cond(_present(p["v"]), p["v"], cond(p["x"], Const(float("nan")), NULL))
            )
        return Accumulation(
            parts,
            lambda p: cond(op("$and", p["x"], any_number(p["v"])), Const(float("nan")), op("$ifNull", p["v"], NULL)),
        )

    return make


def any_number(value: Mql) -> Mql:
    return op("$or", op("$isNumber", value), op("$not", _present(value)))


def _statistic(name: str) -> Callable[..., Accumulation]:
    return lambda node, values, keep, scope: _single(op(name, values[0].mongo))


def _squared(name: str) -> Callable[..., Accumulation]:
    """Variance as the deviation's square."""
    return lambda node, values, keep, scope: Accumulation(
        {"s": op(name, values[0].mongo)}, lambda p: op("$pow", p["s"], Const(2))
    )


def _boolean(name: str) -> Callable[..., Accumulation]:
    def make(node: Aggregate, values: list[Arg], keep: Mql | None, scope: ServerScope) -> Accumulation:
        is_bool = op("$eq", op("$type", values[0].mongo), Const("bool"))
        return Accumulation(
            {"v": op(name, cond(is_bool, values[0].mongo, NULL))}, lambda p: op("$ifNull", p["v"], NULL)
        )

    return make


def _array(node: Aggregate, values: list[Arg], keep: Mql | None, scope: ServerScope) -> Accumulation:
    pushed = or_null(lower_value(node.args[0], scope))
    return _collected(
        node, pushed, keep, scope, lambda items: cond(op("$eq", op("$size", items), Const(0)), NULL, items)
    )


def _string(node: Aggregate, values: list[Arg], keep: Mql | None, scope: ServerScope) -> Accumulation:
    separator = node.args[1] if len(node.args) > 1 else Literal(",", node.span)
    if not isinstance(separator, Literal) or not isinstance(separator.value, str):
        raise CompileError("QL304", "STRING_AGG needs a constant separator", separator.span)
    is_string = op("$eq", op("$type", values[0].mongo), Const("string"))
    test = is_string if keep is None else op("$and", keep, is_string)

    def joined(items: Mql) -> Mql:
        first = cond(op("$eq", Ref("$$value"), NULL), Const(""), op("$concat", Ref("$$value"), Const(separator.value)))
        return Over("$reduce", items, Var(), "in", op("$concat", first, Ref("$$this")), NULL)

    return _collected(node, values[0].mongo, test, scope, joined)


def _collected(
    node: Aggregate, value: Mql, keep: Mql | None, scope: ServerScope, finish: Callable[[Mql], Mql]
) -> Accumulation:
    """Pushes {v, sort keys}, drops what the filter left out, sorts, and takes the values."""
    orders = [each for i, item in enumerate(node.order_by) for each in sort_key(item, f"o{i}", scope)]
    kept = keep if keep is not None else Const(True)
    pushed = op("$push", Doc((("keep", op("$eq", kept, Const(True))), ("v", value), *((n, e) for n, e, _ in orders))))
    element, item = Var(), Var()

    def result(parts: dict[str, Mql]) -> Mql:
        rows: Mql = Over("$filter", parts["l"], element, "cond", Dot(element, "keep"))
        if node.distinct:
            rows = op("$setUnion", rows)
        if orders:
            by = Doc(tuple((name, Const(direction)) for name, _, direction in orders))
            rows = Named("$sortArray", (("input", rows), ("sortBy", by)))
        values = Over("$map", rows, item, "in", Dot(item, "v"))
        return bind(values, finish)

    return Accumulation({"l": pushed}, result)


def _edge(position: int) -> Callable[..., Accumulation]:
    """FIRST and LAST by ORDER BY."""

    def make(node: Aggregate, values: list[Arg], keep: Mql | None, scope: ServerScope) -> Accumulation:
        pushed = or_null(lower_value(node.args[0], scope))
        return _collected(
            node,
            pushed,
            keep,
            scope,
            lambda items: op("$ifNull", op("$arrayElemAt", items, Const(position)), NULL),
        )

    return make


def _single(accumulator: Mql) -> Accumulation:
    return Accumulation({"": accumulator}, lambda p: p[""])


def _over_set(value: Arg, finish: Callable[[Mql], Mql], numbers: bool) -> Accumulation:
    kept = cond(op("$isNumber", value.mongo), value.mongo, NULL) if numbers else or_null(value)
    return Accumulation({"s": op("$addToSet", kept)}, lambda p: bind(_without_nulls(p["s"]), finish))


def _without_nulls(items: Mql) -> Mql:
    return op("$setDifference", items, Array((NULL,)))


def _known_value(value: Arg) -> Mql:
    return op("$gt", value.mongo, NULL)


def _present(value: Mql) -> Mql:
    return op("$gt", value, NULL)


_ACCUMULATIONS: dict[str, Callable[..., Accumulation]] = {
    "COUNT": _count,
    "SUM": _sum,
    "AVG": _avg,
    "MIN": _extreme("$min"),
    "MAX": _extreme("$max"),
    "STDDEV": _statistic("$stdDevSamp"),
    "STDDEV_SAMP": _statistic("$stdDevSamp"),
    "STDDEV_POP": _statistic("$stdDevPop"),
    "VARIANCE": _squared("$stdDevSamp"),
    "VAR_SAMP": _squared("$stdDevSamp"),
    "VAR_POP": _squared("$stdDevPop"),
    "BOOL_AND": _boolean("$min"),
    "EVERY": _boolean("$min"),
    "BOOL_OR": _boolean("$max"),
    "ARRAY_AGG": _array,
    "JSON_AGG": _array,
    "STRING_AGG": _string,
    "FIRST": _edge(0),
    "LAST": _edge(-1),
}
