"""RAISE: the message, and its %s filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend.faults import unsupported
from queryleaf_cdc.frontend.scanner import Kind
from queryleaf_cdc.frontend.trees import Node, piece, pieces, span, tree
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Call, Expr, Literal
from queryleaf_cdc.syntax.statements import Raise

if TYPE_CHECKING:
    from queryleaf_cdc.frontend.statements import StatementReader

BAD_RAISE = "QL133"


def raise_(reader: StatementReader, node: Node) -> Raise:
    level = tree(node, "level")
    if level is not None and str(level.children[0]).upper() != "EXCEPTION":
        hint = "RAISE 'text' stops and dead-letters the event; to keep a note, INSERT INTO a log collection"
        raise CompileError(
            BAD_RAISE, f"RAISE {str(level.children[0]).upper()} has nobody to notice it", span(level), hint
        )
    using = piece(node, "USING")
    if using is not None:
        raise unsupported("RAISE ... USING", span(using), "say it in the text")
    chunks = pieces(node, "VALUE")
    if not chunks:
        raise CompileError(BAD_RAISE, "RAISE needs a text", span(node), "write RAISE 'what is wrong with %', NEW._id")
    first = chunks[0].tokens[0]
    if len(chunks[0].tokens) == 1 and first.kind is Kind.QUOTED:
        raise CompileError("QL112", f"{first.text} in double quotes is a name", first.span, "a text has single quotes")
    message = reader.value(chunks[0])
    values = [reader.value(chunk) for chunk in chunks[1:]]
    if isinstance(message, Literal) and isinstance(message.value, str):
        return Raise(_filled(message.value, message.span, values, span(node)), span(node))
    if values:
        raise CompileError(BAD_RAISE, "only a text in quotes takes values", values[0].span, "join them with ||")
    return Raise(message, span(node))


def _filled(text: str, at: Span, values: list[Expr], whole: Span) -> Expr:
    """``'a % b', x`` is ``CONCAT('a ', x, ' b')``; ``%%`` is a percent sign."""
    parts = [part.replace("\0", "%") for part in text.replace("%%", "\0").split("%")]
    if len(parts) - 1 != len(values):
        raise CompileError(BAD_RAISE, f"the text has {len(parts) - 1} %, but {len(values)} values follow", whole)
    if not values:
        return Literal(parts[0], at)
    filled: list[Expr] = []
    for part, value in zip(parts, [*values, None], strict=True):
        if part:
            filled.append(Literal(part, at))
        if value is not None:
            shown = Call(
                "COALESCE", (Call("CAST TEXT", (value,), value.span), Literal("<NULL>", value.span)), value.span
            )
            filled.append(shown)
    return Call("CONCAT", tuple(filled), whole)
