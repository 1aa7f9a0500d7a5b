"""SQL text → compiled program, every stage in order."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from queryleaf_cdc.errors import CompileError, Diagnostic, warning
from queryleaf_cdc.frontend import parse
from queryleaf_cdc.logical.bind import Binder
from queryleaf_cdc.logical.bind_changelog import bind_changelog, is_changelog
from queryleaf_cdc.logical.bind_changes import detects
from queryleaf_cdc.logical.bind_query import bind_query
from queryleaf_cdc.logical.bind_rows import all_rows, check_events, trigger_of_sink
from queryleaf_cdc.logical.bind_sink import bind_sink, check_stream, sink_destination
from queryleaf_cdc.logical.bind_stream import as_trigger, bind_flow, is_one_by_one
from queryleaf_cdc.logical.bind_trigger import bind_statement, bind_trigger
from queryleaf_cdc.logical.bind_view import bind_view
from queryleaf_cdc.logical.columns import output_columns
from queryleaf_cdc.logical.named_streams import NamedStreams
from queryleaf_cdc.logical.options import trigger_options, unknown_index_fields, view_options
from queryleaf_cdc.logical.schema import Schema, declared
from queryleaf_cdc.logical.scope import Scope
from queryleaf_cdc.logical.shared_targets import Sinks
from queryleaf_cdc.logical.view_graph import ViewGraph
from queryleaf_cdc.lowering.one_shot import lower_one_shot_query, lower_one_shot_write
from queryleaf_cdc.lowering.row_trigger import over_rows
from queryleaf_cdc.lowering.sink import lower_sink
from queryleaf_cdc.lowering.trigger_plan import lower_trigger
from queryleaf_cdc.plans.program import (
    ChangelogStatement,
    CompiledStatement,
    Definitions,
    DescribeStatement,
    DropStatement,
    ExplainStatement,
    FlowStatement,
    NamedStreamStatement,
    QueryStatement,
    RefreshStatement,
    ShowStatement,
    SinkStatement,
    StreamStatement,
    TableStatement,
    TriggerStatement,
    ViewStatement,
    WriteStatement,
)
from queryleaf_cdc.plans.stream import FlowPlan
from queryleaf_cdc.plans.trigger import TriggerOptions
from queryleaf_cdc.plans.view import ViewOptions
from queryleaf_cdc.source import Source
from queryleaf_cdc.syntax.queries import Query, TableRef
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
    Explain,
    RefreshView,
    SelectStatement,
    Show,
    Statement,
)


@dataclass(frozen=True)
class Program:
    """A compiled file. ``diagnostics`` are the warnings; errors are raised."""

    source: Source
    statements: tuple[CompiledStatement, ...]
    schema: Schema
    diagnostics: tuple[Diagnostic, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The compiled document that ``queryleaf-cdc compile`` prints; extended JSON (relaxed)."""
        from queryleaf_cdc.lowering.output import program_json  # a query is never printed: 0.1 s of its start

        document: dict[str, Any] = program_json(self.source, self.statements)
        return document


def compile_sql(
    text: str,
    *,
    name: str = "<sql>",
    schema: Schema | None = None,
    functions: Collection[str] | None = None,
    repeatable: Collection[str] | None = None,
    streams: Mapping[str, str] | None = None,
    sinks: Mapping[str, str] | None = None,
) -> Program:
    """Compiles a file of statements without a server.

    ``schema`` tells what is known of collections' fields; CREATE TABLE in the text adds to it. ``functions`` are the
    user functions that are registered; None leaves that open, and ``requires.functions`` lists what is used. Of these
    the ``repeatable`` ones may stand in a materialized view; None leaves that open too. ``streams`` and ``sinks`` are
    those that are registered: name → SQL; CREATE VIEW and CREATE SINK in the text add to them. Raises CompileError with
    all mistakes of the text."""
    source = Source(text, name)
    nodes, found = parse(source)
    errors = [each for each in found if each.severity == "error"]
    warnings = [each for each in found if each.severity != "error"]
    known = NamedStreams(streams or {}), Sinks(sinks or {}, _registered_sink)
    compilation = _Compilation(source, schema or Schema(), functions, repeatable, *known)
    statements: list[CompiledStatement] = []
    for node in nodes:
        try:
            statements.append(compilation.statement(node))
        except CompileError as error:
            errors += error.diagnostics
    if errors:
        raise CompileError.of(sorted(errors + warnings, key=_place), source)
    warnings += [each for statement in statements for each in statement.diagnostics]
    return Program(source, tuple(statements), compilation.schema, tuple(sorted(warnings, key=_place)))


