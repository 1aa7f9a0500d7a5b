"""A bound one-shot SELECT → an aggregation pipeline.

A row is one document: the source's own document when there is one source, ``{alias: document, ...}`` for several. A
clause reads sources through a ``ServerScope`` that says where each lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar, assert_never

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.functions.mql import Array, Const, Doc, Mql, Param, Ref, op
from queryleaf_cdc.functions.paths import is_plain
from queryleaf_cdc.functions.spec import WorkerSide
from queryleaf_cdc.logical.walk import any_node, conjunction, conjuncts, fields_in, has_aggregate, walk
from queryleaf_cdc.lowering.group import GROUPED, Grouping
from queryleaf_cdc.lowering.match import exact_match
from queryleaf_cdc.lowering.ordering import sort_key
from queryleaf_cdc.lowering.server_face import Reader, ServerScope, lower_truth, lower_value, or_null
from queryleaf_cdc.lowering.subqueries import SubqueryLookups
from queryleaf_cdc.plans.actions import Hole
from queryleaf_cdc.plans.stages import (
    ALWAYS,
    NEVER,
    AddFields,
    Collect,
    Documents,
    ExprTest,
    FieldTest,
    Group,
    Limit,
    Lookup,
    Match,
    ReplaceWith,
    Skip,
    Sort,
    Stage,
    UnionWith,
    Unset,
    Unwind,
)
from queryleaf_cdc.syntax.expressions import Expr, Literal, Star, Subquery
from queryleaf_cdc.syntax.queries import (
    FromItem,
    Join,
    Query,
    Select,
    SelectItem,
    SetOperation,
    SubqueryRef,
    TableRef,
    UnnestRef,
)
from queryleaf_cdc.values import Value

Outer = Mapping[str, str | Reader]
T = TypeVar("T")


@dataclass(frozen=True)
class QueryPlan:
    """``collection`` is None when the pipeline makes its own rows (run it on the database)."""

    collection: str | None
    pipeline: tuple[Stage, ...]


def lower_query(query: Query, outer: Outer) -> QueryPlan:
    """The pipeline whose output documents are the query's rows. ``outer`` are sources that lie outside of it.

    Raises CompileError QL305 for an expression that no server can compute."""
    match query:
        case Select():
            return _lower_select(query, outer)
        case SetOperation():
            return _lower_set_operation(query, outer)
        case _:
            assert_never(query)


@dataclass(frozen=True)
class _Rows:
    """A relation while it is built: where its rows come from and where each source's document lies in them."""

    collection: str | None
    stages: tuple[Stage, ...]
    places: dict[str, str]

    def then(self, *stages: Stage) -> _Rows:
        return replace(self, stages=(*self.stages, *stages))

    def spread(self) -> _Rows:
        """Rows of the form ``{alias: document}``, also for a single source."""
        if len(self.places) == 1 and next(iter(self.places.values())) == "$":
            (alias,) = self.places
            spread = ReplaceWith(Doc(((_key(alias), Ref("$$ROOT")),)))
            return _Rows(self.collection, (*self.stages, spread), {alias: f"${_key(alias)}"})
        return self

    def prefixes(self) -> dict[str, str]:
        """Where query operators find each source."""
        return {alias: place.lstrip("$") for alias, place in self.places.items()}


def _key(alias: str) -> str:
    return alias if is_plain(alias) else "q_" + "".join(c if c.isalnum() else "_" for c in alias)


def lower_sources(from_item: FromItem, joins: tuple[Join, ...], where: Expr | None, outer: Outer) -> QueryPlan:
    """The joined rows of FROM, as ``{alias: document, ...}``."""
    rows, rest = _from(from_item, joins, conjuncts(where), outer)
    rows = rows.spread()
    lookups = SubqueryLookups(rows.places, outer, lower_query)
    return _plan(_where(rows, rest, outer, lookups))


def _lower_select(query: Select, outer: Outer) -> QueryPlan:
    if query.distinct_on:
        raise CompileError(
            "QL303", "DISTINCT ON is not supported", query.span, "GROUP BY with FIRST(x ORDER BY y) does it"
        )
    rows, rest = _from(query.from_item, query.joins, conjuncts(query.where), outer)
    if any(isinstance(node, Subquery) for clause in _clauses(query) for node in walk(clause)):
        rows = rows.spread()
    lookups = SubqueryLookups(rows.places, outer, lower_query)
    rows = _where(rows, rest, outer, lookups)
    if _is_grouped(query):
        rows, query = _grouped(query, rows, outer, lookups)
    return _plan(_finished(query, rows, outer, lookups))


def _plan(rows: _Rows) -> QueryPlan:
    return QueryPlan(rows.collection, rows.stages)


def _clauses(query: Select) -> Iterator[Expr]:
    yield from (item.expr for item in query.items)
    yield from (each for each in (query.where, query.having) if each is not None)
    yield from (item.expr for item in query.order_by)
    yield from query.group_by


