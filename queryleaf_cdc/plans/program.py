"""Compiled statements."""

from __future__ import annotations

from queryleaf_cdc.errors import Diagnostic
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.plans.actions import Actions, QueryTemplate
from queryleaf_cdc.plans.sink import Destination
from queryleaf_cdc.plans.stream import FlowPlan
from queryleaf_cdc.plans.trigger import Requires, TriggerPlan
from queryleaf_cdc.plans.view import ViewPlan
from queryleaf_cdc.syntax.queries import Select
from queryleaf_cdc.syntax.statements import (
    CreateMaterializedView,
    CreateSink,
    CreateStream,
    CreateTable,
    CreateTrigger,
    Describe,
    DropSink,
    DropStream,
    DropTrigger,
    DropView,
    RefreshView,
    Show,
)

Definitions = tuple[tuple[str, str], ...]
"""(name of a stream, statement); the name is empty for a CREATE TABLE that it was compiled with"""


@frozen
class TriggerStatement:
    """``flow``: it is fired by the rows of this stream, each an INSERT, and not by changes of ``plan.collection``."""

    plan: TriggerPlan
    node: CreateTrigger
    diagnostics: tuple[Diagnostic, ...]
    kind: str = "trigger"
    flow: FlowPlan | None = None
    streams: Definitions = ()
    """the named streams that it reads, each after those that it reads itself"""


@frozen
class ViewStatement:
    plan: ViewPlan
    node: CreateMaterializedView
    diagnostics: tuple[Diagnostic, ...]
    kind: str = "materialized_view"
    streams: Definitions = ()


@frozen
class SinkStatement:
    """``trigger`` does what the sink does: it writes the row into the collection, or makes it for ``destination``."""

    trigger: TriggerStatement
    destination: Destination
    node: CreateSink
    columns: tuple[str, ...] | None
    diagnostics: tuple[Diagnostic, ...]
    kind: str = "sink"
    streams: Definitions = ()

    @property
    def plan(self) -> TriggerPlan:
        return self.trigger.plan


@frozen
class StreamStatement:
    """A streaming SELECT. ``plan`` is that of a trigger whose only action makes the row."""

    plan: TriggerPlan
    columns: tuple[str, ...] | None
    diagnostics: tuple[Diagnostic, ...]
    kind: str = "stream"


@frozen
class FlowStatement:
    """A streaming SELECT whose rows come of more than one change: a dataflow."""

    plan: FlowPlan
    columns: tuple[str, ...] | None
    diagnostics: tuple[Diagnostic, ...]
    kind: str = "stream"


@frozen
class ChangelogStatement:
    """SELECT ... EMIT CHANGES: the rows of one collection or view, and how they change. ``select`` is bound."""

    collection: str
    select: Select
    columns: tuple[str, ...] | None
    functions: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...]
    kind: str = "stream"


@frozen
class NamedStreamStatement:
    """CREATE VIEW: ``stream`` with a name. It runs where somebody reads it, so there is nothing to do for a worker."""

    stream: StreamStatement | FlowStatement
    node: CreateStream
    kind: str = "view"
    streams: Definitions = ()

    @property
    def plan(self) -> TriggerPlan | FlowPlan:
        return self.stream.plan

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        return self.stream.diagnostics


@frozen
class QueryStatement:
    """A one-shot SELECT. ``columns`` is None when ``*`` leaves them open."""

    query: QueryTemplate
    columns: tuple[str, ...] | None
    diagnostics: tuple[Diagnostic, ...]
    kind: str = "query"


@frozen
class WriteStatement:
    """A one-shot INSERT, UPDATE, DELETE or CALL."""

    actions: Actions
    requires: Requires
    diagnostics: tuple[Diagnostic, ...]
    kind: str = "write"


@frozen
class DropStatement:
    node: DropTrigger | DropView | DropSink | DropStream
    diagnostics: tuple[Diagnostic, ...] = ()
    kind: str = "drop"


@frozen
class RefreshStatement:
    node: RefreshView
    diagnostics: tuple[Diagnostic, ...] = ()
    kind: str = "refresh"


@frozen
class TableStatement:
    node: CreateTable
    diagnostics: tuple[Diagnostic, ...] = ()
    kind: str = "table"


@frozen
class ShowStatement:
    node: Show
    diagnostics: tuple[Diagnostic, ...] = ()
    kind: str = "show"


@frozen
class DescribeStatement:
    node: Describe
    diagnostics: tuple[Diagnostic, ...] = ()
    kind: str = "describe"


@frozen
class ExplainStatement:
    """``explained`` is compiled as if it stood alone, and not run."""

    explained: CompiledStatement
    diagnostics: tuple[Diagnostic, ...]
    kind: str = "explain"


InspectionStatement = ShowStatement | DescribeStatement | ExplainStatement
"""Only asks; its result is rows."""

CompiledStatement = (
    TriggerStatement | ViewStatement | SinkStatement | NamedStreamStatement | StreamStatement | FlowStatement
    | ChangelogStatement | QueryStatement | WriteStatement | DropStatement | RefreshStatement | TableStatement
    | InspectionStatement
)  # fmt: skip
