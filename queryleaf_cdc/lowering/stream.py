"""A bound streaming SELECT → its plan, where it needs more than one change at a time."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.logical.columns import output_columns
from queryleaf_cdc.lowering.streams.append_only import AppendOnly
from queryleaf_cdc.lowering.streams.lineage import is_change_id, is_united
from queryleaf_cdc.lowering.streams.sources import change_scan
from queryleaf_cdc.lowering.streams.tables import indexes_for, tables_in
from queryleaf_cdc.lowering.views.finish import finished
from queryleaf_cdc.lowering.views.pruning import pruned
from queryleaf_cdc.lowering.views.relation import column
from queryleaf_cdc.lowering.views.select import build_query
from queryleaf_cdc.plans.dataflow import DataflowPlan, Node, Output, Sort
from queryleaf_cdc.plans.stream import ChangeScan, FlowPlan, TableScan
from queryleaf_cdc.plans.trigger import Requires
from queryleaf_cdc.source import NO_SPAN, Source
from queryleaf_cdc.syntax.expressions import OrderItem
from queryleaf_cdc.syntax.queries import Query, Select


def lower_stream(query: Query, source: Source, functions: tuple[str, ...], name: str = "stream") -> FlowPlan:
    """The plan of a streaming SELECT, which is bound. Raises CompileError QL303, QL320 to QL323."""
    rows = build_query(query, True)
    assert rows.key is not None
    emit = query.emit if isinstance(query, Select) else None
    root = AppendOnly(query.span, emit == "CHANGES").node(rows.node)
    changes = tuple(at for _, at in rows.key if is_change_id(root, column(at)))
    ordering = rows.ordering or _as_committed(root, changes)
    if ordering:
        root = Sort(root, ordering)
    root, scans = finished(pruned(root))
    sources = tuple(change_scan(name, each, source, functions) for each in scans if each.changes)
    tables = tables_in(root)
    return FlowPlan(
        name,
        output_columns(query),
        sources,
        tables,
        DataflowPlan(root, scans, Output(tuple(name for name, _ in rows.stars[""]), rows.key)),
        changes,
        _requires(sources, tables),
        source,
        query.span,
    )


def _as_committed(root: Node, changes: tuple[int, ...]) -> tuple[OrderItem, ...]:
    """The order of a UNION ALL, whose parts would come one after the other."""
    if not changes or not is_united(root):
        return ()
    return (OrderItem(column(changes[0]), False, False, NO_SPAN),)


def _requires(sources: tuple[ChangeScan, ...], tables: tuple[TableScan, ...]) -> Requires:
    every = [each.plan.requires for each in sources]
    joined = Requires(
        images=tuple(dict.fromkeys(name for requires in every for name in requires.images)),
        procedures=(),
        functions=tuple(dict.fromkeys(name for requires in every for name in requires.functions)),
        indexes=indexes_for(tables),
        privileges=(),
    )
    privileges = [*(each for requires in every for each in requires.privileges)]
    privileges += [(each.scan.collection, "find") for each in tables]
    return replace(joined, privileges=tuple(dict.fromkeys(privileges)))
