"""Reading lark's trees: children by name, spans, names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lark import Tree

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend.faults import UNEXPECTED
from queryleaf_cdc.frontend.shell import Piece
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Path

Node = Tree[Any]


def span(node: Node | Piece) -> Span:
    if isinstance(node, Tree):
        return Span(node.meta.start_pos, node.meta.end_pos)
    return Span(node.start_pos or 0, node.end_pos or 0)


def trees(node: Node, *rules: str) -> Iterator[Node]:
    """The children that these rules made."""
    return (child for child in node.children if isinstance(child, Tree) and child.data in rules)


def tree(node: Node, *rules: str) -> Node | None:
    return next(trees(node, *rules), None)


def pieces(node: Node, *types: str) -> list[Piece]:
    return [child for child in node.children if isinstance(child, Piece) and child.type in types]


def piece(node: Node, *types: str) -> Piece | None:
    return next(iter(pieces(node, *types)), None)


def name(node: Node | None) -> str:
    """What a ``name`` says."""
    assert node is not None
    return str(node.children[0])


def path(node: Node) -> Path:
    return tuple(int(part) if part.type == "NUMBER" else str(part) for part in pieces(node, "NAME", "NUMBER"))


def single(node: Node, what: str) -> str:
    """A ``path`` that must be one name: a collection's, a variable's."""
    parts = path(node)
    if len(parts) > 1:
        dotted = ".".join(map(str, parts))
        hint = f'a name with a dot in it is quoted: "{dotted}"'
        raise CompileError(UNEXPECTED, f"{what} has one name, not a path", span(node), hint)
    return str(parts[0])
