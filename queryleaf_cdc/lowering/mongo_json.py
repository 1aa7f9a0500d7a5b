"""The only place where a typed MongoDB expression or stage becomes a document."""

from __future__ import annotations

from typing import Any, assert_never

from bson.regex import Regex

from queryleaf_cdc.functions.mql import Array, Const, Doc, Dot, Let, Mql, Named, Op, Over, Param, Ref, Switch, Var
from queryleaf_cdc.plans.actions import Hole
from queryleaf_cdc.plans.stages import (
    AddFields,
    AllOf,
    AnyOf,
    Collect,
    Documents,
    ExprTest,
    FieldTest,
    Group,
    Include,
    Limit,
    Lookup,
    Match,
    Pipeline,
    ReplaceWith,
    Skip,
    Sort,
    Stage,
    Test,
    UnionWith,
    Unset,
    Unwind,
)

Json = Any


def expression_json(node: Mql, names: dict[Var, str] | None = None) -> Json:
    """An aggregation expression as every driver takes it."""
    names = names or {}
    match node:
        case Const(value):
            return _constant(value)
        case Param(index):
            return {"$literal": Hole(index)}
        case Ref(path):
            return path
        case Var():
            return f"$${names[node]}"
        case Dot(var, path):
            return f"$${names[var]}.{path}"
        case Op(name, (single,)) if name not in _ALWAYS_LISTS and not isinstance(single, Array):
            return {name: expression_json(single, names)}
        case Op(name, args):
            return {name: [expression_json(arg, names) for arg in args]}
        case Named(name, args):
            return {name: {key: expression_json(arg, names) for key, arg in args}}
        case Doc(fields):
            return {key: expression_json(value, names) for key, value in fields}
        case Array(items):
            return [expression_json(item, names) for item in items]
        case Switch(branches, default):
            cases = [{"case": expression_json(t, names), "then": expression_json(v, names)} for t, v in branches]
            return {"$switch": {"branches": cases, "default": expression_json(default, names)}}
        case Let(var, value, body):
            inner = {**names, var: _name(names)}
            return {
                "$let": {
                    "vars": {inner[var]: expression_json(value, names)},
                    "in": expression_json(body, inner),
                }
            }
        case Over():
            return _over_json(node, names)
        case _:
            assert_never(node)


_ALWAYS_LISTS = frozenset({"$and", "$or", "$concat", "$concatArrays", "$setUnion"})


def _name(names: dict[Var, str]) -> str:
    return f"v{len(names) + 1}"


def _over_json(node: Over, names: dict[Var, str]) -> Json:
    input_ = expression_json(node.input, names)
    if node.initial is not None:
        start = expression_json(node.initial, names)
        return {
            node.name: {
                "input": input_,
                "initialValue": start,
                node.body_key: expression_json(node.body, names),
            }
        }
    inner = {**names, node.var: _name(names)}
    return {node.name: {"input": input_, "as": inner[node.var], node.body_key: expression_json(node.body, inner)}}


def _constant(value: Json) -> Json:
    """Strings that could read a field, and anything compound, are wrapped: a user's literal is data."""
    if isinstance(value, str):
        return {"$literal": value} if value.startswith("$") else value
    if isinstance(value, list | dict):
        return {"$literal": value}
    return value


def pipeline_json(stages: Pipeline) -> list[Json]:
    return [stage_json(stage) for stage in stages]


def stage_json(stage: Stage) -> Json:
    """One stage as every driver takes it."""
    match stage:
        case Match(test):
            return {"$match": match_json(test)}
        case AddFields(fields):
            return {"$addFields": {name: expression_json(value) for name, value in fields}}
        case Include(paths):
            return {"$project": dict.fromkeys(paths, 1)}
        case Unset(paths):
            return {"$unset": list(paths)}
        case ReplaceWith(expr):
            return {"$replaceWith": expression_json(expr)}
        case Lookup():
            return {"$lookup": _lookup_json(stage)}
        case Unwind(path, keep_empty, index):
            options = {"path": path, "preserveNullAndEmptyArrays": keep_empty}
            return {"$unwind": {**options, **({"includeArrayIndex": index} if index else {})}}
        case Group(key, fields):
            return {"$group": {"_id": expression_json(key), **{n: expression_json(v) for n, v in fields}}}
        case Sort(keys):
            return {"$sort": dict(keys)}
        case Limit(count):
            return {"$limit": count}
        case Skip(count):
            return {"$skip": count}
        case UnionWith(collection, pipeline):
            source = {"coll": collection} if collection is not None else {}
            return {"$unionWith": {**source, "pipeline": pipeline_json(pipeline)}}
        case Collect(into):
            return {"$facet": {into: [{"$match": {}}]}}
        case Documents(documents):
            return {"$documents": [expression_json(each) for each in documents]}
        case _:
            assert_never(stage)


def _lookup_json(stage: Lookup) -> Json:
    source = {"from": stage.collection} if stage.collection is not None else {}
    let = {"let": {name: expression_json(value) for name, value in stage.let}} if stage.let else {}
    return {**source, **let, "pipeline": pipeline_json(stage.pipeline), "as": stage.into}


def match_json(test: Test) -> Json:
    """A ``$match`` document: query operators where the test has that form."""
    match test:
        case FieldTest(path, (("$eq", value),)) if not isinstance(value, dict | Regex):
            return {path: value}
        case FieldTest(path, tests):
            return {path: dict(tests)}
        case ExprTest(expr):
            return {"$expr": expression_json(expr)}
        case AllOf(tests):
            return _merged([match_json(each) for each in tests])
        case AnyOf(()):
            return {"$expr": False}
        case AnyOf(tests):
            return {"$or": [match_json(each) for each in tests]}
        case _:
            assert_never(test)


def _merged(parts: list[Json]) -> Json:
    """One flat document where no key would be lost, ``$and`` otherwise."""
    keys = [key for part in parts for key in part]
    if len(set(keys)) == len(keys):
        return {key: value for part in parts for key, value in part.items()}
    return {"$and": parts}
