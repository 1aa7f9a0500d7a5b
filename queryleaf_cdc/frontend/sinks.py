"""CREATE and DROP SINK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend.faults import UNEXPECTED
from queryleaf_cdc.frontend.options import options
from queryleaf_cdc.frontend.scanner import Kind
from queryleaf_cdc.frontend.trees import Node, name, pieces, single, span, tree
from queryleaf_cdc.syntax.statements import CreateSink, DropSink, SinkTarget

if TYPE_CHECKING:
    from queryleaf_cdc.frontend.statements import StatementReader

_NAMED = {"into_collection": "collection", "into_procedure": "procedure"}
_QUOTED = {"into_webhook": "webhook", "into_file": "file"}
_SAID = {"webhook": "WEBHOOK 'https://...'", "file": "FILE 'path.jsonl'"}


def create_sink(reader: StatementReader, node: Node) -> CreateSink | None:
    title = tree(node, "name")
    assert title is not None
    (chunk,) = pieces(node, "QUERY")
    query = reader.attempt(lambda: reader.query(chunk))
    given = options(reader, tree(node, "sink_options"))
    target = reader.attempt(lambda: _target(node))
    if query is None or target is None:
        return None
    return CreateSink(
        name=name(title),
        name_span=span(title),
        or_replace=tree(node, "or_replace") is not None,
        if_not_exists=tree(node, "if_not_exists") is not None,
        options=given,
        query=query,
        target=target,
        span=span(node),
    )


def drop_sink(reader: StatementReader, node: Node) -> DropSink:
    return DropSink(name(tree(node, "name")), tree(node, "if_exists") is not None, span(node))


def _target(node: Node) -> SinkTarget:
    clause = tree(node, *_NAMED, *_QUOTED)
    assert clause is not None
    if clause.data in _NAMED:
        kind = _NAMED[clause.data]
        place = tree(clause, "path")
        assert place is not None
        return SinkTarget(kind, single(place, f"a {kind}"), span(place))
    kind = _QUOTED[clause.data]
    (chunk,) = pieces(clause, "VALUE")
    (*_, token) = chunk.tokens
    if len(chunk.tokens) != 1 or token.kind is not Kind.STRING:
        raise CompileError(UNEXPECTED, f"a text is expected behind {kind.upper()}", span(chunk), f"write {_SAID[kind]}")
    return SinkTarget(kind, token.value, span(chunk))
