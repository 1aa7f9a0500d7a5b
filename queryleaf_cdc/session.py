"""The Python API: one database, its triggers, and a worker for them."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from queryleaf_cdc.compiler import Program, compile_sql
from queryleaf_cdc.errors import CompileError, InputError, ServerError, did_you_mean
from queryleaf_cdc.logical.schema import Schema, declared
from queryleaf_cdc.lowering.client_columns import finisher
from queryleaf_cdc.lowering.default_order import Order, in_order, unordered_source
from queryleaf_cdc.lowering.one_shot import lower_one_shot_query
from queryleaf_cdc.lowering.reads import walk_actions
from queryleaf_cdc.mongo.async_clients import AsyncClients
from queryleaf_cdc.mongo.catalog import Catalog, CatalogEntry
from queryleaf_cdc.mongo.leaving import close_client
from queryleaf_cdc.mongo.one_shot import connect, default_database, run_query, run_writes
from queryleaf_cdc.mongo.sampling import SampledTables
from queryleaf_cdc.mongo.status import read_status
from queryleaf_cdc.mongo.view_rules import WRITES, refuse_maintained
from queryleaf_cdc.plans.actions import CallAction, QueryTemplate
from queryleaf_cdc.plans.program import (
    ChangelogStatement,
    CompiledStatement,
    DescribeStatement,
    DropStatement,
    ExplainStatement,
    FlowStatement,
    InspectionStatement,
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
from queryleaf_cdc.plans.trigger import Requires
from queryleaf_cdc.runtime.async_stream import AsyncRowStream
from queryleaf_cdc.runtime.execution import FiringCompiler, Frame
from queryleaf_cdc.runtime.registry import Registry
from queryleaf_cdc.runtime.row_stream import RowStream
from queryleaf_cdc.runtime.since import Since
from queryleaf_cdc.runtime.streams import Streams
from queryleaf_cdc.values import Document, Value

if TYPE_CHECKING:
    from pymongo import MongoClient

    from queryleaf_cdc.runtime.program import CompiledProgram
    from queryleaf_cdc.runtime.worker import Worker

F = TypeVar("F", bound=Callable[..., Any])

Registered = TriggerStatement | ViewStatement | SinkStatement
"""what a worker works on"""


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
        self._closed = False
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
        self._registry = Registry(self._catalog, self._compile_with)
        self._async_clients = AsyncClients(self.database)
        self._streams = Streams(self.database, self._catalog, self._functions)

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
        self._check(program)
        results = [self._run(program, statement) for statement in program.statements]
        self._declared = declarations(program, self._declared)
        return [result for result in results if result is not None]

    def compile(self, text: str, *, name: str = "<sql>") -> Program:
        """Compiles against the registered functions and what the server's collections look like. Raises InputError
        QL447 behind close()."""
        if self._closed:
            raise InputError("QL447", "this session is closed", hint="make another QueryLeaf")
        return self._compile_with(text, name, self._registry.streams())

    def _compile_with(self, text: str, name: str, streams: Mapping[str, str]) -> Program:
        return compile_sql(
            text,
            name=name,
            schema=self._schema(),
            functions=self._functions,
            repeatable=self._repeatable,
            streams=streams,
            sinks=self._registry.sinks(),
        )

    def _schema(self) -> Schema:
        """What was declared comes before what is sampled."""
        return Schema(ChainMap(dict(self._declared.tables), SampledTables(self.database)))  # type: ignore[arg-type]

    def _run(self, program: Program, statement: CompiledStatement, replace: bool = False) -> Result | None:
        match statement:
            case TriggerStatement() | ViewStatement() | SinkStatement() | NamedStreamStatement():
                status = self._registry.register(program, statement, replace)
                return Result(status=status, name=statement.plan.name)
            case RefreshStatement(node):
                self._catalog.refresh(node.name)
                return Result(status="refreshed", name=node.name)
            case DropStatement(node):
                return Result(status=self._registry.drop(program, node), name=node.name)
            case TableStatement():
                return None
            case QueryStatement(query, columns):
                return Result(self._query(query), columns=columns)
            case ShowStatement() | DescribeStatement() | ExplainStatement():
                return self._inspect(program, statement)
            case WriteStatement():
                return Result(rowcount=self._write(statement))
            case StreamStatement() | FlowStatement() | ChangelogStatement():
                span = statement.select.span if isinstance(statement, ChangelogStatement) else statement.plan.span
                raise InputError("QL441", "a streaming SELECT never ends: use stream(...)", span, source=program.source)

    def plan_registration(self, text: str, *, name: str = "<sql>") -> list[tuple[str, str]]:
        """What ``apply`` would do to each trigger and view of the text: (name, created | replaced | unchanged |
        dropped | refreshed). Raises what it would raise."""
        program = self.compile(text, name=name)
        self._check(program)
        return self._registry.planned(program)

    def apply(self, text: str, *, name: str = "<sql>") -> list[tuple[str, str]]:
        """Registers the triggers of a text as a deployment does: what exists under the same name is replaced.

        Returns (name, created | replaced | unchanged | dropped) of each, and runs other statements as they come."""
        program = self.compile(text, name=name)
        self._check(program)
        results = [self._run(program, statement, replace=True) for statement in program.statements]
        return [(str(each.name), each.status) for each in results if each is not None and each.status is not None]

    def registered(self) -> list[CatalogEntry]:
        """What the catalog holds, in order of names."""
        return self._catalog.list()

    def _check(self, program: Program) -> None:
        """Raises InputError QL416, CompileError QL234. Whoever may not read the catalog is not told of views."""
        for statement in program.statements:
            if isinstance(statement, TriggerStatement | SinkStatement | StreamStatement | FlowStatement):
                requires = statement.plan.requires
            elif isinstance(statement, WriteStatement):
                requires = statement.requires
            else:
                continue
            self._check_procedures(program, statement, requires)
            written = {collection for collection, action in requires.privileges if action in WRITES}
            if written:
                with suppress(ServerError):
                    refuse_maintained(written, self._catalog.maintained())

    def _check_procedures(self, program: Program, statement: CompiledStatement, requires: Requires) -> None:
        for name in requires.procedures:
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

    def _inspect(self, program: Program, statement: InspectionStatement) -> Result:
        from queryleaf_cdc.runtime.inspection import Inspection  # it prints plans, which takes 0.1 s to load

        columns, rows = Inspection(self.database, self.status).of(program.source, statement)
        return Result(rows, columns=columns)

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

    def stream(self, text: str, *, since: Since | None = None) -> RowStream:
        """Rows of a streaming SELECT as they happen: ``Row``s (dicts with ``.change``), until close().

        ``since`` goes back to a time, or to behind a change: its resume token, or what CHANGE_ID() gave. Raises
        InputError QL446, ServerError QL507 for the future."""
        return self._streams.open(self.compile(text), since)

    def astream(self, text: str, *, since: Since | None = None) -> AsyncRowStream:
        """The same for ``async for``. It begins with ``async with``, or with the first row that is asked for."""
        return AsyncRowStream(lambda: self.stream(text, since=since), self._async_clients)

    def subscribe(self, name: str) -> RowStream:
        """The rows of a materialized view or a collection, each as an INSERT, and then how they change.

        ``row.change`` has ``operation``, ``sign`` and, of an UPDATE, ``before``. A view that is built anew is told as a
        RESET. It ends when the view is dropped. Raises InputError QL411."""
        return self._streams.follow(name)

    # -- the worker ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts the worker in the background."""
        if self._worker is None:
            worker = self._make_worker()
            worker.start()
            self._worker = worker

    def stop(self) -> None:
        """Finishes the current batch, and ends the worker."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()

    def run(self) -> None:
        """Works in the foreground until stop() is called from another thread, or an interrupt. Raises InputError QL445
        when a worker is running here."""
        if self._worker is not None:
            raise InputError("QL445", "a worker is running here already", hint="stop() it first")
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
        from queryleaf_cdc.runtime.worker import Worker  # a tenth of a second that a query need not wait for

        return Worker(self.client, self.database.name, self._build, self._procedures)

    def _build(self, active: Sequence[tuple[str, str]], maintained: Collection[str]) -> CompiledProgram:
        """The worker's program. Raises CompileError, with the trigger's name, when one does not compile here."""
        from queryleaf_cdc.runtime.program import CompiledProgram

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
        worker = self._worker  # another thread may stop it
        return worker.status() if worker is not None else read_status(self.database)

    def pause(self, name: str) -> None:
        """Stops a trigger or sink where it is; resume() goes on from there."""
        self._catalog.pause(name)

    def resume(self, name: str) -> None:
        self._catalog.resume(name)

    def drop(self, name: str) -> None:
        """Removes a trigger, a sink, or a view with its rows. Raises InputError QL411 when there is none, QL414."""
        if not self._catalog.drop(name):
            raise self._catalog.unknown(name)

    def close(self) -> None:
        """Ends streams and the worker, and closes the connection."""
        self._streams.close()
        self.stop()
        if self._owns_client:
            close_client(self.client)
            self._closed = True

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


def _call_span(statement: CompiledStatement, name: str) -> Any:
    if isinstance(statement, SinkStatement) and statement.destination.kind == "procedure":
        return statement.node.target.span
    actions = statement.actions if isinstance(statement, WriteStatement) else statement.plan.actions  # type: ignore[union-attr]
    return next((a.span for a in walk_actions(actions) if isinstance(a, CallAction) and a.procedure == name), None)
