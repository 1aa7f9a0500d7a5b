"""A bound trigger → its plan: filter, what the server computes, actions, and what all that needs."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from queryleaf_cdc.functions.mql import Const as MqlConst
from queryleaf_cdc.functions.mql import Mql, Ref, any_of, op
from queryleaf_cdc.functions.spec import WorkerSide
from queryleaf_cdc.logical.rules.returns import fold_returns
from queryleaf_cdc.logical.rules.specialize import specialize
from queryleaf_cdc.logical.rules.subqueries import hoist_subqueries
from queryleaf_cdc.logical.rules.variables import inline_variables
from queryleaf_cdc.logical.walk import conjunction, fields_in
from queryleaf_cdc.lowering.event_scope import OPERATION_TYPES, PREFIXES, event_scope
from queryleaf_cdc.lowering.match import Matched, lower_match
from queryleaf_cdc.lowering.reads import (
    BASE_FIELDS,
    all_expressions,
    event_fields,
    walk_actions,
    worker_expressions,
)
from queryleaf_cdc.lowering.scan_rows import SCAN_FIELDS, is_scan, rows_expressions, scan_rows
from queryleaf_cdc.lowering.trigger import Body, BodyLowering, Layout, active
from queryleaf_cdc.plans.actions import (
    Actions,
    CallAction,
    Choose,
    DeleteRows,
    ForEach,
    InsertQuery,
    InsertRow,
    QueryTemplate,
    ReadInto,
    ReturnAction,
    SetVariable,
    UpdateRows,
)
from queryleaf_cdc.plans.stages import (
    ALWAYS,
    NEVER,
    AddFields,
    AllOf,
    AnyOf,
    FieldTest,
    Include,
    Match,
    Stage,
    Test,
)
from queryleaf_cdc.plans.trigger import Requires, StreamPlan, TriggerOptions, TriggerPlan
from queryleaf_cdc.source import Source, Span
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal
from queryleaf_cdc.syntax.statements import CreateTrigger, If

RULES = (
    inline_variables,  # first: conditions that use variables may then run in the server
    fold_returns,  # before hoisting: what follows a RETURN moves into branches
    hoist_subqueries,  # last: makes variables that must stay variables
)


@dataclass(frozen=True)
class Images:
    """Which images an event of the trigger must have."""

    new_on_update: bool
    old: bool

    def missing_test(self, operations: tuple[str, ...]) -> list[Test]:
        """Events that lack an image: they must reach the worker, which stops the trigger rather than guess."""
        tests: list[Test] = []
        if self.new_on_update:
            tests.append(
                AllOf((FieldTest("operationType", (("$eq", "update"),)), FieldTest("fullDocument", (("$eq", None),))))
            )
        types = [t for operation in operations if operation != "INSERT" for t in OPERATION_TYPES[operation]]
        if self.old and types:
            before = FieldTest("fullDocumentBeforeChange", (("$eq", None),))
            tests.append(AllOf((_type_test(types), before)))
        return tests

    def missing_expr(self) -> Mql:
        """The same for ``_ql.missing``."""
        parts: list[Mql] = []
        if self.new_on_update:
            update = op("$eq", Ref("$operationType"), MqlConst("update"))
            parts.append(op("$and", update, op("$not", op("$gt", Ref("$fullDocument"), MqlConst(None)))))
        if self.old:
            changed = op("$ne", Ref("$operationType"), MqlConst("insert"))
            parts.append(op("$and", changed, op("$not", op("$gt", Ref("$fullDocumentBeforeChange"), MqlConst(None)))))
        return any_of(*parts)


def lower_trigger(
    node: CreateTrigger, source: Source, options: TriggerOptions, functions: tuple[str, ...]
) -> TriggerPlan:
    """The plan of a bound trigger, with a stream of its own."""
    lowered = lower_body(node, "_ql")
    actions, images = lowered.actions, lowered.images
    stream = StreamPlan(
        node.collection,
        _stages(lowered),
        "whenAvailable" if images.new_on_update else None,
        "whenAvailable" if images.old else None,
    )
    depth = ("EVENT", ("depth",))
    return TriggerPlan(
        name=node.name,
        collection=node.collection,
        operations=lowered.operations,
        stream=stream,
        actions=actions,
        guards=lowered.guards,
        fields=event_fields((*all_expressions(actions), *(guard for _, guard in lowered.guards))),
        options=options,
        requires=_requires(node.collection, actions, images, functions),
        targets=_targets(actions),
        reads_depth=any((f.source, f.path) == depth for e in all_expressions(actions) for f in fields_in(e)),
        source=source,
        span=node.span,
    )


@dataclass(frozen=True)
class LoweredBody:
    """A trigger's part of a stream, below ``prefix``."""

    prefix: str
    operations: tuple[str, ...]
    layout: Layout
    actions: Actions
    images: Images
    guards: tuple[tuple[str, Expr], ...]
    present: tuple[str, ...] = ()
    """of a view's scan: the slots of its rows; an event matters if one of them is there"""

    @property
    def base_fields(self) -> tuple[str, ...]:
        return SCAN_FIELDS if self.present else BASE_FIELDS

    def acts(self) -> Test:
        """Of an event with what the server computed for it: whether anything is to be done."""
        if self.present:
            return AnyOf(tuple(FieldTest(f"{self.prefix}.{slot}", (("$exists", True),)) for slot in self.present))
        return active(self.actions, self.prefix)

    def flags_missing(self) -> bool:
        """Whether a field tells that an image is missing; in a scan, the row itself does."""
        return not self.present and bool(self.images.missing_test(self.operations))

    def matched(self) -> Matched:
        return event_match(self.guards)


