"""A bound streaming SELECT → its plan, where it needs more than one change at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.logical.columns import output_columns
from queryleaf_cdc.lowering.streams.append_only import AppendOnly
from queryleaf_cdc.lowering.streams.lineage import is_change_id, is_stream, is_united, scans_in
from queryleaf_cdc.lowering.streams.sources import change_scan, table_scan
from queryleaf_cdc.lowering.views.finish import finished
from queryleaf_cdc.lowering.views.pruning import pruned
from queryleaf_cdc.lowering.views.relation import column
from queryleaf_cdc.lowering.views.select import build_query
from queryleaf_cdc.plans.dataflow import DataflowPlan, Lookup, Node, Output, Sort, inputs_of
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
    tables = tuple({(each.scan.number, each.path): each for each in _tables(root)}.values())
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


def _tables(node: Node) -> Iterator[TableScan]:
    if isinstance(node, Lookup):
        (scan,) = scans_in(node.table)
        if node.path is None and node.table is not scan:
            text = "whether there is any row must be a question that the server can answer alone"
            raise CompileError("QL321", text, scan.span, "an equality with the change finds rows")
        yield table_scan(scan, node.path)
    for each in inputs_of(node):
        if is_stream(each):
            yield from _tables(each)


def _requires(sources: tuple[ChangeScan, ...], tables: tuple[TableScan, ...]) -> Requires:
    every = [each.plan.requires for each in sources]
    joined = Requires(
        images=tuple(dict.fromkeys(name for requires in every for name in requires.images)),
        procedures=(),
        functions=tuple(dict.fromkeys(name for requires in every for name in requires.functions)),
        indexes=tuple(
            dict.fromkeys((each.scan.collection, (each.path,)) for each in tables if each.path not in (None, "_id"))
        ),
        privileges=(),
    )
    privileges = [*(each for requires in every for each in requires.privileges)]
    privileges += [(each.scan.collection, "find") for each in tables]
    return replace(joined, privileges=tuple(dict.fromkeys(privileges)))
