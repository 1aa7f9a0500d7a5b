"""CREATE SINK → the trigger of its streaming SELECT, and where the rows go.

Into a collection, the row's INSERT is directed there, under the change's id. Else the row stays a row, for the
outbox."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.errors import CompileError, warning
from queryleaf_cdc.logical.bind import Binder
from queryleaf_cdc.logical.bind_changes import detects
from queryleaf_cdc.logical.bind_stream import as_trigger
from queryleaf_cdc.logical.options import is_collection_name, sink_options
from queryleaf_cdc.logical.public_addresses import is_surely_private
from queryleaf_cdc.logical.scope import Scope
from queryleaf_cdc.logical.sink_targets import check_path, check_url, host_of, is_unencrypted, secret_in
from queryleaf_cdc.logical.walk import fields_in
from queryleaf_cdc.plans.sink import Destination
from queryleaf_cdc.plans.trigger import TriggerOptions
from queryleaf_cdc.source import NO_SPAN
from queryleaf_cdc.syntax.expressions import Expr, Field, Path
from queryleaf_cdc.syntax.statements import CreateSink, CreateTrigger, Insert, SinkTarget

_ID: Path = ("_id",)


def sink_destination(node: CreateSink, scope: Scope) -> tuple[Destination, TriggerOptions]:
    """Checks the target and the options. Raises CompileError QL232, QL233, QL240, QL252, QL253."""
    _check_target(node.target, scope)
    given, options = sink_options(node)
    host = host_of(node.target.name) if node.target.kind == "webhook" else ""
    if is_surely_private(host) and not options.allow_private:
        text = f"{host} is no public address: every row will be a dead letter"
        scope.warnings.append(warning("QL261", text, node.target.span, "WITH (allow_private = TRUE) allows it"))
    return Destination(node.target.kind, node.target.name, options), given


def check_stream(node: CreateSink) -> None:
    """Raises CompileError QL250."""
    if not detects(node.query):
        hint = "add WHERE CHANGE_DETECTED(); the rows of a query are kept by CREATE MATERIALIZED VIEW"
        raise CompileError("QL250", "a sink takes a streaming SELECT", node.query.span, hint)


def bind_sink(node: CreateSink, binder: Binder, scope: Scope) -> tuple[CreateTrigger, tuple[str, ...] | None]:
    """The bound trigger of a sink whose rows come of one change each, and the row's columns (None with ``*``). Raises
    CompileError QL251, QL303, and what a streaming SELECT raises."""
    trigger, columns = as_trigger(node.query, binder, scope)
    trigger = replace(trigger, name=node.name, name_span=node.name_span, span=node.span)
    if node.target.kind == "collection":
        trigger = _into_collection(trigger, node.target, scope)
    return trigger, columns


def _check_target(target: SinkTarget, scope: Scope) -> None:
    match target.kind:
        case "collection" if not is_collection_name(target.name):
            text = f"{target.name!r} is no name of a collection of yours"
            raise CompileError("QL240", text, target.span, "names that begin with _queryleaf. or system. are taken")
        case "webhook":
            check_url(target.name, target.span)
            if is_unencrypted(target.name):
                scope.warnings.append(warning("QL254", "the rows travel unencrypted", target.span, "use https://"))
            name = secret_in(target.name)
            if name is not None:  # without its place, where the secret would be shown once more
                text = f"{name} in the webhook's URL is stored and shown with the statement"
                hint = "let the receiver check a signature: WITH (secret = ENV 'NAME')"
                scope.warnings.append(warning("QL263", text, None, hint))
        case "file":
            check_path(target.name, target.span)


def _into_collection(trigger: CreateTrigger, target: SinkTarget, scope: Scope) -> CreateTrigger:
    (insert,) = trigger.body
    assert isinstance(insert, Insert)
    (values,) = insert.rows
    columns = dict(zip(insert.columns, values, strict=True))
    id_ = columns.pop(_ID, None)  # last of all, since the fields of * would take its place
    if id_ is None:
        id_ = Field("EVENT", ("id",), NO_SPAN)
    elif not any(_is_change_id(each) for each in fields_in(id_)):
        hint = "name the column otherwise, or make it of CHANGE_ID()"
        raise CompileError("QL251", "_id of a sink's row is the id of its change", id_.span, hint)
    if () in columns and not any(_reads_id(each) for each in columns.values()):
        text = "_id of the row is the id of its change: that of the document is left out"
        scope.warnings.append(warning("QL255", text, insert.span, "add it by another name: SELECT *, _id AS key"))
    identified = replace(insert, target=target.name, columns=(*columns, _ID), rows=((*columns.values(), id_),))
    return replace(trigger, body=(identified,))


def _is_change_id(node: Field) -> bool:
    return node.source == "EVENT" and node.path == ("id",)


def _reads_id(value: Expr) -> bool:
    return any(each.path == _ID for each in fields_in(value))