def _where(rows: _Rows, rest: list[Expr], outer: Outer, lookups: SubqueryLookups) -> _Rows:
    condition = conjunction(rest)
    if condition is None:
        return rows
    plain = lookups.extract(condition)
    scope = ServerScope({**outer, **rows.places, **lookups.places})
    return rows.then(*lookups.take(), Match(in_server(condition, lambda: exact_match(plain, scope, rows.prefixes()))))


def in_server(expr: Expr, lower: Callable[[], T]) -> T:
    """What only a worker can compute is an error here: a one-shot query runs in the server."""
    try:
        return lower()
    except WorkerSide as reason:
        raise CompileError("QL305", f"the server cannot compute this: {reason.because}", expr.span) from None


# -- FROM ---------------------------------------------------------------------------------------------------------


def _from(first: FromItem | None, joins: tuple[Join, ...], where: list[Expr], outer: Outer) -> tuple[_Rows, list[Expr]]:
    """The joined rows, and the terms of WHERE that were not used on the way."""
    if first is None:
        return _Rows(None, (Documents((Doc(()),)),), {}), where
    rest = list(where)
    rows = _item(first, outer)
    if not any(join.kind in ("RIGHT", "FULL") for join in joins):
        rows, rest = _narrowed(rows, rest, outer)
    for join in joins:
        rows, rest = _joined(rows, join, rest, outer)
    return rows, rest


def _narrowed(rows: _Rows, where: list[Expr], outer: Outer) -> tuple[_Rows, list[Expr]]:
    """Filters a source early by the terms that read nothing else, so that an index can serve."""
    mine = [term for term in where if sources_of(term, outer) <= rows.places.keys() and not _has_subquery(term)]
    condition = conjunction(mine)
    if condition is None:
        return rows, where
    scope = ServerScope({**outer, **rows.places})
    test = in_server(condition, lambda: exact_match(condition, scope, rows.prefixes()))
    return rows.then(Match(test)), [term for term in where if term not in mine]


def _has_subquery(expr: Expr) -> bool:
    return any_node(expr, lambda node: isinstance(node, Subquery))


def sources_of(expr: Expr, outer: Outer) -> set[str]:
    """Aliases that an expression reads, those from outside left out."""
    return {each.source for each in fields_in(expr)} - outer.keys()


def _item(item: FromItem, outer: Outer) -> _Rows:
    match item:
        case TableRef(name, alias):
            return _Rows(name, (), {alias: "$"})
        case SubqueryRef(query, alias):
            plan = lower_query(query, outer)
            return _Rows(plan.collection, plan.pipeline, {alias: "$"})
        case UnnestRef():
            empty = _Rows(None, (Documents((Doc(()),)),), {})
            return _unnested(empty, item, False, outer)
        case _:
            assert_never(item)


def _joined(rows: _Rows, join: Join, where: list[Expr], outer: Outer) -> tuple[_Rows, list[Expr]]:
    if isinstance(join.item, UnnestRef):
        if join.kind not in ("CROSS", "INNER", "LEFT") or not _is_true(join.on):
            raise CompileError("QL303", "UNNEST joins by CROSS JOIN, or LEFT JOIN ... ON TRUE", join.span)
        return _unnested(rows, join.item, join.kind == "LEFT", outer), where
    right = _item(join.item, outer)
    terms = conjuncts(join.on)
    if join.kind in ("CROSS", "INNER"):
        reach = rows.places.keys() | right.places.keys()
        moved = [t for t in where if sources_of(t, outer) <= reach and not _has_subquery(t)]
        terms, where = terms + moved, [t for t in where if t not in moved]
    condition = conjunction(terms) or Literal(True, join.span)
    if join.kind == "RIGHT":
        return _lookup_join(right, rows, condition, True, outer), where
    joined = _lookup_join(rows, right, condition, join.kind in ("LEFT", "FULL"), outer)
    if join.kind == "FULL":
        joined = joined.then(UnionWith(right.collection, _without_partner(right, rows, condition, outer)))
    return joined, where


def _is_true(expr: Expr | None) -> bool:
    return expr is None or (isinstance(expr, Literal) and expr.value is True)


def _lookup_join(left: _Rows, right: _Rows, condition: Expr, keep: bool, outer: Outer) -> _Rows:
    left = left.spread()
    merged = ReplaceWith(op("$mergeObjects", Ref("$$ROOT"), Ref("$_right")))
    rows = left.then(_partners(left, right, condition, outer), Unwind("$_right", keep), merged, Unset(("_right",)))
    return replace(rows, places={**left.places, **right.spread().places})


