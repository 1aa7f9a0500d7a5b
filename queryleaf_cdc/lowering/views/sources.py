"""A scan → where its rows come from: a change stream, and a query for the documents that are there at the start.

The change stream is that of a trigger with two INSERTs, so conditions and columns run in the server by the rules of
triggers."""

from __future__ import annotations

from queryleaf_cdc.logical.walk import conjunction, rebuild
from queryleaf_cdc.lowering.one_shot import lower_one_shot_query
from queryleaf_cdc.lowering.trigger_plan import lower_trigger
from queryleaf_cdc.plans.dataflow import Scan
from queryleaf_cdc.plans.trigger import TriggerOptions
from queryleaf_cdc.plans.view import NEW_ROW, OLD_ROW, ViewSource
from queryleaf_cdc.source import Source
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal, Path
from queryleaf_cdc.syntax.queries import Select, SelectItem, TableRef
from queryleaf_cdc.syntax.statements import CreateTrigger, If, Insert, TriggerEvent

_EVENTS = ("INSERT", "UPDATE", "DELETE")


def view_source(view: str, scan: Scan, source: Source, functions: tuple[str, ...]) -> ViewSource:
    node = _as_trigger(f"{view}.{scan.number}", scan)
    plan = lower_trigger(node, source, TriggerOptions(on_error="stop"), functions)
    return ViewSource(scan, plan, node, lower_one_shot_query(scan_query(scan)))


def _as_trigger(name: str, scan: Scan) -> CreateTrigger:
    span = scan.span
    events = tuple(TriggerEvent(each, (), span) for each in _EVENTS)
    body = (_taken(scan, "OLD", "INSERT", OLD_ROW), _taken(scan, "NEW", "DELETE", NEW_ROW))
    return CreateTrigger(name, span, False, False, scan.collection, span, events, None, (), body, span)


def _taken(scan: Scan, image: str, never: str, target: str) -> If:
    """The row of one image, where there is one that meets the condition."""
    span = scan.span
    there = Call("<>", (Field("EVENT", ("action",), span), Literal(never, span)), span)
    terms: list[Expr] = [there]
    if scan.condition is not None:
        terms.append(_of_image(scan.condition, scan.alias, image))
    columns: tuple[Path, ...] = tuple((f"c{at}",) for at in range(len(scan.columns)))
    values = tuple(_of_image(each, scan.alias, image) for each in scan.columns)
    condition = conjunction(terms)
    assert condition is not None
    return If(((condition, (Insert(target, columns, (values,), None, None, span),)),), (), span)


def _of_image(expr: Expr, alias: str, image: str) -> Expr:
    if isinstance(expr, Field) and expr.source == alias:
        return Field(image, expr.path, expr.span)
    return rebuild(expr, lambda each: _of_image(each, alias, image))


def scan_query(scan: Scan) -> Select:
    """The scan's rows of the documents that are there, with columns ``c0``, ``c1``, ..."""
    items = tuple(SelectItem(each, f"c{at}", each.span) for at, each in enumerate(scan.columns))
    table = TableRef(scan.collection, scan.alias, scan.span)
    return Select(
        items, table, (), scan.condition, (), None, None, (), None, None, None, (), None, scan.span
    )  # fmt: skip
