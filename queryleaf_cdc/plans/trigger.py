"""A compiled trigger."""

from __future__ import annotations

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.plans.actions import Actions
from queryleaf_cdc.plans.stages import Stage
from queryleaf_cdc.source import Source, Span
from queryleaf_cdc.syntax.expressions import Expr


@frozen
class Requires:
    """What must be there before the trigger can run. ``functions`` and ``procedures`` are registered by the user."""

    images: tuple[str, ...]
    procedures: tuple[str, ...]
    functions: tuple[str, ...]
    indexes: tuple[tuple[str, tuple[str, ...]], ...]
    """(collection, fields) that the actions look rows up by"""
    privileges: tuple[tuple[str, str], ...]
    """(collection, MongoDB action)"""


@frozen
class TriggerOptions:
    on_error: str = "retry"
    max_retries: int = 5
    start: str = "now"


@frozen
class StreamPlan:
    """A change stream: its pipeline and image options ("whenAvailable", or None for the server's default)."""

    collection: str
    pipeline: tuple[Stage, ...]
    full_document: str | None
    before_change: str | None


@frozen
class TriggerPlan:
    """``guards`` are, per SQL operation, the condition under which an event of it takes any action (a bound
    expression; True where always). ``fields`` are the event paths that a worker reads that evaluates everything.
    ``replaces``: what it inserts takes the place of what has the same ``_id``."""

    name: str
    collection: str
    operations: tuple[str, ...]
    stream: StreamPlan
    actions: Actions
    guards: tuple[tuple[str, Expr], ...]
    fields: frozenset[str]
    options: TriggerOptions
    requires: Requires
    targets: frozenset[str]
    reads_depth: bool
    source: Source
    span: Span
    replaces: bool = False
