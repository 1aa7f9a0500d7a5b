"""UNION, INTERSECT and EXCEPT → ``$unionWith`` and ``$group``. NULLs are one value here, and so are 1 and 1.0."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.functions.mql import Const, Doc, Mql, Ref, cond, op
from queryleaf_cdc.lowering.rows import LowerQuery, Outer, QueryPlan
from queryleaf_cdc.plans.stages import (
    AddFields,
    Collect,
    ExprTest,
    Group,
    Lookup,
    Match,
    ReplaceWith,
    Stage,
    UnionWith,
    Unwind,
)
from queryleaf_cdc.syntax.queries import SetOperation


def combined(query: SetOperation, outer: Outer, lower: LowerQuery) -> QueryPlan:
    """The rows of both sides, put together as the operation says; ORDER BY and LIMIT are still to come."""
    left, right = lower(query.left, outer), lower(query.right, outer)
    if query.kind != "UNION":
        return QueryPlan(left.collection, _compared(query, left, right))
    stages: tuple[Stage, ...] = (*left.pipeline, UnionWith(right.collection, right.pipeline))
    return QueryPlan(left.collection, stages if query.all else (*stages, *distinct()))


def distinct() -> tuple[Stage, ...]:
    return Group(Ref("$$ROOT"), ()), ReplaceWith(Ref("$_id"))


def _compared(query: SetOperation, left: QueryPlan, right: QueryPlan) -> tuple[Stage, ...]:
    """Rows by how often each side has them."""
    counts = tuple(
        (name, op("$sum", cond(op("$eq", Ref("$side"), Const(name)), Const(1), Const(0)))) for name in ("left", "right")
    )
    return (
        *left.pipeline,
        _marked("left"),
        UnionWith(right.collection, (*right.pipeline, _marked("right"))),
        Group(Ref("$row"), counts),
        *(_copies(query.kind) if query.all else _once(query.kind)),
        ReplaceWith(Ref("$_id")),
    )


def _marked(side: str) -> ReplaceWith:
    return ReplaceWith(Doc((("row", Ref("$$ROOT")), ("side", Const(side)))))


def _once(kind: str) -> tuple[Stage, ...]:
    in_right = op("$gt" if kind == "INTERSECT" else "$eq", Ref("$right"), Const(0))
    return (Match(ExprTest(op("$and", op("$gt", Ref("$left"), Const(0)), in_right))),)


def _copies(kind: str) -> tuple[Stage, ...]:
    """INTERSECT ALL: the smaller count of both; EXCEPT ALL: what the left has more."""
    left, right = Ref("$left"), Ref("$right")
    count: Mql = op("$min", left, right) if kind == "INTERSECT" else op("$subtract", left, right)
    return AddFields((("copies", op("$range", Const(0), count)),)), Unwind("$copies", False)


def without_unions(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """The same rows where ``$unionWith`` is not allowed, as in a transaction. Either side must fit into 16 MB."""
    rewritten: list[Stage] = []
    for stage in stages:
        match stage:
            case UnionWith(collection, pipeline):
                both = op("$concatArrays", Ref("$left"), Ref("$right"))
                rewritten += [
                    Collect("left"),
                    Lookup(collection, (), without_unions(pipeline), "right"),
                    ReplaceWith(Doc((("rows", both),))),
                    Unwind("$rows", False),
                    ReplaceWith(Ref("$rows")),
                ]
            case Lookup():
                rewritten.append(replace(stage, pipeline=without_unions(stage.pipeline)))
            case _:
                rewritten.append(stage)
    return tuple(rewritten)
