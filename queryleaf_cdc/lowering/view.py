"""A bound CREATE MATERIALIZED VIEW → its plan."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.logical.columns import output_columns
from queryleaf_cdc.lowering.streams.sources import change_scan
from queryleaf_cdc.lowering.streams.tables import indexes_for, tables_in
from queryleaf_cdc.lowering.views.finish import finished
from queryleaf_cdc.lowering.views.pruning import pruned
from queryleaf_cdc.lowering.views.select import build_query
from queryleaf_cdc.lowering.views.sources import view_source
from queryleaf_cdc.plans.dataflow import (
    Closing,
    Combine,
    DataflowPlan,
    Group,
    Lookup,
    Node,
    Output,
    Sessions,
    fed_scans,
    inputs_of,
)
from queryleaf_cdc.plans.stream import ChangeScan, TableScan
from queryleaf_cdc.plans.trigger import Requires
from queryleaf_cdc.plans.view import ViewOptions, ViewPlan, ViewSource
from queryleaf_cdc.source import Source
from queryleaf_cdc.syntax.expressions import Field
from queryleaf_cdc.syntax.queries import Query, Select
from queryleaf_cdc.syntax.statements import CreateMaterializedView


def lower_view(
    node: CreateMaterializedView, source: Source, options: ViewOptions, functions: tuple[str, ...]
) -> ViewPlan:
    """The plan of a view whose query is bound."""
    rows = build_query(node.query, True)
    assert rows.key is not None
    names = [name for name, _ in rows.stars[""]]
    _refuse_twice(node, names)
    root, scans = finished(pruned(rows.node))
    _refuse_repeated(node, root)
    fed = fed_scans(root)
    sources = tuple(
        view_source(node.name, scan, source, functions) for scan in scans if not scan.changes and scan.number in fed
    )
    changes = tuple(change_scan(node.name, scan, source, functions) for scan in scans if scan.changes)
    tables = tables_in(root)
    return ViewPlan(
        node.name,
        output_columns(node.query),
        sources,
        changes,
        tables,
        DataflowPlan(root, scans, Output(tuple(names), rows.key)),
        replace(options, indexes=tuple(dict.fromkeys((*_order(node.query), *options.indexes)))),
        _requires((*sources, *changes), tables, options.target),
        source,
        node.span,
    )


def _order(query: Query) -> tuple[tuple[tuple[str, int], ...], ...]:
    """ORDER BY as an index of the target, where it reads columns only."""
    columns = _columns_by_expr(query)
    found = [(columns.get(repr(item.expr)), -1 if item.descending else 1) for item in query.order_by]
    named = tuple((name, direction) for name, direction in found if name is not None)
    return (named,) if named and len(named) == len(found) else ()


def _columns_by_expr(query: Query) -> dict[str, str]:
    if isinstance(query, Select):
        return {repr(item.expr): item.alias for item in query.items if item.alias is not None}
    return {repr(Field("", (name,), query.span)): name for name in output_columns(query) or ()}


def _refuse_twice(node: CreateMaterializedView, names: list[str | None]) -> None:
    """A document holds a field once; the binder has checked what it could."""
    known = [name for name in names if name is not None]
    twice = next((name for name in known if known.count(name) > 1), None)
    if twice is not None:
        raise CompileError("QL210", f"two columns are called {twice!r}", node.query.span, "give one another alias")


def _refuse_repeated(node: CreateMaterializedView, root: Node) -> None:
    """Rows that come again with each change of their group have no key by which a view could hold them."""
    match root:
        case Group() | Combine():
            return
        case Closing(every_change=again) | Sessions(every_change=again):
            if again:
                text = f"{node.name} reads a stream whose rows come again with EMIT CHANGES, and cannot tell them apart"
                hint = "group its rows: SELECT key, MAX(n) AS n FROM ... GROUP BY key"
                raise CompileError("QL303", text, node.query.span, hint)
        case Lookup(input):
            _refuse_repeated(node, input)
        case _:
            for each in inputs_of(root):
                _refuse_repeated(node, each)


def _requires(sources: tuple[ViewSource | ChangeScan, ...], tables: tuple[TableScan, ...], target: str) -> Requires:
    every = [each.plan.requires for each in sources]
    privileges = [each for requires in every for each in requires.privileges]
    privileges += [(each.scan.collection, "find") for each in tables]
    privileges += [(target, action) for action in ("find", "insert", "update", "remove", "createIndex")]
    return Requires(
        images=tuple(dict.fromkeys(name for requires in every for name in requires.images)),
        procedures=(),
        functions=tuple(dict.fromkeys(name for requires in every for name in requires.functions)),
        indexes=indexes_for(tables),
        privileges=tuple(dict.fromkeys(privileges)),
    )
