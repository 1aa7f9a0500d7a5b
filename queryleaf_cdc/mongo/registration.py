"""What compiled statements are in the catalog."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.compiler import Program
from queryleaf_cdc.errors import InputError
from queryleaf_cdc.lowering.default_order import order_of
from queryleaf_cdc.mongo.catalog import CatalogEntry, ViewFacts
from queryleaf_cdc.plans.program import (
    NamedStreamStatement,
    SinkStatement,
    TableStatement,
    TriggerStatement,
    ViewStatement,
)
from queryleaf_cdc.syntax.statements import DropSink, DropStream, DropTrigger, DropView

Registered = TriggerStatement | ViewStatement | SinkStatement | NamedStreamStatement
Drop = DropTrigger | DropView | DropSink | DropStream

_KINDS: dict[type[Drop], str] = {
    DropTrigger: "trigger",
    DropView: "materialized_view",
    DropSink: "sink",
    DropStream: "view",
}


def entry_of_statement(program: Program, statement: Registered) -> CatalogEntry:
    """What the catalog shall hold of a statement."""
    plan, images = statement.plan, statement.plan.requires.images
    streams = tuple(dict.fromkeys(name for name, _ in statement.streams if name))
    entry = CatalogEntry(
        plan.name, _stored_sql(program, statement), images=images, kind=statement.kind, streams=streams
    )
    if isinstance(statement, NamedStreamStatement):
        return entry
    if isinstance(statement, TriggerStatement | SinkStatement):
        return replace(entry, start=statement.plan.options.start)
    view = statement.plan
    reads = tuple(dict.fromkeys(source.scan.collection for source in view.sources))
    options, order = view.options, order_of(statement.node.query)
    facts = ViewFacts(options.target, reads, view.columns, options.on_error, order)
    return replace(entry, view=facts)


def to_drop(program: Program, node: Drop, known: CatalogEntry | None) -> CatalogEntry | None:
    """What DROP removes of what has the name: only what is of its kind. Raises InputError QL411."""
    kind = _KINDS[type(node)]
    if known is not None and known.kind == kind:
        return known
    if not node.if_exists:
        said = kind.replace("_", " ")
        hint = f"DROP {said.upper()} IF EXISTS"
        if known is not None:
            hint = f"did you mean DROP {known.kind.replace('_', ' ').upper()}?"
        raise InputError("QL411", f"there is no {said} {node.name}", node.span, hint, program.source)
    return None


def _stored_sql(program: Program, statement: Registered) -> str:
    """The statement's text, after the CREATE TABLEs and the streams that it was compiled with."""
    source = program.source
    declarations = [
        source.slice(s.node.span)
        for s in program.statements
        if isinstance(s, TableStatement) and s.node.span.end <= statement.node.span.start
    ]
    texts = dict.fromkeys(
        text.rstrip().rstrip(";") for text in (*declarations, *(text for _, text in statement.streams))
    )
    return ";\n".join([*texts, source.slice(statement.node.span)])
