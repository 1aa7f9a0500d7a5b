"""CHANGE_DETECTED in a SELECT of several sources, or of a part of a query: which sources are read as changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.logical.bind import EVENT_FUNCTIONS
from queryleaf_cdc.logical.walk import any_node, conjunction, conjuncts, map_clauses, map_query, rebuild, walk
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal, Name, Path, Subquery
from queryleaf_cdc.syntax.queries import (
    CHANGE,
    NEW_DOCUMENT,
    OLD_DOCUMENT,
    FromItem,
    Query,
    Select,
    SetOperation,
    SubqueryRef,
    TableRef,
    UnnestRef,
)


@dataclass(frozen=True)
class Detected:
    """alias → the columns of which one must have changed (none: any change counts), of one SELECT's sources."""

    columns: dict[str, tuple[Path, ...]]

    @property
    def main(self) -> str | None:
        """The source that CHANGE_TYPE() and its kin speak of: the first in FROM."""
        return next(iter(self.columns), None)


def is_detection(node: Expr) -> bool:
    return isinstance(node, Call) and node.name == "CHANGE_DETECTED"


def detects(query: Query) -> bool:
    """Whether the query reads changes, in any part of it that stands in WITH or FROM."""
    if any(detects(cte.query) for cte in query.ctes):
        return True
    if isinstance(query, SetOperation):
        return detects(query.left) or detects(query.right)
    if query.where is not None and any_node(query.where, is_detection):
        return True
    return any(isinstance(each, SubqueryRef) and detects(each.query) for each in _items(query))


def _items(query: Select) -> tuple[FromItem, ...]:
    return tuple(each for each in (query.from_item, *(join.item for join in query.joins)) if each is not None)


def without_detection(query: Select, collections: Callable[[TableRef], bool]) -> tuple[Select, Detected]:
    """The SELECT as parsed, without CHANGE_DETECTED, and what it said. ``collections`` tells which names in FROM are
    no CTEs. Raises CompileError QL207."""
    terms = conjuncts(query.where)
    detections = [term for term in terms if is_detection(term)]
    others = [term for term in terms if not is_detection(term)]
    if any(any_node(term, is_detection) for term in others):
        raise CompileError("QL207", "CHANGE_DETECTED() must be a term of its own: AND CHANGE_DETECTED()", query.span)
    tables = [each for each in _items(query) if _can_change(each, collections)]
    found: dict[str, list[Path]] = {}
    for term in detections:
        assert isinstance(term, Call)
        _note(term, tables, found, term.span)
    ordered = {table.alias: tuple(found[table.alias]) for table in tables if table.alias in found}
    windows = {table.alias for table in tables if isinstance(table, SubqueryRef)}
    inside = [term for term in others if windows and _is_of_change(term)]
    others = [term for term in others if term not in inside]
    query = _with_items(query, lambda item: _detected_inside(item, ordered, inside))
    own = {alias: paths for alias, paths in ordered.items() if alias not in windows}
    return replace(query, where=conjunction(others)), Detected(own)


def _can_change(item: FromItem, collections: Callable[[TableRef], bool]) -> TypeGuard[TableRef | SubqueryRef]:
    """A collection, or one in windows of time."""
    if isinstance(item, SubqueryRef) and item.in_windows:
        return isinstance(item.query, Select) and any(_can_change(each, collections) for each in _items(item.query)[:1])
    return isinstance(item, TableRef) and collections(item)


def _is_of_change(term: Expr) -> bool:
    """Whether it speaks of the change alone, as CHANGE_TYPE() = 'INSERT' does."""
    names = [node for node in walk(term) if isinstance(node, Name)]
    images = all(len(each.path) > 1 and str(each.path[0]).upper() in ("OLD", "NEW") for each in names)
    calls = any(isinstance(node, Call) and node.name in EVENT_FUNCTIONS for node in walk(term))
    return images and (calls or bool(names))


