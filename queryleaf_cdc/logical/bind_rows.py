"""What is done with each row of a stream: a trigger ON it, or a sink of one that remembers.

A row is the NEW of an INSERT; EVENT tells of the change that it comes of, and ``EVENT.row_id`` which row it is."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.errors import CompileError, warning
from queryleaf_cdc.logical.bind_stream import ROW
from queryleaf_cdc.logical.scope import Scope
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Expr, Field, Path, Star
from queryleaf_cdc.syntax.queries import Query, Select, SelectItem, SubqueryRef
from queryleaf_cdc.syntax.statements import (
    CreateSink,
    CreateTrigger,
    Insert,
    TriggerEvent,
)

_ID: Path = ("_id",)


def all_rows(stream: Query, name: str, span: Span) -> Select:
    """``SELECT * FROM`` a named stream."""
    rows = SubqueryRef(stream, name, (), span, stream=True)
    items = (SelectItem(Star(None, span), None, span),)
    return Select(items, rows, (), None, (), None, None, (), None, None, None, (), None, span)


def check_events(node: CreateTrigger) -> None:
    """Raises CompileError QL258."""
    for event in node.events:
        if event.operation != "INSERT" or event.columns:
            text = f"the rows of {node.collection}, a stream, only come"
            raise CompileError("QL258", text, event.span, f"AFTER INSERT ON {node.collection}")


def trigger_of_sink(node: CreateSink, columns: tuple[str, ...] | None, scope: Scope) -> CreateTrigger:
    """The bound trigger of a sink whose rows a dataflow makes. Raises CompileError QL251."""
    span = node.query.span
    if node.target.kind != "collection":
        body = _insert(ROW, columns, span)
    else:
        body = _into_collection(node.target.name, columns, span, scope)
    event = TriggerEvent("INSERT", (), span)
    return CreateTrigger(
        node.name, node.name_span, False, False, node.name, node.name_span, (event,), None, (), (body,), node.span
    )  # fmt: skip


def _insert(target: str, columns: tuple[str, ...] | None, span: Span) -> Insert:
    paths: tuple[Path, ...] = ((),) if columns is None else tuple((name,) for name in columns)
    values: tuple[Expr, ...] = tuple(Field("NEW", path, span) for path in paths)
    return Insert(target, paths, (values,), None, None, span)


def _into_collection(target: str, columns: tuple[str, ...] | None, span: Span, scope: Scope) -> Insert:
    if "_id" in (columns or ()):
        hint = "name the column otherwise: SELECT _id AS ..."
        raise CompileError("QL251", "_id of a sink's row tells which row it is", span, hint)
    if columns is None:
        text = "_id of the row tells which row it is: that of the document is left out"
        scope.warnings.append(warning("QL255", text, span, "add it by another name: SELECT *, _id AS key"))
    insert = _insert(target, columns, span)
    (values,) = insert.rows
    key = Field("EVENT", ("row_id",), span)
    return replace(insert, columns=(*insert.columns, _ID), rows=((*values, key),))
