"""CREATE, DROP and REFRESH MATERIALIZED VIEW."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend import faults
from queryleaf_cdc.frontend.options import options
from queryleaf_cdc.frontend.scanner import Tok
from queryleaf_cdc.frontend.trees import Node, piece, pieces, single, span, tree, trees
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.queries import Query
from queryleaf_cdc.syntax.statements import CreateMaterializedView, DropView, RefreshView

if TYPE_CHECKING:
    from queryleaf_cdc.frontend.statements import StatementReader

_EMPTY_HINT = "a view always holds its rows; leave WITH NO DATA out"


def create_view(reader: StatementReader, node: Node) -> CreateMaterializedView | None:
    title = _title(node)
    columns, spans = _columns(reader, node)
    query = reader.attempt(lambda: _query(reader, node))
    given = options(reader, tree(node, "view_options"))
    if query is None:
        return None
    return CreateMaterializedView(
        name=single(title, "a view"),
        name_span=span(title),
        or_replace=tree(node, "or_replace") is not None,
        if_not_exists=tree(node, "if_not_exists") is not None,
        columns=columns,
        column_spans=spans,
        options=given,
        query=query,
        span=span(node),
    )


def drop_view(reader: StatementReader, node: Node) -> DropView:
    cascade = piece(node, "CASCADE")
    if cascade is not None:
        hint = "drop the views that read this one first, each by its name"
        reader.errors.append(faults.unsupported("CASCADE", span(cascade), hint))
    title = _title(node)
    return DropView(single(title, "a view"), tree(node, "if_exists") is not None, span(node))


def refresh_view(reader: StatementReader, node: Node) -> RefreshView:
    with_ = piece(node, "WITH")
    if with_ is not None and piece(node, "NO") is not None:
        reader.errors.append(faults.unsupported("WITH NO DATA", Span(span(with_).start, span(node).end), _EMPTY_HINT))
    title = _title(node)
    return RefreshView(single(title, "a view"), span(title), span(node))


def _title(node: Node) -> Node:
    title = tree(node, "path")
    assert title is not None
    return title


def _columns(reader: StatementReader, node: Node) -> tuple[tuple[str, ...], tuple[Span, ...]]:
    listed = tree(node, "columns")
    if listed is None:
        return (), ()
    names: list[str] = []
    for each in trees(listed, "path"):
        name = reader.attempt(lambda each=each: single(each, "a column"))  # type: ignore[misc]
        if name in names:
            error = CompileError("QL141", f"the column '{name}' is named twice", span(each), "give it another name")
            reader.errors.append(error)
        names.append(name or "")
    return tuple(names), tuple(span(each) for each in trees(listed, "path"))


def _query(reader: StatementReader, node: Node) -> Query:
    (chunk,) = pieces(node, "QUERY")
    tokens = list(chunk.tokens)
    words = [token.upper for token in tokens]
    if words[-2:] == ["WITH", "DATA"]:
        tokens = tokens[:-2]
    elif words[-3:] == ["WITH", "NO", "DATA"]:
        raise faults.unsupported("WITH NO DATA", faults.hull(tokens[-3:]), _EMPTY_HINT)
    _check_options_place(tokens)
    return reader.chunks.query(tokens)


def _check_options_place(tokens: list[Tok]) -> None:
    """``AS SELECT ... WITH (cache_rows = 10)``: known from elsewhere, but the options stand before AS."""
    depth = 0
    for token, after in pairwise(tokens):
        if depth == 0 and token.upper == "WITH" and after.upper == "(":
            raise faults.unexpected(token, None, "options stand before AS: CREATE MATERIALIZED VIEW v WITH (...) AS")
        depth += (token.upper == "(") - (token.upper == ")")
