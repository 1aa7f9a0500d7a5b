"""Change events as the worker receives them, and what a firing may do.

An event stays the plain document that the driver decodes (no copy per event): ``_id`` (resume token),
``operationType``, ``ns``, ``documentKey``, ``wallTime``, ``clusterTime``, and, where a plan asks for them,
``fullDocument``, ``fullDocumentBeforeChange``, ``lsid``, ``txnNumber`` and the computed ``_ql``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.source import Span
from queryleaf_cdc.values import Document, Value

Event = dict[str, Any]

ACTIONS = {"insert": "INSERT", "update": "UPDATE", "replace": "UPDATE", "delete": "DELETE"}
"""operationType → SQL's name for it. Other types concern no trigger."""


@frozen
class Origin:
    """Which statement of which trigger causes an effect."""

    trigger: str
    span: Span


class Effects(Protocol):
    """Where a firing leaves its effects. Writes may be buffered; a read sees all earlier writes of its batch."""

    def insert(self, collection: str, document: Document, origin: Origin) -> None: ...

    def update(
        self,
        collection: str,
        filter: Document,
        update: list[Document] | Document,
        origin: Origin,
        *,
        upsert: bool = False,
        many: bool = True,
    ) -> None:
        """``update`` is an update pipeline or an update document."""

    def delete(self, collection: str, filter: Document, origin: Origin, *, many: bool = True) -> None: ...

    def aggregate(self, collection: str, pipeline: list[Document], origin: Origin) -> list[Document]: ...

    def call(self, procedure: str, args: Sequence[Value], event: Event, origin: Origin) -> None:
        """One outbox row: delivered at least once after the batch has committed, in order per document key."""

    def deliver(self, destination: Document, retries: int, row: Document, event: Event, origin: Origin) -> None:
        """One outbox row of a sink; see ``plans.sink.Destination``. Delivered as a call is."""


class Trigger(Protocol):
    """One compiled trigger, ready to fire."""

    name: str
    on_error: str
    """retry, dead_letter or stop"""
    max_retries: int

    def fire(self, event: Event, effects: Effects) -> None:
        """Runs the body for one event that ``Program.triggers_for`` gave to this trigger.

        Raises RunError (with the statement's span) for RAISE, and whatever a user's function raises.
        May be called again for the same event after a failed attempt; holds no state between calls."""


class Program(Protocol):
    """All active triggers of one database, compiled for its one change stream."""

    pipeline: list[Document]
    """for ``db.watch``: keeps only events that matter, computes what the triggers need"""
    images: tuple[str, str]
    """``fullDocument`` and ``fullDocumentBeforeChange`` options of the stream: "whenAvailable", or "off"/"default" """
    targets: dict[str, frozenset[str]]
    """trigger name → collections it may write"""
    watched: frozenset[str]
    """collections whose events fire a trigger"""
    uses_depth: bool
    """whether a body calls TRIGGER_DEPTH()"""
    fires: bool
    """whether there is any trigger"""
    views: Mapping[str, Any]
    """build's id → ``runtime.views.CompiledView``: what the events also feed"""
    flows: Mapping[str, Any]
    """name of a trigger over a stream's rows → ``runtime.flows.CompiledFlow``"""

    def triggers_for(self, event: Event) -> Sequence[Trigger]:
        """The triggers to fire for an event of the stream, in order of their names. Raises MissingImage."""


class MissingImage(Exception):
    """A pre- or post-image that a trigger needs is not there (images off, or expired). ``triggers`` may be builds
    of views, too."""

    def __init__(self, triggers: tuple[str, ...], which: str) -> None:
        super().__init__(f"no {which} for triggers {', '.join(triggers)}")
        self.triggers = triggers
        self.which = which


ProgramBuilder = Callable[[Sequence[tuple[str, str]], Collection[str]], Program]
"""(id, SQL) of the active triggers and of builds of views, and the collections that views maintain → program"""
