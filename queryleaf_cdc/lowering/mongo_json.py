"""The only place where a typed MongoDB expression or stage becomes a document."""

from __future__ import annotations

from typing import Any, assert_never

from queryleaf_cdc.functions.mql import Array, Const, Doc, Dot, Let, Mql, Named, Op, Over, Ref, Switch, Var

Json = Any


def expression_json(node: Mql, names: dict[Var, str] | None = None) -> Json:
    """An aggregation expression as every driver takes it."""
    names = names or {}
    match node:
        case Const(value):
            return _constant(value)
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
                "$let": {"vars": {inner[var]: expression_json(value, names)}, "in": expression_json(body, inner)}
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
        return {node.name: {"input": input_, "initialValue": start, node.body_key: expression_json(node.body, names)}}
    inner = {**names, node.var: _name(names)}
    return {node.name: {"input": input_, "as": inner[node.var], node.body_key: expression_json(node.body, inner)}}


def _constant(value: Json) -> Json:
    """Strings that could read a field, and anything compound, are wrapped: a user's literal is data."""
    if isinstance(value, str):
        return {"$literal": value} if value.startswith("$") else value
    if isinstance(value, list | dict):
        return {"$literal": value}
    return value
