"""A compiled streaming SELECT that remembers: windows, joins, groups."""

from __future__ import annotations

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.plans.actions import QueryTemplate
from queryleaf_cdc.plans.dataflow import DataflowPlan, Scan
from queryleaf_cdc.plans.trigger import Requires, TriggerPlan
from queryleaf_cdc.source import Source, Span
from queryleaf_cdc.syntax.statements import CreateTrigger

CHANGE_ROW = "$change"
"""Target of a source's one INSERT: the row of a change, with columns ``c0``, ``c1``, ..."""


@frozen
class ChangeScan:
    """One scan of changes. Its change stream is that of a trigger whose action is ``INSERT INTO $change``."""

    scan: Scan
    plan: TriggerPlan
    node: CreateTrigger


@frozen
class TableScan:
    """One scan of a collection in which rows are looked up. ``snapshot`` gives its rows with columns ``c0``, ..."""

    scan: Scan
    snapshot: QueryTemplate
    path: str | None
    """the field that rows are found by; None where it only counts whether there is any row"""


@frozen
class FlowPlan:
    """``columns`` is None where ``*`` leaves them open; ``changes`` are the root's columns that hold change ids."""

    name: str
    columns: tuple[str, ...] | None
    sources: tuple[ChangeScan, ...]
    tables: tuple[TableScan, ...]
    dataflow: DataflowPlan
    changes: tuple[int, ...]
    requires: Requires
    source: Source
    span: Span
