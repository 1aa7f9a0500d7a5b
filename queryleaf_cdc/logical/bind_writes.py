"""Binding of INSERT, UPDATE and DELETE."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.errors import CompileError, did_you_mean
from queryleaf_cdc.logical.bind import Binder
from queryleaf_cdc.logical.bind_query import bind_query
from queryleaf_cdc.logical.bind_sources import SourceBinder
from queryleaf_cdc.logical.columns import output_columns
from queryleaf_cdc.logical.schema import Table
from queryleaf_cdc.logical.scope import Scope
from queryleaf_cdc.syntax.queries import FromItem, Join
from queryleaf_cdc.syntax.statements import Assignment, Delete, Insert, OnConflict, Update


def bind_insert(node: Insert, outer: Scope, binder: Binder) -> Insert:
    """VALUES or SELECT, one value per column."""
    _check_columns([column[0] for column in node.columns], node.target, node, binder)
    for row in node.rows:
        if len(row) != len(node.columns):
            raise CompileError(
                "QL221",
                f"INSERT names {len(node.columns)} columns and gives {len(row)} values",
                row[0].span.to(row[-1].span),
            )
    query = bind_query(node.query, outer, binder) if node.query is not None else None
    columns = output_columns(query) if query is not None else None
    if columns is not None and len(columns) != len(node.columns):
        raise CompileError(
            "QL221", f"INSERT names {len(node.columns)} columns, its SELECT gives {len(columns)}", node.span
        )
    if query is not None and columns is None:
        raise CompileError("QL221", "INSERT ... SELECT needs its columns by name, not *", node.span)
    rows = tuple(tuple(binder.expr(value, outer) for value in row) for row in node.rows)
    conflict = _bind_conflict(node, outer, binder) if node.on_conflict is not None else None
    return replace(node, rows=rows, query=query, on_conflict=conflict)


def _bind_conflict(node: Insert, outer: Scope, binder: Binder) -> OnConflict:
    conflict = node.on_conflict
    assert conflict is not None
    inserted = frozenset(str(column[0]) for column in node.columns)
    for column in conflict.columns:
        if column not in inserted:
            raise CompileError(
                "QL222",
                f"ON CONFLICT names {column!r}, which is not inserted",
                conflict.span,
                did_you_mean(column, inserted),
            )
    table = Table(inserted | frozenset(str(a.path[0]) for a in conflict.assignments), False)
    scope = outer.child({node.target: table, "EXCLUDED": Table(inserted, True)})
    return replace(
        conflict,
        assignments=_bind_assignments(conflict.assignments, scope, binder),
        where=binder.expr(conflict.where, scope) if conflict.where is not None else None,
    )


def bind_update(node: Update, outer: Scope, binder: Binder) -> Update:
    """The target comes first among the sources; what SET assigns is known to be its column."""
    _check_columns([assignment.path[0] for assignment in node.assignments], node.target, node, binder)
    known = binder.table(node.target, node.span) or Table(frozenset(str(a.path[0]) for a in node.assignments), False)
    scope = outer.child({node.alias: known})
    from_item, joins = _bind_sources(node.from_item, node.joins, scope, outer, binder)
    where = binder.expr(node.where, scope) if node.where is not None else None
    assignments = _bind_assignments(node.assignments, scope, binder)
    return replace(node, from_item=from_item, joins=joins, where=where, assignments=assignments)


def bind_delete(node: Delete, outer: Scope, binder: Binder) -> Delete:
    scope = outer.child({node.alias: binder.table(node.target, node.span)})
    using, joins = _bind_sources(node.using, node.joins, scope, outer, binder)
    where = binder.expr(node.where, scope) if node.where is not None else None
    return replace(node, using=using, joins=joins, where=where)


def _bind_sources(
    item: FromItem | None, joins: tuple[Join, ...], scope: Scope, outer: Scope, binder: Binder
) -> tuple[FromItem | None, tuple[Join, ...]]:
    if item is None:
        return None, ()
    return SourceBinder(outer, binder, bind_query).sources(item, joins, scope)


def _bind_assignments(assignments: tuple[Assignment, ...], scope: Scope, binder: Binder) -> tuple[Assignment, ...]:
    seen: set[object] = set()
    for assignment in assignments:
        if assignment.path in seen:
            raise CompileError("QL223", f"{assignment.path[-1]!r} is set twice", assignment.span)
        seen.add(assignment.path)
        if assignment.path == ("_id",):
            raise CompileError("QL224", "_id cannot be changed", assignment.span, "delete the row and insert another")
    return tuple(replace(a, value=binder.expr(a.value, scope)) for a in assignments)


def _check_columns(names: list[object], target: str, node: Insert | Update, binder: Binder) -> None:
    table = binder.table(target, node.span)
    for name in names:
        if not isinstance(name, str):
            raise CompileError("QL225", "a column name cannot be a number", node.span)
        if table is not None and table.closed and name not in table.columns and name != "_id":
            raise CompileError(
                "QL203", f"unknown column {name!r} of {target}", node.span, did_you_mean(name, table.columns)
            )
