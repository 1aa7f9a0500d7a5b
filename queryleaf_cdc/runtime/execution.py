"""Executes a trigger's actions for one event (FiringCompiler). Plans are compiled to functions once; firing calls them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, assert_never

from bson import ObjectId

from queryleaf_cdc.errors import RunError
from queryleaf_cdc.events import ACTIONS, Effects, Event, Origin
from queryleaf_cdc.functions.changes import changed_fields
from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.lowering.worker_face import Env, evaluator
from queryleaf_cdc.plans.actions import (
    Action,
    Actions,
    CallAction,
    Choose,
    Computed,
    Conflict,
    DeleteRows,
    Equality,
    Filter,
    ForEach,
    Hole,
    InsertQuery,
    InsertRow,
    QueryTemplate,
    RaiseAction,
    ReadInto,
    ReturnAction,
    SetVariable,
    Template,
    UpdateRows,
)
from queryleaf_cdc.source import Span
from queryleaf_cdc.values import Document, Type, Value

Functions = Mapping[str, Callable[..., Value]]


class Frame:
    """One firing: the event, where effects go, what the server computed, and the values in reach of expressions."""

    __slots__ = ("_env", "_functions", "computed", "effects", "event", "rows")

    def __init__(self, event: Event, effects: Effects, computed: Document, functions: Functions) -> None:
        self.event = event
        self.effects = effects
        self.computed = computed
        self.rows: Document = {}
        self._functions = functions
        self._env: Env | None = None

    @property
    def env(self) -> Env:
        """Built on first use: most firings take all their values from the server."""
        if self._env is None:
            event = self.event
            self._env = {
                "NEW": event.get("fullDocument"),
                "OLD": event.get("fullDocumentBeforeChange"),
                "EVENT": _EventRow(event),
                "$vars": {},
                "$functions": self._functions,
            }
        return self._env


class _EventRow(dict[str, Any]):
    """The source EVENT; each entry is made when it is asked for."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event

    def get(self, key: str, default: Any = None) -> Any:
        event = self.event
        match key:
            case "action":
                return ACTIONS.get(event["operationType"])
            case "timestamp":
                return event.get("wallTime") or event["clusterTime"].as_datetime().replace(tzinfo=None)
            case "id":
                return event["_id"]["_data"]
            case "key":
                return event.get("documentKey")
            case "collection":
                return event["ns"]["coll"]
            case "database":
                return event["ns"]["db"]
            case "changed_fields":
                return changed_fields(event.get("fullDocumentBeforeChange"), event.get("fullDocument"))
            case "depth":
                return event.get("_depth", 0)
            case "now":
                return event.get("now")
        return default


Getter = Callable[[Frame], Value]
Step = Callable[[Frame], bool]
"""Runs an action; True when the firing is over (RETURN)."""


