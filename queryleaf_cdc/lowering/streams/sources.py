"""A scan of changes → the trigger whose one INSERT makes its rows; so conditions and columns run in the server by the
rules of triggers. And a scan in which rows are looked up → a query."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.logical.bind_stream import Placing, can_pass
from queryleaf_cdc.logical.rules.specialize import specialize
from queryleaf_cdc.logical.walk import conjunction, rebuild
from queryleaf_cdc.lowering.one_shot import lower_one_shot_query
from queryleaf_cdc.lowering.trigger_plan import lower_trigger
from queryleaf_cdc.lowering.views.sources import scan_query
from queryleaf_cdc.plans.dataflow import Scan
from queryleaf_cdc.plans.stream import CHANGE_ROW, ChangeScan, TableScan
from queryleaf_cdc.plans.trigger import TriggerOptions
from queryleaf_cdc.source import Source
from queryleaf_cdc.syntax.expressions import Expr, Field, Literal, Path
from queryleaf_cdc.syntax.queries import CHANGE, NEW_DOCUMENT, OLD_DOCUMENT
from queryleaf_cdc.syntax.statements import CreateTrigger, If, Insert, TriggerEvent

_EVENTS = ("INSERT", "UPDATE", "DELETE")
_IMAGES = {CHANGE: "EVENT", OLD_DOCUMENT: "OLD", NEW_DOCUMENT: "NEW"}


def change_scan(name: str, scan: Scan, source: Source, functions: tuple[str, ...]) -> ChangeScan:
    node = _as_trigger(f"{name}.{scan.number}", scan)
    plan = lower_trigger(node, source, TriggerOptions(on_error="stop"), functions)
    return ChangeScan(scan, plan, node)


def _as_trigger(name: str, scan: Scan) -> CreateTrigger:
    span = scan.span
    condition = _of_change(scan.condition, scan.alias) if scan.condition is not None else None
    operations = [each for each in _EVENTS if can_pass(condition, each, scan.alias)] or list(_EVENTS)
    place = Placing(scan.alias, "DELETE" in operations, operations == ["DELETE"])
    columns: tuple[Path, ...] = tuple((f"c{at}",) for at in range(len(scan.columns)))
    values = tuple(place.expr(_of_change(each, scan.alias)) for each in scan.columns)
    always = Literal(True, span)
    placed = place.expr(condition) if condition is not None else None
    if placed is not None and len(operations) == 1:
        placed = specialize(placed, operations[0])
    test = conjunction([always, *([placed] if placed is not None else [])])
    assert test is not None
    body = If(((test, (Insert(CHANGE_ROW, columns, (values,), None, None, span),)),), (), span)
    events = tuple(TriggerEvent(each, (), span) for each in operations)
    return CreateTrigger(name, span, False, False, scan.collection, span, events, None, (), (body,), span)


def _of_change(expr: Expr, alias: str) -> Expr:
    """What is about the change itself, or about one of its two documents, read where triggers read it."""
    if isinstance(expr, Field) and expr.source == alias and expr.path and expr.path[0] in _IMAGES:
        return Field(_IMAGES[str(expr.path[0])], expr.path[1:], expr.span)
    return rebuild(expr, lambda each: _of_change(each, alias))


def table_scan(scan: Scan, path: str | None) -> TableScan:
    return TableScan(scan, lower_one_shot_query(scan_query(replace(scan, changes=False))), path)
