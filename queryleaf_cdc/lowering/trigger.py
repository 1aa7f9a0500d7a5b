"""A bound trigger → actions, and what the server computes for them.

The server's part is laid out below one reserved field, ``_ql``: ``branch`` (``branch_2``, ...) holds the number of the
taken branch of each IF, ``insert_1``, ``update_2``, ... the values of the actions. An IF inside a branch needs the
outer one's number first, so each depth of nesting is an ``$addFields`` stage of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import assert_never

from queryleaf_cdc.functions.mql import REMOVE, Const, Doc, Mql, Ref, Switch, cond, op
from queryleaf_cdc.functions.spec import WorkerSide
from queryleaf_cdc.logical.bind_stream import ROW
from queryleaf_cdc.lowering.event_scope import event_scope
from queryleaf_cdc.lowering.rows import document
from queryleaf_cdc.lowering.server_face import lower_truth, lower_value, or_null
from queryleaf_cdc.lowering.writes import WriteLowering
from queryleaf_cdc.plans.actions import (
    Action,
    Actions,
    CallAction,
    Choose,
    Computed,
    ForEach,
    InsertRow,
    RaiseAction,
    ReadInto,
    ReturnAction,
    SetVariable,
)
from queryleaf_cdc.plans.stages import ALWAYS, NEVER, AddFields, AllOf, AnyOf, FieldTest, Test
from queryleaf_cdc.syntax.expressions import Expr, Path
from queryleaf_cdc.syntax.statements import (
    Assign,
    BodyStatement,
    CallProcedure,
    Declare,
    Delete,
    ForLoop,
    If,
    Insert,
    Raise,
    Return,
    SelectInto,
    Update,
)

Body = tuple[BodyStatement, ...]

BEFORE_FIRING = frozenset({"NEW", "OLD", "EVENT"})
"""Sources that are known when a trigger starts; loop rows come on top."""


@dataclass(frozen=True)
class Place:
    """Where in the body a statement stands: how many IFs deep, and the innermost IF's slot with the branch taken."""

    depth: int = 0
    guard: tuple[str, int] | None = None
    rows: frozenset[str] = frozenset()


@dataclass
class Layout:
    """What the server computes below ``_ql``, by depth of nesting."""

    prefix: str = "_ql"
    choices: dict[int, list[tuple[str, Mql]]] = field(default_factory=dict)
    values: list[tuple[str, Mql]] = field(default_factory=list)

    def stages(self) -> list[AddFields]:
        """Branch numbers from the outermost IF inwards."""
        return [AddFields(tuple(self.choices[depth])) for depth in sorted(self.choices)]

    def value_stages(self) -> list[AddFields]:
        return [AddFields(tuple(self.values))] if self.values else []