class FiringCompiler:
    """Compiles one trigger's actions. ``in_server``: the slots were computed by the stream's pipeline."""

    def __init__(self, name: str, in_server: bool, excerpt: Callable[[Span], str] = lambda span: "") -> None:
        self.name = name
        self.in_server = in_server

    def body(self, actions: Actions) -> Step:
        steps = tuple(self.step(action) for action in actions)
        if len(steps) == 1:
            return steps[0]

        def run(frame: Frame) -> bool:
            return any(step(frame) for step in steps)

        return run

    def step(self, action: Action) -> Step:
        match action:
            case Choose():
                return self._choose(action)
            case InsertRow():
                return self._insert(action)
            case InsertQuery():
                return self._insert_query(action)
            case UpdateRows():
                return self._update(action)
            case DeleteRows():
                return self._delete(action)
            case CallAction(procedure, args, span):
                return self._call(procedure, args, self._origin(span))
            case RaiseAction(message, span):
                return self._raise(message, span)
            case ReturnAction():
                return lambda frame: True
            case SetVariable(name, value):
                return self._set(name, value)
            case ReadInto():
                return self._read_into(action)
            case ForEach():
                return self._for_each(action)
            case _:
                assert_never(action)

    def _origin(self, span: Span) -> Origin:
        return Origin(self.name, span)

    # -- values ---------------------------------------------------------------------------------------------------

    def value(self, computed: Computed) -> Getter:
        if self.in_server and computed.slot is not None:
            first, *rest = computed.slot
            (key,) = rest
            return lambda frame: frame.computed[first].get(key)
        evaluate = evaluator(computed.expr)
        return lambda frame: evaluate(frame.env)

    def template(self, template: Template) -> Callable[[Frame], Any]:
        getters = tuple(self.value(value) for value in template.values)
        if template.narrowed is not None:
            choose = _narrowing(template.narrowed)
            return lambda frame: choose([getter(frame) for getter in getters])
        fill = compile_template(template.document)
        return lambda frame: fill([getter(frame) for getter in getters])

    # -- control --------------------------------------------------------------------------------------------------

    def _choose(self, action: Choose) -> Step:
        bodies = tuple(self.body(body) for _, body in action.branches)
        otherwise = self.body(action.otherwise)
        if self.in_server and action.slot is not None:
            (slot,) = action.slot
            numbered = (_nothing, *bodies, otherwise)
            return lambda frame: numbered[frame.computed.get(slot) or 0](frame)
        tests = tuple(evaluator(test) for test, _ in action.branches)
        pairs = tuple(zip(tests, bodies, strict=True))

        def choose(frame: Frame) -> bool:
            for test, body in pairs:
                if test(frame.env) is True:
                    return body(frame)
            return otherwise(frame)

        return choose

    def _raise(self, message: Computed, span: Span) -> Step:
        get = self.value(message)

        def run(frame: Frame) -> bool:
            text = get(frame)
            raise RunError("QL601", str(text) if text is not None else "NULL", span)

        return run

    def _set(self, name: str, value: Computed) -> Step:
        get = self.value(value)

        def run(frame: Frame) -> bool:
            frame.env["$vars"][name] = get(frame)
            return False

        return run

    def _read_into(self, action: ReadInto) -> Step:
        read = self._reader(action.query, self._origin(action.span))

        def run(frame: Frame) -> bool:
            rows = read(frame)
            row = rows[0] if rows else {}
            for position, name in enumerate(action.targets):
                frame.env["$vars"][name] = row.get(f"c{position}")
            return False

        return run

    def _for_each(self, action: ForEach) -> Step:
        read = self._reader(action.query, self._origin(action.span))
        body = self.body(action.body)

        def run(frame: Frame) -> bool:
            for row in read(frame):
                frame.env[action.row] = row
                if body(frame):
                    return True
            return False

        return run

    # -- effects --------------------------------------------------------------------------------------------------

    def _call(self, procedure: str, args: tuple[Computed, ...], origin: Origin) -> Step:
        getters = tuple(self.value(arg) for arg in args)

        def run(frame: Frame) -> bool:
            frame.effects.call(procedure, [getter(frame) for getter in getters], frame.event, origin)
            return False

        return run

    def _insert(self, action: InsertRow) -> Step:
        origin, collection = self._origin(action.span), action.collection
        if self.in_server and action.slot is not None:
            (slot,) = action.slot

            def run_whole(frame: Frame) -> bool:
                frame.effects.insert(collection, frame.computed[slot], origin)
                return False

            return run_whole
        getters = tuple((path, self.value(value)) for path, value in action.fields)
        write = _row_writer(collection, action.conflict, origin)

        def run(frame: Frame) -> bool:
            write(frame, tuple((path, getter(frame)) for path, getter in getters))
            return False

        return run

    def _insert_query(self, action: InsertQuery) -> Step:
        origin = self._origin(action.span)
        read = self._reader(action.query, origin)
        write = _row_writer(action.collection, action.conflict, origin)

        def run(frame: Frame) -> bool:
            for row in read(frame):
                write(frame, tuple((path, row.get(f"c{i}")) for i, path in enumerate(action.columns)))
            return False

        return run

    def _update(self, action: UpdateRows) -> Step:
        origin = self._origin(action.span)
        find, change = self._filter(action.filter), self.template(action.update)

        def update(frame: Frame) -> None:
            found = find(frame)
            if found is not None:
                frame.effects.update(action.collection, found, change(frame), origin)

        return self._for_rows(action.source, action.aliases, update, origin)

    def _delete(self, action: DeleteRows) -> Step:
        origin = self._origin(action.span)
        find = self._filter(action.filter)

        def delete(frame: Frame) -> None:
            found = find(frame)
            if found is not None:
                frame.effects.delete(action.collection, found, origin)

        return self._for_rows(action.source, action.aliases, delete, origin)

    def _for_rows(
        self, source: QueryTemplate | None, aliases: tuple[str, ...], apply: Callable[[Frame], None], origin: Origin
    ) -> Step:
        """Once, or for each row of the source, one after another."""
        if source is None:

            def run_once(frame: Frame) -> bool:
                apply(frame)
                return False

            return run_once
        read = self._reader(source, origin)

        def run(frame: Frame) -> bool:
            for row in read(frame):
                for alias in aliases:
                    frame.env[alias] = row.get(alias)
                apply(frame)
            return False

        return run

    def _reader(self, query: QueryTemplate, origin: Origin) -> Callable[[Frame], list[Document]]:
        fill = self.template(query.pipeline)
        collection = query.collection or ""
        return lambda frame: frame.effects.aggregate(collection, fill(frame), origin)

    def _filter(self, filter_: Filter) -> Callable[[Frame], Document | None]:
        """The query document, or None when a term is NULL and so finds nothing."""
        rest = self.template(filter_.rest)
        terms = tuple((each, self.value(each.value), self.template(each.exact)) for each in filter_.equalities)
        has_rest = bool(filter_.rest.document)

        def find(frame: Frame) -> Document | None:
            parts: list[Document] = []
            for term, getter, exact in terms:
                value = getter(frame)
                if value is None:
                    return None
                parts += _equality(term, value, exact, frame)
            if has_rest:
                parts.append(rest(frame))
            return _conjunction(parts)

        return find


