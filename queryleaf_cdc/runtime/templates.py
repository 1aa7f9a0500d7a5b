"""Templates → functions that fill their holes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.plans.actions import Hole
from queryleaf_cdc.values import Type, Value


def compile_template(document: Any) -> Callable[[list[Value]], Any]:
    """A function that fills the holes. Parts without holes are shared between the results, not copied."""
    match document:
        case Hole(index):
            return lambda values: values[index]
        case dict() if _has_hole(document):
            fields = tuple((key, compile_template(value)) for key, value in document.items())
            return lambda values: {key: fill(values) for key, fill in fields}
        case list() if _has_hole(document):
            items = tuple(compile_template(item) for item in document)
            return lambda values: [fill(values) for fill in items]
        case _:
            return lambda values: document


def compile_narrowing(lower: Callable[[tuple[Type, ...]], Any]) -> Callable[[list[Value]], Any]:
    """Fills the variant for the values' types. ``a + ?`` over anything is a long switch, over a number a short one."""
    variants: dict[tuple[Type, ...], Callable[[list[Value]], Any]] = {}

    def fill(values: list[Value]) -> Any:
        types = tuple(_type_of(value) for value in values)
        if types not in variants:
            variants[types] = compile_template(lower(types))
        return variants[types](values)

    return fill


def _type_of(value: Value) -> Type:
    return Type.DOCUMENT | Type.INTERVAL if isinstance(value, dict) else type_of_value(value)


def _has_hole(document: Any) -> bool:
    match document:
        case Hole():
            return True
        case dict():
            return any(map(_has_hole, document.values()))
        case list():
            return any(map(_has_hole, document))
        case _:
            return False
