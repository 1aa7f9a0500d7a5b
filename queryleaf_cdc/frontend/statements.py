"""A statement's tokens to its node: the shell's tree, then each kind in its own room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from queryleaf_cdc.errors import CompileError, Diagnostic, warning
from queryleaf_cdc.frontend import elsewhere, inspections, named_streams, sinks, tables, triggers, views, writes
from queryleaf_cdc.frontend.chunks import ChunkReader
from queryleaf_cdc.frontend.scanner import Tok
from queryleaf_cdc.frontend.shell import Piece, Shell
from queryleaf_cdc.frontend.trees import Node, name, piece, pieces, span, tree
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Expr
from queryleaf_cdc.syntax.queries import Query
from queryleaf_cdc.syntax.statements import DropTrigger, SelectStatement, Statement

Result = TypeVar("Result")


class StatementReader:
    """One statement. Mistakes gather, so that all of them can be shown; the node is given only if there were none."""

    def __init__(self) -> None:
        self.errors: list[CompileError] = []
        self.chunks = ChunkReader()

    def read(self, tokens: Sequence[Tok]) -> Statement | None:
        statement = self._read(tokens)
        self.errors = [elsewhere.explained(each, tokens) for each in self.errors]
        return statement

    def _read(self, tokens: Sequence[Tok]) -> Statement | None:
        root = Shell(tokens, self.errors).read()
        if root is None:
            return None
        if root.data == "section":
            triggers.check_body(self, root)
            return None
        (node,) = root.children
        statement = self.attempt(lambda: self.statement(node))
        return None if self.errors else statement

    def statement(self, node: Node) -> Statement | None:
        """What a tree of the shell says. Raises CompileError, or notes what is wrong."""
        return _READERS[node.data](self, node)

    def attempt(self, read: Callable[[], Result]) -> Result | None:
        """The result, or None with the mistake noted."""
        try:
            return read()
        except CompileError as error:
            self.errors.append(error)
            return None

    def warn(self, code: str, message: str, at: Span, hint: str | None = None) -> None:
        self.chunks.warnings.append(warning(code, message, at, hint))

    def diagnostics(self) -> list[Diagnostic]:
        """Errors and warnings in text order."""
        found = [diagnostic for error in self.errors for diagnostic in error.diagnostics]
        return sorted([*found, *self.chunks.warnings], key=lambda each: each.span.start if each.span else 0)

    # chunks of the tree

    def value(self, chunk: Piece) -> Expr:
        return self.chunks.expression(chunk.tokens, "the value")

    def condition(self, chunk: Piece) -> Expr:
        return self.chunks.expression(chunk.tokens, "the condition")

    def query(self, chunk: Piece) -> Query:
        return self.chunks.query(chunk.tokens)

    def where(self, node: Node) -> Expr | None:
        """The condition of a ``where`` among the children."""
        clause = tree(node, "where")
        if clause is None:
            return None
        (chunk,) = pieces(clause, "CONDITION")
        return self.attempt(lambda: self.condition(chunk))


def _select(reader: StatementReader, node: Node) -> Statement:
    (chunk,) = pieces(node, "QUERY")
    return SelectStatement(reader.query(chunk), span(node))


def _drop_trigger(reader: StatementReader, node: Node) -> Statement:
    return DropTrigger(name(tree(node, "name")), tree(node, "if_exists") is not None, span(node))


def _not_yet(reader: StatementReader, node: Node) -> Statement:
    first = piece(node, "CREATE", "DROP")
    kinds = [str(each).upper() for each in pieces(node, "INDEX", "TABLE", "FUNCTION")]
    kinds += [str(each).upper() for each in pieces(node, "PROCEDURE")]
    what = " ".join([str(first).upper(), *kinds])
    rest = piece(node, "REST")
    end = rest.start_pos if rest is not None else span(node).end
    raise CompileError(
        "QL301", f"{what} is not supported yet", Span(span(node).start, (end or 1) - 1), _NOT_YET.get(what)
    )


_NOT_YET = {
    "CREATE FUNCTION": "functions are written in Python and registered with @ql.function",
    "CREATE PROCEDURE": "procedures are written in Python and registered with @ql.procedure",
    "CREATE INDEX": "create it in MongoDB: db.collection.createIndex(...)",
}

_READERS: dict[str, Callable[[StatementReader, Node], Statement | None]] = {
    "create_trigger": triggers.create_trigger,
    "drop_trigger": _drop_trigger,
    "create_view": views.create_view,
    "drop_view": views.drop_view,
    "refresh_view": views.refresh_view,
    "create_sink": sinks.create_sink,
    "drop_sink": sinks.drop_sink,
    "create_stream": named_streams.create_stream,
    "drop_stream": named_streams.drop_stream,
    "create_table": tables.create_table,
    "explain": inspections.explain,
    "show": inspections.show,
    "describe": inspections.describe,
    "not_yet": _not_yet,
    "select": _select,
    "insert": writes.insert,
    "update": writes.update,
    "delete": writes.delete,
    "call": writes.call,
}
