"""The Python API: one database, its triggers, and a worker for them."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from queryleaf_cdc.compiler import Program, compile_sql
from queryleaf_cdc.errors import CompileError, InputError, ServerError, did_you_mean
from queryleaf_cdc.logical.schema import Schema, declared
from queryleaf_cdc.lowering.client_columns import finisher
from queryleaf_cdc.lowering.default_order import Order, in_order, order_of, unordered_source
from queryleaf_cdc.lowering.one_shot import lower_one_shot_query
from queryleaf_cdc.lowering.reads import walk_actions
from queryleaf_cdc.mongo.catalog import Catalog, CatalogEntry, ViewFacts
from queryleaf_cdc.mongo.images import enable_images
from queryleaf_cdc.mongo.one_shot import connect, default_database, run_query, run_writes
from queryleaf_cdc.mongo.sampling import SampledTables
from queryleaf_cdc.mongo.status import read_status
from queryleaf_cdc.plans.actions import CallAction, QueryTemplate
from queryleaf_cdc.plans.program import (
    CompiledStatement,
    DropStatement,
    NamedStreamStatement,
    QueryStatement,
    RefreshStatement,
    SinkStatement,
    StreamStatement,
    TableStatement,
    TriggerStatement,
    ViewStatement,
    WriteStatement,
)
from queryleaf_cdc.plans.trigger import Requires
from queryleaf_cdc.runtime.execution import FiringCompiler, Frame
from queryleaf_cdc.runtime.program import CompiledProgram
from queryleaf_cdc.runtime.subscription import Subscription
from queryleaf_cdc.runtime.worker import Worker
from queryleaf_cdc.syntax.statements import DropSink, DropStream, DropTrigger, DropView
from queryleaf_cdc.values import Document, Value

if TYPE_CHECKING:
    from pymongo import MongoClient

F = TypeVar("F", bound=Callable[..., Any])

Registered = TriggerStatement | ViewStatement | SinkStatement
"""what a worker works on"""

_DROPS = {DropTrigger: "trigger", DropView: "materialized_view", DropSink: "sink", DropStream: "view"}


class Result(Sequence[Document]):
    """What a statement gave: its rows as dicts, how many rows it wrote, and what became of a trigger.

    ``status`` is created, replaced, unchanged or dropped for DDL, None otherwise. ``columns`` is None when the rows
    may have any fields."""

    def __init__(
        self,
        rows: Sequence[Document] | None = None,
        *,
        rowcount: int | None = None,
        columns: tuple[str, ...] | None = None,
        status: str | None = None,
        name: str | None = None,
    ) -> None:
        self.is_query = rows is not None
        self._rows: Sequence[Document] = rows or ()
        self.rowcount = len(self._rows) if rowcount is None else rowcount
        self.columns = columns
        self.status = status
        self.name = name

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Document]:
        return iter(self._rows)


class QueryLeaf:
    """SQL over one MongoDB database.

    ``database`` defaults to the URI's. Give ``client`` to use a MongoClient of your own (it is not closed then).
    Nothing is asked of the server before the first statement. Raises ServerError when the server cannot do it."""

    def __init__(
        self,
        uri: str = "mongodb://localhost:27017",
        database: str | None = None,
        *,
        client: MongoClient[dict[str, Any]] | None = None,
        schema: Schema | None = None,
    ) -> None:
        self._owns_client = client is None
        self.client = client if client is not None else connect(uri)
        name = database or default_database(self.client)
        if name is None:
            raise InputError(
                "QL440", "which database?", hint="give database=... (--db), or name it in the URI: .../shop"
            )
        self.database = self.client[name]
        self._declared = schema or Schema()
        self._functions: dict[str, Callable[..., Value]] = {}
        self._repeatable: set[str] = set()
        self._procedures: dict[str, Callable[..., object]] = {}
        self._worker: Worker | None = None
        self._compiled: dict[tuple[str, str, tuple[str, ...]], Registered] = {}
        self._catalog = Catalog(self.database)

    # -- the user's own functions -------------------------------------------------------------------------------

    def procedure(self, name: str) -> Callable[[F], F]:
        """Registers what CALL name(...) calls: at least once, with ``change=`` (``change.idempotency_key``, ...)."""
        return _registering(self._procedures, name)

    def function(self, name: str, *, repeatable: bool = False) -> Callable[[F], F]:
        """Registers a function for expressions of the worker. A batch may run again, and so may the function.

        ``repeatable`` says that equal arguments always give the same value; a materialized view takes no other."""
        if repeatable:
            self._repeatable.add(name.upper())
        else:
            self._repeatable.discard(name.upper())
        return _registering(self._functions, name)

    # -- statements ---------------------------------------------------------------------------------------------

    def execute(self, text: str, *, name: str = "<sql>") -> Result:
        """Runs statements one after another; the result is the last one's.

        DDL is registered in the catalog (a worker, here or elsewhere, works on it). Raises CompileError with all
        mistakes of the text before anything is run, InputError, ServerError, RunError."""
        result = Result()
        for each in self.execute_all(text, name=name):
            result = each
        return result

    def execute_all(self, text: str, *, name: str = "<sql>") -> list[Result]:
        """Runs statements one after another; a result for each, CREATE TABLE left out."""
        program = self.compile(text, name=name)
        for statement in program.statements:
            self._check_procedures(program, statement)
        results = [self._run(program, statement) for statement in program.statements]
        self._declared = declarations(program, self._declared)
        return [result for result in results if result is not None]

    def compile(self, text: str, *, name: str = "<sql>") -> Program:
        """Compiles against the registered functions and what the server's collections look like."""
        return compile_sql(
            text, name=name, schema=self._schema(), functions=self._functions, repeatable=self._repeatable
        )

    def _schema(self) -> Schema:
        """What was declared comes before what is sampled."""
        return Schema(ChainMap(dict(self._declared.tables), SampledTables(self.database)))  # type: ignore[arg-type]

    def _run(self, program: Program, statement: CompiledStatement, replace: bool = False) -> Result | None:
        match statement:
            case TriggerStatement() | SinkStatement() | NamedStreamStatement():
                return self._register(program, statement, replace)
            case ViewStatement():
                return self._register_view(program, statement, replace)
            case RefreshStatement(node):
                self._catalog.refresh(node.name)
                return Result(status="refreshed", name=node.name)
            case DropStatement(node):
                return self._drop(program, node)
            case TableStatement():
                return None
            case QueryStatement(query, columns):
                return Result(self._query(query), columns=columns)
            case WriteStatement():
                return Result(rowcount=self._write(statement))
            case StreamStatement():
                raise InputError(
                    "QL441",
                    "a streaming SELECT never ends: use stream(...)",
                    statement.plan.span,
                    source=program.source,
                )

    def plan_registration(self, text: str, *, name: str = "<sql>") -> list[tuple[str, str]]:
        """What ``execute`` would do to each trigger and view of the text: (name, created | replaced | unchanged |
        dropped | refreshed)."""
        program = self.compile(text, name=name)
        planned = []
        for statement in program.statements:
            self._check_procedures(program, statement)
            if isinstance(statement, Registered | NamedStreamStatement):
                known = self._catalog.get(statement.plan.name)
                same = known is not None and known.sql == _stored_sql(program, statement)
                planned.append(
                    (statement.plan.name, "created" if known is None else "unchanged" if same else "replaced")
                )
            elif isinstance(statement, DropStatement):
                known = self._catalog.get(statement.node.name)
                planned.append((statement.node.name, "dropped" if known is not None else "unchanged"))
            elif isinstance(statement, RefreshStatement):
                planned.append((statement.node.name, "refreshed"))
        return planned

    def apply(self, text: str, *, name: str = "<sql>") -> list[tuple[str, str]]:
        """Registers the triggers of a text as a deployment does: what exists under the same name is replaced.

        Returns (name, created | replaced | unchanged | dropped) of each, and runs other statements as they come."""
        program = self.compile(text, name=name)
        for statement in program.statements:
            self._check_procedures(program, statement)
        results = [self._run(program, statement, replace=True) for statement in program.statements]
        return [(str(each.name), each.status) for each in results if each is not None and each.status is not None]

    def registered(self) -> list[CatalogEntry]:
        """What the catalog holds, in order of names."""
        return self._catalog.list()

    def _register(
        self, program: Program, statement: TriggerStatement | SinkStatement | NamedStreamStatement, replace: bool
    ) -> Result:
        node, plan = statement.node, statement.plan
        status = self._catalog.register(
            plan.name,
            _stored_sql(program, statement),
            or_replace=node.or_replace or replace,
            if_not_exists=node.if_not_exists,
            start=plan.options.start,
            images=plan.requires.images,
            kind=statement.kind,
        )
        return Result(status=status, name=plan.name)

    def _register_view(self, program: Program, statement: ViewStatement, replace: bool) -> Result:
        node, plan = statement.node, statement.plan
        maintained = {name for each in self._catalog.list() if each.view for name in (each.name, each.view.target)}
        reads = tuple(dict.fromkeys(source.scan.collection for source in plan.sources))
        status = self._catalog.register(
            plan.name,
            _stored_sql(program, statement),
            or_replace=node.or_replace or replace,
            if_not_exists=node.if_not_exists,
            images=[each for each in plan.requires.images if each not in maintained],
            kind=statement.kind,
            view=ViewFacts(plan.options.target, reads, plan.columns, plan.options.on_error, order_of(node.query)),
        )
        return Result(status=status, name=plan.name)

    def _drop(self, program: Program, node: DropTrigger | DropView | DropSink | DropStream) -> Result:
        kind = _DROPS[type(node)]
        said = kind.replace("_", " ")
        known = self._catalog.get(node.name)
        hint = f"DROP {said.upper()} IF EXISTS"
        if known is not None and known.kind != kind:
            hint = f"did you mean DROP {known.kind.replace('_', ' ').upper()}?"
            known = None
        if known is None and not node.if_exists:
            raise InputError("QL411", f"there is no {said} {node.name}", node.span, hint, program.source)
        dropped = known is not None and self._catalog.drop(node.name)
        return Result(status="dropped" if dropped else "unchanged", name=node.name)

    def _check_procedures(self, program: Program, statement: CompiledStatement) -> None:
        requires: Requires | None = None
        if isinstance(statement, TriggerStatement | StreamStatement | SinkStatement):
            requires = statement.plan.requires
        elif isinstance(statement, WriteStatement):
            requires = statement.requires
        for name in requires.procedures if requires is not None else ():
            if name.upper() not in self._procedures:
                hint = did_you_mean(name, self._procedures) or f'register it: @ql.procedure("{name}")'
                span = _call_span(statement, name)
                raise CompileError("QL234", f"unknown procedure {name}", span, hint, program.source)

    def _query(self, query: QueryTemplate) -> list[Document]:
        order = self._default_order(unordered_source(query.query))
        if order:
            query = lower_one_shot_query(in_order(query.query, order))
        frame = _statement_frame(_NoEffects(), self._functions)
        pipeline = FiringCompiler("", False).template(query.pipeline)(frame)
        return finisher(query.client)(run_query(self.database, query.collection, pipeline), frame.env)

    def _default_order(self, source: str | None) -> Order:
        """That of a materialized view; () for whoever may read the view, but not the catalog."""
        try:
            known = self._catalog.get(source) if source is not None else None
        except ServerError:
            return ()
        return known.view.order if known is not None and known.view is not None else ()

    def _write(self, statement: WriteStatement) -> int:
        calls = [action for action in statement.actions if isinstance(action, CallAction)]
        compiler = FiringCompiler("", False)
        if calls:
            return self._call_now(calls, compiler)
        body = compiler.body(statement.actions)
        return run_writes(self.database, lambda effects: body(_statement_frame(effects, self._functions)))

    def _call_now(self, calls: Sequence[CallAction], compiler: FiringCompiler) -> int:
        """A one-shot CALL: there is no change, and nobody to retry."""
        frame = _statement_frame(_NoEffects(), self._functions)
        for call in calls:
            args = [compiler.value(arg)(frame) for arg in call.args]
            self._procedures[call.procedure.upper()](*args, change=None)
        return 0

    # -- streams ------------------------------------------------------------------------------------------------

    def stream(self, text: str, *, since: datetime | None = None) -> Subscription:
        """Rows of a streaming SELECT as they happen: ``Row``s (dicts with ``.change``), until close()."""
        program = self.compile(text)
        if len(program.statements) != 1 or not isinstance(program.statements[0], StreamStatement):
            raise InputError("QL442", "stream() takes one SELECT ... WHERE CHANGE_DETECTED()", source=program.source)
        plan = program.statements[0].plan
        if plan.requires.images:
            enable_images(self.database, plan.requires.images)
        return Subscription(self.database, plan, self._functions, since)

    # -- the worker ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts the worker in the background."""
        if self._worker is None:
            self._worker = self._make_worker()
            self._worker.start()

    def stop(self) -> None:
        """Finishes the current batch, and ends the worker."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()

    def run(self) -> None:
        """Works in the foreground until stop() is called from another thread, or an interrupt."""
        self._worker = self._make_worker()
        try:
            self._worker.run()
        finally:
            self.stop()

    @property
    def worker(self) -> Worker:
        """The running worker. Raises InputError QL443 when there is none."""
        if self._worker is None:
            raise InputError("QL443", "no worker is running here", hint="start() it first, or use `with ql:`")
        return self._worker

    def drain(self, timeout: float = 10.0) -> None:
        """Returns once everything committed before this call is processed; else TimeoutError."""
        self.worker.drain(timeout)

    def _make_worker(self) -> Worker:
        return Worker(self.client, self.database.name, self._build, self._procedures)

    def _build(self, active: Sequence[tuple[str, str]], maintained: Collection[str]) -> CompiledProgram:
        """The worker's program. Raises CompileError, with the trigger's name, when one does not compile here."""
        known, self._compiled = self._compiled, {}
        functions = tuple(self._functions)
        for id, sql in active:
            key = (id, sql, functions)
            self._compiled[key] = known[key] if key in known else self._compile_active(id, sql)
        sinks = {each.plan.name: each for each in self._compiled.values() if isinstance(each, SinkStatement)}
        triggers = [each for each in self._compiled.values() if isinstance(each, TriggerStatement)]
        triggers += [each.trigger for each in sinks.values()]
        destinations = {name: each.destination for name, each in sinks.items()}
        views = {id: each.plan for (id, _, _), each in self._compiled.items() if isinstance(each, ViewStatement)}
        return CompiledProgram(triggers, self._functions, views, maintained, destinations)

    def _compile_active(self, name: str, sql: str) -> Registered:
        program = compile_sql(sql, name=name, functions=self._functions, repeatable=self._repeatable)
        (found,) = [each for each in program.statements if isinstance(each, Registered)]
        return found

    # -- the catalog --------------------------------------------------------------------------------------------

    def status(self) -> dict[str, dict[str, Any]]:
        """Name → kind, state, lag_seconds, events, errors, dead_letters, checkpoint_time, reason."""
        return self._worker.status() if self._worker is not None else read_status(self.database)

    def pause(self, name: str) -> None:
        """Stops a trigger or sink where it is; resume() goes on from there."""
        self._catalog.pause(name)

    def resume(self, name: str) -> None:
        self._catalog.resume(name)

    def drop(self, name: str) -> None:
        """Removes a trigger, a sink, or a view with its rows. Raises InputError QL411 when there is none, QL414."""
        if not self._catalog.drop(name):
            raise InputError("QL411", f"there is no trigger, view or sink {name}")

    def close(self) -> None:
        """Stops the worker and closes the connection."""
        self.stop()
        if self._owns_client:
            self.client.close()

    def __enter__(self) -> QueryLeaf:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def declarations(program: Program, known: Schema) -> Schema:
    """The schema with what a program's CREATE TABLEs say."""
    for statement in program.statements:
        if isinstance(statement, TableStatement):
            known = declared(known, statement.node)
    return known


