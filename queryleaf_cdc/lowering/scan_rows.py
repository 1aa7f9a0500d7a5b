"""The rows of a view's or a stream's scan, made by the server: an array for each image of an event, or for the change.

``_ql.old`` and ``_ql.new`` (where a change itself is the row, only this) are there where there is a row, and false
where an image is missing that would tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from queryleaf_cdc.functions.mql import FALSE, NULL, REMOVE, Array, Const, Mql, Ref, Switch, cond, op
from queryleaf_cdc.logical.walk import conjunction, conjuncts, fields_in
from queryleaf_cdc.lowering.event_scope import event_scope
from queryleaf_cdc.lowering.server_face import ServerScope, lower_truth, lower_value
from queryleaf_cdc.plans.actions import Computed, InsertRow
from queryleaf_cdc.plans.stream import CHANGE_ROW
from queryleaf_cdc.plans.view import NEW_ROW, OLD_ROW
from queryleaf_cdc.syntax.expressions import Expr
from queryleaf_cdc.syntax.statements import CreateTrigger, If, Insert

OLD_SLOT, NEW_SLOT = "old", "new"

SCAN_FIELDS = ("operationType", "ns", "documentKey")
"""What the worker wants of an event besides the rows."""

_IMAGES = {OLD_ROW: (OLD_SLOT, "insert"), NEW_ROW: (NEW_SLOT, "delete"), CHANGE_ROW: (NEW_SLOT, None)}
"""target → slot, and the operation that has no such image"""
_PLACES = (
    ("NEW", "$fullDocument", op("$eq", Ref("$operationType"), Const("update")), {"UPDATE"}),
    ("OLD", "$fullDocumentBeforeChange", op("$ne", Ref("$operationType"), Const("insert")), {"UPDATE", "DELETE"}),
)
"""image, where it lies, and which events cannot do without; the operations that are such events"""


@dataclass(frozen=True)
class ScanRow:
    """``field`` is what the server computes; ``condition`` tells of an event whether there is a row."""

    action: InsertRow
    slot: str
    field: tuple[str, Mql]
    condition: Expr


def is_scan(node: CreateTrigger) -> bool:
    return any(isinstance(each, Insert) and each.target in _IMAGES for each in _inserts(node))


def _inserts(node: CreateTrigger) -> Iterator[object]:
    for statement in node.body:
        if isinstance(statement, If):
            yield from (each for _, body in statement.branches for each in body)


def scan_rows(node: CreateTrigger, prefix: str, gate: Expr | None) -> tuple[ScanRow, ...]:
    """Before and after. ``gate`` tells whether the event is one of the scan's. Raises WorkerSide."""
    scope = event_scope()
    operations = {event.operation for event in node.events}
    ifs = [statement for statement in node.body if isinstance(statement, If)]
    return tuple(_scan_row(each, prefix, gate, scope, operations) for each in ifs)


def _scan_row(statement: If, prefix: str, gate: Expr | None, scope: ServerScope, operations: set[str]) -> ScanRow:
    ((condition, (insert,)),) = statement.branches
    assert isinstance(insert, Insert)
    slot, absent_in = _IMAGES[insert.target]
    (values,) = insert.rows
    terms = conjuncts(condition)[1:]  # the first one says in which operation the image is there
    row: Mql = Array(tuple(lower_value(each, scope).mongo for each in values))  # in an array, what is missing is null
    test = conjunction(terms)
    if test is not None:
        row = cond(lower_truth(test, scope), row, REMOVE)
    branches: list[tuple[Mql, Mql]] = []
    if gate is not None:
        branches.append((op("$not", lower_truth(gate, scope)), REMOVE))
    if absent_in is not None:
        branches.append((op("$eq", Ref("$operationType"), Const(absent_in)), REMOVE))
    read = {field.source for each in (*values, *terms) for field in fields_in(each)}
    for image, place, needed, concerned in _PLACES:
        if image in read and not operations.isdisjoint(concerned):
            lacking = op("$lte", Ref(place), NULL)
            branches.append((lacking if absent_in is not None else op("$and", needed, lacking), FALSE))
    fields = tuple(((f"c{at}",), Computed(each, (slot, str(at)))) for at, each in enumerate(values))
    action = InsertRow(insert.target, fields, (slot,), None, insert.span)
    made = Switch(tuple(branches), row) if branches else row
    return ScanRow(action, slot, (f"{prefix}.{slot}", made), condition)


def rows_expressions(rows: Sequence[ScanRow]) -> Iterator[Expr]:
    """What the rows are computed of."""
    for row in rows:
        yield row.condition
        yield from (value.expr for _, value in row.action.fields)
