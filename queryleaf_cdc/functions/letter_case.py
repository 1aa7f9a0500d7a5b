"""Comparing UPPER(x) and LOWER(x) with ASCII literals, in the server.

For an ASCII literal ``LOWER(x) = 'paid'`` is exactly ``$toLower(x) = 'paid'`` (see ``characters``): ``fused`` turns
such conditions into calls of the specs here, while ``LOWER(x)`` by itself is the worker's."""

from __future__ import annotations

from collections.abc import Callable

from queryleaf_cdc.functions.building import folding
from queryleaf_cdc.functions.characters import lower, upper
from queryleaf_cdc.functions.comparison import DIFFERS, EQUALS, folding_truth
from queryleaf_cdc.functions.kind_tests import BOOL_OR_NULL, is_kind, when
from queryleaf_cdc.functions.like import LIKE
from queryleaf_cdc.functions.membership import IN
from queryleaf_cdc.functions.mql import Mql, bind, op
from queryleaf_cdc.functions.spec import Arg, FunctionSpec, WorkerSide
from queryleaf_cdc.syntax.expressions import Call, Literal
from queryleaf_cdc.values import Type, Value

_CASES: dict[str, tuple[Callable[[str], str], str]] = {"LOWER": (lower, "$toLower"), "UPPER": (upper, "$toUpper")}


def _of_case(base: FunctionSpec, name: str) -> FunctionSpec:
    """``base(LOWER(x), ascii literals...)``, with x in the place of LOWER(x)."""
    change, operator = _CASES[name]

    def evaluate(x: Value, *literals: Value) -> Value:
        return base.evaluate(change(x) if type(x) is str else None, *literals)

    def on(face: Callable[..., Mql]) -> Callable[..., Mql]:
        def lowered(x: Arg, *literals: Arg) -> Mql:
            if not all(literal.is_const and _is_ascii(literal.const) for literal in literals):
                raise WorkerSide("MongoDB's $toUpper and $toLower know ASCII letters only")
            text = bind(x.mongo, lambda v: when(is_kind(Arg(v, x.type), Type.STRING), op(operator, v)))
            return face(Arg(text, Type.STRING | (Type.NULL if x.type != Type.STRING else Type.STRING)), *literals)

        return lowered

    assert base.to_mongo is not None and base.truth is not None
    return FunctionSpec(
        f"{base.name} {name}", base.min_args, base.max_args, BOOL_OR_NULL, evaluate,
        folding(evaluate, on(base.to_mongo)), folding_truth(evaluate, on(base.truth)),
    )  # fmt: skip


LETTER_CASE = tuple(_of_case(base, name) for base in (EQUALS, DIFFERS, IN, LIKE) for name in _CASES)

_FUSED = frozenset(spec.name for spec in LETTER_CASE)


def fused(call: Call) -> Call:
    """``LOWER(x) = 'paid'``, and the same with UPPER, <>, IN and LIKE, as one call; anything else as it is."""
    match call:
        case Call("=" | "<>", (Literal() as literal, Call("LOWER" | "UPPER") as changed)):
            return fused(Call(call.name, (changed, literal), call.span))
        case Call(name, (Call("LOWER" | "UPPER" as changed, (operand,)), *literals)):
            if f"{name} {changed}" in _FUSED and all(
                isinstance(each, Literal) and _is_ascii(each.value) for each in literals
            ):
                return Call(f"{name} {changed}", (operand, *literals), call.span)
    return call


def _is_ascii(value: Value) -> bool:
    return value is None or (isinstance(value, str) and value.isascii())
