"""UPDATE and DELETE whose rows or values need more than the row itself: a query finds the rows first.

``UPDATE t SET x = ... WHERE y IN (SELECT ...)`` becomes ``UPDATE t SET x = ... FROM t AS t__found WHERE t__found.y IN
(SELECT ...) AND t._id = t__found._id``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.logical.walk import any_node, conjunction, conjuncts, rebuild, rename_sources
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Subquery
from queryleaf_cdc.syntax.queries import FromItem, Join, Select, SelectItem, SubqueryRef, TableRef
from queryleaf_cdc.syntax.statements import Delete, Update


def find_update(node: Update, in_reach: Callable[[Expr], bool]) -> Update:
    """The update with all that it needs of other rows in FROM.

    ``in_reach`` tells whether the server can compute a value from the row; what it cannot is computed from the row as
    it was found, unless FROM joins more rows: then later ones must see what earlier ones did."""
    if any(_has_subquery(each.value) for each in node.assignments):
        return _with_values(node, in_reach)
    late = {each.path for each in node.assignments if node.from_item is None and not in_reach(each.value)}
    if not late and not _has_subquery(node.where):
        return node
    names = {node.alias: _found(node)}
    assignments = tuple(
        replace(each, value=rename_sources(each.value, names)) if each.path in late else each
        for each in node.assignments
    )
    item, joins, where = _sources(node, node.from_item)
    return replace(node, assignments=assignments, from_item=item, joins=joins, where=where)


def find_delete(node: Delete) -> Delete:
    if not _has_subquery(node.where):
        return node
    item, joins, where = _sources(node, node.using)
    return replace(node, using=item, joins=joins, where=where)


def _found(node: Update | Delete) -> str:
    return f"{node.alias}__found"


def _has_subquery(expr: Expr | None) -> bool:
    return expr is not None and any_node(expr, lambda each: isinstance(each, Subquery))


def _same_row(node: Update | Delete) -> Expr:
    ids = (Field(node.alias, ("_id",), node.span), Field(_found(node), ("_id",), node.span))
    return Call("=", ids, node.span)


def _sources(node: Update | Delete, item: FromItem | None) -> tuple[FromItem, tuple[Join, ...], Expr | None]:
    """The target itself comes first, then what was joined; all conditions are about the row as it was found."""
    found = _found(node)
    joins = node.joins if item is None else (Join("CROSS", item, None, (), node.span), *node.joins)
    terms = [rename_sources(term, {node.alias: found}) for term in conjuncts(node.where)]
    return TableRef(node.target, found, node.span), joins, conjunction([*terms, _same_row(node)])


def _with_values(node: Update, in_reach: Callable[[Expr], bool]) -> Update:
    """Subqueries in SET: a query over the target computes them for each of its rows."""
    if node.from_item is not None:
        raise CompileError(
            "QL308",
            "SET cannot hold a subquery beside FROM",
            node.span,
            "join its rows too: FROM ..., (SELECT ...) AS x WHERE ...",
        )
    found, values = _found(node), _Values(node, in_reach)
    assignments = tuple(replace(each, value=values.of(each.value)) for each in node.assignments)
    names = {node.alias: found}
    items: list[tuple[str, Expr]] = [("_id", Field(found, ("_id",), node.span)), (_ROW, Field(found, (), node.span))]
    columns = [*items, *((name, rename_sources(query, names)) for name, query in values.queries)]
    rows = Select(
        tuple(SelectItem(expr, name, node.span) for name, expr in columns),
        TableRef(node.target, found, node.span),
        (),
        rename_sources(node.where, names) if node.where is not None else None,
        (), None, None, (), None, None, None, (), None, node.span,
    )  # fmt: skip
    source = SubqueryRef(rows, found, (), node.span)
    return replace(node, assignments=assignments, from_item=source, joins=(), where=_same_row(node))


_ROW = "row"


class _Values:
    """Takes the subqueries out of SET. What stands around them goes on reading the row where the server can."""

    def __init__(self, node: Update, in_reach: Callable[[Expr], bool]) -> None:
        self.alias = node.alias
        self.found = _found(node)
        self.queries: list[tuple[str, Expr]] = []
        self._in_reach = in_reach

    def of(self, expr: Expr) -> Expr:
        value = self._taken(expr)
        return value if self._in_reach(value) else self._of_found_row(value)

    def _taken(self, expr: Expr) -> Expr:
        if not isinstance(expr, Subquery):
            return rebuild(expr, self._taken)
        name = f"s{len(self.queries)}"
        self.queries.append((name, expr))
        return Field(self.found, (name,), expr.span)

    def _of_found_row(self, expr: Expr) -> Expr:
        if isinstance(expr, Field) and expr.source == self.alias:
            return Field(self.found, (_ROW, *expr.path), expr.span)
        return rebuild(expr, self._of_found_row)
