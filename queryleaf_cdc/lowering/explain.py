"""A tree of a program: what runs in the server, what in the worker, and why."""

from __future__ import annotations

from collections.abc import Iterable

from queryleaf_cdc.logical.bind_stream import ROW
from queryleaf_cdc.lowering.changelog import BECAUSE
from queryleaf_cdc.lowering.reads import computed_values
from queryleaf_cdc.lowering.tree import Node, stages_tree, stream_tree
from queryleaf_cdc.lowering.views.explained import flow_tree, view_tree
from queryleaf_cdc.plans.actions import (
    Action,
    CallAction,
    Choose,
    DeleteRows,
    ForEach,
    InsertQuery,
    InsertRow,
    QueryTemplate,
    RaiseAction,
    ReadInto,
    ReturnAction,
    SetVariable,
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
from queryleaf_cdc.plans.sink import Destination
from queryleaf_cdc.plans.trigger import TriggerPlan
from queryleaf_cdc.source import Source
from queryleaf_cdc.syntax.expressions import Expr
from queryleaf_cdc.syntax.statements import DropSink, DropStream, DropTrigger, DropView


def explain(source: Source, statements: Iterable[CompiledStatement]) -> list[Node]:
    """One tree for each statement."""
    return [_Explaining(source).statement(each) for each in statements]


class _Explaining:
    def __init__(self, source: Source) -> None:
        self.source = source

    def statement(self, node: CompiledStatement) -> Node:
        match node:
            case TriggerStatement(plan):
                head = f"trigger {plan.name} on {plan.collection} for {', '.join(plan.operations)}"
                return Node(head, self._fired(node) + self._options(plan))
            case SinkStatement(trigger, destination):
                plan = trigger.plan
                of = "a stream" if trigger.flow else f"{plan.collection}: {', '.join(plan.operations)}"
                children = [*self._fired(trigger), _delivery(destination), *self._options(plan)]
                return Node(f"sink {plan.name} of {of}", children)
            case NamedStreamStatement(stream, named):
                tree = self.statement(stream)
                return Node(f"view {named.name}, a {tree.text}", tree.children)
            case StreamStatement(plan):
                return Node(f"stream of {plan.collection}: {', '.join(plan.operations)}", self._stream(plan))
            case FlowStatement(flow):
                return flow_tree(flow)
            case ChangelogStatement():
                return self._changelog(node)
            case QueryStatement(query):
                return Node(
                    f"query on {query.collection or 'no collection'}",
                    [Node("server: aggregation", stages_tree(query.pipeline.document))],
                )
            case WriteStatement(actions):
                return Node("write", self._actions(actions))
            case DropStatement(drop):
                return Node(f"drop {_said(drop)} {drop.name}")
            case RefreshStatement(refresh):
                return Node(f"rebuild materialized view {refresh.name}")
            case ShowStatement(show):
                return Node(f"show {show.what.lower()} (reads the catalog)")
            case DescribeStatement(described):
                return Node(f"describe {described.name} (reads the catalog, or samples documents)")
            case ExplainStatement(explained):
                return self.statement(explained)
            case ViewStatement(view):
                return view_tree(view)
            case TableStatement(table):
                columns = ", ".join(column.name for column in table.columns)
                return Node(f"declaration of {table.name}: {columns} (nothing runs)")

    def _fired(self, node: TriggerStatement) -> list[Node]:
        if node.flow is None:
            return self._stream(node.plan)
        targets = ", ".join(sorted(node.plan.targets)) or "the outbox"
        acts = Node(f"worker: the actions, for each row, in the same transaction: into {targets}")
        return [*flow_tree(node.flow).children, acts]

    def _stream(self, plan: TriggerPlan) -> list[Node]:
        server = stream_tree(plan.stream, "server: change stream")
        work = "worker: actions, in one transaction per batch" if plan.targets else "worker"
        return [server, Node(work, self._actions(plan.actions))]

    def _changelog(self, node: ChangelogStatement) -> Node:
        where = node.select.where
        rows = [Node(f"where {self._sql(where)}")] if where is not None else []
        rows.append(Node(f"emit {', '.join(node.columns) if node.columns is not None else '*'}"))
        content = "server: the content as of one cluster time, then the change stream from there"
        images = Node(f"needs post-images and pre-images of {node.collection}")
        return Node(f"changelog of {node.collection}", [Node(content, [images]), Node(f"reader: {BECAUSE}", rows)])

    def _options(self, plan: TriggerPlan) -> list[Node]:
        options = plan.options
        return [Node(f"on error: {options.on_error}, at most {options.max_retries} retries; starts {options.start}")]

    def _actions(self, actions: Iterable[Action]) -> list[Node]:
        return [self._action(action) for action in actions]

    def _action(self, action: Action) -> Node:
        match action:
            case Choose(slot, because, branches, otherwise):
                where = (
                    f"decided by the server: _ql.{slot[0]}" if slot is not None else f"decided by the worker: {because}"
                )
                inner = [
                    Node(f"{i}: {self._sql(test)}", self._actions(body)) for i, (test, body) in enumerate(branches, 1)
                ]
                if otherwise:
                    inner.append(Node("else", self._actions(otherwise)))
                return Node(f"IF ({where})", inner)
            case InsertRow(collection=collection) if collection == ROW:
                return Node("emit a row", self._values(action))
            case InsertRow(collection=collection, replaces=True):
                return Node(f"put into {collection}, in the place of a row with the same _id", self._values(action))
            case InsertRow(collection=collection, conflict=conflict):
                upsert = f" on conflict ({', '.join(conflict.columns)})" if conflict is not None else ""
                return Node(f"insert into {collection}{upsert}", self._values(action))
            case InsertQuery(collection=collection, query=query):
                return Node(f"insert into {collection} the rows of a query", self._reads(query) + self._values(action))
            case UpdateRows(collection=collection, source=source):
                return Node(f"update {collection}", self._reads(source) + self._values(action))
            case DeleteRows(collection=collection, source=source):
                return Node(f"delete from {collection}", self._reads(source) + self._values(action))
            case CallAction(procedure):
                return Node(f"call {procedure} through the outbox (at least once)", self._values(action))
            case RaiseAction():
                return Node("raise: dead-letters the event", self._values(action))
            case ReturnAction():
                return Node("return")
            case SetVariable(name):
                return Node(f"set {name}", self._values(action))
            case ReadInto(targets, query):
                return Node(f"select into {', '.join(targets)}", self._reads(query))
            case ForEach(row, query, body):
                return Node(f"for each {row}", self._reads(query) + self._actions(body))

    def _reads(self, query: QueryTemplate | None) -> list[Node]:
        return (
            [Node(f"reads {', '.join(sorted(query.reads)) or 'nothing'} in the batch's transaction")] if query else []
        )

    def _values(self, action: Action) -> list[Node]:
        """Server-computed values are counted, the worker's are named with their reason."""
        values = list(
            dict.fromkeys(
                (repr(v.expr), v.slot is not None, self._sql(v.expr), v.because) for v in computed_values(action)
            )
        )
        mine = [Node(f"worker: {sql} — {because}") for _, in_server, sql, because in values if not in_server]
        computed = [sql for _, in_server, sql, _ in values if in_server and sql]
        return ([Node(f"server: {', '.join(computed)}")] if computed else []) + mine

    def _sql(self, expr: Expr) -> str:
        return " ".join(self.source.slice(expr.span).split())


def _said(drop: DropTrigger | DropView | DropSink | DropStream) -> str:
    match drop:
        case DropTrigger():
            return "trigger"
        case DropView():
            return "materialized view"
        case DropSink():
            return "sink"
        case DropStream():
            return "view"


def _delivery(to: Destination) -> Node:
    """How a row gets to where it goes."""
    if not to.is_outside:
        return Node(f"into collection {to.name}: exactly once, in the batch's transaction")
    head = f"into {to.kind} {to.name} through the outbox: at least once, in order for each document"
    if to.kind != "webhook":
        return Node(head)
    signed = f"signed with the secret in ${to.options.secret}" if to.options.secret is not None else "not signed"
    private = "private addresses allowed" if to.options.allow_private else "public addresses only"
    return Node(head, [Node(f"at most {to.options.timeout_ms} ms each, {private}, {signed}")])