def _partners(left: _Rows, right: _Rows, condition: Expr, outer: Outer) -> Lookup:
    """The lookup of all right rows for a left row. The condition comes before the rows are spread, for an index."""
    used = {each.source for each in fields_in(condition)}
    outside = {alias: f"left_{number}" for number, alias in enumerate(left.places) if alias in used}
    inner = {**outer, **{alias: f"$${name}" for alias, name in outside.items()}, **right.places}
    scope = ServerScope(inner)
    test = in_server(condition, lambda: exact_match(condition, scope, right.prefixes()))
    match = () if test == ALWAYS else (Match(test),)
    pipeline = replace(right, stages=(*right.stages, *match)).spread().stages
    let = tuple((name, Ref(left.places[alias])) for alias, name in outside.items())
    return Lookup(right.collection, let, pipeline, "_right")


def _without_partner(right: _Rows, left: _Rows, condition: Expr, outer: Outer) -> tuple[Stage, ...]:
    alone = right.spread()
    none = Match(FieldTest("_right", (("$eq", []),)))
    return (*alone.stages, _partners(alone, left, condition, outer), none, Unset(("_right",)))


def _unnested(rows: _Rows, item: UnnestRef, keep: bool, outer: Outer) -> _Rows:
    rows = rows.spread()
    scope = ServerScope({**outer, **rows.places})
    array = in_server(item.array, lambda: lower_value(item.array, scope))
    elements = op("$cond", op("$isArray", array.mongo), array.mongo, Array(()))
    element: Mql = Ref("$_element")
    if item.columns:
        counted = op("$add", Ref("$_position"), Const(1))
        element = Doc(tuple(zip(item.columns, (element, counted), strict=False)))
    place = _key(item.alias)
    return _Rows(
        rows.collection,
        (
            *rows.stages,
            AddFields((("_element", elements),)),
            Unwind("$_element", keep, "_position"),
            AddFields(((place, element),)),
            Unset(("_element", "_position")),
        ),
        {**rows.places, item.alias: f"${place}"},
    )


# -- GROUP BY -----------------------------------------------------------------------------------------------------


def _is_grouped(query: Select) -> bool:
    return bool(query.group_by) or any(has_aggregate(each) for each in _clauses(query))


def _grouped(query: Select, rows: _Rows, outer: Outer, lookups: SubqueryLookups) -> tuple[_Rows, Select]:
    scope = ServerScope({**outer, **rows.places, **lookups.places})
    grouping = Grouping(query.group_by, scope, frozenset(rows.places))
    items = tuple(replace(item, expr=_not_star(item, grouping)) for item in query.items)
    having = grouping.over_groups(query.having) if query.having is not None else None
    order_by = tuple(replace(o, expr=grouping.over_groups(o.expr)) for o in query.order_by)
    rows = rows.then(*in_server(query.items[0].expr, grouping.stages))
    if not query.group_by:
        # Not $unionWith with the empty row: a trigger's reads are part of a transaction, which does not have it.
        one = op("$ifNull", op("$first", Ref("$rows")), grouping.empty_row())
        rows = rows.then(Collect("rows"), ReplaceWith(one))
    rows = replace(rows, places={GROUPED: "$"})
    if having is not None:
        plain = lookups.extract(having)
        over = ServerScope({**outer, **rows.places, **lookups.places})
        rows = rows.then(*lookups.take(), Match(ExprTest(in_server(having, lambda: lower_truth(plain, over)))))
    return rows, replace(query, items=items, having=None, order_by=order_by, group_by=())


def _not_star(item: SelectItem, grouping: Grouping) -> Expr:
    if isinstance(item.expr, Star):
        raise CompileError("QL217", "* cannot be used with GROUP BY or aggregates", item.span, "name the columns")
    return grouping.over_groups(item.expr)


# -- the SELECT list, DISTINCT, ORDER BY, LIMIT -------------------------------------------------------------------


def _finished(query: Select, rows: _Rows, outer: Outer, lookups: SubqueryLookups) -> _Rows:
    items = tuple(replace(item, expr=lookups.extract(item.expr)) for item in query.items)
    order_by = tuple(replace(o, expr=lookups.extract(o.expr)) for o in query.order_by)
    rows = rows.then(*lookups.take())
    scope = ServerScope({**outer, **rows.places, **lookups.places})
    row = _row(items, rows, scope)
    distinct = query.distinct_on is not None
    if not order_by:
        shaped = () if row == Ref("$$ROOT") else (ReplaceWith(row),)
        unique = (Group(Ref("$$ROOT"), ()), ReplaceWith(Ref("$_id"))) if distinct else ()
        return rows.then(*shaped, *unique, *_slice(query, outer))
    keys = [k for i, o in enumerate(order_by) for k in in_server(o.expr, lambda o=o, i=i: sort_key(o, f"o{i}", scope))]  # type: ignore[misc]
    rows = rows.then(ReplaceWith(Doc((("row", row), *((name, value) for name, value, _ in keys)))))
    if distinct:
        first = tuple((name, op("$first", Ref(f"${name}"))) for name, _, _ in keys)
        rows = rows.then(Group(Ref("$row"), first), AddFields((("row", Ref("$_id")),)))
    sort = Sort(tuple((name, direction) for name, _, direction in keys))
    return rows.then(sort, *_slice(query, outer), ReplaceWith(Ref("$row")))


