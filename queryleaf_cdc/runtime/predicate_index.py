"""Finds the triggers whose condition an event meets, without asking each of them.

A condition that is an AND with ``NEW.field = constant`` in it is filed under field and constant; one look-up per field
replaces all of these. The other conditions are evaluated one after another."""

from __future__ import annotations

from typing import Generic, TypeVar

from bson import Decimal128

from queryleaf_cdc.events import Event
from queryleaf_cdc.functions.timestamps import date_spellings
from queryleaf_cdc.logical.walk import conjuncts
from queryleaf_cdc.lowering.worker_face import Evaluator, evaluator
from queryleaf_cdc.runtime.execution import EventRow
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal
from queryleaf_cdc.values import Value

T = TypeVar("T")

_IMAGES = {"NEW": "fullDocument", "OLD": "fullDocumentBeforeChange"}


class PredicateIndex(Generic[T]):
    """Conditions over events of one collection and operation."""

    def __init__(self) -> None:
        self._order: list[T] = []
        self._filed: dict[tuple[str, str], dict[Value, list[tuple[int, Evaluator | None]]]] = {}
        self._others: list[tuple[int, Evaluator | None]] = []

    def add(self, condition: Expr, item: T) -> None:
        """``condition`` is a trigger's guard, specialised for the operation."""
        position = len(self._order)
        self._order.append(item)
        if isinstance(condition, Literal) and condition.value is not True:
            return
        terms = conjuncts(condition)
        for term in terms:
            key = _equality(term)
            if key is not None:
                rest = [each for each in terms if each is not term]
                test = _all(rest)
                self._filed.setdefault(key[0], {}).setdefault(key[1], []).append((position, test))
                return
        self._others.append((position, None if isinstance(condition, Literal) else evaluator(condition)))

    def matching(self, event: Event) -> list[T]:
        """Items whose condition is true, in the order in which they were added."""
        env = {
            "NEW": event.get("fullDocument"),
            "OLD": event.get("fullDocumentBeforeChange"),
            "EVENT": EventRow(event),
        }
        found: list[int] = []
        for (image, name), by_value in self._filed.items():
            value = (event.get(image) or {}).get(name)
            if isinstance(value, _INDEXED):
                candidates = by_value.get(_key(value), ())
                found += [position for position, test in candidates if test is None or test(env) is True]
        found += [position for position, test in self._others if test is None or test(env) is True]
        found.sort()
        order = self._order
        return [order[position] for position in found]


_INDEXED = (str, int, float, Decimal128)


def _key(value: Value) -> Value:
    """Python finds 1, 1.0 and True equal; SQL the first two. A decimal is found by its exact value."""
    if isinstance(value, bool):
        return (value,)
    if isinstance(value, Decimal128):
        exact = value.to_decimal()
        return exact if exact.is_finite() else None
    return value


def _equality(term: Expr) -> tuple[tuple[str, str], Value] | None:
    """``NEW.field = 'text'`` (or a number, or a bool) as ((image, field), key)."""
    if not isinstance(term, Call) or term.name != "=":
        return None
    for field, literal in (term.args, term.args[::-1]):
        if (
            isinstance(field, Field)
            and isinstance(literal, Literal)
            and field.source in _IMAGES
            and len(field.path) == 1
        ):
            (name,) = field.path
            if isinstance(name, str) and _is_plain_literal(field, literal.value):
                return (_IMAGES[field.source], name), _key(literal.value)
    return None


def _is_plain_literal(field: Field, value: Value) -> bool:
    """Only constants that mean one value: no text that reads as a timestamp or an ObjectId, no NaN."""
    if isinstance(value, str):
        return date_spellings(value) is None
    return isinstance(value, int | float) and value == value


def _all(terms: list[Expr]) -> Evaluator | None:
    if not terms:
        return None
    return evaluator(terms[0] if len(terms) == 1 else Call("AND", tuple(terms), terms[0].span))