class BodyLowering:
    """Lowers one body. Use once: ``actions(body)``, then ``layout``, ``active`` and ``worker_reads``."""

    computes_in_server = True

    def __init__(self, prefix: str = "_ql") -> None:
        self.layout = Layout(prefix)
        self.scope = event_scope()
        self._numbers: dict[str, int] = {}

    def actions(self, body: Body, place: Place | None = None) -> Actions:
        place = place or Place()
        return tuple(self._action(each, place) for statement in body for each in _single_rows(statement))

    # -- statements -----------------------------------------------------------------------------------------------

    def _action(self, node: BodyStatement, place: Place) -> Action:
        match node:
            case If():
                return self._choose(node, place)
            case Insert(rows=rows) if rows:
                return self._insert(node, place)
            case Insert():
                return self._writes("insert", place, lambda w: w.insert_query(node))
            case Update():
                return self._writes("update", place, lambda w: w.update(node))
            case Delete():
                return self._writes("delete", place, lambda w: w.delete(node))
            case CallProcedure(name, args, span):
                return self._values(
                    "call", place, lambda compute: CallAction(name.upper(), tuple(map(compute, args)), span)
                )
            case Raise(message, span):
                return self._values("raise", place, lambda compute: RaiseAction(compute(message), span))
            case Declare(name, _, default, span):
                assert default is not None
                return self._values("set", place, lambda compute: SetVariable(name, compute(default), span))
            case Assign(name, value, span):
                return self._values("set", place, lambda compute: SetVariable(name, compute(value), span))
            case SelectInto(query, targets, span):
                return self._writes("select", place, lambda w: ReadInto(targets, w.numbered_query(query), span))
            case ForLoop(row, query, body, span):
                inner = Place(place.depth, place.guard, place.rows | {row})
                return self._writes(
                    "loop", place, lambda w: ForEach(row, w.query(query), self.actions(body, inner), span)
                )
            case Return(span):
                return ReturnAction(span)
            case _:
                assert_never(node)

    def _choose(self, node: If, place: Place) -> Choose:
        """The tests run in the server when all of them can."""
        try:
            tests = [lower_truth(test, self.scope) for test, _ in node.branches]
        except WorkerSide as reason:
            return self._choose_in_worker(node, place, reason.because)
        name = self._name("branch")
        branches = tuple((test, Const(i)) for i, test in enumerate(tests, 1))
        last = Const(len(tests) + 1 if node.otherwise else 0)
        number: Mql = Switch(branches, last) if len(branches) > 1 else cond(tests[0], Const(1), last)
        self.layout.choices.setdefault(place.depth, []).append(
            (f"{self.layout.prefix}.{name}", self._guarded(number, place))
        )
        bodies = tuple(
            (test, self.actions(body, Place(place.depth + 1, (name, i), place.rows)))
            for i, (test, body) in enumerate(node.branches, 1)
        )
        otherwise = self.actions(node.otherwise, Place(place.depth + 1, (name, len(tests) + 1), place.rows))
        return Choose((name,), "", bodies, otherwise, node.span)

    def _choose_in_worker(self, node: If, place: Place, because: str) -> Choose:
        branches = tuple((test, self.actions(body, place)) for test, body in node.branches)
        return Choose(None, because, branches, self.actions(node.otherwise, place), node.span)

    def _insert(self, node: Insert, place: Place) -> Action:
        (row,) = node.rows
        name = "row" if node.target == ROW else self._name("insert")
        whole = self._whole_document(node, row, name, place) if node.on_conflict is None else None
        if whole is not None:
            return InsertRow(node.target, whole, (name,), None, node.span)
        values: list[tuple[str, Mql]] = []
        lowering = self._lowering(name, place, values)
        conflict = lowering.conflict(node) if node.on_conflict is not None else None
        fields = tuple((path, lowering.compute(value)) for path, value in zip(node.columns, row, strict=True))
        self._store(name, values, place)
        return InsertRow(node.target, fields, None, conflict, node.span)

    def _whole_document(
        self, node: Insert, row: tuple[Expr, ...], name: str, place: Place
    ) -> tuple[tuple[Path, Computed], ...] | None:
        """The fields of a row that the server can make as one document; None otherwise."""
        if not self.computes_in_server or any(len(path) > 1 for path in node.columns):
            return None
        try:
            lowered = [or_null(lower_value(value, self.scope)) for value in row]
        except WorkerSide:
            return None
        whole = merged(node.columns, lowered)
        self.layout.values.append((f"{self.layout.prefix}.{name}", self._guarded(whole, place)))
        return tuple(
            (path, Computed(value, (name, *map(str, path)))) for path, value in zip(node.columns, row, strict=True)
        )

    # -- values ---------------------------------------------------------------------------------------------------

    def _writes(self, verb: str, place: Place, make: Callable[[WriteLowering], Action]) -> Action:
        name = self._name(verb)
        values: list[tuple[str, Mql]] = []
        action = make(self._lowering(name, place, values))
        self._store(name, values, place)
        return action

    def _values(self, verb: str, place: Place, make: Callable[[Callable[[Expr], Computed]], Action]) -> Action:
        return self._writes(verb, place, lambda lowering: make(lowering.compute))

    def _lowering(self, name: str, place: Place, values: list[tuple[str, Mql]]) -> WriteLowering:
        known: dict[str, Computed] = {}

        def compute(expr: Expr) -> Computed:
            text = repr(expr)
            if text not in known:
                known[text] = place_value(expr)
            return known[text]

        def place_value(expr: Expr) -> Computed:
            if not self.computes_in_server:
                return Computed(expr, None, "known when the statement starts")
            try:
                value = or_null(lower_value(expr, self.scope))
            except WorkerSide as reason:
                return Computed(expr, None, reason.because)
            key = f"v{len(values) + 1}"
            values.append((key, value))
            return Computed(expr, (name, key))

        return WriteLowering(BEFORE_FIRING | place.rows, compute)

    def _store(self, name: str, values: list[tuple[str, Mql]], place: Place) -> None:
        if values:
            self.layout.values.append((f"{self.layout.prefix}.{name}", self._guarded(Doc(tuple(values)), place)))

    def _guarded(self, value: Mql, place: Place) -> Mql:
        """Computed only where the branch is taken; absent elsewhere."""
        if place.guard is None:
            return value
        name, number = place.guard
        return cond(op("$eq", Ref(f"${self.layout.prefix}.{name}"), Const(number)), value, REMOVE)

    def _name(self, verb: str) -> str:
        self._numbers[verb] = number = self._numbers.get(verb, 0) + 1
        if verb == "branch" and number == 1:
            return verb
        return f"{verb}_{number}"