def _slice(query: Query, outer: Outer) -> tuple[Stage, ...]:
    skip = (Skip(_constant(query.offset, outer)),) if query.offset is not None else ()
    limit = (_limited(_constant(query.limit, outer)),) if query.limit is not None else ()
    return (*skip, *limit)


def _limited(count: Value) -> Stage:
    """``$limit`` refuses 0."""
    return Match(NEVER) if count == 0 else Limit(count)


def _constant(expr: Expr, outer: Outer) -> Value:
    value = lower_value(expr, ServerScope(outer)).mongo
    if isinstance(value, Param):
        return Hole(value.index)
    if not isinstance(value, Const):
        raise CompileError("QL216", "LIMIT and OFFSET take constants", expr.span)
    return value.value


def _row(items: tuple[SelectItem, ...], rows: _Rows, scope: ServerScope) -> Mql:
    """The output document. ``*`` is all of its source's fields; a later column replaces an earlier one of its name."""
    parts: list[Mql] = []
    columns: dict[str, Mql] = {}
    for item in items:
        if isinstance(item.expr, Star):
            parts += [document(columns)] if columns else []
            columns = {}
            parts += [
                Ref(place if place != "$" else "$$ROOT")
                for alias, place in rows.places.items()
                if item.expr.source in (None, alias)
            ]
            continue
        assert item.alias is not None
        if item.alias in columns:
            raise CompileError(
                "QL218", f"two columns are called {item.alias!r}", item.span, "give one an alias: AS ..."
            )
        columns[item.alias] = or_null(in_server(item.expr, lambda item=item: lower_value(item.expr, scope)))  # type: ignore[misc]
    parts += [document(columns)] if columns else []
    return parts[0] if len(parts) == 1 else op("$mergeObjects", *parts)


def document(fields: Mapping[str, Mql]) -> Mql:
    """A document with these fields, also where their names are odd."""
    if all(is_plain(name) for name in fields):
        return Doc(tuple(fields.items()))
    pairs = tuple(Doc((("k", Const(name)), ("v", value))) for name, value in fields.items())
    return op("$arrayToObject", Array(pairs))


# -- UNION, INTERSECT, EXCEPT -------------------------------------------------------------------------------------


def _lower_set_operation(query: SetOperation, outer: Outer) -> QueryPlan:
    left, right = lower_query(query.left, outer), lower_query(query.right, outer)
    if query.kind != "UNION" and query.all:
        raise CompileError("QL303", f"{query.kind} ALL is not supported", query.span, f"{query.kind} without ALL is")
    if query.kind == "UNION":
        stages: tuple[Stage, ...] = (*left.pipeline, UnionWith(right.collection, right.pipeline))
        if not query.all:
            stages = (*stages, Group(Ref("$$ROOT"), ()), ReplaceWith(Ref("$_id")))
    else:
        stages = _compared(query.kind, left, right)
    rows = _Rows(left.collection, stages, {"": "$"})
    return _plan(_ordered(query, rows, outer))


def _compared(kind: str, left: QueryPlan, right: QueryPlan) -> tuple[Stage, ...]:
    """Rows by how often each side has them: INTERSECT keeps those of both, EXCEPT those of the left alone."""

    def marked(side: int) -> ReplaceWith:
        return ReplaceWith(Doc((("row", Ref("$$ROOT")), ("side", Const(side)))))

    sides = [1, 2] if kind == "INTERSECT" else [1]
    return (
        *left.pipeline,
        marked(1),
        UnionWith(right.collection, (*right.pipeline, marked(2))),
        Group(Ref("$row"), (("sides", op("$addToSet", Ref("$side"))),)),
        Match(ExprTest(op("$setEquals", Ref("$sides"), Const(sides)))),
        ReplaceWith(Ref("$_id")),
    )


def _ordered(query: SetOperation, rows: _Rows, outer: Outer) -> _Rows:
    if not query.order_by:
        return rows.then(*_slice(query, outer))
    scope = ServerScope({**outer, **rows.places})
    keys = [key for i, item in enumerate(query.order_by) for key in sort_key(item, f"o{i}", scope)]
    return rows.then(
        ReplaceWith(Doc((("row", Ref("$$ROOT")), *((name, value) for name, value, _ in keys)))),
        Sort(tuple((name, direction) for name, _, direction in keys)),
        *_slice(query, outer),
        ReplaceWith(Ref("$row")),
    )
