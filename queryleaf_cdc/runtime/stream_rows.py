"""From a batch of changes to the rows of a streaming SELECT."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Protocol

from queryleaf_cdc.errors import RunError
from queryleaf_cdc.events import ACTIONS, Event
from queryleaf_cdc.lowering.mongo_json import pipeline_json
from queryleaf_cdc.lowering.shared_stream import database_pipeline
from queryleaf_cdc.plans.trigger import TriggerPlan
from queryleaf_cdc.runtime.execution import FiringCompiler, Frame, Functions
from queryleaf_cdc.runtime.row_stream import Row, change_of
from queryleaf_cdc.values import Document


class StreamRows(Protocol):
    """A streaming SELECT at work. ``pipeline`` and ``images`` are those of its change stream of the database."""

    pipeline: list[Document]
    images: tuple[str, str]
    collections: frozenset[str]
    """whose changes are read"""
    closing: threading.Event
    """set when nobody waits any more"""

    @property
    def late(self) -> int:
        """How many rows came after their window of time had ended, and were left out."""

    @property
    def waits(self) -> bool:
        """Whether rows will come with time alone."""

    @property
    def holds(self) -> bool:
        """Whether it has changes that it took, and that stand behind one which could not be read."""

    def of(self, events: Iterable[Event]) -> Iterable[Row]:
        """The rows that come with what it holds, and with these changes. Raises RunError QL607, and what a user's
        function raises: then rows that come with changes before that one were given, and those behind it are held, or
        were not taken."""

    def by(self, now: datetime) -> list[Row]:
        """The rows that have come by this time, which no later change is before."""


class OneByOne:
    """Each row comes of one change alone."""

    def __init__(self, plan: TriggerPlan, functions: Functions) -> None:
        stream = plan.stream
        self.pipeline = pipeline_json(database_pipeline(stream))
        self.images = (stream.full_document or "default", stream.before_change or "off")
        self.collections = frozenset({plan.collection})
        self._run = FiringCompiler(plan.name, True).body(plan.actions)
        self._functions = functions
        self.closing = threading.Event()

    late = 0
    waits = False
    holds = False

    def by(self, now: datetime) -> list[Row]:
        return []

    def of(self, events: Iterable[Event]) -> Iterator[Row]:
        run, functions, collections = self._run, self._functions, self.collections
        collected: Any = _Collecting()
        for event in events:
            if event.get("operationType") not in ACTIONS or event["ns"]["coll"] not in collections:
                continue  # the catalog's own events come, too
            computed = event.get("_ql") or {}
            if computed.get("missing"):
                raise Lacking(event)
            run(Frame(event, collected, computed, functions))
            for document in collected.rows:
                yield Row(document, change_of(event))
            collected.rows.clear()


class _Collecting:
    """Effects of a streaming SELECT: its one INSERT is a row."""

    def __init__(self) -> None:
        self.rows: list[Document] = []

    def insert(self, collection: str, document: Document, origin: object) -> None:
        self.rows.append(document)


class Lacking(RunError):
    """QL607: an image of the change is not there."""

    def __init__(self, event: Event) -> None:
        key = event.get("documentKey")
        super().__init__("QL607", f"a document image that the query needs is not there (key {key})")
        self.collection: str = event["ns"]["coll"]
