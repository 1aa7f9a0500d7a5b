"""The compiled document: plans as JSON that anybody can read and paste into any driver."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, assert_never

from bson import json_util

from queryleaf_cdc.errors import Diagnostic
from queryleaf_cdc.logical.bind_stream import ROW
from queryleaf_cdc.lowering.changelog import changelog_json
from queryleaf_cdc.lowering.mongo_json import pipeline_json
from queryleaf_cdc.lowering.sql_text import identifier
from queryleaf_cdc.lowering.views.printed import flow_json, view_json
from queryleaf_cdc.plans.actions import (
    Action,
    CallAction,
    Choose,
    Computed,
    Conflict,
    DeleteRows,
    Filter,
    ForEach,
    Hole,
    InsertQuery,
    InsertRow,
    QueryTemplate,
    RaiseAction,
    ReadInto,
    ReturnAction,
    SetVariable,
    Template,
    UpdateRows,
)
from queryleaf_cdc.plans.program import (
    ChangelogStatement,
    CompiledStatement,
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
from queryleaf_cdc.plans.trigger import Requires, StreamPlan, TriggerPlan
from queryleaf_cdc.plans.view import ViewPlan
from queryleaf_cdc.source import Source
from queryleaf_cdc.syntax.expressions import Field

Json = Any

_EXTENDED = json_util.RELAXED_JSON_OPTIONS


def program_json(source: Source, statements: Iterable[CompiledStatement]) -> Json:
    """``{"version": 1, "statements": [...]}``. What compiles to nothing is left out: CREATE TABLE, DROP, REFRESH,
    and what only asks."""
    printed = [_Printer(source).statement(each) for each in statements]
    return {"version": 1, "statements": [each for each in printed if each is not None]}


def extended(value: Any) -> Json:
    """BSON values as relaxed extended JSON."""
    return json.loads(json_util.dumps(value, json_options=_EXTENDED))


def watch_json(plan: StreamPlan) -> Json:
    options = {
        name: value
        for name, value in (("fullDocument", plan.full_document), ("fullDocumentBeforeChange", plan.before_change))
        if value is not None
    }
    return {"collection": plan.collection, "pipeline": extended(pipeline_json(plan.pipeline)), "options": options}


class _Printer:
    """Prints one program's statements; the source gives the SQL of what the worker computes. ``of_rows``: that is all,
    since no server sees the rows of a stream."""

    def __init__(self, source: Source, of_rows: bool = False) -> None:
        self.source = source
        self.of_rows = of_rows

    def statement(self, node: CompiledStatement) -> Json | None:
        match node:
            case TriggerStatement(plan):
                return {**self._fired("trigger", node, node.diagnostics), **self._trigger_options(plan)}
            case SinkStatement(trigger, destination):
                printed = self._fired("sink", trigger, node.diagnostics)
                return {**printed, "into": destination.document(), **self._trigger_options(trigger.plan)}
            case NamedStreamStatement(stream, named):
                return {**(self.statement(stream) or {}), "kind": "view", "name": named.name}
            case StreamStatement(plan):
                return self._streaming("stream", None, plan, node.diagnostics)
            case FlowStatement(flow):
                return self._flow(flow, node.diagnostics)
            case ChangelogStatement():
                return self._changelog(node)
            case QueryStatement(query, columns):
                return {
                    "kind": "query",
                    "name": None,
                    "collection": query.collection,
                    "pipeline": self._template(query.pipeline),
                    "columns": list(columns) if columns is not None else None,
                    **self._client(query),
                    "requires": requires_json(_requires_reads(query)),
                    "diagnostics": self.diagnostics(node.diagnostics),
                }
            case WriteStatement(actions, requires):
                return {
                    "kind": "write",
                    "name": None,
                    "actions": self.actions(actions),
                    "requires": requires_json(requires),
                    "diagnostics": self.diagnostics(node.diagnostics),
                }
            case ViewStatement(plan):
                return self._view(plan, node.diagnostics)
            case DropStatement() | TableStatement() | RefreshStatement():
                return None
            case ShowStatement() | DescribeStatement() | ExplainStatement():
                return None
            case _:
                assert_never(node)

    def _fired(self, kind: str, node: TriggerStatement, found: tuple[Diagnostic, ...]) -> Json:
        """By changes, or by the rows of a stream: then there is a dataflow, and NEW is its row."""
        if node.flow is None:
            return self._streaming(kind, node.plan.name, node.plan, found)
        return {
            **self._flow(node.flow, found),
            "kind": kind,
            "name": node.plan.name,
            "actions": _Printer(self.source, of_rows=True).actions(node.plan.actions),
            "requires": requires_json(node.plan.requires),
        }

    def _streaming(self, kind: str, name: str | None, plan: TriggerPlan, found: tuple[Diagnostic, ...]) -> Json:
        return {
            "kind": kind,
            "name": name,
            "watch": watch_json(plan.stream),
            "actions": self.actions(plan.actions),
            "requires": requires_json(plan.requires),
            "diagnostics": self.diagnostics(found),
        }

    def _flow(self, plan: FlowPlan, found: tuple[Diagnostic, ...]) -> Json:
        watches = [watch_json(each.plan.stream) for each in plan.sources]
        return {
            "kind": "stream",
            "name": None,
            **({"watch": watches[0]} if len(watches) == 1 else {"watches": watches}),
            **flow_json(plan),
            "requires": requires_json(plan.requires),
            "diagnostics": self.diagnostics(found),
        }

    def _changelog(self, node: ChangelogStatement) -> Json:
        emitted = changelog_json(node, self.source)
        return {**emitted, "diagnostics": self.diagnostics(node.diagnostics)}

    def _view(self, plan: ViewPlan, found: tuple[Diagnostic, ...]) -> Json:
        watches = [watch_json(each.plan.stream) for each in plan.feeds]
        return {
            "kind": "materialized_view",
            "name": plan.name,
            **({"watch": watches[0]} if len(watches) == 1 else {"watches": watches}),
            **view_json(plan),
            "requires": requires_json(plan.requires),
            "diagnostics": self.diagnostics(found),
        }

    def _trigger_options(self, plan: TriggerPlan) -> Json:
        options = plan.options
        return {"options": {"on_error": options.on_error, "max_retries": options.max_retries, "start": options.start}}

    def diagnostics(self, found: Iterable[Diagnostic]) -> Json:
        return diagnostics_json(found, self.source)

    # -- actions --------------------------------------------------------------------------------------------------

    def actions(self, actions: Iterable[Action]) -> Json:
        return [self._action(each) for each in actions]

    def _action(self, action: Action) -> Json:
        match action:
            case Choose():
                return self._choose(action)
            case InsertRow(collection, fields, slot, conflict, replaces=replaces):
                document = {_dotted(path): self._value(value) for path, value in fields}
                slot = None if self.of_rows else slot
                if collection == ROW:
                    return {"op": "emit", "row": {"$ref": _reference(slot)} if slot is not None else document}
                whole = {"$ref": _reference(slot)} if slot is not None else document
                row = {"collection": collection, "document": whole, **({"replaces": True} if replaces else {})}
                return {"op": "insert", **row, **self._conflict(conflict)}
            case InsertQuery(collection, columns, query, conflict):
                names = [_dotted(path) for path in columns]
                read = self._query(query)
                return {
                    "op": "insert",
                    "collection": collection,
                    "columns": names,
                    "from": read,
                    **self._conflict(conflict),
                }
            case UpdateRows(collection=collection, source=source, filter=filter_, update=update):
                body = {"filter": self._filter(filter_), "update": self._template(update)}
                return {"op": "update", "collection": collection, **self._source(source), **body}
            case DeleteRows(collection=collection, source=source, filter=filter_):
                return {
                    "op": "delete",
                    "collection": collection,
                    **self._source(source),
                    "filter": self._filter(filter_),
                }
            case CallAction(procedure, args):
                return {"op": "call", "procedure": procedure, "args": [self._value(arg) for arg in args]}
            case RaiseAction(message):
                return {"op": "raise", "message": self._value(message)}
            case ReturnAction():
                return {"op": "return"}
            case SetVariable(name, value):
                return {"op": "set", "variable": name, "value": self._value(value)}
            case ReadInto(targets, query):
                return {"op": "select", "into": list(targets), **self._query(query)}
            case ForEach(row, query, body):
                return {"op": "for_each", "row": row, "in": self._query(query), "do": self.actions(body)}
            case _:
                assert_never(action)

    def _choose(self, action: Choose) -> Json:
        bodies = [{"if": self.source.slice(test.span), "do": self.actions(body)} for test, body in action.branches]
        last = {"else": self.actions(action.otherwise)} if action.otherwise else {}
        if action.slot is not None and not self.of_rows:
            return {"op": "if", "branch": {"$ref": _reference(action.slot)}, "branches": bodies, **last}
        return {"op": "if", "because": action.because or _OF_ROW, "branches": bodies, **last}

    def _value(self, value: Computed) -> Json:
        if self.of_rows:
            expr = value.expr
            text = _row_name(expr) if isinstance(expr, Field) else self.source.slice(expr.span)
            return {"$worker": text, "because": value.because or _OF_ROW}
        if value.slot is not None:
            return {"$ref": _reference(value.slot)}
        return {"$worker": self.source.slice(value.expr.span), "because": value.because}

    def _conflict(self, conflict: Conflict | None) -> Json:
        if conflict is None:
            return {}
        return {"on_conflict": {"columns": list(conflict.columns), "update": self._new_row(conflict.update)}}

    def _new_row(self, template: Template) -> Json:
        return _filled(extended_with_holes(template.document), lambda index: {"$ref": f"row[{index}]"})

    def _source(self, source: QueryTemplate | None) -> Json:
        return {"for_each": self._query(source)} if source is not None else {}

    def _query(self, query: QueryTemplate) -> Json:
        pipeline = self._template(query.pipeline)
        return {"collection": query.collection, "pipeline": pipeline, **self._client(query)}

    def _client(self, query: QueryTemplate) -> Json:
        """The SQL of the columns that are computed from the pipeline's rows."""
        if query.client is None:
            return {}
        names = (name for name, _ in query.client.columns)
        return {"client": {n: self.source.slice(s) for n, s in zip(names, query.client.spans, strict=True)}}

    def _filter(self, filter_: Filter) -> Json:
        terms = {each.path: self._value(each.value) for each in filter_.equalities}
        return {**terms, **self._template(filter_.rest)}

    def _template(self, template: Template) -> Json:
        values = [self._value(value) for value in template.values]
        return _filled(extended_with_holes(template.document), lambda index: values[index])