def lower_body(node: CreateTrigger, prefix: str, gate: Expr | None = None) -> LoweredBody:
    """Runs the rules and lowers the body. ``gate`` is a further condition on the event."""
    if is_scan(node):
        with suppress(WorkerSide):
            return _lower_scan(node, prefix, gate)
    operations = tuple(dict.fromkeys(event.operation for event in node.events))
    body = _gated(node)
    if gate is not None:
        body = (If(((gate, body),), (), node.span),)
    for rule in RULES:
        body = rule(body)
    lowering = BodyLowering(prefix)
    actions = lowering.actions(body)
    guards = tuple((operation, specialize(reached(actions), operation)) for operation in operations)
    images = _images(all_expressions(actions), operations)
    return LoweredBody(prefix, operations, lowering.layout, actions, images, guards)


def _lower_scan(node: CreateTrigger, prefix: str, gate: Expr | None) -> LoweredBody:
    """The two rows of a view's scan, or the one of a stream's. Raises WorkerSide when the server cannot make them."""
    operations = tuple(dict.fromkeys(event.operation for event in node.events))
    rows = scan_rows(node, prefix, gate)
    actions = tuple(row.action for row in rows)
    layout = Layout(prefix, {0: [row.field for row in rows]})
    either = _any([row.condition for row in rows])
    guards = tuple((operation, specialize(either, operation)) for operation in operations)
    return LoweredBody(
        prefix,
        operations,
        layout,
        actions,
        _images(rows_expressions(rows), operations),
        guards,
        tuple(row.slot for row in rows),
    )


def _gated(node: CreateTrigger) -> Body:
    """WHEN and UPDATE OF are an IF around the body."""
    terms: list[Expr] = []
    listed = [event for event in node.events if event.operation == "UPDATE" and event.columns]
    if listed and not any(event.operation == "UPDATE" and not event.columns for event in node.events):
        span = listed[0].span
        changed: list[Expr] = [
            Call("IS DISTINCT FROM", (Field("OLD", path, span), Field("NEW", path, span)), span)
            for event in listed
            for path in event.columns
        ]
        other = Call("<>", (Field("EVENT", ("action",), span), Literal("UPDATE", span)), span)
        others = [other] if any(event.operation != "UPDATE" for event in node.events) else []
        tests = (*others, *changed)
        terms.append(tests[0] if len(tests) == 1 else Call("OR", tests, span))
    if node.when is not None:
        terms.append(node.when)
    condition = conjunction(terms)
    return (If(((condition, node.body),), (), condition.span),) if condition is not None else node.body


