"""Aggregate functions over rows that are all at hand. NULLs do not count, but in ARRAY_AGG, FIRST and LAST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from queryleaf_cdc.aggregates import AGGREGATES, Linear, Ordered, SortedValues
from queryleaf_cdc.errors import InputError, did_you_mean
from queryleaf_cdc.lowering.worker_face import Env, Evaluator
from queryleaf_cdc.offline.ordering import once, sort_key
from queryleaf_cdc.syntax.expressions import Aggregate, Expr
from queryleaf_cdc.values import Value

OverRows = Callable[[list[Env]], Value]
_Compile = Callable[[Expr], Evaluator]


def compile_aggregate(node: Aggregate, compile_one: _Compile) -> OverRows:
    """The aggregate's value over rows. Raises InputError QL423 for one that is known only to a server."""
    spec = AGGREGATES.get(node.name)
    if spec is None:
        hint = did_you_mean(node.name, AGGREGATES)
        raise InputError("QL423", f"the aggregate {node.name} is not supported without a server", node.span, hint)
    over = _linear(node, spec, compile_one) if isinstance(spec, Linear) else _ordered(node, spec, compile_one)
    if node.filter is None:
        return over
    keep = compile_one(node.filter)
    return lambda rows: over([row for row in rows if keep(row) is True])


def _linear(node: Aggregate, spec: Linear, compile_one: _Compile) -> OverRows:
    if not node.args:
        return len
    value = compile_one(spec.argument(node))

    def over(rows: list[Env]) -> Value:
        values = [value(row) for row in rows]
        tally = spec.tally()
        tally.add(once(values) if node.distinct else values, 1)
        return spec.result(tally)

    return over


def _ordered(node: Aggregate, spec: Ordered, compile_one: _Compile) -> OverRows:
    value, read = compile_one(spec.value(node)), spec.read(node)
    terms = [(compile_one(item.expr), sort_key(item)) for item in spec.order(node)]

    def place(row: Env) -> tuple[Any, ...]:
        return tuple(key(term(row)) for term, key in terms)

    def over(rows: list[Env]) -> Value:
        values = [value(row) for row in (sorted(rows, key=place) if terms else rows)]
        return read(SortedValues([each for each in values if spec.keeps(each)]))

    return over
