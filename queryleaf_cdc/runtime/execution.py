"""Executes a trigger's actions for one event. Plans are compiled to functions once; firing calls them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, assert_never

from queryleaf_cdc.errors import RunError
from queryleaf_cdc.events import ACTIONS, Effects, Event, Origin
from queryleaf_cdc.functions.changes import changed_fields
from queryleaf_cdc.lowering.worker_face import Env, evaluator
from queryleaf_cdc.plans.actions import (
    Action,
    Actions,
    CallAction,
    Choose,
    Computed,
    Conflict,
    DeleteRows,
    ForEach,
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
from queryleaf_cdc.runtime.server_statements import ServerStatements, getter, template
from queryleaf_cdc.source import Span
from queryleaf_cdc.values import Document, Value

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
                "EVENT": EventRow(event),
                "$vars": {},
                "$functions": self._functions,
            }
        return self._env


class EventRow(dict[str, Any]):
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
            case "row_id":
                return event["documentKey"]["_id"]
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

Row = tuple[tuple[tuple[str | int, ...], Value], ...]
"""What INSERT gives: (column's path, value)."""
RowWriter = Callable[[Frame, Row], None]


class Statements(Protocol):
    """How statements that read or change rows reach them: compiled once, then run for a frame.

    The rows that a statement joins are in the frame's ``env`` under their aliases."""

    def read(self, query: QueryTemplate, origin: Origin) -> Callable[[Frame], list[Document]]: ...

    def upsert(self, collection: str, conflict: Conflict, origin: Origin) -> RowWriter:
        """INSERT ... ON CONFLICT of a row without NULL among the conflict's columns."""

    def update(self, action: UpdateRows, origin: Origin) -> Callable[[Frame], None]: ...

    def delete(self, action: DeleteRows, origin: Origin) -> Callable[[Frame], None]: ...


class FiringCompiler:
    """Compiles one trigger's actions. ``in_server``: the slots were computed by the stream's pipeline.

    ``statements`` is by default the server's, which sends what the plans' templates say."""

    def __init__(self, name: str, in_server: bool, statements: Statements | None = None) -> None:
        self.name = name
        self.in_server = in_server
        self.statements = statements if statements is not None else ServerStatements(in_server)

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
        return getter(computed, self.in_server)

    def template(self, filled: Template) -> Callable[[Frame], Any]:
        return template(filled, self.in_server)

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
        read = self.statements.read(action.query, self._origin(action.span))

        def run(frame: Frame) -> bool:
            rows = read(frame)
            row = rows[0] if rows else {}
            for position, name in enumerate(action.targets):
                frame.env["$vars"][name] = row.get(f"c{position}")
            return False

        return run

    def _for_each(self, action: ForEach) -> Step:
        read = self.statements.read(action.query, self._origin(action.span))
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
            put = _replacing if action.replaces else _inserting

            def run_whole(frame: Frame) -> bool:
                put(frame, collection, frame.computed[slot], origin)
                return False

            return run_whole
        getters = tuple((path, self.value(value)) for path, value in action.fields)
        write = self._row_writer(collection, action.conflict, origin, action.replaces)

        def run(frame: Frame) -> bool:
            write(frame, tuple((path, getter(frame)) for path, getter in getters))
            return False

        return run

    def _insert_query(self, action: InsertQuery) -> Step:
        origin = self._origin(action.span)
        read = self.statements.read(action.query, origin)
        write = self._row_writer(action.collection, action.conflict, origin)

        def run(frame: Frame) -> bool:
            for row in read(frame):
                write(frame, tuple((path, row.get(f"c{i}")) for i, path in enumerate(action.columns)))
            return False

        return run

    def _update(self, action: UpdateRows) -> Step:
        origin = self._origin(action.span)
        return self._for_rows(action.source, action.aliases, self.statements.update(action, origin), origin)

    def _delete(self, action: DeleteRows) -> Step:
        origin = self._origin(action.span)
        return self._for_rows(action.source, action.aliases, self.statements.delete(action, origin), origin)

    def _for_rows(
        self, source: QueryTemplate | None, aliases: tuple[str, ...], apply: Callable[[Frame], None], origin: Origin
    ) -> Step:
        """Once, or for each row of the source, one after another."""
        if source is None:

            def run_once(frame: Frame) -> bool:
                apply(frame)
                return False

            return run_once
        read = self.statements.read(source, origin)

        def run(frame: Frame) -> bool:
            for row in read(frame):
                for alias in aliases:
                    frame.env[alias] = row.get(alias)
                apply(frame)
            return False

        return run

    def _row_writer(
        self, collection: str, conflict: Conflict | None, origin: Origin, replaces: bool = False
    ) -> RowWriter:
        """Inserts a row. A row with a NULL among its conflict columns conflicts with nothing."""
        put = _replacing if replaces else _inserting

        def insert(frame: Frame, row: Row) -> None:
            put(frame, collection, nested(row), origin)

        if conflict is None:
            return insert
        upsert = self.statements.upsert(collection, conflict, origin)
        keys = frozenset((name,) for name in conflict.columns)

        def write(frame: Frame, row: Row) -> None:
            free = any(value is None and path in keys for path, value in row)
            (insert if free else upsert)(frame, row)

        return write


def _inserting(frame: Frame, collection: str, document: Document, origin: Origin) -> None:
    frame.effects.insert(collection, document, origin)


def _replacing(frame: Frame, collection: str, document: Document, origin: Origin) -> None:
    frame.effects.update(collection, {"_id": document["_id"]}, document, origin, upsert=True, many=False)


def nested(row: Row) -> Document:
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