def merged(columns: tuple[Path, ...], values: list[Mql]) -> Mql:
    """The document of a row. A column without a name stands for all fields of its value (``*``)."""
    parts: list[Mql] = []
    named: dict[str, Mql] = {}
    for path, value in zip(columns, values, strict=True):
        if path:
            named[str(path[0])] = value
            continue
        parts += [document(named)] if named else []
        named = {}
        parts.append(value)
    parts += [document(named)] if named else []
    return parts[0] if len(parts) == 1 else op("$mergeObjects", *parts)


def _single_rows(node: BodyStatement) -> Body:
    """An INSERT of several rows as one for each."""
    if isinstance(node, Insert) and len(node.rows) > 1:
        return tuple(replace(node, rows=(row,)) for row in node.rows)
    return (node,)


def active(actions: Actions, prefix: str = "_ql") -> Test:
    """Whether any action is reached, told from the branch numbers. Conditions of the worker count as met."""
    tests: list[Test] = []
    for action in actions:
        test = _active_one(action, prefix)
        if test == ALWAYS:
            return ALWAYS
        if test != NEVER:
            tests.append(test)
    return NEVER if not tests else tests[0] if len(tests) == 1 else AnyOf(tuple(tests))


def _active_one(action: Action, prefix: str) -> Test:
    match action:
        case Choose(None, _, branches, otherwise):
            return active((*(a for _, body in branches for a in body), *otherwise), prefix)
        case Choose((name,), _, branches, otherwise):
            bodies = [active(body, prefix) for _, body in branches] + ([active(otherwise, prefix)] if otherwise else [])
            whole = [number for number, test in enumerate(bodies, 1) if test == ALWAYS]
            path = f"{prefix}.{name}"
            tests: list[Test] = (
                [FieldTest(path, (("$in", whole),) if len(whole) > 1 else (("$eq", whole[0]),))] if whole else []
            )
            if len(whole) == len(bodies):
                tests = [FieldTest(path, (("$gt", 0),))]
            for number, test in enumerate(bodies, 1):
                if test not in (ALWAYS, NEVER):
                    tests.append(AllOf((FieldTest(path, (("$eq", number),)), test)))
            return NEVER if not tests else tests[0] if len(tests) == 1 else AnyOf(tuple(tests))
        case ReadInto() | SetVariable() | ReturnAction():
            return NEVER
        case ForEach(body=body):
            return active(body, prefix)
        case _:
            return ALWAYS