def _detected_inside(item: FromItem, columns: Mapping[str, tuple[Path, ...]], inside: Sequence[Expr]) -> FromItem:
    """What is in windows of time is a query, which gets CHANGE_DETECTED itself, and what speaks of the change."""
    if not isinstance(item, SubqueryRef) or not item.in_windows or item.alias not in columns:
        return item
    assert isinstance(item.query, Select)
    args = tuple(Name(path, item.span) for path in columns[item.alias])
    terms = [*conjuncts(item.query.where), Call("CHANGE_DETECTED", args, item.span), *inside]
    return replace(item, query=replace(item.query, where=conjunction(terms)))


def _with_items(query: Select, change: Callable[[FromItem], FromItem]) -> Select:
    return replace(
        query,
        from_item=change(query.from_item) if query.from_item is not None else None,
        joins=tuple(replace(join, item=change(join.item)) for join in query.joins),
    )


def _note(term: Call, tables: Sequence[TableRef | SubqueryRef], found: dict[str, list[Path]], span: Span) -> None:
    if not tables:
        hint = "it stands in the SELECT that reads the collection"
        raise CompileError("QL207", "CHANGE_DETECTED() needs a collection in FROM", span, hint)
    aliases = [table.alias for table in tables]
    if not term.args:
        found.setdefault(aliases[0], [])
    for arg in term.args:
        if not isinstance(arg, Name):
            raise CompileError("QL207", "CHANGE_DETECTED takes columns, or a source", arg.span)
        source = str(arg.path[0]) if arg.path[0] in aliases else aliases[0]
        path = arg.path[1:] if arg.path[0] in aliases else arg.path
        columns = found.setdefault(source, [])
        if path:
            columns.append(path)


def with_detection(bound: Select, detected: Detected, within: bool) -> Select:
    """The bound SELECT with its sources of changes marked; what is about the change is read of the first of them, or of
    those of the SELECT around this one (``within``)."""
    if detected.main is None:
        return bound if within else map_clauses(bound, _refused)
    tests = [
        test for alias, paths in detected.columns.items() if paths for test in [_changed(alias, paths, bound.span)]
    ]
    bound = replace(bound, where=conjunction([*tests, *conjuncts(bound.where)]))
    main = detected.main
    named = {each.alias for each in _items(bound)}
    read = {word: at for word, at in _OF_CHANGE.items() if word not in named}

    def item(each: FromItem) -> FromItem:
        if isinstance(each, UnnestRef):
            return replace(each, array=_of_source(each.array, main, read))
        if isinstance(each, TableRef) and each.alias in detected.columns:
            return replace(each, changes=True)
        return each

    return replace(
        map_clauses(bound, lambda expr: _of_source(expr, main, read)),
        from_item=item(bound.from_item) if bound.from_item is not None else None,
        joins=tuple(
            replace(join, item=item(join.item), on=_of_source(join.on, main, read) if join.on is not None else None)
            for join in bound.joins
        ),
    )


def _changed(alias: str, paths: tuple[Path, ...], span: Span) -> Expr:
    """Inserts, deletes, and updates that changed one of the columns."""
    other = Call("<>", (Field(alias, (CHANGE, "action"), span), Literal("UPDATE", span)), span)
    tests = tuple(
        Call("IS DISTINCT FROM", (Field(alias, (OLD_DOCUMENT, *p), span), Field(alias, (NEW_DOCUMENT, *p), span)), span)
        for p in paths
    )
    return Call("OR", (other, *tests), span)


_OF_CHANGE = {"EVENT": CHANGE, "OLD": OLD_DOCUMENT, "NEW": NEW_DOCUMENT}


def _of_source(expr: Expr, alias: str, read: dict[str, str]) -> Expr:
    """``read``: what a source that stands in no FROM is, below the one that is read as changes."""

    def change(each: Expr) -> Expr:
        return _of_source(each, alias, read)

    if isinstance(expr, Field) and expr.source in read:
        return Field(alias, (read[expr.source], *expr.path), expr.span)
    if isinstance(expr, Subquery):
        expr = replace(expr, query=map_query(expr.query, change))
    return rebuild(expr, change)


def _refused(expr: Expr) -> Expr:
    if isinstance(expr, Field) and expr.source == "EVENT":
        hint = "select it, as in CHANGE_TIMESTAMP() AS at, where CHANGE_DETECTED() stands"
        raise CompileError("QL208", "there is no change here that this could speak of", expr.span, hint)
    return rebuild(expr, _refused)
