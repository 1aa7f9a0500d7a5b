"""CREATE and DROP VIEW: streams with a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queryleaf_cdc.frontend import faults
from queryleaf_cdc.frontend.trees import Node, piece, pieces, single, span, tree
from queryleaf_cdc.syntax.statements import CreateStream, DropStream

if TYPE_CHECKING:
    from queryleaf_cdc.frontend.statements import StatementReader


def create_stream(reader: StatementReader, node: Node) -> CreateStream | None:
    title = tree(node, "path")
    assert title is not None
    (chunk,) = pieces(node, "QUERY")
    query = reader.attempt(lambda: reader.query(chunk))
    if query is None:
        return None
    return CreateStream(
        name=single(title, "a view"),
        name_span=span(title),
        or_replace=tree(node, "or_replace") is not None,
        if_not_exists=tree(node, "if_not_exists") is not None,
        query=query,
        span=span(node),
    )


def drop_stream(reader: StatementReader, node: Node) -> DropStream:
    cascade = piece(node, "CASCADE")
    if cascade is not None:
        reader.errors.append(faults.unsupported("CASCADE", span(cascade), "nothing else is dropped with a view"))
    title = tree(node, "path")
    assert title is not None
    return DropStream(single(title, "a view"), tree(node, "if_exists") is not None, span(node))
