"""Compiled statements."""

from __future__ import annotations

from dataclasses import dataclass

from queryleaf_cdc.errors import Diagnostic
from queryleaf_cdc.plans.actions import Actions, QueryTemplate
from queryleaf_cdc.plans.sink import Destination
from queryleaf_cdc.plans.trigger import Requires, TriggerPlan
from queryleaf_cdc.plans.view import ViewPlan
from queryleaf_cdc.syntax.statements import (
    CreateMaterializedView,
    CreateSink,
    CreateStream,
    CreateTable,
    CreateTrigger,
    DropSink,
    DropStream,
    DropTrigger,
    DropView,
    RefreshView,
)


@dataclass(frozen=True, slots=True)
class TriggerStatement:
    plan: TriggerPlan
    node: CreateTrigger
    diagnostics: tuple[Diagnostic, ...]
    kind: str = "trigger"


@dataclass(frozen=True, slots=True)
class ViewStatement:
    plan: ViewPlan
    node: CreateMaterializedView
    diagnostics: tuple[Diagnostic, ...]
    kind: str = "materialized_view"


@dataclass(frozen=True, slots=True)
class SinkStatement:
    """``trigger`` does what the sink does: it writes the row into the collection, or makes it for ``destination``."""

    trigger: TriggerStatement
    destination: Destination
    node: CreateSink
    columns: tuple[str, ...] | None
    diagnostics: tuple[Diagnostic, ...]
    kind: str = "sink"

    @property
    def plan(self) -> TriggerPlan:
        return self.trigger.plan


@dataclass(frozen=True, slots=True)
class StreamStatement:
    """A streaming SELECT. ``plan`` is that of a trigger whose only action makes the row."""

    plan: TriggerPlan
    columns: tuple[str, ...] | None
    diagnostics: tuple[Diagnostic, ...]
    kind: str = "stream"


@dataclass(frozen=True, slots=True)
class NamedStreamStatement:
    """CREATE VIEW: ``stream`` with a name. It runs where somebody reads it, so there is nothing to do for a worker."""

    stream: StreamStatement
    node: CreateStream
    kind: str = "view"

    @property
    def plan(self) -> TriggerPlan:
        return self.stream.plan

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        return self.stream.diagnostics


@dataclass(frozen=True, slots=True)
class QueryStatement:
    """A one-shot SELECT. ``columns`` is None when ``*`` leaves them open."""

    query: QueryTemplate
    columns: tuple[str, ...] | None
    diagnostics: tuple[Diagnostic, ...]
    kind: str = "query"


@dataclass(frozen=True, slots=True)
class WriteStatement:
    """A one-shot INSERT, UPDATE, DELETE or CALL."""

    actions: Actions
    requires: Requires
    diagnostics: tuple[Diagnostic, ...]
    kind: str = "write"


@dataclass(frozen=True, slots=True)
class DropStatement:
    node: DropTrigger | DropView | DropSink | DropStream
    diagnostics: tuple[Diagnostic, ...] = ()
    kind: str = "drop"


@dataclass(frozen=True, slots=True)
class RefreshStatement:
    node: RefreshView
    diagnostics: tuple[Diagnostic, ...] = ()
    kind: str = "refresh"


@dataclass(frozen=True, slots=True)
class TableStatement:
    node: CreateTable
    diagnostics: tuple[Diagnostic, ...] = ()
    kind: str = "table"


CompiledStatement = (
    TriggerStatement | ViewStatement | SinkStatement | NamedStreamStatement | StreamStatement | QueryStatement
    | WriteStatement | DropStatement | RefreshStatement | TableStatement
)  # fmt: skip