# -- which events matter ------------------------------------------------------------------------------------------


def reached(actions: Actions) -> Expr:
    """The condition under which any action is reached; TRUE where only the worker can tell."""
    tests = [test for test in (_reached_one(action) for action in actions) if test != _FALSE]
    if _TRUE in tests:
        return _TRUE
    return _any(tests)


_TRUE, _FALSE = Literal(True, Span(0, 0)), Literal(False, Span(0, 0))


def _any(tests: list[Expr]) -> Expr:
    return _FALSE if not tests else tests[0] if len(tests) == 1 else Call("OR", tuple(tests), tests[0].span)


def _reached_one(action: object) -> Expr:
    match action:
        case Choose(slot=None, branches=branches, otherwise=otherwise):
            inner = [*(reached(body) for _, body in branches), reached(otherwise)]
            return _TRUE if any(each != _FALSE for each in inner) else _FALSE
        case Choose(branches=branches, otherwise=otherwise):
            return _reached_choice(branches, otherwise)
        case ReadInto() | SetVariable() | ReturnAction():
            return _FALSE
        case ForEach(body=body):
            return reached(body)
        case _:
            return _TRUE


def _reached_choice(branches: tuple[tuple[Expr, Actions], ...], otherwise: Actions) -> Expr:
    """A branch counts where its test holds and no earlier one that leads elsewhere does. (An earlier branch that is
    reached as a whole need not be excluded: the event matters then anyway.)"""
    tests: list[Expr] = []
    excluded: list[Expr] = []
    for test, body in (*branches, (_TRUE, otherwise)):
        inner = reached(body)
        terms = [each for each in (test, *excluded, inner) if each != _TRUE]
        if inner != _FALSE:
            tests.append(conjunction(terms) or _TRUE)
        if inner != _TRUE:
            excluded.append(Call("NOT", (Call("IS TRUE", (test,), test.span),), test.span))
    return _any(tests)


# -- the pipeline -------------------------------------------------------------------------------------------------


def _stages(lowered: LoweredBody) -> tuple[Stage, ...]:
    matched = lowered.matched()
    missing = lowered.images.missing_test(lowered.operations)
    stages: list[Stage] = [Match(any_test([matched.test, *missing]))]
    choices = choice_stages(lowered)
    stages += choices
    exact = lowered.acts()
    if exact != ALWAYS and not matched.exact:
        flag = [FieldTest("_ql.missing", (("$eq", True),))] if lowered.flags_missing() else []
        stages.append(Match(any_test([exact, *flag])))
    stages += lowered.layout.value_stages()
    computes = ("_ql",) if choices or lowered.layout.values else ()
    reads = sorted(event_fields(worker_expressions(lowered.actions)))
    return (*stages, Include((*lowered.base_fields, *computes, *reads)))


def choice_stages(lowered: LoweredBody) -> list[AddFields]:
    """The branch numbers by depth; whether an image is missing goes with the first."""
    choices = lowered.layout.stages()
    if not lowered.flags_missing():
        return choices
    flag = (f"{lowered.prefix}.missing", lowered.images.missing_expr())
    return [AddFields((flag, *(choices[0].fields if choices else ()))), *choices[1:]]


def event_match(guards: tuple[tuple[str, Expr], ...]) -> Matched:
    """The first ``$match``: the operations, each with its own condition; like conditions are put together."""
    by_test: list[tuple[Matched, list[str]]] = []
    for operation, guard in guards:
        matched = lower_match(guard, event_scope(), PREFIXES)
        if matched.test == NEVER:
            continue
        for known, types in by_test:
            if repr(known) == repr(matched):
                types += OPERATION_TYPES[operation]
                break
        else:
            by_test.append((matched, list(OPERATION_TYPES[operation])))
    tests = [_all([_type_test(types), matched.test]) for matched, types in by_test]
    return Matched(any_test(tests), all(matched.exact for matched, _ in by_test))


