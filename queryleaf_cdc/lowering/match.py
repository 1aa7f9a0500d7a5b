"""Conditions → ``$match``: query operators wherever they may stand, ``$expr`` elsewhere.

Query operators also look into arrays, which SQL does not: ``{"status": "paid"}`` finds ``status: ["paid"]`` too. So a
test in that form may let more through than the condition says, never less; ``Matched.exact`` tells."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime

from bson import Decimal128, ObjectId

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.functions.paths import is_plain
from queryleaf_cdc.functions.spec import WorkerSide
from queryleaf_cdc.functions.timestamps import date_spellings
from queryleaf_cdc.logical.walk import conjuncts
from queryleaf_cdc.lowering.server_face import ServerScope, lower_truth
from queryleaf_cdc.plans.actions import Hole
from queryleaf_cdc.plans.stages import ALWAYS, NEVER, AllOf, AnyOf, ExprTest, FieldTest, Test
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal
from queryleaf_cdc.values import Type, Value


@frozen
class Matched:
    """``exact``: passes just the documents for which the condition is true; else a superset of them."""

    test: Test
    exact: bool


def lower_match(condition: Expr, scope: ServerScope, prefixes: Mapping[str, str]) -> Matched:
    """The test for a condition. ``prefixes`` are query paths of the sources ("fullDocument", "" for the root).

    Conditions that only the worker can decide let everything through (``exact`` is false then)."""
    match condition:
        case Literal(value):
            return Matched(ALWAYS if value is True else NEVER, True)
        case Call("AND", args):
            parts = [lower_match(arg, scope, prefixes) for arg in args]
            return Matched(_all_of([part.test for part in parts]), all(part.exact for part in parts))
        case Call("OR", args):
            parts = [lower_match(arg, scope, prefixes) for arg in args]
            return Matched(_any_of([part.test for part in parts]), all(part.exact for part in parts))
    test = _query_form(condition, prefixes)
    if test is not None:
        return Matched(test, False)
    try:
        return Matched(ExprTest(lower_truth(condition, scope)), True)
    except WorkerSide:
        return Matched(ALWAYS, False)


def exact_match(condition: Expr, scope: ServerScope, prefixes: Mapping[str, str]) -> Test:
    """The test that passes just the documents for which the condition is true. Raises WorkerSide."""
    tests: list[Test] = []
    for term in (_own_field_first(each, prefixes) for each in conjuncts(condition)):
        form = _query_form(term, prefixes)
        if form is None:
            tests.append(_literal_test(term) or ExprTest(lower_truth(term, scope)))
        elif _can_shut_out_arrays(form):
            assert isinstance(form, FieldTest)
            tests.append(FieldTest(form.path, (*form.tests, ("$not", {"$type": "array"}))))
        else:
            tests += [form, ExprTest(lower_truth(term, scope))]
    return _all_of(tests)


def _own_field_first(term: Expr, prefixes: Mapping[str, str]) -> Expr:
    """An index serves ``{$eq: ["$own", "$$other"]}`` inside of ``$lookup``, and not the mirrored form."""
    match term:
        case Call("=" | "<" | "<=" | ">" | ">=" as name, (left, Field(source) as right), span) if source in prefixes:
            if not (isinstance(left, Field) and left.source in prefixes):
                return Call(_MIRRORED[name], (right, left), span)
    return term


def _literal_test(term: Expr) -> Test | None:
    if isinstance(term, Literal):
        return ALWAYS if term.value is True else NEVER
    return None


def _can_shut_out_arrays(form: Test) -> bool:
    """A single top-level field: arrays are the only values that query operators see differently."""
    if not isinstance(form, FieldTest) or "." in form.path:
        return False
    return all(name != "$not" and not isinstance(value, Hole) for name, value in form.tests)


def _all_of(tests: list[Test]) -> Test:
    flat = [each for test in tests for each in (test.tests if isinstance(test, AllOf) else (test,))]
    if NEVER in flat:
        return NEVER
    return flat[0] if len(flat) == 1 else AllOf(tuple(flat))


def _any_of(tests: list[Test]) -> Test:
    flat = [each for test in tests for each in (test.tests if isinstance(test, AnyOf) else (test,))]
    if ALWAYS in flat:
        return ALWAYS
    return flat[0] if len(flat) == 1 else AnyOf(tuple(flat))


def query_path(field: Field, prefixes: Mapping[str, str]) -> str | None:
    """The field's path for query operators, if it has one: no indexes, no odd names, no digits (they mean both)."""
    prefix = prefixes.get(field.source)
    if prefix is None or not field.path:
        return None
    if not all(isinstance(part, str) and is_plain(part) and not part.isdigit() for part in field.path):
        return None
    return ".".join([*([prefix] if prefix else []), *(str(part) for part in field.path)])


