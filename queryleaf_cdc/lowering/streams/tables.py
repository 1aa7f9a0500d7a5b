"""The collections in which the streams of a dataflow look rows up."""

from __future__ import annotations

from collections.abc import Sequence

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.lowering.streams.lineage import scans_in
from queryleaf_cdc.lowering.streams.sources import table_scan
from queryleaf_cdc.plans.dataflow import Lookup, Node, at_work
from queryleaf_cdc.plans.stream import TableScan


def tables_in(root: Node) -> tuple[TableScan, ...]:
    """Each once. Raises CompileError QL321."""
    found = [_table(each) for each in at_work(root) if isinstance(each, Lookup)]
    return tuple({(each.scan.number, each.path): each for each in found}.values())


def indexes_for(tables: Sequence[TableScan]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Collections and the fields by which rows are found in them."""
    found = [(each.scan.collection, (each.path,)) for each in tables if each.path not in (None, "_id")]
    return tuple(dict.fromkeys((name, tuple(filter(None, path))) for name, path in found))


def _table(node: Lookup) -> TableScan:
    (scan,) = scans_in(node.table)
    if node.path is None and node.table is not scan:
        text = "whether there is any row must be a question that the server can answer alone"
        raise CompileError("QL321", text, scan.span, "an equality with the change finds rows")
    return table_scan(scan, node.path)
