"""SELECT ... EMIT CHANGES: the function from a document to its row, and how the statement is shown.

The reader computes all of it, for the rows of the present content and for both sides of a change alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from queryleaf_cdc.lowering.worker_face import Function, evaluator
from queryleaf_cdc.plans.program import ChangelogStatement
from queryleaf_cdc.source import Source
from queryleaf_cdc.syntax.expressions import Star
from queryleaf_cdc.syntax.queries import TableRef
from queryleaf_cdc.values import Document

BECAUSE = "computed alike for the present rows and for both sides of a change"
_WATCHED = ("insert", "update", "replace", "delete")


def selecting(node: ChangelogStatement, functions: Mapping[str, Function]) -> Callable[[Document], Document | None]:
    """The row of a document, None where the condition does not hold."""
    assert isinstance(node.select.from_item, TableRef)
    alias = node.select.from_item.alias
    condition = evaluator(node.select.where) if node.select.where is not None else None
    items = [(item.alias, None if isinstance(item.expr, Star) else evaluator(item.expr)) for item in node.select.items]

    def select(document: Document) -> Document | None:
        env = {alias: document, "$vars": {}, "$functions": functions}
        if condition is not None and condition(env) is not True:
            return None
        row: Document = {}
        for name, compute in items:
            row.update(document if compute is None else {str(name): compute(env)})
        return row

    return select


def changelog_json(node: ChangelogStatement, source: Source) -> dict[str, Any]:
    """The compiled statement, without its diagnostics. A ``collection`` may be a view that another one holds."""
    row = {
        item.alias or "*": {"$worker": source.slice(item.expr.span), "because": BECAUSE} for item in node.select.items
    }
    emit = {"op": "emit", "row": row}
    where = node.select.where
    return {
        "kind": node.kind,
        "name": None,
        "watch": {
            "collection": node.collection,
            "pipeline": [{"$match": {"operationType": {"$in": list(_WATCHED)}}}],
            "options": {"fullDocument": "whenAvailable", "fullDocumentBeforeChange": "whenAvailable"},
        },
        "actions": [
            emit
            if where is None
            else {"op": "if", "because": BECAUSE, "branches": [{"if": source.slice(where.span), "do": [emit]}]}
        ],
        "requires": {
            "images": [node.collection],
            "procedures": [],
            "functions": list(node.functions),
            "indexes": [],
            "privileges": [{"collection": node.collection, "action": "find"}],
        },
    }
