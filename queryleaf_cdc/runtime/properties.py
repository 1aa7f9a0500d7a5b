"""What DESCRIBE tells of a trigger, a sink or a named stream, beside its state: taken from its compiled statement."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from queryleaf_cdc.compiler import compile_sql
from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.mongo.catalog import CatalogEntry
from queryleaf_cdc.plans.program import NamedStreamStatement, SinkStatement, TriggerStatement
from queryleaf_cdc.plans.sink import Destination
from queryleaf_cdc.plans.trigger import TriggerPlan
from queryleaf_cdc.values import Document


def properties_of(entry: CatalogEntry) -> Document:
    """Nothing for what does not compile here, as with functions of another program."""
    try:
        statements = compile_sql(entry.sql, name=entry.name).statements
    except CompileError:
        return {}
    match statements:
        case (TriggerStatement(plan),):
            return _of_trigger(plan)
        case (SinkStatement() as sink,):
            return _of_sink(sink)
        case (NamedStreamStatement() as named,):
            return {"reads": ", ".join(_reads(named)), "columns": _named(named.stream.columns)}
    return {}


def _of_trigger(plan: TriggerPlan) -> Document:
    return {
        "collection": plan.collection,
        "fires on": ", ".join(plan.operations),
        "writes": ", ".join(sorted(plan.targets)),
        "calls": ", ".join(plan.requires.procedures),
        "on_error": plan.options.on_error,
        "max_retries": plan.options.max_retries,
    }


def _of_sink(sink: SinkStatement) -> Document:
    plan = sink.plan
    return {
        "collection": plan.collection,
        "columns": _named(sink.columns),
        "into": shown_target(sink.destination),
        "delivery": "at least once" if sink.destination.is_outside else "exactly once",
        "on_error": plan.options.on_error,
        "max_retries": plan.options.max_retries,
        "start": plan.options.start,
        **(_webhook_options(sink.destination) if sink.destination.kind == "webhook" else {}),
    }


def _webhook_options(destination: Destination) -> Document:
    options = destination.options
    return {
        "timeout_ms": options.timeout_ms,
        "allow_private": options.allow_private,
        "secret": f"ENV '{options.secret}'" if options.secret is not None else None,
    }


def shown_target(destination: Destination) -> str:
    """``webhook https://example.com/x?key=…``: what a query says may be meant for the receiver only."""
    name = destination.name
    if destination.kind == "webhook":
        parts = urlsplit(name)
        keys = [key for key, _ in parse_qsl(parts.query, keep_blank_values=True)]
        query = "&".join(f"{key}=…" for key in keys) if keys else "…" if parts.query else ""
        name = parts._replace(query=query).geturl()
    return f"{destination.kind} {name}"


def _reads(named: NamedStreamStatement) -> tuple[str, ...]:
    plan = named.plan
    if isinstance(plan, TriggerPlan):
        return (plan.collection,)
    return tuple(sorted({collection for collection, action in plan.requires.privileges if action == "changeStream"}))


def _named(columns: tuple[str, ...] | None) -> str:
    return ", ".join(columns) if columns is not None else "*"
