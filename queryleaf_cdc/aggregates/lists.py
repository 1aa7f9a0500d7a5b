"""ARRAY_AGG, STRING_AGG, JSON_OBJECT_AGG and MODE: what all values together make."""

from __future__ import annotations

from collections.abc import Iterator

from queryleaf_cdc.aggregates.constants import separator
from queryleaf_cdc.aggregates.ordered import Read, Values
from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.functions.bson_order import equal
from queryleaf_cdc.functions.texts import text_of
from queryleaf_cdc.syntax.expressions import Aggregate
from queryleaf_cdc.values import Value


def at_all(node: Aggregate) -> None:
    return None


def array(node: Aggregate) -> Read:
    distinct = node.distinct
    return lambda values: list(_listed(values, distinct)) or None


def joined(node: Aggregate) -> Read:
    between, distinct = separator(node), node.distinct

    def of(values: Values) -> Value:
        return between.join(_listed(values, distinct)) if values.total else None

    return of


def has_name(pair: Value) -> bool:
    """Whether the first of both can be called a field."""
    name = text_of(pair[0])
    return name is not None and "\0" not in name


def document(node: Aggregate) -> Read:
    """A field for each pair of name and value; of those with one name the last counts."""
    if node.distinct:
        raise CompileError("QL304", f"{node.name} takes no DISTINCT", node.span)

    def of(values: Values) -> Value:
        return {text_of(name): value for name, value in _listed(values, False)} or None

    return of


def most_frequent(node: Aggregate) -> Read:
    """The first of those that are there most often."""

    def of(values: Values) -> Value:
        found, most = None, 0
        for value, weight in _merged(values):
            if weight > most:
                found, most = value, weight
        return found

    return of


def _listed(values: Values, distinct: bool) -> Iterator[Value]:
    if distinct:
        return (value for value, _ in _merged(values))
    return (value for value, weight in values.weighted() for _ in range(weight))


def _merged(values: Values) -> Iterator[tuple[Value, int]]:
    """Each value once, the first of those that are equal, with all their weight."""
    current: Value = None
    total = 0
    for value, weight in values.weighted():
        if total and equal(current, value):
            total += weight
            continue
        if total:
            yield current, total
        current, total = value, weight
    if total:
        yield current, total