_SCALARS = (str, int, float, datetime, ObjectId)


def _equality(term: Equality, value: Value, exact: Callable[[Frame], Any], frame: Frame) -> list[Document]:
    """A query-operator term for the index; exact by itself for a scalar in a top-level field."""
    if isinstance(value, _SCALARS) and "." not in term.path:
        return [{term.path: {"$eq": value, "$not": {"$type": "array"}}}]
    return [{term.path: {"$eq": value}}, exact(frame)]


def _conjunction(parts: list[Document]) -> Document:
    if len(parts) == 1:
        return parts[0]
    keys = [key for part in parts for key in part]
    if len(set(keys)) == len(keys):
        return {key: value for part in parts for key, value in part.items()}
    return {"$and": parts}


Row = tuple[tuple[tuple[str | int, ...], Value], ...]


def _row_writer(collection: str, conflict: Conflict | None, origin: Origin) -> Callable[[Frame, Row], None]:
    if conflict is None:
        return lambda frame, row: frame.effects.insert(collection, _nested(row), origin)
    fill = compile_template(conflict.update.document)
    columns = conflict.columns

    def upsert(frame: Frame, row: Row) -> None:
        named = {str(path[0]): value for path, value in row}
        keys = {name: named[name] for name in columns}
        if any(value is None for value in keys.values()):
            frame.effects.insert(collection, _nested(row), origin)
            return
        update = fill([value for _, value in row])
        if isinstance(update, dict):
            update = {"$setOnInsert": {name: value for name, value in named.items() if name not in keys}}
        found = {name: {"$eq": value} for name, value in keys.items()}
        frame.effects.update(collection, found, update or {"$setOnInsert": {}}, origin, upsert=True, many=False)

    return upsert


def _nested(row: Row) -> Document:
    """The document of a row; ``("a", "b")`` is a field of a field, ``()`` stands for all fields of the value."""
    document: Document = {}
    for path, value in row:
        if not path:
            document.update(value or {})
            continue
        place = document
        for part in path[:-1]:
            place = place.setdefault(str(part), {})
        place[str(path[-1])] = value
    return document


def _nothing(frame: Frame) -> bool:
    return False


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


def _narrowing(lower: Callable[[tuple[Type, ...]], Any]) -> Callable[[list[Value]], Any]:
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
