"""CREATE TABLE: what fields a collection has. It is read by hand, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from queryleaf_cdc.errors import CompileError, did_you_mean
from queryleaf_cdc.frontend import faults
from queryleaf_cdc.frontend.scanner import Kind, Tok
from queryleaf_cdc.frontend.trees import Node, pieces, single, span, tree
from queryleaf_cdc.frontend.types import TYPES, read_type
from queryleaf_cdc.syntax.statements import Column, CreateTable

if TYPE_CHECKING:
    from queryleaf_cdc.frontend.statements import StatementReader

_IGNORED = ("UNIQUE", "NULL")
_REFUSED = ("DEFAULT", "CHECK", "REFERENCES", "GENERATED", "COLLATE", "CONSTRAINT", "FOREIGN")


def create_table(reader: StatementReader, node: Node) -> CreateTable:
    target = tree(node, "path")
    assert target is not None
    collection = single(target, "a collection")
    columns: list[Column] = []
    keys: list[str] = []
    for chunk in pieces(node, "COLUMN"):
        reader.attempt(lambda tokens=chunk.tokens: _read(tokens, columns, keys))  # type: ignore[misc]
    return CreateTable(collection, tree(node, "if_not_exists") is not None, tuple(columns), tuple(keys), span(node))


def _read(tokens: Sequence[Tok], columns: list[Column], keys: list[str]) -> None:
    words = [token.upper for token in tokens]
    if words[:2] == ["PRIMARY", "KEY"]:
        keys.extend(_names_in_parentheses(tokens[2:]))
    elif words[:2] == ["UNIQUE", "("]:
        _names_in_parentheses(tokens[1:])
    elif words[0] in _REFUSED:
        raise faults.unsupported(f"{words[0]} in a declaration", tokens[0].span)
    else:
        column = _column(tokens)
        if any(column.name == known.name for known in columns):
            raise CompileError("QL141", f"the column '{column.name}' is declared twice", tokens[0].span)
        columns.append(column)
        if "PRIMARY" in words[1:]:
            keys.append(column.name)


def _column(tokens: Sequence[Tok]) -> Column:
    first = tokens[0]
    if first.kind not in (Kind.WORD, Kind.QUOTED):
        raise faults.unexpected(first, "a column name")
    if len(tokens) == 1:
        raise faults.too_early("the column", first, "a type")
    found = read_type([token.upper or token.value for token in tokens[1:]])
    if found is None:
        raise unknown_type(tokens[1])
    type_, count = found
    not_null = _constraints(tokens[1 + count :])
    return Column(first.value, "ARRAY" if type_.array else type_.name, not_null, faults.hull(tokens))


def _constraints(tokens: Sequence[Tok]) -> bool:
    """Whether the column is NOT NULL; raises for what has no meaning."""
    not_null = False
    index = 0
    while index < len(tokens):
        word = tokens[index].upper
        after = tokens[index + 1].upper if index + 1 < len(tokens) else ""
        if (word, after) in (("NOT", "NULL"), ("PRIMARY", "KEY")):
            not_null = True
            index += 2
        elif word in _IGNORED:
            index += 1
        elif word in _REFUSED:
            raise faults.unsupported(f"{word} in a declaration", tokens[index].span, "it only tells fields and types")
        else:
            raise faults.unexpected(tokens[index], "NOT NULL or a comma")
    return not_null


def _names_in_parentheses(tokens: Sequence[Tok]) -> list[str]:
    inner = tokens[1:-1]
    if len(tokens) < 3 or tokens[0].upper != "(" or tokens[-1].upper != ")" or len(inner) % 2 == 0:
        raise faults.too_early("the key", tokens[-1] if tokens else None, "(column, ...)")
    for index, token in enumerate(inner):
        if (token.upper == ",") is (index % 2 == 0):
            raise faults.unexpected(token, "a column name" if index % 2 == 0 else "a comma")
    return [token.value for token in inner[::2]]


def unknown_type(token: Tok) -> CompileError:
    return CompileError("QL111", f"unknown type {faults.shown(token)}", token.span, did_you_mean(token.text, TYPES))
