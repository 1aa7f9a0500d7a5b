"""INSERT, UPDATE, DELETE and CALL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend.faults import UNEXPECTED, unsupported
from queryleaf_cdc.frontend.shell import Piece
from queryleaf_cdc.frontend.trees import Node, name, path, piece, pieces, single, span, tree, trees
from queryleaf_cdc.syntax.expressions import Expr, Path
from queryleaf_cdc.syntax.queries import FromItem, Join, Select
from queryleaf_cdc.syntax.statements import Assignment, CallProcedure, Delete, Insert, OnConflict, Update

if TYPE_CHECKING:
    from queryleaf_cdc.frontend.statements import StatementReader

COUNTS = "QL141"


def _target(node: Node) -> tuple[str, str]:
    """The collection and its alias."""
    target = tree(node, "path")
    assert target is not None
    collection = single(target, "a collection")
    alias = tree(node, "name")
    return collection, name(alias) if alias is not None else collection


def _refuse_returning(reader: StatementReader, node: Node) -> None:
    clause = tree(node, "returning")
    if clause is not None:
        keyword = span(clause.children[0])
        reader.errors.append(
            CompileError("QL142", "RETURNING is not supported", keyword, "read the rows with a SELECT")
        )


# INSERT


def insert(reader: StatementReader, node: Node) -> Insert:
    target, _ = _target(node)
    _refuse_returning(reader, node)
    default = piece(node, "DEFAULT")
    if default is not None:
        raise unsupported("INSERT ... DEFAULT VALUES", span(default), "name the fields and their values")
    columns = _columns(node)
    rows = tuple(_row(reader, row, columns) for row in trees(node, "row"))
    chunk = piece(node, "QUERY")
    query = reader.attempt(lambda: reader.query(chunk)) if chunk is not None else None
    if isinstance(query, Select):
        _check_count(reader, columns, query)
    conflict = tree(node, "on_conflict")
    on_conflict = _on_conflict(reader, conflict) if conflict is not None else None
    return Insert(target, columns, rows, query, on_conflict, span(node))


def _columns(node: Node) -> tuple[Path, ...]:
    listed = tree(node, "columns")
    if listed is None:
        target = tree(node, "path")
        assert target is not None
        hint = "documents have no fixed columns: write INSERT INTO target (field, ...) ..."
        if any(each.upper == "CHANGE_DETECTED" for chunk in pieces(node, "QUERY") for each in chunk.tokens):
            hint = "a stream goes on into a sink: CREATE SINK name AS SELECT ... INTO target"
        raise CompileError("QL140", "INSERT needs the names of the fields", span(target), hint)
    columns = tuple(path(each) for each in trees(listed, "path"))
    for index, each in enumerate(trees(listed, "path")):
        if columns[index] in columns[:index]:
            raise CompileError(COUNTS, f"the field '{_dotted(columns[index])}' is named twice", span(each))
    return columns


def _dotted(parts: Path) -> str:
    return ".".join(map(str, parts))


def _row(reader: StatementReader, node: Node, columns: tuple[Path, ...]) -> tuple[Expr, ...]:
    values = _values(reader, node)
    if len(values) != len(columns):
        message = f"{len(columns)} fields are named, but this row has {len(values)} values"
        reader.errors.append(CompileError(COUNTS, message, span(node)))
    return tuple(value for value in values if value is not None)


def _values(reader: StatementReader, node: Node) -> list[Expr | None]:
    return [reader.attempt(lambda chunk=chunk: _value(reader, chunk)) for chunk in pieces(node, "VALUE")]  # type: ignore[misc]


def _value(reader: StatementReader, chunk: Piece) -> Expr:
    if len(chunk.tokens) == 1 and chunk.tokens[0].upper == "DEFAULT":
        raise CompileError(
            "QL143", "DEFAULT has no meaning without a schema", span(chunk), "leave the field out, or write NULL"
        )
    return reader.value(chunk)


def _check_count(reader: StatementReader, columns: tuple[Path, ...], query: Select) -> None:
    from queryleaf_cdc.syntax.expressions import Star

    if not any(isinstance(item.expr, Star) for item in query.items) and len(query.items) != len(columns):
        message = f"{len(columns)} fields are named, but the query gives {len(query.items)}"
        reader.errors.append(CompileError(COUNTS, message, query.items[0].span.to(query.items[-1].span)))


def _on_conflict(reader: StatementReader, node: Node) -> OnConflict:
    listed = tree(node, "columns")
    columns = tuple(single(each, "a column") for each in trees(listed, "path")) if listed is not None else ()
    assignments = _assignments(reader, node)
    if assignments and not columns:
        hint = "write ON CONFLICT (field) DO UPDATE SET ..."
        raise CompileError(
            UNEXPECTED, "ON CONFLICT DO UPDATE needs the fields that make a row unique", span(node), hint
        )
    return OnConflict(columns, assignments, reader.where(node), span(node))


# UPDATE and DELETE


def update(reader: StatementReader, node: Node) -> Update:
    target, alias = _target(node)
    _refuse_returning(reader, node)
    assignments = _assignments(reader, node)
    from_item, joins = _sources(reader, node)
    return Update(target, alias, assignments, from_item, joins, reader.where(node), span(node))


def _assignments(reader: StatementReader, node: Node) -> tuple[Assignment, ...]:
    listed = tree(node, "assignments")
    if listed is None:
        return ()
    every: list[Assignment] = []
    for each in trees(listed, "set_one", "set_row"):
        every.extend(reader.attempt(lambda each=each: _assignment(reader, each)) or ())  # type: ignore[misc]
    seen: set[Path] = set()
    for assignment in every:
        if assignment.path in seen:
            message = f"'{_dotted(assignment.path)}' is set twice"
            reader.errors.append(CompileError(COUNTS, message, assignment.span))
        seen.add(assignment.path)
    return tuple(every)


def _assignment(reader: StatementReader, node: Node) -> list[Assignment]:
    if node.data == "set_one":
        target = tree(node, "path")
        (chunk,) = pieces(node, "VALUE")
        assert target is not None
        return [Assignment(path(target), _value(reader, chunk), span(node))]
    columns, row = tree(node, "columns"), tree(node, "row")
    assert columns is not None and row is not None
    chunks = pieces(row, "VALUE")
    if chunks[0].tokens[0].upper in ("SELECT", "WITH"):
        raise unsupported("SET (...) = (SELECT ...)", span(row), "use UPDATE ... SET ... FROM ...")
    targets = list(trees(columns, "path"))
    if len(targets) != len(chunks):
        raise CompileError(COUNTS, f"{len(targets)} fields are set to {len(chunks)} values", span(node))
    values = _values(reader, row)
    return [
        Assignment(path(target), value, span(target).to(span(chunk)))
        for target, value, chunk in zip(targets, values, chunks, strict=True)
        if value is not None
    ]


def _sources(reader: StatementReader, node: Node) -> tuple[FromItem | None, tuple[Join, ...]]:
    chunk = piece(node, "SOURCES")
    if chunk is None:
        return None, ()
    found = reader.attempt(lambda: reader.chunks.sources(chunk.tokens))
    return found if found is not None else (None, ())


def delete(reader: StatementReader, node: Node) -> Delete:
    target, alias = _target(node)
    _refuse_returning(reader, node)
    using, joins = _sources(reader, node)
    return Delete(target, alias, using, joins, reader.where(node), span(node))


# CALL


def call(reader: StatementReader, node: Node) -> CallProcedure:
    target = tree(node, "path")
    assert target is not None
    procedure = single(target, "a procedure")
    values = _values(reader, node)
    return CallProcedure(procedure, tuple(value for value in values if value is not None), span(node))
