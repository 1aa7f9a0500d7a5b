"""SELECT ... WHERE CHANGE_DETECTED() of one change at a time → a trigger whose only action makes the row.

A bare column is the new document's, for a delete the old one's."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.errors import CompileError, warning
from queryleaf_cdc.logical.bind import Binder
from queryleaf_cdc.logical.bind_changes import is_detection
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


def is_one_by_one(query: Query) -> bool:
    """Whether each row comes of one change alone, of one collection, in the order of the changes."""
    if not isinstance(query, Select) or not isinstance(query.from_item, TableRef) or query.joins or query.ctes:
        return False
    if (
        query.order_by
        or query.group_by
        or query.grouping_sets
        or query.having is not None
        or query.qualify is not None
        or query.emit
    ):
        return False
    return not any(any_node(expr, _remembers) for expr in (*(item.expr for item in query.items), query.where) if expr)


def _remembers(node: Expr) -> bool:
    return isinstance(node, Aggregate | Window | Subquery)


def as_trigger(query: Query, binder: Binder, scope: Scope) -> tuple[CreateTrigger, tuple[str, ...] | None]:
    """The trigger and the row's columns (None with ``*``)."""
    assert isinstance(query, Select)
    source = _check(query)
    detected = [term for term in conjuncts(query.where) if is_detection(term)]
    others = [term for term in conjuncts(query.where) if not any_node(term, is_detection)]
    if len(detected) + len(others) < len(conjuncts(query.where)):
        raise CompileError("QL207", "CHANGE_DETECTED() must be a term of its own: AND CHANGE_DETECTED()", query.span)
    table = binder.schema.get(source.name)
    images = replace(scope, sources={"NEW": table, "OLD": table}, bare=False)
    bound = bind_query(replace(query, where=conjunction(others)), images, binder)
    assert isinstance(bound, Select)
    changed = [test for term in detected for test in _changed(term, source)]
    condition = conjunction([*changed, *([bound.where] if bound.where is not None else [])])
    actions = [a for a in _ACTIONS if can_pass(condition, a, source.alias)]
    place = Placing(source.alias, "DELETE" in actions, actions == ["DELETE"])
    columns: tuple[Path, ...] = tuple((item.alias,) if item.alias is not None else () for item in bound.items)
    values = tuple(place.expr(_item_value(item.expr, source)) for item in bound.items)
    insert = Insert(ROW, columns, (values,), None, None, query.span)
    node = CreateTrigger(
        "stream", query.span, False, False, source.name, source.span,
        tuple(TriggerEvent(action, (), query.span) for action in actions or _ACTIONS),
        place.expr(condition) if condition is not None else None, (), (insert,), query.span,
    )  # fmt: skip
    return node, output_columns(bound)


def bind_flow(query: Query, binder: Binder, scope: Scope) -> Query:
    """A streaming SELECT whose rows come of several changes."""
    if query.limit is not None or query.offset is not None:
        raise CompileError("QL303", "LIMIT and OFFSET do not fit a stream, which never ends", query.span)
    if query.order_by:
        text = "ORDER BY in a stream sorts only what arrives together, in one batch of changes"
        scope.warnings.append(warning("QL310", text, query.order_by[0].span))
    return bind_query(query, scope, binder)


def _item_value(expr: Expr, source: TableRef) -> Expr:
    return Field(source.alias, (), expr.span) if isinstance(expr, Star) else expr


def _check(query: Select) -> TableRef:
    """The one source. Raises CompileError QL303."""
    if query.limit is not None or query.offset is not None or query.distinct_on is not None:
        hint = None
        if query.distinct_on is not None:
            hint = (
                "QUALIFY ROW_NUMBER() OVER (PARTITION BY ... ORDER BY CHANGE_TIMESTAMP()) = 1 gives the first of each"
            )
        text = "LIMIT, OFFSET and DISTINCT do not fit a stream, which never ends"
        raise CompileError("QL303", text, query.span, hint)
    assert isinstance(query.from_item, TableRef)
    return query.from_item


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


def can_pass(condition: Expr | None, action: str, alias: str) -> bool:
    """Whether a change of this kind can meet the condition."""
    if condition is None:
        return True
    folded = specialize(Placing(alias, action == "DELETE", action == "DELETE").expr(condition), action)
    return not (isinstance(folded, Literal) and folded.value is not True)


class Placing:
    """Reads of the source become reads of NEW, of OLD, or of whichever is there."""

    def __init__(self, alias: str, deletes: bool, only_deletes: bool) -> None:
        self.alias = alias
        self.deletes = deletes
        self.only_deletes = only_deletes

    def expr(self, node: Expr) -> Expr:
        if not self._is_leaf(node):
            return rebuild(node, self.expr)
        new, old = _read_of(node, "NEW"), _read_of(node, "OLD")
        if self.only_deletes:
            return old
        if not self.deletes:
            return new
        deleted = Call("=", (Field("EVENT", ("action",), node.span), Literal("DELETE", node.span)), node.span)
        return Case(((deleted, old),), new, node.span)

    def _is_leaf(self, node: Expr) -> bool:
        """A field of the source, or whether it has one."""
        match node:
            case Call("FIELD_EXISTS", (Field(source),)) | Field(source):
                return source == self.alias
            case _:
                return False


def _read_of(leaf: Expr, document: str) -> Expr:
    if isinstance(leaf, Field):
        return Field(document, leaf.path, leaf.span)
    return rebuild(leaf, lambda each: _read_of(each, document))
