"""CREATE TRIGGER: the clauses of its header, in any order, and its body."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend import bodies, faults
from queryleaf_cdc.frontend.options import options
from queryleaf_cdc.frontend.trees import Node, name, path, piece, pieces, span, tree, trees
from queryleaf_cdc.source import NO_SPAN
from queryleaf_cdc.syntax.expressions import Expr, Path
from queryleaf_cdc.syntax.statements import CreateTrigger, TriggerEvent

if TYPE_CHECKING:
    from queryleaf_cdc.frontend.statements import StatementReader

HEADER = "QL124"
_CLAUSES = {
    "on_collection": "ON collection", "when_events": "events", "granularity": "FOR EACH", "guard": "WHEN",
    "options": "WITH (...)", "referencing": "REFERENCING",
}  # fmt: skip


def create_trigger(reader: StatementReader, node: Node) -> CreateTrigger:
    title = tree(node, "name")
    assert title is not None
    if name(title).upper() in ("AFTER", "BEFORE", "INSTEAD"):
        reader.errors.append(
            CompileError(HEADER, "the trigger has no name", span(title), "write CREATE TRIGGER name ...")
        )
    _check_once(reader, node)
    _check_granularity(reader, node)
    execute = tree(node, "execute")
    if execute is not None:
        hint = "write the actions in the trigger: BEGIN ... END; or CALL a procedure from there"
        reader.errors.append(
            CompileError("QL123", "a trigger has its own body, it runs no function", span(execute), hint)
        )
    block = tree(node, "block")
    on = tree(node, "on_collection")
    target = tree(on, "name") if on is not None else None
    if target is None:
        hint = "write CREATE TRIGGER name ON collection FOR INSERT, UPDATE ..."
        reader.errors.append(CompileError(HEADER, "the trigger names no collection", span(title), hint))
    return CreateTrigger(
        name=name(title),
        name_span=span(title),
        or_replace=tree(node, "or_replace") is not None,
        if_not_exists=tree(node, "if_not_exists") is not None,
        collection=name(target) if target is not None else "",
        collection_span=span(target) if target is not None else NO_SPAN,
        events=_events(reader, node),
        when=_guard(reader, node),
        options=options(reader, tree(node, "options")),
        body=bodies.block(reader, block) if block is not None else (),
        span=span(node),
    )


def check_body(reader: StatementReader, section: Node) -> None:
    """Only the mistakes in it: the header was wrong already."""
    block = tree(section, "block")
    if block is not None:
        bodies.block(reader, block)


def _check_once(reader: StatementReader, node: Node) -> None:
    seen: set[str] = set()
    for clause in trees(node, *_CLAUSES):
        if clause.data == "referencing":
            reader.errors.append(faults.unsupported("REFERENCING", span(clause), "the rows are called OLD and NEW"))
        elif clause.data in seen:
            hint = "join events with a comma or OR" if clause.data == "when_events" else None
            message = f"the trigger has {_CLAUSES[clause.data]} twice"
            reader.errors.append(CompileError(HEADER, message, span(clause), hint))
        seen.add(clause.data)


def _check_granularity(reader: StatementReader, node: Node) -> None:
    clause = tree(node, "granularity")
    if clause is not None and piece(clause, "STATEMENT") is not None:
        hint = "every changed document is an event of its own: write FOR EACH ROW, or leave it out"
        reader.errors.append(CompileError("QL121", "FOR EACH STATEMENT has no meaning here", span(clause), hint))


# events


def _events(reader: StatementReader, node: Node) -> tuple[TriggerEvent, ...]:
    clause = tree(node, "when_events")
    if clause is None:
        title = tree(node, "name")
        assert title is not None
        hint = "write FOR INSERT, UPDATE, DELETE, or AFTER UPDATE"
        reader.errors.append(CompileError(HEADER, "the trigger names no events", span(title), hint))
        return ()
    timing = tree(clause, "timing")
    if timing is not None and piece(timing, "AFTER") is None:
        word = "BEFORE" if piece(timing, "BEFORE") is not None else "INSTEAD OF"
        hint = "write AFTER, and correct the document with UPDATE; validation belongs into the collection's JSON schema"
        message = f"{word} is impossible: the change is already committed when the trigger sees it"
        reader.errors.append(CompileError("QL120", message, span(timing), hint))
    events: list[TriggerEvent] = []
    listed = tree(clause, "events")
    assert listed is not None
    for each in trees(listed, "operation", "update_of", "more_columns"):
        reader.attempt(lambda each=each: _event(events, each))  # type: ignore[misc]
    return tuple(events)


def _event(events: list[TriggerEvent], node: Node) -> None:
    if node.data == "more_columns":
        return _add_column(events, node)
    columns: tuple[Path, ...] = ()
    operation = "UPDATE"
    if node.data == "update_of":
        columns = tuple(path(each) for each in trees(node, "path"))
    else:
        operation = str(node.children[0]).upper()
    if operation == "TRUNCATE":
        hint = "deletes arrive one by one as DELETE; a dropped collection stops the trigger"
        raise CompileError("QL122", "TRUNCATE is no event of a change stream", span(node), hint)
    if any(operation == known.operation for known in events):
        raise CompileError(HEADER, f"{operation} is named twice", span(node))
    events.append(TriggerEvent(operation, columns, span(node)))
    return None


def _add_column(events: list[TriggerEvent], node: Node) -> None:
    """``UPDATE OF a, b``: what follows the comma is a column unless it is an event."""
    last = events[-1] if events else None
    column = tree(node, "path")
    assert column is not None
    columns = path(column)
    if last is None or not last.columns:
        from queryleaf_cdc.errors import did_you_mean

        hint = did_you_mean(str(columns[0]), ("INSERT", "UPDATE", "DELETE"))
        raise CompileError(
            HEADER, f"'{columns[0]}' is no event", span(node), hint or "events are INSERT, UPDATE and DELETE"
        )
    events[-1] = TriggerEvent(last.operation, (*last.columns, columns), last.span.to(span(node)))


# WHEN


def _guard(reader: StatementReader, node: Node) -> Expr | None:
    clause = tree(node, "guard")
    if clause is None:
        return None
    (chunk,) = pieces(clause, "CONDITION")
    return reader.attempt(lambda: reader.condition(chunk))