def _registered_sink(sql: str) -> SinkStatement | None:
    """None for one that does not compile any more."""
    try:
        statements = compile_sql(sql).statements
    except CompileError:
        return None
    return next((each for each in statements if isinstance(each, SinkStatement)), None)


def _place(diagnostic: Diagnostic) -> int:
    return diagnostic.span.start if diagnostic.span is not None else 0


@dataclass
class _Compilation:
    """Compiles statement after statement; CREATE TABLE and VIEW change what is known for those that follow."""

    source: Source
    schema: Schema
    functions: Collection[str] | None
    repeatable: Collection[str] | None
    streams: NamedStreams
    sinks: Sinks
    triggers: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    views: ViewGraph = field(default_factory=ViewGraph)

    def statement(self, node: Statement) -> CompiledStatement:
        match node:
            case CreateTable():
                self.schema = declared(self.schema, node)
                return TableStatement(node)
            case DropTrigger():
                self.triggers.discard(node.name)
                return DropStatement(node)
            case DropSink():
                self.sinks.own[node.name] = None
                return DropStatement(node)
            case DropStream():
                self.named.discard(node.name)
                self.streams.drop(node.name)
                return DropStatement(node)
            case DropView():
                self.views.drop(node.name)
                return DropStatement(node)
            case RefreshView():
                return RefreshStatement(node)
            case CreateTrigger():
                return self._trigger(node)
            case CreateSink() | CreateStream() | CreateMaterializedView():
                query, streams = self.streams.in_place(node.query, node.name)
                return replace(self._over(replace(node, query=query), streams), streams=streams)
            case Show():
                return ShowStatement(node)
            case Describe():
                return DescribeStatement(node)
            case Explain(inner):
                explained = self._alone().statement(inner)
                return ExplainStatement(explained, explained.diagnostics)
            case SelectStatement(query):
                return self._select(self.streams.in_place(query)[0])
            case _:
                binder, scope = self._binder(False), Scope()
                bound = bind_statement(node, binder, scope)
                actions, requires = lower_one_shot_write(bound, tuple(binder.used_functions))
                return WriteStatement(actions, requires, tuple(scope.warnings))

    def _alone(self) -> _Compilation:
        """For a statement that changes nothing for those that follow."""
        return replace(
            self,
            triggers=set(self.triggers),
            named=set(self.named),
            views=deepcopy(self.views),
            streams=self.streams.copy(),
            sinks=self.sinks.copy(),
        )

    def _over(
        self, node: CreateSink | CreateStream | CreateMaterializedView, streams: Definitions
    ) -> SinkStatement | NamedStreamStatement | ViewStatement:
        """What has a name and a query, with streams in place."""
        match node:
            case CreateSink():
                return self._sink(node)
            case CreateStream():
                named = self._named_stream(node)
                self.streams.add(node, (*streams, (node.name, self.source.slice(node.span))))
                return named
            case CreateMaterializedView():
                return self._view(node)

    def _select(self, query: Query) -> CompiledStatement:
        if detects(query):
            return self._stream(query, None, Scope())
        return self._changelog(query) if is_changelog(query) else self._query(query)

    def _trigger(self, node: CreateTrigger) -> TriggerStatement:
        if node.name in self.triggers and not (node.or_replace or node.if_not_exists):
            raise CompileError(
                "QL231", f"trigger {node.name} is created twice", node.name_span, "say CREATE OR REPLACE"
            )
        self.triggers.add(node.name)
        binder, scope = self._binder(True), Scope()
        options = binder.attempt(lambda: trigger_options(node.options), TriggerOptions())
        stream = self.streams.get(node.collection)
        flow = None
        if stream is not None:
            binder.attempt(lambda: check_events(node), None)
            flow = self._flow(all_rows(stream.query, node.collection, node.collection_span), node.name, scope)
        table = Schema().with_view((node.collection,), flow.columns) if flow is not None else self.schema
        bound = bind_trigger(node, table.get(node.collection), binder, scope)
        if binder.errors:
            raise CompileError.of(binder.errors, self.source)
        plan = lower_trigger(bound, self.source, options, tuple(binder.used_functions))
        if stream is None or flow is None:
            return TriggerStatement(plan, bound, tuple(scope.warnings))
        plan = over_rows(plan, flow)
        return TriggerStatement(plan, bound, tuple(scope.warnings), flow=flow, streams=stream.sql)

    def _view(self, node: CreateMaterializedView) -> ViewStatement:
        binder, scope = replace(self._binder(False), for_view=True, repeatable=self.repeatable), Scope()
        options = binder.attempt(lambda: view_options(node), ViewOptions(node.name))
        bound = binder.attempt(lambda: bind_view(node, binder, scope), None)
        if bound is None or binder.errors:
            raise CompileError.of(binder.errors, self.source)
        self.views.add(bound, options.target)
        columns = output_columns(bound.query)
        scope.warnings.extend(unknown_index_fields(node, options, columns))
        self.schema = self.schema.with_view((node.name, options.target), columns)
        from queryleaf_cdc.lowering.view import lower_view

        plan = lower_view(bound, self.source, options, tuple(binder.used_functions))
        return ViewStatement(plan, bound, tuple(scope.warnings))

    def _sink(self, node: CreateSink) -> SinkStatement:
        if self.sinks.is_made(node.name) and not (node.or_replace or node.if_not_exists):
            raise CompileError("QL231", f"sink {node.name} is created twice", node.name_span, "say CREATE OR REPLACE")
        binder, scope = self._binder(True), Scope()
        check_stream(node)
        flow = None
        if not is_one_by_one(node.query):
            flow = self._flow(node.query, node.name, scope)
        checked = binder.attempt(lambda: sink_destination(node, scope), None)
        bound = binder.attempt(lambda: _sink_trigger(node, flow, binder, scope), None)
        if checked is None or bound is None or binder.errors:
            raise CompileError.of(binder.errors, self.source)
        (destination, options), (trigger, columns) = checked, bound
        plan = lower_sink(trigger, self.source, options, tuple(binder.used_functions), destination)
        if flow is not None:
            plan = over_rows(plan, flow)
        found = tuple(scope.warnings)
        sink = SinkStatement(TriggerStatement(plan, trigger, found, flow=flow), destination, node, columns, found)
        self.sinks.own[node.name] = sink
        shared = self.sinks.shared(sink)
        return sink if shared is None else replace(sink, diagnostics=(*found, shared))

    def _named_stream(self, node: CreateStream) -> NamedStreamStatement:
        if node.name in self.named and not (node.or_replace or node.if_not_exists):
            raise CompileError("QL231", f"view {node.name} is created twice", node.name_span, "say CREATE OR REPLACE")
        self.named.add(node.name)
        if not detects(node.query):
            hint = "add WHERE CHANGE_DETECTED(); the rows of a query are kept by CREATE MATERIALIZED VIEW"
            raise CompileError("QL256", "CREATE VIEW names a streaming SELECT", node.query.span, hint)
        scope = Scope()
        if self.schema.get(node.name) is not None:
            text = f"there is a collection {node.name}, too: FROM {node.name} reads the stream from now on"
            scope.warnings.append(warning("QL260", text, node.name_span, "give the stream a name of its own"))
        return NamedStreamStatement(self._stream(node.query, node.name, scope), node)

    def _stream(self, query: Query, name: str | None, scope: Scope) -> StreamStatement | FlowStatement:
        binder = self._binder(True)
        if not is_one_by_one(query):
            flow = self._flow(query, name or "stream", scope)
            return FlowStatement(flow, flow.columns, tuple(scope.warnings))
        node, columns = as_trigger(query, binder, scope)
        node = replace(node, name=name or node.name)
        plan = lower_trigger(node, self.source, TriggerOptions(), tuple(binder.used_functions))
        return StreamStatement(plan, columns, tuple(scope.warnings))

    def _flow(self, query: Query, name: str, scope: Scope) -> FlowPlan:
        binder = replace(self._binder(True), for_stream=True)
        bound = bind_flow(query, binder, scope)
        from queryleaf_cdc.lowering.stream import lower_stream

        return lower_stream(bound, self.source, tuple(binder.used_functions), name)

    def _changelog(self, query: Query) -> ChangelogStatement:
        binder, scope = self._binder(False), Scope()
        bound = bind_changelog(query, binder, scope)
        assert isinstance(bound.from_item, TableRef)
        used = tuple(binder.used_functions)
        return ChangelogStatement(bound.from_item.name, bound, output_columns(bound), used, tuple(scope.warnings))

    def _query(self, query: Query) -> QueryStatement:
        binder, scope = self._binder(False), Scope()
        bound = bind_query(query, scope, binder)
        return QueryStatement(lower_one_shot_query(bound), output_columns(bound), tuple(scope.warnings))

    def _binder(self, changes: bool) -> Binder:
        return Binder(self.schema, self.functions, changes, bind_query, self.streams)


def _sink_trigger(
    node: CreateSink, flow: FlowPlan | None, binder: Binder, scope: Scope
) -> tuple[CreateTrigger, tuple[str, ...] | None]:
    """The trigger that does what the sink does, and the row's columns."""
    if flow is None:
        return bind_sink(node, binder, scope)
    return trigger_of_sink(node, flow.columns, scope), flow.columns
