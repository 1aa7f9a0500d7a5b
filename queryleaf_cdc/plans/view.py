"""A compiled materialized view."""

from __future__ import annotations

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.plans.actions import QueryTemplate
from queryleaf_cdc.plans.dataflow import DataflowPlan, Scan
from queryleaf_cdc.plans.stream import ChangeScan, TableScan
from queryleaf_cdc.plans.trigger import Requires, TriggerPlan
from queryleaf_cdc.source import Source, Span
from queryleaf_cdc.syntax.statements import CreateTrigger

OLD_ROW, NEW_ROW = "$old", "$new"
"""Targets of the two INSERTs of a view's source: the row before a change, and the row after it."""


@frozen
class ViewOptions:
    """``on_error``: rebuild the view, or stop it, when its content can no longer be known."""

    target: str
    cache_rows: int = 100_000
    on_error: str = "rebuild"
    indexes: tuple[tuple[tuple[str, int], ...], ...] = ()
    """fields and directions of the indexes on the target"""


@frozen
class ViewSource:
    """One scan of the view. Its change stream is that of a trigger whose actions are ``INSERT INTO $old`` and
    ``INSERT INTO $new`` with columns ``c0``, ``c1``, ...; each is taken where the condition holds before, or after."""

    scan: Scan
    plan: TriggerPlan
    node: CreateTrigger
    snapshot: QueryTemplate
    """the rows of the collection's documents as a query, with columns ``c0``, ``c1``, ..."""


@frozen
class ViewPlan:
    name: str
    columns: tuple[str, ...] | None
    """None where ``*`` leaves them open"""
    sources: tuple[ViewSource, ...]
    changes: tuple[ChangeScan, ...]
    """of the named streams that it reads: these have no rows at the start, only what comes"""
    tables: tuple[TableScan, ...]
    """in which these streams look rows up"""
    dataflow: DataflowPlan
    options: ViewOptions
    requires: Requires
    source: Source
    span: Span

    @property
    def feeds(self) -> tuple[ViewSource | ChangeScan, ...]:
        """All that the change streams feed."""
        return (*self.sources, *self.changes)
