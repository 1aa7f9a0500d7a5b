"""Recorded change events run through compiled triggers: what would they have done?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from queryleaf_cdc.compiler import Program, compile_sql
from queryleaf_cdc.errors import InputError, RunError
from queryleaf_cdc.events import ACTIONS, Event
from queryleaf_cdc.offline.changes import described
from queryleaf_cdc.offline.effects import effect_json
from queryleaf_cdc.offline.recorded import checked, label_of
from queryleaf_cdc.offline.store import Store
from queryleaf_cdc.offline.worker import OfflineWorker
from queryleaf_cdc.sinks.procedure import Procedure
from queryleaf_cdc.values import Document, Value


class EventClock:
    """The commit time of the event that is being dealt with: a replay gives the same answers whenever it runs."""

    def __init__(self) -> None:
        self._now = datetime(1970, 1, 1)

    def now(self) -> datetime:
        return self._now

    def at(self, event: Event) -> None:
        found = event.get("wallTime") or event["clusterTime"].as_datetime().astimezone(UTC).replace(tzinfo=None)
        if isinstance(found, datetime):
            self._now = found


def replay(
    program: Program | str,
    events: Iterable[Event],
    *,
    functions: Mapping[str, Callable[..., Value]] | None = None,
    procedures: Mapping[str, Procedure] | None = None,
    data: Mapping[str, Iterable[Document]] | None = None,
    database: str = "replay",
) -> Iterator[dict[str, Any]]:
    """The effects of the events under the program's triggers, in order, as JSON objects (extended JSON, relaxed).

    ``data`` is what the collections hold before the first event. Each event is first applied to the collections, so
    that statements read what was there after it; what triggers write is applied too, and fires triggers in turn.
    One-shot statements of the program run before the first event. Procedures that nobody registered are shown, and not
    called.

    ``event`` counts the events from 1 (0 is before the first). Raises CompileError, and InputError: QL421 for what is
    no change event, QL422 for an event without an image that a trigger needs, QL423 for SQL that needs a server."""
    known = {name.upper(): function for name, function in (functions or {}).items()}
    if isinstance(program, str):
        program = compile_sql(program, functions=known if functions is not None else None)
    clock, store = EventClock(), Store()
    _seed(store, data or {}, clock)
    worker = OfflineWorker(store, clock, database, known, procedures or {})
    worker.execute(program)
    worker.changes = 0
    yield from _taken(worker)
    for number, event in enumerate(events, 1):
        label = label_of(event, number)
        event = checked(event, label)
        worker.changes = number - 1
        if event["operationType"] in ACTIONS:
            clock.at(event)
            _apply(store, event, clock, label)
            worker.recorded(event, label)
        elif event["operationType"] == "drop":
            _drop(store, event)
        yield from _taken(worker)


def _taken(worker: OfflineWorker) -> Iterator[dict[str, Any]]:
    effects, worker.effects = worker.effects, []
    return map(effect_json, effects)


def _seed(store: Store, data: Mapping[str, Iterable[Document]], clock: EventClock) -> None:
    for collection, documents in data.items():
        for document in documents:
            try:
                store.insert(collection, document, clock.now())
            except RunError as error:
                raise InputError("QL425", f"data of {collection}: {error.message}") from None
    store.take()


def _apply(store: Store, event: Event, clock: EventClock, label: str) -> None:
    """The event's own change. An update without its post-image is applied to what is known of the document."""
    collection, key = event["ns"]["coll"], event["documentKey"]["_id"]
    before = store.find(collection, key)
    try:
        if event["operationType"] == "delete":
            if before is not None:
                store.remove(collection, before)
            return
        after = event.get("fullDocument")
        if after is None and before is not None:
            after = described(before, event.get("updateDescription") or {})
        if after is None:
            return
        if before is None:
            store.insert(collection, {"_id": key, **after}, clock.now())
        else:
            store.replace(collection, before, after)
    except (RunError, KeyError, TypeError, AttributeError) as error:
        message = error.message if isinstance(error, RunError) else f"updateDescription is malformed ({error!r})"
        raise InputError("QL421", f"{label}: the change cannot be applied: {message}") from None


def _drop(store: Store, event: Event) -> None:
    namespace = event.get("ns")
    collection = namespace.get("coll") if isinstance(namespace, dict) else None
    for document in store.documents(str(collection)):
        store.remove(str(collection), document)
    store.take()
