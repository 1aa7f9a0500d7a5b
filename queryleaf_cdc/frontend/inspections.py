"""SHOW, DESCRIBE and EXPLAIN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queryleaf_cdc.errors import CompileError, did_you_mean
from queryleaf_cdc.frontend.trees import Node, name, single, span, tree
from queryleaf_cdc.syntax.statements import Describe, Explain, Show

if TYPE_CHECKING:
    from queryleaf_cdc.frontend.statements import StatementReader

SHOWN = ("TRIGGERS", "VIEWS", "STREAMS", "SINKS", "COLLECTIONS")


def show(reader: StatementReader, node: Node) -> Show:
    word = tree(node, "name")
    what = name(word)
    assert word is not None
    if what.upper() not in SHOWN:
        hint = did_you_mean(what, SHOWN) or f"SHOW {', '.join(SHOWN[:-1])} or {SHOWN[-1]}"
        raise CompileError("QL150", f"SHOW does not know '{what}'", span(word), hint)
    return Show(what.upper(), span(node))


def describe(reader: StatementReader, node: Node) -> Describe:
    target = tree(node, "path")
    assert target is not None
    return Describe(single(target, "what is described"), span(target), span(node))


def explain(reader: StatementReader, node: Node) -> Explain | None:
    """Of a statement, or of what is registered under a name: then the explained statement is its DESCRIBE."""
    target = tree(node, "path")
    if target is not None:
        return Explain(Describe(single(target, "what is explained"), span(target), span(node)), span(node))
    explained = reader.statement(node.children[-1])
    return Explain(explained, span(node)) if explained is not None else None
