"""All triggers of a database → one change stream.

Each trigger's part lies below ``_ql.t0``, ``_ql.t1``, ... Computing conditions in the server costs per trigger and
event (35 µs per event for 100 triggers, measured), so a collection with more than ``SERVER_LIMIT`` triggers leaves the
server only namespace and operation; the worker finds its triggers by their equality constants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from queryleaf_cdc.functions.mql import Const as MqlConst
from queryleaf_cdc.functions.mql import Mql, Ref, all_of, any_of, op
from queryleaf_cdc.lowering.event_scope import OPERATION_TYPES
from queryleaf_cdc.lowering.reads import BASE_FIELDS, event_fields, worker_expressions
from queryleaf_cdc.lowering.replacing import replacing
from queryleaf_cdc.lowering.trigger_plan import Images, LoweredBody, any_test, choice_stages, event_match, lower_body
from queryleaf_cdc.plans.program import TriggerStatement
from queryleaf_cdc.plans.stages import ALWAYS, AddFields, AllOf, AnyOf, FieldTest, Include, Match, Stage, Test
from queryleaf_cdc.plans.trigger import StreamPlan, TriggerPlan
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal

SERVER_LIMIT = 16
"""Triggers on one collection up to which the server computes their conditions."""


@dataclass(frozen=True)
class Member:
    """A trigger's place in the stream: ``prefix`` is its path below the event, () when the worker computes all."""

    plan: TriggerPlan
    lowered: LoweredBody
    prefix: tuple[str, ...]


@dataclass(frozen=True)
class SharedStream:
    pipeline: tuple[Stage, ...]
    full_document: str | None
    before_change: str | None
    members: tuple[Member, ...]


def share(triggers: Sequence[TriggerStatement], keep: tuple[str, ...] = ()) -> SharedStream:
    """The stream of these triggers; of none, one that is empty but for the internal events. ``keep`` are further event
    fields that the runtime wants."""
    crowd = Counter(each.plan.collection for each in triggers)
    single = len(triggers) == 1
    members = tuple(
        _member(each, index, single, crowd[each.plan.collection] > SERVER_LIMIT) for index, each in enumerate(triggers)
    )
    in_server = [member for member in members if member.prefix]
    in_worker = [member for member in members if not member.prefix]
    first = any_test([*(_server_test(m) for m in in_server), *_worker_tests(in_worker)])
    stages: list[Stage] = [Match(first), *_computed(in_server)]
    exact = _exact_test(in_server, in_worker)
    if exact is not None:
        stages.append(Match(exact))
    values = [field for member in in_server for stage in member.lowered.layout.value_stages() for field in stage.fields]
    stages += [AddFields(tuple(values))] if values else []
    stages.append(Include(_kept(in_server, in_worker, keep)))
    images = [member.lowered.images for member in members]
    return SharedStream(
        tuple(stages),
        "whenAvailable" if any(each.new_on_update for each in images) else None,
        "whenAvailable" if any(each.old for each in images) else None,
        members,
    )


def _member(statement: TriggerStatement, index: int, alone: bool, crowded: bool) -> Member:
    plan = statement.plan
    prefix = ("_ql",) if alone else ("_ql", f"t{index}")
    if crowded:
        return in_worker(statement)
    gate = None if alone else _gate(plan)
    return Member(plan, _lowered(statement, ".".join(prefix), gate), prefix)


def in_worker(statement: TriggerStatement) -> Member:
    """One of which the server computes nothing."""
    return Member(statement.plan, _lowered(statement, "_ql"), ())


def _lowered(statement: TriggerStatement, prefix: str, gate: Expr | None = None) -> LoweredBody:
    body = lower_body(statement.node, prefix, gate)
    return replace(body, actions=replacing(body.actions)) if statement.plan.replaces else body


def _gate(plan: TriggerPlan) -> Expr:
    """In a stream of several triggers each must first ask whether the event is one of its own."""
    span = plan.span
    mine: Expr = Call("=", (Field("EVENT", ("collection",), span), Literal(plan.collection, span)), span)
    if len(plan.operations) == len(OPERATION_TYPES):
        return mine
    tests = tuple(
        Call("=", (Field("EVENT", ("action",), span), Literal(operation, span)), span) for operation in plan.operations
    )
    return Call("AND", (mine, tests[0] if len(tests) == 1 else Call("OR", tests, span)), span)


