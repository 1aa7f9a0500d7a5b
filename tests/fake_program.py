"""Programs written in Python: what the runtime needs of the compiler, and nothing else.

The "SQL" of a fake trigger is the JSON of a small specification: ``{"on": "orders", "into": "log"}``."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from typing import Any

from queryleaf_cdc.errors import RunError
from queryleaf_cdc.events import ACTIONS, Effects, Event, MissingImage, Origin, Program, Trigger
from queryleaf_cdc.source import Span

Body = Callable[[Event, Effects, Origin], None]


class FakeTrigger:
    """Inserts one row per event, unless its specification says otherwise."""

    def __init__(self, name: str, spec: dict[str, Any]) -> None:
        self.name = name
        self.on_error = spec.get("on_error", "retry")
        self.max_retries = spec.get("max_retries", 2)
        self.on = spec["on"]
        self.into = spec.get("into", "log")
        self.spec = spec
        self.origin = Origin(name, Span(0, 5))

    def fire(self, event: Event, effects: Effects) -> None:
        spec = self.spec
        key = event["documentKey"]["_id"]
        if spec.get("reads") and key % spec["reads"] == 0:
            effects.aggregate(self.into, [{"$limit": 1}], self.origin)
        row = {"event": event["_id"]["_data"], "key": key, "trigger": self.name}
        if "tag" in spec:
            row["tag"] = spec["tag"]
        if event.get("_depth"):
            row["depth"] = event["_depth"]
        effects.insert(self.into, row, self.origin)
        if spec.get("once"):
            effects.insert(self.into, {"_id": f"{self.name}:{key}"}, self.origin)
        if key in spec.get("raises", ()):
            raise RunError("QL601", "refused by the trigger", Span(0, 5))
        if key in spec.get("fails", ()):
            raise ValueError(f"cannot work on {key}")
        if "call" in spec:
            effects.call(spec["call"], [key], event, self.origin)


class FakeProgram:
    """Implements ``events.Program``."""

    def __init__(self, triggers: Sequence[FakeTrigger]) -> None:
        self.triggers = sorted(triggers, key=lambda each: each.name)
        self.watched = frozenset(each.on for each in triggers)
        self.targets = {each.name: frozenset({each.into}) for each in triggers}
        self.uses_depth = any(each.spec.get("depth") for each in triggers)
        self.fires = True
        self.views: dict[str, Any] = {}
        self.flows: dict[str, Any] = {}
        self.pipeline: list[dict[str, Any]] = [
            {"$match": {"ns.coll": {"$in": sorted(self.watched)}, "operationType": {"$in": list(ACTIONS)}}}
        ]
        for each in triggers:
            self.pipeline += each.spec.get("stages", [])
        self.images = ("whenAvailable", "whenAvailable" if any(t.spec.get("images") for t in triggers) else "off")

    def triggers_for(self, event: Event) -> Sequence[Trigger]:
        found = [each for each in self.triggers if each.on == event["ns"]["coll"]]
        lacking = [each.name for each in found if each.spec.get("images") and _lacks(event)]
        if lacking:
            raise MissingImage(tuple(lacking), "pre-image")
        return found


def _lacks(event: Event) -> bool:
    return event["operationType"] != "insert" and event.get("fullDocumentBeforeChange") is None


def build_fake(active: Sequence[tuple[str, str]], maintained: Collection[str] = ()) -> Program:
    return FakeProgram([FakeTrigger(name, json.loads(sql)) for name, sql in active])


def sql(**spec: Any) -> str:
    return json.dumps(spec)
