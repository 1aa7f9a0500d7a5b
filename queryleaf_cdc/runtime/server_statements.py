"""Statements as the server runs them: the plans' templates, filled and left with the firing's effects."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bson import ObjectId

from queryleaf_cdc.events import Origin
from queryleaf_cdc.lowering.client_columns import finisher
from queryleaf_cdc.lowering.worker_face import evaluator
from queryleaf_cdc.plans.actions import (
    Computed,
    Conflict,
    DeleteRows,
    Equality,
    Filter,
    QueryTemplate,
    Template,
    UpdateRows,
)
from queryleaf_cdc.runtime.templates import compile_narrowing, compile_template
from queryleaf_cdc.syntax.expressions import Field
from queryleaf_cdc.values import Document, Value

if TYPE_CHECKING:
    from queryleaf_cdc.runtime.execution import Frame, Getter, Row, RowWriter


def getter(computed: Computed, in_server: bool) -> Getter:
    """A function from a frame to the value, wherever it is computed."""
    if in_server and computed.slot is not None:
        first, key = computed.slot
        return lambda frame: frame.computed[first].get(key)
    evaluate = evaluator(computed.expr)
    return lambda frame: evaluate(frame.env)


def template(filled: Template, in_server: bool) -> Callable[[Frame], Any]:
    """A function from a frame to the template with its holes filled."""
    getters = tuple(getter(value, in_server) for value in filled.values)
    narrowed = filled.narrowed
    fill = compile_narrowing(narrowed) if narrowed is not None else compile_template(filled.document)
    return lambda frame: fill([get(frame) for get in getters])


class ServerStatements:
    """Implements ``execution.Statements``."""

    def __init__(self, in_server: bool) -> None:
        self.in_server = in_server

    def read(self, query: QueryTemplate, origin: Origin) -> Callable[[Frame], list[Document]]:
        fill = template(query.pipeline, self.in_server)
        collection = query.collection or ""
        if query.client is None:
            return lambda frame: frame.effects.aggregate(collection, fill(frame), origin)
        finish = finisher(query.client)
        return lambda frame: finish(frame.effects.aggregate(collection, fill(frame), origin), frame.env)

    def update(self, action: UpdateRows, origin: Origin) -> Callable[[Frame], None]:
        find, change = self._filter(action.filter), template(action.update, self.in_server)

        def update(frame: Frame) -> None:
            found = find(frame)
            if found is not None:
                frame.effects.update(action.collection, found, change(frame), origin)

        return update

    def delete(self, action: DeleteRows, origin: Origin) -> Callable[[Frame], None]:
        find = self._filter(action.filter)

        def delete(frame: Frame) -> None:
            found = find(frame)
            if found is not None:
                frame.effects.delete(action.collection, found, origin)

        return delete

    def upsert(self, collection: str, conflict: Conflict, origin: Origin) -> RowWriter:
        """The update's holes are the row's values, then what else DO UPDATE needs."""
        fill, columns = compile_template(conflict.update.document), conflict.columns
        inserted = sum(_is_excluded(value) for value in conflict.update.values)
        others = tuple(getter(value, self.in_server) for value in conflict.update.values[inserted:])

        def upsert(frame: Frame, row: Row) -> None:
            named = {str(path[0]): value for path, value in row}
            keys = {name: named[name] for name in columns}
            update = fill([*(value for _, value in row), *(get(frame) for get in others)])
            if isinstance(update, dict):
                update = {"$setOnInsert": {name: value for name, value in named.items() if name not in keys}}
            found = {name: _itself(name, value) for name, value in keys.items()}
            frame.effects.update(collection, found, update, origin, upsert=True, many=False)

        return upsert

    def _filter(self, filter_: Filter) -> Callable[[Frame], Document | None]:
        """The query document, or None when a term is NULL and so finds nothing."""
        rest = template(filter_.rest, self.in_server)
        terms = tuple(
            (each, getter(each.value, self.in_server), template(each.exact, self.in_server))
            for each in filter_.equalities
        )
        has_rest = bool(filter_.rest.document)

        def find(frame: Frame) -> Document | None:
            parts: list[Document] = []
            for term, get, exact in terms:
                value = get(frame)
                if value is None:
                    return None
                parts += _equality(term, value, exact, frame)
            if has_rest:
                parts.append(rest(frame))
            return _conjunction(parts)

        return find


def _is_excluded(value: Computed) -> bool:
    return isinstance(value.expr, Field) and value.expr.source == "EXCLUDED"


_SCALARS = (str, int, float, datetime, ObjectId)


def _equality(term: Equality, value: Value, exact: Callable[[Frame], Any], frame: Frame) -> list[Document]:
    """A query-operator term for the index; exact by itself for a scalar in a top-level field."""
    if isinstance(value, _SCALARS) and "." not in term.path:
        return [{term.path: {"$eq": value, "$not": {"$type": "array"}}}]
    return [{term.path: {"$eq": value}}, exact(frame)]


def _itself(name: str, value: Value) -> Document:
    """Finds the value as the whole of a field, not as an element of an array. An upsert takes the field from it."""
    if name == "_id" or isinstance(value, list):
        return {"$eq": value}
    return {"$eq": value, "$not": {"$type": "array"}}


def _conjunction(parts: list[Document]) -> Document:
    if len(parts) == 1:
        return parts[0]
    keys = [key for part in parts for key in part]
    if len(set(keys)) == len(keys):
        return {key: value for part in parts for key, value in part.items()}
    return {"$and": parts}