def _query_form(condition: Expr, prefixes: Mapping[str, str]) -> Test | None:
    match condition:
        case Field():
            path = query_path(condition, prefixes)
            return FieldTest(path, (("$eq", True),)) if path is not None else None
        case Call("IS NULL", (Field() as operand,)):
            path = query_path(operand, prefixes)
            return FieldTest(path, (("$eq", None),)) if path is not None else None
        case Call("=" | "<" | "<=" | ">" | ">=" as name, (Field() as operand, Literal(value))):
            return _comparison(name, operand, value, prefixes)
        case Call("=" | "<" | "<=" | ">" | ">=" as name, (Literal(value), Field() as operand)):
            return _comparison(_MIRRORED[name], operand, value, prefixes)
        case Call("=", (Field() as operand, Field("$hole", (int() as index,)))) | Call(
            "=", (Field("$hole", (int() as index,)), Field() as operand)
        ):
            path = query_path(operand, prefixes)
            return FieldTest(path, (("$eq", Hole(index)),)) if path is not None else None
        case Call("IN", (Field() as operand, *options)):
            return _membership(operand, options, prefixes)
        case Call("BETWEEN", (Field() as operand, Literal(low), Literal(high))):
            tests = [_comparison(">=", operand, low, prefixes), _comparison("<=", operand, high, prefixes)]
            return _all_of([test for test in tests if test is not None]) if None not in tests else None
    return None


_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_SCALARS = Type.BOOL | Type.NUMBER | Type.STRING | Type.DATE | Type.OBJECTID


def _comparison(name: str, field: Field, value: Value, prefixes: Mapping[str, str]) -> Test | None:
    path = query_path(field, prefixes)
    if path is None or not type_of_value(value) & _SCALARS or _is_nan(value):
        return None
    spellings = _spellings(field, value)
    if name == "=":
        return FieldTest(path, (("$eq", value),) if len(spellings) == 1 else (("$in", spellings),))
    return _any_of([FieldTest(path, _ORDER[name](each)) for each in spellings])


_Tests = tuple[tuple[str, Value], ...]


def _greater(inverse: str, operator: str) -> Callable[[Value], _Tests]:
    """NaN is above every number in SQL; the query operators never find it, but by negation."""

    def tests(value: Value) -> _Tests:
        if isinstance(value, int | float | Decimal128) and not isinstance(value, bool):
            return (("$not", {inverse: value}), ("$type", "number"))
        return ((operator, value),)

    return tests


_ORDER: dict[str, Callable[[Value], _Tests]] = {
    "<": lambda value: (("$lt", value),),
    "<=": lambda value: (("$lte", value),),
    ">": _greater("$lte", "$gt"),
    ">=": _greater("$lt", "$gte"),
}


def _membership(field: Field, options: list[Expr], prefixes: Mapping[str, str]) -> Test | None:
    path = query_path(field, prefixes)
    values = [each.value for each in options if isinstance(each, Literal)]
    if path is None or len(values) < len(options):
        return None
    known = [value for value in values if value is not None]
    if any(not type_of_value(value) & _SCALARS or _is_nan(value) for value in known):
        return None
    return FieldTest(path, (("$in", [each for value in known for each in _spellings(field, value)]),))


def _spellings(field: Field, value: Value) -> list[Value]:
    """The literal, and what else it may mean: a timestamp, an ObjectId."""
    found = [value]
    if isinstance(value, str):
        moment = date_spellings(value)
        if isinstance(moment, datetime):
            found.append(moment)
        if field.path[-1] == "_id" and ObjectId.is_valid(value):
            found.append(ObjectId(value))
    return found


def _is_nan(value: Value) -> bool:
    if isinstance(value, Decimal128):
        return value.to_decimal().is_nan()
    return isinstance(value, float) and math.isnan(value)
