"""A trigger does the same whether the server computes for it or the worker does all itself.

Random triggers run over random histories on a real server, in four ways: through their own compiled pipeline, through
a shared stream of several, through a crowd's index of conditions, and by Python alone from the raw events. The effects
must be equal, and a compiled pipeline must pass just the events that have effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from bson import json_util
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.timestamp import Timestamp
from pymongo.database import Database

from queryleaf_cdc import RunError, compile_sql
from queryleaf_cdc.events import ACTIONS, Event, Origin
from queryleaf_cdc.lowering import shared_stream
from queryleaf_cdc.lowering.reads import walk_actions
from queryleaf_cdc.plans.actions import Choose, DeleteRows, ReturnAction, UpdateRows
from queryleaf_cdc.plans.program import TriggerStatement
from queryleaf_cdc.runtime.execution import FiringCompiler, Frame
from queryleaf_cdc.runtime.program import CompiledProgram
from tests.properties.random_triggers import History, Triggers

TRIGGERS = 48
STEPS = 50
OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)

Effect = tuple[Any, ...]


class Recorder:
    """Effects as plain values."""

    def __init__(self) -> None:
        self.found: list[Effect] = []

    def insert(self, collection: str, document: Any, origin: Origin) -> None:
        self.found.append(("insert", collection, plain(document)))

    def update(self, collection: str, filter: Any, update: Any, origin: Origin, **options: Any) -> None:
        self.found.append(("update", collection, plain(filter), plain(update)))

    def delete(self, collection: str, filter: Any, origin: Origin, **options: Any) -> None:
        self.found.append(("delete", collection, plain(filter)))

    def call(self, procedure: str, args: Sequence[Any], event: Event, origin: Origin) -> None:
        self.found.append(("call", procedure, plain(list(args))))


def plain(value: Any) -> str:
    """Canonical text: types and widths count."""
    return json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS)


def fired(run: Any) -> list[Effect]:
    recorder = Recorder()
    try:
        run(recorder)
    except RunError as error:
        return [("raise", error.message)]
    return recorder.found


def read(
    db: Database[dict[str, Any]], pipeline: list[Any], options: dict[str, Any], start: Any, end: Any
) -> list[Event]:
    """All events of a database stream between two cluster times."""
    found: list[Event] = []
    collection = db.get_collection("src", OPTIONS)
    with collection.database.watch(pipeline, start_at_operation_time=start, max_await_time_ms=1, **options) as stream:
        while True:
            event = stream.try_next()
            if event is not None:
                found.append(event)
            elif _time(stream.resume_token["_data"]) > end:
                return found


def statement(seed: int, name: str) -> TriggerStatement:
    (found,) = compile_sql(Triggers(seed).trigger(name, "src")).statements
    assert isinstance(found, TriggerStatement)
    return found


def decides_in_server(each: TriggerStatement) -> bool:
    """Whether the server alone can tell which events have effects."""
    every = list(walk_actions(each.plan.actions))
    worker = any(isinstance(a, Choose) and a.slot is None for a in every)
    silent = (ReturnAction, UpdateRows, DeleteRows)  # a WHERE that compares with NULL writes nothing
    return not worker and not any(isinstance(a, silent) for a in every)


def by_python(each: TriggerStatement, event: Event) -> list[Effect]:
    run = FiringCompiler(each.plan.name, False).body(each.plan.actions)
    return fired(lambda recorder: run(Frame(event, recorder, {}, {})))


def expected_effects(each: TriggerStatement, events: list[Event]) -> list[tuple[str, list[Effect]]]:
    found = []
    for event in events:
        if ACTIONS.get(event["operationType"]) in each.plan.operations:
            effects = by_python(each, event)
            if effects:
                found.append((event["_id"]["_data"], effects))
    return found


def by_program(program: CompiledProgram, events: list[Event]) -> dict[str, list[tuple[str, list[Effect]]]]:
    """Trigger name → (event, effects) where there are any."""
    found: dict[str, list[tuple[str, list[Effect]]]] = {}
    for event in events:
        if event["operationType"] not in ACTIONS:
            continue
        for trigger in program.triggers_for(event):
            effects = fired(lambda recorder, t=trigger, e=event: t.fire(e, recorder))
            if effects:
                found.setdefault(trigger.name, []).append((event["_id"]["_data"], effects))
    return found


def stream_options(images: tuple[str, str]) -> dict[str, Any]:
    after, before = images
    options: dict[str, Any] = {}
    if after != "default":
        options["full_document"] = after
    if before != "off":
        options["full_document_before_change"] = before
    return options


BOTH_IMAGES = {"full_document": "whenAvailable", "full_document_before_change": "whenAvailable"}
RAW = [{"$match": {"ns.coll": "src"}}]


class Recorded:
    """A history on the server, and its raw events."""

    def __init__(self, db: Database[dict[str, Any]], seed: int) -> None:
        self.db = db
        db.create_collection("src", changeStreamPreAndPostImages={"enabled": True})
        self.start = db.client.admin.command("hello")["operationTime"]
        History(seed).apply(db.src, STEPS)
        self.end = db.client.admin.command("hello")["operationTime"]
        db.later.insert_one({})  # so that an idle stream's position moves past the end
        self.events = [event for event in self.read(RAW, BOTH_IMAGES) if event["operationType"] in ACTIONS]

    def read(self, pipeline: list[Any], options: dict[str, Any]) -> list[Event]:
        return read(self.db, pipeline, options, self.start, self.end)


@pytest.mark.parametrize("seed", range(6))
def test_alone(db: Database[dict[str, Any]], seed: int) -> None:
    recorded = Recorded(db, seed)
    for number in range(TRIGGERS // 6):
        each = statement(1000 * seed + number, "t")
        program = CompiledProgram([each], {})
        events = recorded.read(program.pipeline, stream_options(program.images))
        expected = expected_effects(each, recorded.events)
        assert by_program(program, events).get("t", []) == expected, each.plan.source.text
        if decides_in_server(each):
            assert [event["_id"]["_data"] for event in events] == [token for token, _ in expected], (
                each.plan.source.text
            )


@pytest.mark.parametrize("seed", range(100, 103))
def test_in_one_stream(db: Database[dict[str, Any]], seed: int) -> None:
    recorded = Recorded(db, seed)
    every = [statement(1000 * seed + number, f"t{number}") for number in range(8)]
    program = CompiledProgram(every, {})
    events = recorded.read(program.pipeline, stream_options(program.images))
    found = by_program(program, events)
    for each in every:
        assert found.get(each.plan.name, []) == expected_effects(each, recorded.events), each.plan.source.text


@pytest.mark.parametrize("seed", range(200, 203))
def test_in_a_crowd(db: Database[dict[str, Any]], seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_stream, "SERVER_LIMIT", 3)
    recorded = Recorded(db, seed)
    every = [statement(1000 * seed + number, f"t{number:02}") for number in range(12)]
    program = CompiledProgram(every, {})
    events = recorded.read(program.pipeline, stream_options(program.images))
    found = by_program(program, events)
    for each in every:
        assert found.get(each.plan.name, []) == expected_effects(each, recorded.events), each.plan.source.text


def _time(token: str) -> Timestamp:
    return Timestamp(int(token[2:10], 16), int(token[10:18], 16))