def _server_test(member: Member) -> Test:
    plan = member.plan
    matched = event_match(plan.guards).test
    return _in_collection(plan.collection, any_test([matched, *member.lowered.images.missing_test(plan.operations)]))


def _in_collection(collection: str, test: Test) -> Test:
    inner = test.tests if isinstance(test, AllOf) else (test,)
    return AllOf((FieldTest("ns.coll", (("$eq", collection),)), *inner))


def _worker_tests(members: list[Member]) -> list[Test]:
    """Per collection: the operations that any trigger wants."""
    types: dict[str, list[str]] = {}
    for member in members:
        wanted = types.setdefault(member.plan.collection, [])
        wanted += [t for operation in member.plan.operations for t in OPERATION_TYPES[operation] if t not in wanted]
    return [_in_collection(name, FieldTest("operationType", (("$in", each),))) for name, each in types.items()]


def _computed(members: list[Member]) -> list[Stage]:
    depths: list[list[tuple[str, Mql]]] = []
    for member in members:
        for depth, stage in enumerate(choice_stages(_own_missing(member))):
            if depth == len(depths):
                depths.append([])
            depths[depth] += stage.fields
    return [AddFields(tuple(fields)) for fields in depths]


def _own_missing(member: Member) -> LoweredBody:
    """A missing image matters only for the events of the trigger's own collection and operations."""
    if member.prefix == ("_ql",):
        return member.lowered
    return replace(member.lowered, images=_GatedImages.of(member))


@dataclass(frozen=True)
class _GatedImages(Images):
    collection: str = ""
    types: tuple[str, ...] = ()

    @classmethod
    def of(cls, member: Member) -> _GatedImages:
        images, plan = member.lowered.images, member.plan
        types = tuple(t for operation in plan.operations for t in OPERATION_TYPES[operation])
        return cls(images.new_on_update, images.old, plan.collection, types)

    def missing_expr(self) -> Mql:
        mine = op("$eq", Ref("$ns.coll"), MqlConst(self.collection))
        wanted = any_of(*(op("$eq", Ref("$operationType"), MqlConst(each)) for each in self.types))
        return all_of(mine, wanted, super().missing_expr())


def _exact_test(in_server: list[Member], in_worker: list[Member]) -> Test | None:
    """What is left of the events once the branch numbers are known; None where nothing more can go."""
    tests: list[Test] = []
    exact = True
    for member in in_server:
        prefix = ".".join(member.prefix)
        test = member.lowered.acts()
        if test == ALWAYS:
            return None
        exact = exact and member.lowered.matched().exact
        tests.append(test)
        if member.lowered.flags_missing():
            tests.append(FieldTest(f"{prefix}.missing", (("$eq", True),)))
    if not tests or exact:
        return None
    return AnyOf((*any_tests(tests), *_worker_tests(in_worker)))


def any_tests(tests: list[Test]) -> tuple[Test, ...]:
    joined = any_test(tests)
    return joined.tests if isinstance(joined, AnyOf) else (joined,)


def _kept(in_server: list[Member], in_worker: list[Member], keep: tuple[str, ...]) -> tuple[str, ...]:
    """Event fields for the worker: of a trigger that the server computed, only what it could not."""
    reads: set[str] = set()
    for member in in_server:
        reads |= event_fields(worker_expressions(member.lowered.actions))
    for member in in_worker:
        reads |= member.plan.fields
        images = member.lowered.images
        reads |= {"fullDocument._id"} if images.new_on_update else set()
        reads |= {"fullDocumentBeforeChange._id"} if images.old else set()
    base = dict.fromkeys(path for member in (*in_server, *in_worker) for path in member.lowered.base_fields)
    base = base or dict.fromkeys(BASE_FIELDS)  # of no trigger: the runtime reads them of the catalog's events, too
    whole = {path for path in reads if "." not in path}
    paths = sorted(path for path in reads if path in whole or path.partition(".")[0] not in whole)
    return tuple(dict.fromkeys((*base, *keep, *(("_ql",) if in_server else ()), *paths)))


def database_pipeline(stream: StreamPlan) -> tuple[Stage, ...]:
    """A collection stream's pipeline for a stream of the whole database."""
    first, *rest = stream.pipeline
    assert isinstance(first, Match)
    return (Match(_in_collection(stream.collection, first.test)), *rest)
