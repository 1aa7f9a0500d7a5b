"""SELECT ... WHERE CHANGE_DETECTED() over one collection → a trigger whose only action makes the row.

A bare column is the new document's, for a delete the old one's."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.errors import CompileError, warning
from queryleaf_cdc.logical.bind import Binder
from queryleaf_cdc.logical.bind_query import bind_query
from queryleaf_cdc.logical.columns import output_columns
from queryleaf_cdc.logical.rules.specialize import specialize
from queryleaf_cdc.logical.scope import Scope
from queryleaf_cdc.logical.walk import any_node, conjunction, conjuncts, rebuild
from queryleaf_cdc.syntax.expressions import (
    Aggregate,
    Call,
    Case,
    Expr,
    Field,
    Literal,
    Name,
    Path,
    Star,
    Subquery,
    Window,
)
from queryleaf_cdc.syntax.queries import Query, Select, TableRef
from queryleaf_cdc.syntax.statements import CreateTrigger, Insert, TriggerEvent

ROW = "$row"
"""The target of the one INSERT: rows go to whoever asked."""

_ACTIONS = ("INSERT", "UPDATE", "DELETE")


def is_streaming(query: Query) -> bool:
    """Whether CHANGE_DETECTED() stands in the WHERE."""
    return isinstance(query, Select) and query.where is not None and any_node(query.where, _detects)


def _detects(node: Expr) -> bool:
    return isinstance(node, Call) and node.name == "CHANGE_DETECTED"


def as_trigger(query: Query, binder: Binder, scope: Scope) -> tuple[CreateTrigger, tuple[str, ...] | None]:
    """The trigger and the row's columns (None with ``*``)."""
    assert isinstance(query, Select)
    source = _check(query)
    detected = [term for term in conjuncts(query.where) if _detects(term)]
    others = [term for term in conjuncts(query.where) if not any_node(term, _detects)]
    if len(detected) + len(others) < len(conjuncts(query.where)):
        raise CompileError("QL207", "CHANGE_DETECTED() must be a term of its own: AND CHANGE_DETECTED()", query.span)
    if query.order_by:
        scope.warnings.append(
            warning("QL310", "ORDER BY in a stream sorts nothing: rows come in commit order", query.span)
        )
    bound = bind_query(replace(query, where=conjunction(others), order_by=()), scope, binder)
    assert isinstance(bound, Select)
    changed = [test for term in detected for test in _changed(term, source)]
    condition = conjunction([*changed, *([bound.where] if bound.where is not None else [])])
    actions = [a for a in _ACTIONS if _can_pass(condition, a, source.alias)]
    place = _Placing(source.alias, "DELETE" in actions, actions == ["DELETE"])
    columns: tuple[Path, ...] = tuple((item.alias,) if item.alias is not None else () for item in bound.items)
    values = tuple(place.expr(_item_value(item.expr, source)) for item in bound.items)
    insert = Insert(ROW, columns, (values,), None, None, query.span)
    node = CreateTrigger(
        "stream", query.span, False, False, source.name, source.span,
        tuple(TriggerEvent(action, (), query.span) for action in actions or _ACTIONS),
        place.expr(condition) if condition is not None else None, (), (insert,), query.span,
    )  # fmt: skip
    return node, output_columns(bound)


def _item_value(expr: Expr, source: TableRef) -> Expr:
    return Field(source.alias, (), expr.span) if isinstance(expr, Star) else expr


def _check(query: Select) -> TableRef:
    """What a stream of one source without windows may hold. Raises CompileError QL303."""
    if not isinstance(query.from_item, TableRef) or query.joins or query.ctes:
        raise CompileError("QL303", "a streaming SELECT reads one collection here", query.span)
    if query.group_by or query.having is not None or any(any_node(i.expr, _aggregates) for i in query.items):
        raise CompileError("QL303", "aggregates over a stream are not supported", query.span)
    if query.limit is not None or query.offset is not None or query.distinct_on is not None:
        raise CompileError("QL303", "LIMIT, OFFSET and DISTINCT do not fit a stream, which never ends", query.span)
    return query.from_item


def _aggregates(node: Expr) -> bool:
    if isinstance(node, Subquery):
        raise CompileError("QL303", "a subquery cannot stand in a streaming SELECT", node.span)
    return isinstance(node, Aggregate | Window)


def _changed(term: Expr, source: TableRef) -> list[Expr]:
    """CHANGE_DETECTED(col, ...): inserts, deletes, and updates that changed one of the columns."""
    assert isinstance(term, Call)
    paths = [path for arg in term.args for path in _column(arg, source)]
    if not paths:
        return []
    span = term.span
    other = Call("<>", (Field("EVENT", ("action",), span), Literal("UPDATE", span)), span)
    tests = tuple(Call("IS DISTINCT FROM", (Field("OLD", p, span), Field("NEW", p, span)), span) for p in paths)
    return [Call("OR", (other, *tests), span)]


def _column(arg: Expr, source: TableRef) -> list[Path]:
    if not isinstance(arg, Name):
        raise CompileError("QL207", "CHANGE_DETECTED takes columns", arg.span)
    path = arg.path[1:] if arg.path[0] == source.alias else arg.path
    return [path] if path else []


def _can_pass(condition: Expr | None, action: str, alias: str) -> bool:
    if condition is None:
        return True
    folded = specialize(_Placing(alias, action == "DELETE", action == "DELETE").expr(condition), action)
    return not (isinstance(folded, Literal) and folded.value is not True)


class _Placing:
    """Reads of the source become reads of NEW, of OLD, or of whichever is there."""

    def __init__(self, alias: str, deletes: bool, only_deletes: bool) -> None:
        self.alias = alias
        self.deletes = deletes
        self.only_deletes = only_deletes

    def expr(self, node: Expr) -> Expr:
        if not isinstance(node, Field) or node.source != self.alias:
            return rebuild(node, self.expr)
        new, old = Field("NEW", node.path, node.span), Field("OLD", node.path, node.span)
        if self.only_deletes:
            return old
        if not self.deletes:
            return new
        deleted = Call("=", (Field("EVENT", ("action",), node.span), Literal("DELETE", node.span)), node.span)
        return Case(((deleted, old),), new, node.span)
