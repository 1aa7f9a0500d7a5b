"""The statements of a trigger's body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend import faults, raises, writes
from queryleaf_cdc.frontend.scanner import CLOSERS, OPENERS, Kind, Tok
from queryleaf_cdc.frontend.shell import Piece
from queryleaf_cdc.frontend.tables import unknown_type
from queryleaf_cdc.frontend.tokens import RESERVED
from queryleaf_cdc.frontend.trees import Node, name, path, piece, pieces, single, span, tree, trees
from queryleaf_cdc.frontend.types import TypeName, read_type
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Call, Expr, Star
from queryleaf_cdc.syntax.queries import Query, Select
from queryleaf_cdc.syntax.statements import (
    Assign,
    BodyStatement,
    Declare,
    ForLoop,
    If,
    Return,
    SelectInto,
)

if TYPE_CHECKING:
    from queryleaf_cdc.frontend.statements import StatementReader

Body = tuple[BodyStatement, ...]


def block(reader: StatementReader, node: Node) -> Body:
    """``[DECLARE ...] BEGIN ... END``; the declarations come first."""
    statements: list[BodyStatement] = []
    for each in trees(node, "declaration"):
        statements.extend(reader.attempt(lambda each=each: _declaration(reader, each)) or ())  # type: ignore[misc]
    return (*statements, *_items(reader, tree(node, "items")))


def _items(reader: StatementReader, node: Node | None) -> Body:
    statements: list[BodyStatement] = []
    for item in trees(node, "item") if node is not None else ():
        for child in item.children:
            if not isinstance(child, Piece):
                statements.extend(reader.attempt(lambda child=child: _statement(reader, child)) or ())  # type: ignore[misc]
    return tuple(statements)


def _statement(reader: StatementReader, node: Node) -> Sequence[BodyStatement]:
    many = _SEVERAL.get(node.data)
    return many(reader, node) if many is not None else (_ONE[node.data](reader, node),)


# IF and CASE


def _if(reader: StatementReader, node: Node) -> If:
    branches = []
    for branch in trees(node, "branch"):
        (chunk,) = pieces(branch, "CONDITION")
        condition = reader.attempt(lambda chunk=chunk: reader.condition(chunk))  # type: ignore[misc]
        body = _items(reader, tree(branch, "items"))
        if condition is not None:
            branches.append((condition, body))
    return If(tuple(branches), _otherwise(reader, node), span(node))


def _otherwise(reader: StatementReader, node: Node) -> Body:
    otherwise = tree(node, "otherwise")
    return _items(reader, tree(otherwise, "items")) if otherwise is not None else ()


def _case(reader: StatementReader, node: Node) -> If:
    """Without an ELSE and with no branch taken, nothing happens (PostgreSQL would raise)."""
    subject_chunk = piece(node, "VALUE")
    subject = reader.attempt(lambda: reader.value(subject_chunk)) if subject_chunk is not None else None
    branches = []
    for branch in trees(node, "case_branch"):
        condition = reader.attempt(lambda branch=branch: _case_condition(reader, subject, branch))  # type: ignore[misc]
        body = _items(reader, tree(branch, "items"))
        if condition is not None:
            branches.append((condition, body))
    return If(tuple(branches), _otherwise(reader, node), span(node))


def _case_condition(reader: StatementReader, subject: Expr | None, branch: Node) -> Expr:
    tests = [reader.condition(chunk) for chunk in pieces(branch, "CONDITION")]
    if subject is not None:
        tests = [Call("=", (subject, test), test.span) for test in tests]
    elif len(tests) > 1:
        raise CompileError(faults.UNEXPECTED, "a list of values needs CASE value WHEN ...", tests[1].span)
    return tests[0] if len(tests) == 1 else Call("OR", tuple(tests), tests[0].span.to(tests[-1].span))


# variables


def _declaration(reader: StatementReader, node: Node) -> list[BodyStatement]:
    (chunk,) = pieces(node, "TYPE")
    type_ = _type(chunk)
    default = None
    value = piece(node, "VALUE")
    if value is not None:
        default = reader.value(value)
    elif piece(node, "CONSTANT") is not None:
        raise faults.too_early("the declaration", chunk.tokens[-1], "a value for the constant")
    checked = None if type_.array else type_.name
    return [Declare(name(each), checked, default, span(node)) for each in trees(node, "name")]


def _type(chunk: Piece) -> TypeName:
    tokens = chunk.tokens
    if tokens[-1].upper in ("ROWTYPE", "TYPE") and tokens[-2:-1] and tokens[-2].upper == "%":
        return TypeName(None, "")
    found = read_type([token.upper or token.value for token in tokens])
    if found is None:
        raise unknown_type(tokens[0])
    if found[1] < len(tokens):
        raise faults.unexpected(tokens[found[1]], "a semicolon or :=")
    return found[0]


def _declare(reader: StatementReader, node: Node) -> list[BodyStatement]:
    declaration = tree(node, "declaration")
    assert declaration is not None
    return _declaration(reader, declaration)


def _assign(reader: StatementReader, node: Node) -> Assign:
    target = tree(node, "path")
    (chunk,) = pieces(node, "VALUE")
    assert target is not None
    parts = path(target)
    if len(parts) > 1 and str(parts[0]).upper() in ("NEW", "OLD"):
        hint = "change the document with UPDATE collection SET ... WHERE _id = NEW._id"
        message = f"{str(parts[0]).upper()} cannot be assigned: the change is already committed"
        raise CompileError("QL134", message, span(target), hint)
    return Assign(single(target, "a variable"), reader.value(chunk), span(node))


def _select(reader: StatementReader, node: Node) -> SelectInto:
    (chunk,) = pieces(node, "QUERY")
    tokens = chunk.tokens
    start = _into(tokens)
    if start is None:
        hint = "keep its values: SELECT ... INTO variable; or loop over its rows: FOR row IN (SELECT ...) LOOP"
        raise CompileError("QL131", "the result of this SELECT goes nowhere", tokens[0].span, hint)
    targets, end = _targets(tokens, start + 1)
    query = reader.chunks.query([*tokens[:start], *tokens[end:]])
    _check_targets(query, targets, faults.hull(tokens[start:end]))
    return SelectInto(query, targets, span(node))


def _check_targets(query: Query, targets: tuple[str, ...], place: Span) -> None:
    """``SELECT * INTO row`` and one variable for several values (a record) are left to the binder."""
    if not isinstance(query, Select) or len(targets) == 1 or any(isinstance(i.expr, Star) for i in query.items):
        return
    if len(targets) != len(query.items):
        message = f"{len(query.items)} values are selected into {len(targets)} variables"
        raise CompileError("QL141", message, place)


def _into(tokens: Sequence[Tok]) -> int | None:
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token.upper in OPENERS) - (token.upper in CLOSERS)
        if depth == 0 and token.upper == "INTO" and tokens[index - 1].upper != ".":
            return index
    return None


def _targets(tokens: Sequence[Tok], start: int) -> tuple[tuple[str, ...], int]:
    """The variables behind INTO and the position after them."""
    if start < len(tokens) and tokens[start].upper == "STRICT":
        hint = "without a row the variables are NULL: check them with IF v IS NULL"
        raise faults.unsupported("INTO STRICT", tokens[start].span, hint)
    targets: list[str] = []
    index = start
    while index < len(tokens) and _is_name(tokens[index]):
        targets.append(tokens[index].value)
        index += 1
        if index == len(tokens) or tokens[index].upper in _BEHIND_INTO:
            return tuple(targets), index
        if tokens[index].upper != ",":
            raise faults.unexpected(tokens[index], "a comma or FROM")
        index += 1
    if index < len(tokens):
        raise faults.unexpected(tokens[index], "a variable")
    raise faults.too_early("INTO", tokens[-1], "a variable")


def _is_name(token: Tok) -> bool:
    return token.kind is Kind.QUOTED or (token.kind is Kind.WORD and token.upper not in RESERVED)


_BEHIND_INTO = ("FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FETCH", "UNION", "INTERSECT", "EXCEPT")


# loops and ends


def _for(reader: StatementReader, node: Node) -> ForLoop:
    (chunk,) = pieces(node, "QUERY")
    query = reader.attempt(lambda: reader.query(chunk))
    body = _items(reader, tree(node, "items"))
    if query is None:
        raise _Noted
    return ForLoop(name(tree(node, "name")), query, body, span(node))


class _NotedError(CompileError):
    """The mistake is noted already."""

    @property
    def diagnostics(self) -> tuple[()]:
        return ()


_Noted = _NotedError("QL106", "noted")


def _return(reader: StatementReader, node: Node) -> Return:
    chunk = piece(node, "VALUE")
    if chunk is not None and not (len(chunk.tokens) == 1 and chunk.tokens[0].upper in ("NEW", "OLD", "NULL")):
        reader.warn("QL130", "a trigger returns nothing; this value is ignored", span(chunk), "write RETURN;")
    return Return(span(node))


def _perform(reader: StatementReader, node: Node) -> BodyStatement:
    keyword = piece(node, "PERFORM")
    assert keyword is not None
    raise CompileError("QL132", "PERFORM is not supported", span(keyword), "CALL a procedure: CALL name(...)")


def _nested(reader: StatementReader, node: Node) -> Body:
    return _items(reader, tree(node, "items"))


_ONE: dict[str, Callable[[StatementReader, Node], BodyStatement]] = {
    "if": _if,
    "case": _case,
    "assign": _assign,
    "select": _select,
    "for": _for,
    "return": _return,
    "raise": raises.raise_,
    "perform": _perform,
    "call": writes.call,
    "insert": writes.insert,
    "update": writes.update,
    "delete": writes.delete,
}
_SEVERAL: dict[str, Callable[[StatementReader, Node], Sequence[BodyStatement]]] = {
    "declare": _declare,
    "nested_block": _nested,
}