def _registering(registry: dict[str, Callable[..., Any]], name: str) -> Callable[[F], F]:
    if not name.replace("_", "").isalnum():
        raise InputError("QL444", f"{name!r} is no name for a function")

    def register(function: F) -> F:
        registry[name.upper()] = function
        return function

    return register


class _NoEffects:
    """A query has none."""

    def __getattr__(self, name: str) -> Any:
        raise ServerError("QL599", f"a query cannot {name}")


def _statement_frame(effects: Any, functions: dict[str, Callable[..., Value]]) -> Frame:
    now = datetime.now(UTC).replace(tzinfo=None)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    return Frame({"operationType": "statement", "now": now}, effects, {}, functions)


def _stored_sql(program: Program, statement: Registered | NamedStreamStatement) -> str:
    """The statement's text, after the CREATE TABLEs that it was compiled with."""
    source = program.source
    declarations = [
        source.slice(s.node.span)
        for s in program.statements
        if isinstance(s, TableStatement) and s.node.span.end <= statement.node.span.start
    ]
    return ";\n".join([*(text.rstrip().rstrip(";") for text in declarations), source.slice(statement.node.span)])


def _call_span(statement: CompiledStatement, name: str) -> Any:
    if isinstance(statement, SinkStatement) and statement.destination.kind == "procedure":
        return statement.node.target.span
    actions = statement.actions if isinstance(statement, WriteStatement) else statement.plan.actions  # type: ignore[union-attr]
    return next((a.span for a in walk_actions(actions) if isinstance(a, CallAction) and a.procedure == name), None)
