"""SHOW, DESCRIBE and EXPLAIN: statements that only ask. Each gives columns and rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from queryleaf_cdc.compiler import compile_sql
from queryleaf_cdc.errors import InputError, did_you_mean
from queryleaf_cdc.lowering.explain import explain
from queryleaf_cdc.mongo.catalog import Catalog, CatalogEntry
from queryleaf_cdc.mongo.faults import server_errors
from queryleaf_cdc.mongo.field_sampling import FieldFacts, sample_fields
from queryleaf_cdc.mongo.handles import Db
from queryleaf_cdc.mongo.inventory import list_collections
from queryleaf_cdc.plans.program import (
    DescribeStatement,
    ExplainStatement,
    InspectionStatement,
    ShowStatement,
)
from queryleaf_cdc.runtime.properties import properties_of
from queryleaf_cdc.source import Source
from queryleaf_cdc.syntax.statements import Describe
from queryleaf_cdc.values import Document

Table = tuple[tuple[str, ...], list[Document]]
Status = dict[str, dict[str, Any]]

_KINDS = {
    "TRIGGERS": ("trigger",),
    "VIEWS": ("materialized_view",),
    "STREAMS": ("view", "stream"),
    "SINKS": ("sink",),
}
"""What SHOW names → kinds of the catalog."""
_STATUS = ("state", "lag_seconds", "events", "errors", "dead_letters", "reason")


class Inspection:
    """``status`` is asked when it is needed: that of the worker here, or of the database."""

    def __init__(self, database: Db, status: Callable[[], Status]) -> None:
        self._database = database
        self._catalog = Catalog(database)
        self._status = status

    def of(self, source: Source, statement: InspectionStatement) -> Table:
        """Raises InputError QL411 for a name that there is not, ServerError."""
        match statement:
            case ExplainStatement(DescribeStatement(node)):
                return self._explained_name(source, node)
            case ExplainStatement():
                return _explained(source, statement)
            case ShowStatement(node) if node.what == "COLLECTIONS":
                return self._collections()
            case ShowStatement(node):
                return self._registered(
                    _KINDS[node.what], (*_STATUS, "pending", "late") if node.what == "SINKS" else _STATUS
                )
            case DescribeStatement(node):
                return self._described(source, node)

    # -- SHOW ----------------------------------------------------------------------------------------------------

    def _registered(self, kinds: tuple[str, ...], columns: tuple[str, ...]) -> Table:
        rows = [
            {"name": name, **{column: each.get(column) for column in columns}}
            for name, each in self._status().items()
            if each["kind"] in kinds
        ]
        return ("name", *columns), rows

    def _collections(self) -> Table:
        views = {view.target: name for name, view in self._views().items()}
        with server_errors("list the collections", f"read on {self._database.name}"):
            found = list_collections(self._database)
        rows: list[Document] = [
            {
                "name": each.name,
                "kind": "materialized view" if each.name in views else each.kind,
                "documents": each.documents,
                "images": each.images,
            }
            for each in found
        ]
        return ("name", "kind", "documents", "images"), rows

    def _views(self) -> dict[str, Any]:
        return {each.name: each.view for each in self._catalog.list() if each.view is not None}

    def _explained_name(self, source: Source, node: Describe) -> Table:
        entry = self._catalog.get(node.name)
        if entry is None:
            hint = "EXPLAIN takes a statement, or the name of a trigger, view or sink"
            raise InputError("QL411", f"there is nothing registered as {node.name}", node.name_span, hint, source)
        program = compile_sql(entry.sql, name=entry.name)
        return _explained(program.source, ExplainStatement(program.statements[-1], ()))

    # -- DESCRIBE ------------------------------------------------------------------------------------------------

    def _described(self, source: Source, node: Describe) -> Table:
        entry = self._catalog.get(node.name)
        if entry is not None:
            return ("property", "value"), [{"property": a, "value": b} for a, b in self._properties(entry).items()]
        with server_errors(f"read {node.name}", f"find on {self._database.name}"):
            there = self._database.list_collection_names()
            fields = sample_fields(self._database, node.name) if node.name in there else []
        if node.name not in there:
            known = [*there, *(each.name for each in self._catalog.list())]
            hint = (
                did_you_mean(node.name, known)
                or "SHOW COLLECTIONS, TRIGGERS, VIEWS, STREAMS or SINKS lists what there is"
            )
            message = f"there is nothing called {node.name}"
            raise InputError("QL411", message, node.name_span, hint, source)
        return ("field", "type", "present"), [_field_row(each) for each in fields]

    def _properties(self, entry: CatalogEntry) -> Document:
        status = self._status().get(entry.name, {})
        registered = entry.registered_at.as_datetime().replace(tzinfo=None) if entry.registered_at else None
        return {
            "name": entry.name,
            "kind": entry.kind.replace("_", " "),
            **{name: status.get(name) for name in _STATUS},
            **({"late": status["late"]} if status.get("late") else {}),
            **(self._view_properties(entry) if entry.view is not None else properties_of(entry)),
            "registered": registered,
            "sql": entry.sql,
        }

    def _view_properties(self, entry: CatalogEntry) -> Document:
        view = entry.view
        assert view is not None
        with server_errors(f"read {view.target}", f"find on {self._database.name}"):
            rows = self._database[view.target].estimated_document_count()
        return {
            "collection": view.target,
            "rows": rows,
            "reads": ", ".join(view.reads),
            "columns": ", ".join(view.columns) if view.columns is not None else "*",
            "on_error": view.on_error,
        }


def _field_row(facts: FieldFacts) -> Document:
    types = facts.types
    if len(types) == 1:
        kind = types[0][0]
    else:
        kind = ", ".join(f"{name} {_percent(count, facts.documents)}" for name, count in types)
    return {
        "field": ".".join(map(_quoted, facts.path)),
        "type": kind,
        "present": _percent(facts.documents, facts.sampled),
    }


def _quoted(name: str) -> str:
    """As SQL writes it."""
    return name if name.isidentifier() else '"' + name.replace('"', '""') + '"'


def _percent(count: int, of: int) -> str:
    """Rounded, but never to all or to none of what is only some."""
    share = 100 * count / max(1, of)
    return "<1 %" if 0 < share < 1 else ">99 %" if 99 < share < 100 else f"{share:.0f} %"


def _explained(source: Source, statement: ExplainStatement) -> Table:
    (root,) = explain(source, [statement])
    return ("plan",), [{"plan": line} for line in (root.text, *root.lines())]