_OF_ROW = "it is of a row of the stream"


def _row_name(field: Field) -> str:
    return ".".join(identifier(str(part)) for part in (field.source, *field.path))


def diagnostics_json(found: Iterable[Diagnostic], source: Source) -> Json:
    """Code, severity, message, line and column (from 1; null without a place) and hint of each."""
    printed = []
    for each in found:
        line, column = source.position(each.span.start) if each.span is not None else (None, None)
        place = {"line": line, "column": column}
        printed.append(
            {"code": each.code, "severity": each.severity, "message": each.message, **place, "hint": each.hint}
        )
    return printed


def extended_with_holes(document: Any) -> Json:
    """Extended JSON of a template; its holes stay ``Hole``."""
    if isinstance(document, dict):
        return {key: extended_with_holes(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [extended_with_holes(value) for value in document]
    return document if isinstance(document, Hole) else extended(document)


def _filled(document: Json, value: Any) -> Json:
    """The template with each hole (and the ``$literal`` around it) shown as what fills it."""
    match document:
        case {"$literal": Hole(index)} | Hole(index):
            return value(index)
        case dict():
            return {key: _filled(each, value) for key, each in document.items()}
        case list():
            return [_filled(each, value) for each in document]
        case _:
            return document


def _reference(slot: tuple[str, ...]) -> str:
    return ".".join(("_ql", *slot))


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in path)


def requires_json(requires: Requires) -> Json:
    return {
        "images": list(requires.images),
        "procedures": list(requires.procedures),
        "functions": list(requires.functions),
        "indexes": [{"collection": collection, "fields": list(fields)} for collection, fields in requires.indexes],
        "privileges": [{"collection": collection, "action": action} for collection, action in requires.privileges],
    }


def _requires_reads(query: QueryTemplate) -> Requires:
    return Requires((), (), (), (), tuple((name, "find") for name in sorted(query.reads)))