def _type_test(types: list[str]) -> FieldTest:
    return FieldTest("operationType", (("$eq", types[0]),) if len(types) == 1 else (("$in", types),))


def _all(tests: list[Test]) -> Test:
    flat = [t for test in tests for t in (test.tests if isinstance(test, AllOf) else (test,))]
    return flat[0] if len(flat) == 1 else AllOf(tuple(flat))


def any_test(tests: list[Test]) -> Test:
    flat = [t for test in tests for t in (test.tests if isinstance(test, AnyOf) else (test,))]
    return flat[0] if len(flat) == 1 else AnyOf(tuple(flat))


# -- needs --------------------------------------------------------------------------------------------------------


def _images(expressions: Iterable[Expr], operations: tuple[str, ...]) -> Images:
    sources = {(f.source, f.path) for expr in expressions for f in fields_in(expr)}
    changed = ("EVENT", ("changed_fields",)) in sources
    new = changed or any(source == "NEW" for source, _ in sources)
    old = changed or any(source == "OLD" for source, _ in sources)
    return Images("UPDATE" in operations and new, old and operations != ("INSERT",))


def _targets(actions: Actions) -> frozenset[str]:
    writes = (InsertRow, InsertQuery, UpdateRows, DeleteRows)
    found = (action.collection for action in walk_actions(actions) if isinstance(action, writes))
    return frozenset(each for each in found if not _is_row(each))


def _is_row(target: str) -> bool:
    """Whether an INSERT only makes a row: of a stream, or for a view."""
    return target.startswith("$")


def write_requires(actions: Actions, functions: tuple[str, ...]) -> Requires:
    """What statements outside of a trigger need."""
    every = list(walk_actions(actions))
    procedures = tuple(dict.fromkeys(a.procedure for a in every if isinstance(a, CallAction)))
    privileges = tuple(dict.fromkeys(_write_privileges(every)))
    return Requires((), procedures, functions, tuple(dict.fromkeys(_indexes(every))), privileges)


def _requires(collection: str, actions: Actions, images: Images, functions: tuple[str, ...]) -> Requires:
    every = list(walk_actions(actions))
    procedures = dict.fromkeys(a.procedure for a in every if isinstance(a, CallAction))
    needs_images = images.new_on_update or images.old
    return Requires(
        images=(collection,) if needs_images else (),
        procedures=tuple(procedures),
        functions=functions,
        indexes=tuple(dict.fromkeys(_indexes(every))),
        privileges=tuple(dict.fromkeys(_privileges(collection, every, needs_images))),
    )


def _indexes(actions: Iterable[object]) -> Iterable[tuple[str, tuple[str, ...]]]:
    for action in actions:
        match action:
            case UpdateRows(collection=collection, filter=filter_) | DeleteRows(collection=collection, filter=filter_):
                paths = tuple(each.path for each in filter_.equalities)
                if paths and "_id" not in paths:
                    yield collection, paths
            case (
                InsertRow(collection=collection, conflict=conflict)
                | InsertQuery(collection=collection, conflict=conflict)
            ) if conflict is not None and conflict.columns != ("_id",):
                yield collection, conflict.columns


def _privileges(collection: str, actions: Iterable[object], images: bool) -> Iterable[tuple[str, str]]:
    yield collection, "find"
    yield collection, "changeStream"
    if images:
        yield collection, "collMod"
    yield from _write_privileges(actions)


def _write_privileges(actions: Iterable[object]) -> Iterable[tuple[str, str]]:
    for action in actions:
        match action:
            case InsertRow(collection=target) if _is_row(target):
                continue
            case InsertRow(collection=target) | InsertQuery(collection=target):
                yield target, "insert"
            case UpdateRows(collection=target):
                yield target, "update"
            case DeleteRows(collection=target):
                yield target, "remove"
        source = getattr(action, "source", None) or getattr(action, "query", None)
        if isinstance(source, QueryTemplate):
            for read in sorted(source.reads):
                yield read, "find"
