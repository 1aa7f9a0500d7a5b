"""Statements: what a file is made of, and what a trigger's body is made of."""

from __future__ import annotations

from dataclasses import field

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Expr, Path
from queryleaf_cdc.syntax.queries import FromItem, Join, Query


@frozen
class Assignment:
    """``path = value`` in SET. The path is relative to the target's document."""

    path: Path
    value: Expr
    span: Span = field(compare=False, repr=False)


@frozen
class OnConflict:
    """``assignments`` is empty for DO NOTHING. ``EXCLUDED.x`` names the row that was to be inserted."""

    columns: tuple[str, ...]
    assignments: tuple[Assignment, ...]
    where: Expr | None
    span: Span = field(compare=False, repr=False)


@frozen
class Insert:
    """Exactly one of ``rows`` and ``query`` is given; ``rows`` is a tuple of rows of expressions."""

    target: str
    columns: tuple[Path, ...]
    rows: tuple[tuple[Expr, ...], ...]
    query: Query | None
    on_conflict: OnConflict | None
    span: Span = field(compare=False, repr=False)


@frozen
class Update:
    target: str
    alias: str
    assignments: tuple[Assignment, ...]
    from_item: FromItem | None
    joins: tuple[Join, ...]
    where: Expr | None
    span: Span = field(compare=False, repr=False)


@frozen
class Delete:
    target: str
    alias: str
    using: FromItem | None
    joins: tuple[Join, ...]
    where: Expr | None
    span: Span = field(compare=False, repr=False)


@frozen
class CallProcedure:
    name: str
    args: tuple[Expr, ...]
    span: Span = field(compare=False, repr=False)


@frozen
class If:
    """IF/ELSIF/ELSE, and the CASE statement (desugared). ``span`` covers the whole statement."""

    branches: tuple[tuple[Expr, tuple[BodyStatement, ...]], ...]
    otherwise: tuple[BodyStatement, ...]
    span: Span = field(compare=False, repr=False)


@frozen
class Declare:
    """``type_name`` is one of CAST_TYPES, or None when the type is not checked."""

    name: str
    type_name: str | None
    default: Expr | None
    span: Span = field(compare=False, repr=False)


@frozen
class Assign:
    name: str
    value: Expr
    span: Span = field(compare=False, repr=False)


@frozen
class SelectInto:
    """First row of the query into the variables, NULLs when there is none."""

    query: Query
    targets: tuple[str, ...]
    span: Span = field(compare=False, repr=False)


@frozen
class ForLoop:
    row: str
    query: Query
    body: tuple[BodyStatement, ...]
    span: Span = field(compare=False, repr=False)


@frozen
class Return:
    span: Span = field(compare=False, repr=False)


@frozen
class Raise:
    """``message`` is any expression; RAISE 'text %', a, b is desugared to a concatenation."""

    message: Expr
    span: Span = field(compare=False, repr=False)


BodyStatement = If | Declare | Assign | SelectInto | ForLoop | Return | Raise | Insert | Update | Delete | CallProcedure


@frozen
class TriggerEvent:
    """``operation`` is INSERT, UPDATE or DELETE; ``columns`` is what UPDATE OF names."""

    operation: str
    columns: tuple[Path, ...]
    span: Span = field(compare=False, repr=False)


@frozen
class EnvRef:
    """``ENV 'NAME'``: a secret, by the name of the worker's environment variable that holds it."""

    name: str


@frozen
class Option:
    """``name = value`` of WITH (...)."""

    name: str
    value: str | int | float | bool | EnvRef
    span: Span = field(compare=False, repr=False)


@frozen
class CreateTrigger:
    """``name_span`` and ``collection_span`` are the places of those words, ``span`` the whole statement."""

    name: str
    name_span: Span = field(compare=False, repr=False)
    or_replace: bool
    if_not_exists: bool
    collection: str
    collection_span: Span = field(compare=False, repr=False)
    events: tuple[TriggerEvent, ...]
    when: Expr | None
    options: tuple[Option, ...]
    body: tuple[BodyStatement, ...]
    span: Span = field(compare=False, repr=False)


@frozen
class DropTrigger:
    name: str
    if_exists: bool
    span: Span = field(compare=False, repr=False)


@frozen
class CreateMaterializedView:
    """``columns`` are the names of the list behind the view's, ``()`` without one; ``column_spans`` their places.

    Once bound, ``query`` has these names itself, and says in ``syntax/queries.py`` what else holds for it."""

    name: str
    name_span: Span = field(compare=False, repr=False)
    or_replace: bool
    if_not_exists: bool
    columns: tuple[str, ...]
    column_spans: tuple[Span, ...] = field(compare=False, repr=False)
    options: tuple[Option, ...]
    query: Query
    span: Span = field(compare=False, repr=False)


@frozen
class DropView:
    name: str
    if_exists: bool
    span: Span = field(compare=False, repr=False)


@frozen
class RefreshView:
    name: str
    name_span: Span = field(compare=False, repr=False)
    span: Span = field(compare=False, repr=False)


@frozen
class SinkTarget:
    """Behind INTO. ``kind`` is collection, procedure, webhook or file; ``name`` that of the collection or procedure,
    the URL or the path."""

    kind: str
    name: str
    span: Span = field(compare=False, repr=False)


@frozen
class CreateSink:
    name: str
    name_span: Span = field(compare=False, repr=False)
    or_replace: bool
    if_not_exists: bool
    options: tuple[Option, ...]
    query: Query
    target: SinkTarget
    span: Span = field(compare=False, repr=False)


@frozen
class DropSink:
    name: str
    if_exists: bool
    span: Span = field(compare=False, repr=False)


@frozen
class CreateStream:
    """CREATE VIEW over a streaming SELECT: a name for it."""

    name: str
    name_span: Span = field(compare=False, repr=False)
    or_replace: bool
    if_not_exists: bool
    query: Query
    span: Span = field(compare=False, repr=False)


@frozen
class DropStream:
    """DROP VIEW."""

    name: str
    if_exists: bool
    span: Span = field(compare=False, repr=False)


@frozen
class Column:
    """``type_name`` is one of CAST_TYPES, or ARRAY, or None for a type without a meaning here."""

    name: str
    type_name: str | None
    not_null: bool
    span: Span = field(compare=False, repr=False)


@frozen
class CreateTable:
    """A declaration of a collection's fields; it creates nothing on the server."""

    name: str
    if_not_exists: bool
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    span: Span = field(compare=False, repr=False)


@frozen
class SelectStatement:
    query: Query
    span: Span = field(compare=False, repr=False)


@frozen
class Show:
    """``what`` is TRIGGERS, VIEWS, STREAMS, SINKS or COLLECTIONS."""

    what: str
    span: Span = field(compare=False, repr=False)


@frozen
class Describe:
    """``name`` is a collection's, or that of something registered."""

    name: str
    name_span: Span = field(compare=False, repr=False)
    span: Span = field(compare=False, repr=False)


@frozen
class Explain:
    statement: Statement
    span: Span = field(compare=False, repr=False)


Statement = (
    CreateTrigger | DropTrigger | CreateMaterializedView | DropView | RefreshView | CreateSink | DropSink
    | CreateStream | DropStream | CreateTable | SelectStatement | Insert | Update | Delete | CallProcedure
    | Show | Describe | Explain
)  # fmt: skip
