"""Finds the triggers whose condition an event meets, without asking each of them.

A condition is taken apart into rules: ANDs of tests that each look at one field, and of a rest. How a test over one
field comes out depends only on where the field's value lies among the constants of all such tests. So the tests are
evaluated once for each place that occurs, by the registry's own functions, and the outcome is kept as a bit set of
rules. An event then costs one bisection per field, and the intersection of these sets. Measured with 100 conditions:
1.5 µs per event with equalities, 2 µs with ranges."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from bson import Decimal128, Int64

from queryleaf_cdc.events import Event
from queryleaf_cdc.functions.paths import reader
from queryleaf_cdc.functions.timestamps import date_spellings
from queryleaf_cdc.logical.walk import conjuncts, rebuild, walk
from queryleaf_cdc.lowering.worker_face import Evaluator, evaluator
from queryleaf_cdc.runtime.execution import EventRow
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal, Path
from queryleaf_cdc.values import Value

T = TypeVar("T")

_IMAGES = {"NEW": "fullDocument", "OLD": "fullDocumentBeforeChange"}
_COMPARISONS = frozenset(["=", "<>", "<", "<=", ">", ">=", "BETWEEN", "IN", "IS DISTINCT FROM", "IS NULL"])
_LOGIC = frozenset(["AND", "OR", "NOT", "IS TRUE", "IS FALSE", "IS UNKNOWN"])
_MAX_RULES = 64
"""of one condition; more alternatives than that are evaluated as a whole"""
_MAX_KNOWN = 10_000
"""combinations of rules that are remembered"""

_Key = tuple[str, Path]
"""(NEW or OLD, path)"""
_Rule = tuple[dict[_Key, list[Expr]], list[Expr]]
"""(tests by their field, and the rest); all must be true"""


class PredicateIndex(Generic[T]):
    """Conditions over events of one collection and operation; each is a trigger's guard, specialised for it."""

    def __init__(self, conditions: Iterable[tuple[Expr, T]]) -> None:
        self._items: list[T] = []
        """by rule"""
        self._rests: list[Evaluator | None] = []
        tests: dict[_Key, list[tuple[int, Expr]]] = {}
        for condition, item in conditions:
            for by_field, rest in _rules(condition):
                bit = 1 << len(self._items)
                self._items.append(item)
                self._rests.append(_all(rest))
                for key, terms in by_field.items():
                    tests.setdefault(key, []).append((bit, _and(terms)))
        self._every = (1 << len(self._items)) - 1
        self._fields = [_IndexedField(key, found, self._every) for key, found in tests.items()]
        self._asking = sum(1 << number for number, rest in enumerate(self._rests) if rest is not None)
        self._known: dict[int, Sequence[T]] = {}

    def matching(self, event: Event) -> Sequence[T]:
        """Items whose condition is true, in the order in which they were given."""
        rules = self._every
        for each in self._fields:
            rules &= each.rules(event.get(each.image))
            if not rules:
                return ()
        if rules & self._asking:
            rules = self._asked(rules, event)
        found = self._known.get(rules)
        if found is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            found = self._known[rules] = tuple(dict.fromkeys(self._items[number] for number in _numbers(rules)))
        return found

    def _asked(self, rules: int, event: Event) -> int:
        """The rules whose rest is true as well."""
        env = {
            "NEW": event.get("fullDocument"),
            "OLD": event.get("fullDocumentBeforeChange"),
            "EVENT": EventRow(event),
        }
        for number in _numbers(rules & self._asking):
            test = self._rests[number]
            if test is not None and test(env) is not True:
                rules &= ~(1 << number)
        return rules


class _IndexedField:
    """The tests over one field. Not used by two threads at a time."""

    def __init__(self, key: _Key, tests: list[tuple[int, Expr]], every: int) -> None:
        source, path = key
        self.image = _IMAGES[source]
        self._name = path[0] if len(path) == 1 and isinstance(path[0], str) else None
        self._read = reader(path)
        self._tests = tuple((bit, evaluator(_over_value(test))) for bit, test in tests)
        mentioned = 0
        for bit, _ in tests:
            mentioned |= bit
        self._free = every & ~mentioned
        constants = [part.value for _, test in tests for part in walk(test) if isinstance(part, Literal)]
        self._places = _places(constants)
        self._missing = self._evaluate(None)

    def rules(self, document: Any) -> int:
        """The rules that the field does not rule out."""
        value = document.get(self._name) if self._name is not None and document is not None else self._read(document)
        if value is None:
            return self._missing
        place = self._places.get(type(value))
        if place is None or value != value:
            return self._evaluate(value)
        constants, outcomes = place
        at = bisect_left(constants, value)
        exactly = at < len(constants) and constants[at] == value
        slot = 2 * at + exactly
        found = outcomes.get(slot)
        if found is None:
            found = outcomes[slot] = self._evaluate(value)
        return found

    def _evaluate(self, value: Value) -> int:
        env = {_VALUE: {_VALUE: value}}
        rules = self._free
        for bit, test in self._tests:
            if test(env) is True:
                rules |= bit
        return rules


