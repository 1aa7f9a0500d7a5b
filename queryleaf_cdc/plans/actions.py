"""What a trigger does, as data. ``runtime/execution.py`` executes it, ``plans/output.py`` prints it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Expr, Path
from queryleaf_cdc.syntax.queries import Query
from queryleaf_cdc.values import Type


@frozen
class Computed:
    """A value that an action needs. ``slot`` is its place below ``_ql`` when the server computes it, else None, and
    ``because`` says why the worker does it. ``expr`` gives the same value in either place."""

    expr: Expr
    slot: tuple[str, ...] | None
    because: str = ""


@frozen
class Hole:
    """A place in a template that the value number ``index`` fills."""

    index: int


@frozen
class Template:
    """A document (or list) with holes, and the values that fill them."""

    document: Any
    values: tuple[Computed, ...]
    narrowed: Callable[[tuple[Type, ...]], Any] | None = field(default=None, compare=False, repr=False)
    """the shorter document that does when the values' types are known; asked once per combination of types"""


@frozen
class Equality:
    """``path = value``: a filter term that an index can serve. NULL finds nothing."""

    path: str
    value: Computed
    exact: Template
    """the same term for values that query operators do not compare as SQL does (arrays, documents, dotted paths)"""


@frozen
class Filter:
    """All terms must hold. ``rest`` is a query document."""

    equalities: tuple[Equality, ...]
    rest: Template


ROW = "$row"
"""The source of a finished row of a query."""


@frozen
class ClientColumns:
    """Columns of a query that no server can compute. Their expressions read the pipeline's row (``ROW``).

    ``hidden`` are the fields of that row that exist only for them. ``order`` is that of all columns, None where ``*``
    leaves them open (then the computed ones come last)."""

    columns: tuple[tuple[str, Expr], ...]
    hidden: tuple[str, ...]
    order: tuple[str, ...] | None
    spans: tuple[Span, ...]


@frozen
class QueryTemplate:
    """A query to run while the trigger fires. ``collection`` None: on the database. ``query`` is what it was lowered
    from, for those who have no server; without items its rows are ``{alias: document}``."""

    collection: str | None
    pipeline: Template
    reads: frozenset[str]
    """all collections that the pipeline reads"""
    query: Query
    client: ClientColumns | None = None


@frozen
class Choose:
    """IF. ``slot`` holds the number of the branch to take (from 1; ``len(branches) + 1`` is ELSE; 0 none)."""

    slot: tuple[str, ...] | None
    because: str
    branches: tuple[tuple[Expr, tuple[Action, ...]], ...]
    otherwise: tuple[Action, ...]
    span: Span


@frozen
class Conflict:
    """ON CONFLICT. ``columns`` find the existing row; ``update`` is the upsert's update (a template of an update
    document for DO NOTHING, of an update pipeline for DO UPDATE)."""

    columns: tuple[str, ...]
    update: Template
    target: str
    condition: Expr | None
    assignments: tuple[tuple[Path, Expr], ...]
    """what DO UPDATE says, over the sources ``target`` and EXCLUDED"""


@frozen
class InsertRow:
    """``slot`` is set when the server computes the whole document. ``replaces``: it takes the place of a row with its
    ``_id``, as the rows of a sink do, which have the ids of their changes."""

    collection: str
    fields: tuple[tuple[Path, Computed], ...]
    slot: tuple[str, ...] | None
    conflict: Conflict | None
    span: Span
    replaces: bool = False


@frozen
class InsertQuery:
    """The query's rows have the columns' names ``c0``, ``c1``, ... in the order of ``columns``."""

    collection: str
    columns: tuple[Path, ...]
    query: QueryTemplate
    conflict: Conflict | None
    span: Span


@frozen
class UpdateRows:
    """Without ``source`` one update; with it one update for each of its rows, in order.

    ``alias`` names the target in ``condition`` and ``assignments``, which say the same as ``filter`` and ``update``."""

    collection: str
    alias: str
    source: QueryTemplate | None
    aliases: tuple[str, ...]
    filter: Filter
    update: Template
    condition: Expr | None
    assignments: tuple[tuple[Path, Expr], ...]
    span: Span


@frozen
class DeleteRows:
    collection: str
    alias: str
    source: QueryTemplate | None
    aliases: tuple[str, ...]
    filter: Filter
    condition: Expr | None
    span: Span


@frozen
class CallAction:
    procedure: str
    args: tuple[Computed, ...]
    span: Span


@frozen
class RaiseAction:
    message: Computed
    span: Span


@frozen
class ReturnAction:
    span: Span


@frozen
class SetVariable:
    name: str
    value: Computed
    span: Span


@frozen
class ReadInto:
    """The query's first row into the variables; its columns are ``c0``, ``c1``, ..."""

    targets: tuple[str, ...]
    query: QueryTemplate
    span: Span


@frozen
class ForEach:
    row: str
    query: QueryTemplate
    body: tuple[Action, ...]
    span: Span


Action = (
    Choose
    | InsertRow
    | InsertQuery
    | UpdateRows
    | DeleteRows
    | CallAction
    | RaiseAction
    | ReturnAction
    | SetVariable
    | ReadInto
    | ForEach
)
Actions = tuple[Action, ...]