_VALUE = "value"
_Place = tuple[list[Any], dict[int, int]]
"""(constants in order, place among them → rules). The place: twice the number of lower constants, and one more for
a value that equals the next one."""


def _places(constants: list[Value]) -> dict[type, _Place]:
    """By type of value; other types are evaluated every time."""
    texts = {each for each in constants if isinstance(each, str)}
    numbers = {n for each in constants if (n := _number(each)) is not None}
    dates = {each for each in constants if isinstance(each, datetime)}
    dates |= {date for each in texts if (date := date_spellings(each)) is not None}
    whole = {each.replace(microsecond=each.microsecond // 1000 * 1000) for each in dates}  # as dates are stored
    of_numbers: _Place = (sorted(numbers), {})
    return {
        str: (sorted(texts), {}),
        int: of_numbers,
        Int64: of_numbers,
        float: of_numbers,
        bool: ([False, True], {}),
        datetime: (sorted(whole), {}),
    }


def _number(value: Value) -> Any:
    """A constant as Python compares it with any int or float, exactly; None for NaN and for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal128):
        return None
    if isinstance(value, Decimal128):
        exact = value.to_decimal()
        return None if exact.is_nan() else exact
    return value if value == value else None


# -- conditions → rules ---------------------------------------------------------------------------------------------


def _rules(condition: Expr) -> list[_Rule]:
    """The condition is true when one of the rules is."""
    if isinstance(condition, Literal):
        return [({}, [])] if condition.value is True else []
    key = _only_field(condition)
    if key is not None:
        return [({key: [condition]}, [])]
    if isinstance(condition, Call) and condition.name == "OR":
        rules = [rule for arg in condition.args for rule in _rules(arg)]
    elif isinstance(condition, Call) and condition.name == "AND":
        rules = [({}, [])]
        for term in conjuncts(condition):
            rules = [_both(one, other) for one in rules for other in _rules(term)]
            if len(rules) > _MAX_RULES:
                break
    else:
        rules = [({}, [condition])]
    return rules if len(rules) <= _MAX_RULES else [({}, [condition])]


def _both(one: _Rule, other: _Rule) -> _Rule:
    tests = dict(one[0])
    for key, terms in other[0].items():
        tests[key] = [*tests.get(key, ()), *terms]
    return tests, [*one[1], *other[1]]


def _only_field(condition: Expr) -> _Key | None:
    """The field, if the outcome depends only on how its value compares with constants."""
    keys = {(part.source, part.path) for part in walk(condition) if isinstance(part, Field)}
    if len(keys) != 1 or not _is_comparing(condition):
        return None
    (key,) = keys
    return key if key[0] in _IMAGES else None


def _is_comparing(node: Expr) -> bool:
    if isinstance(node, Field | Literal):
        return _is_operand(node)
    if not isinstance(node, Call):
        return False
    if node.name in _LOGIC:
        return all(map(_is_comparing, node.args))
    return node.name in _COMPARISONS and all(map(_is_operand, node.args))


def _is_operand(node: Expr) -> bool:
    if isinstance(node, Literal):
        return node.value is None or isinstance(node.value, str | int | float | Decimal128 | datetime)
    return isinstance(node, Field)


def _over_value(node: Expr) -> Expr:
    return Field(_VALUE, (_VALUE,), node.span) if isinstance(node, Field) else rebuild(node, _over_value)


def _and(terms: list[Expr]) -> Expr:
    return terms[0] if len(terms) == 1 else Call("AND", tuple(terms), terms[0].span)


def _all(terms: list[Expr]) -> Evaluator | None:
    return evaluator(_and(terms)) if terms else None


def _numbers(rules: int) -> list[int]:
    """The positions of the bits, lowest first."""
    found = []
    while rules:
        lowest = rules & -rules
        found.append(lowest.bit_length() - 1)
        rules ^= lowest
    return found
