"""FROM and JOIN → ``$lookup``, ``$unwind`` and, for FULL JOIN, ``$unionWith``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.functions.mql import Array, Const, Mql, Ref, op
from queryleaf_cdc.logical.walk import any_node, conjunction, conjuncts, free_fields_in
from queryleaf_cdc.lowering.match import exact_match
from queryleaf_cdc.lowering.rows import (
    ONE_ROW,
    LowerQuery,
    Outer,
    Rows,
    document,
    in_server,
    row_key,
    variable_names,
)
from queryleaf_cdc.lowering.server_face import ServerScope, lower_value
from queryleaf_cdc.lowering.subqueries import SubqueryLookups
from queryleaf_cdc.plans.stages import (
    ALWAYS,
    AddFields,
    FieldTest,
    Lookup,
    Match,
    ReplaceWith,
    Stage,
    UnionWith,
    Unset,
    Unwind,
)
from queryleaf_cdc.syntax.expressions import Expr, Literal, Subquery
from queryleaf_cdc.syntax.queries import FromItem, Join, SubqueryRef, TableRef, UnnestRef


def where_stages(rows: Rows, terms: list[Expr], outer: Outer, lookups: SubqueryLookups) -> Rows:
    """The rows for which all terms hold: first those that an index may serve, then those with subqueries."""
    plain = [term for term in terms if not has_subquery(term)]
    rows = _matching(rows, plain, outer)
    later = [term for term in terms if term not in plain]
    if not later:
        return rows
    extracted = [lookups.extract(term) for term in later]
    condition = conjunction(extracted)
    assert condition is not None
    scope = ServerScope({**outer, **rows.places, **lookups.places})
    test = in_server(later[0], lambda: exact_match(condition, scope, rows.prefixes()))
    return rows.then(*lookups.take(), Match(test))


def _matching(rows: Rows, terms: list[Expr], outer: Outer) -> Rows:
    condition = conjunction(terms)
    if condition is None:
        return rows
    scope = ServerScope({**outer, **rows.places})
    test = in_server(condition, lambda: exact_match(condition, scope, rows.prefixes()))
    return rows if test == ALWAYS else rows.then(Match(test))


def has_subquery(expr: Expr) -> bool:
    return any_node(expr, lambda node: isinstance(node, Subquery))


@dataclass(frozen=True)
class FromLowering:
    """``outer`` is what subqueries in FROM see of the outside, ``visible`` what the query's own clauses see of it."""

    outer: Outer
    visible: Outer
    lower: LowerQuery

    def rows(self, first: FromItem | None, joins: tuple[Join, ...], where: list[Expr]) -> tuple[Rows, list[Expr]]:
        """The joined rows, and the terms of WHERE that were not used on the way.

        A term may filter early unless a RIGHT or FULL JOIN after it would bring the dropped rows back as NULLs."""
        if first is None:
            return ONE_ROW, where
        rows, rest = self._item(first), list(where)
        for number in range(len(joins) + 1):
            if not any(join.kind in ("RIGHT", "FULL") for join in joins[number:]):
                rows, rest = self._narrowed(rows, rest)
            if number < len(joins):
                early = not any(join.kind in ("RIGHT", "FULL") for join in joins[number + 1 :])
                rows, rest = self._joined(rows, joins[number], rest, early)
        return rows, rest

    def _narrowed(self, rows: Rows, where: list[Expr]) -> tuple[Rows, list[Expr]]:
        """Filters by the terms that read nothing else."""
        mine = [term for term in where if self._reads_only(term, rows.places.keys())]
        return _matching(rows, mine, self.visible), [term for term in where if term not in mine]

    def _reads_only(self, term: Expr, aliases: object) -> bool:
        if has_subquery(term):
            return False
        read = {each.source for each in free_fields_in(term)} - self.visible.keys()
        return read <= set(aliases)  # type: ignore[call-overload, no-any-return]

    def _item(self, item: FromItem) -> Rows:
        match item:
            case TableRef(name, alias):
                return Rows(name, (), {alias: "$"})
            case SubqueryRef(query, alias):
                plan = self.lower(query, self.outer)
                return Rows(plan.collection, plan.pipeline, {alias: "$"})
            case UnnestRef():
                return self._unnested(ONE_ROW, item, False)
            case _:
                assert_never(item)

    # -- JOIN -----------------------------------------------------------------------------------------------------

    def _joined(self, rows: Rows, join: Join, where: list[Expr], early: bool) -> tuple[Rows, list[Expr]]:
        if isinstance(join.item, UnnestRef):
            if join.kind not in ("CROSS", "INNER", "LEFT") or not _is_true(join.on):
                raise CompileError("QL303", "UNNEST joins by CROSS JOIN, or LEFT JOIN ... ON TRUE", join.span)
            return self._unnested(rows, join.item, join.kind == "LEFT"), where
        right = self._item(join.item)
        terms = [term for term in conjuncts(join.on) if not _is_true(term)]
        if join.kind in ("CROSS", "INNER") and early:
            reach = rows.places.keys() | right.places.keys()
            moved = [term for term in where if self._reads_only(term, reach)]
            terms, where = terms + moved, [term for term in where if term not in moved]
        if join.kind == "RIGHT":
            return self._looked_up(right, rows, terms, keep=True), where
        joined = self._looked_up(rows, right, terms, keep=join.kind in ("LEFT", "FULL"))
        if join.kind == "FULL":
            joined = joined.then(UnionWith(right.collection, self._without_partner(right, rows, terms)))
        return joined, where

    def _looked_up(self, left: Rows, right: Rows, terms: list[Expr], keep: bool) -> Rows:
        left = left.spread()
        merged = ReplaceWith(op("$mergeObjects", Ref("$$ROOT"), Ref("$_right")))
        rows = left.then(self._partners(left, right, terms), Unwind("$_right", keep), merged, Unset(("_right",)))
        return replace(rows, places={**left.places, **right.spread().places}, elements=left.elements | right.elements)

    def _partners(self, left: Rows, right: Rows, terms: list[Expr]) -> Lookup:
        """All right rows for a left row. The condition comes before the rows are spread, so that an index serves."""
        used = {each.source for term in terms for each in free_fields_in(term)}
        names = variable_names((alias for alias in left.places if alias in used), self.visible)
        visible = {**self.visible, **{alias: f"$${name}" for alias, name in names.items()}}
        plain = [term for term in terms if not has_subquery(term)]
        rows = _matching(right, plain, visible).spread()
        if len(plain) < len(terms):
            lookups = SubqueryLookups(rows.places, visible, self.lower)
            rows = where_stages(rows, [term for term in terms if term not in plain], visible, lookups)
            rows = rows.then(Unset(lookups.names()))
        let = tuple((name, Ref(left.places[alias])) for alias, name in names.items())
        return Lookup(right.collection, let, rows.stages, "_right")

    def _without_partner(self, right: Rows, left: Rows, terms: list[Expr]) -> tuple[Stage, ...]:
        alone = right.spread()
        none = Match(FieldTest("_right", (("$eq", []),)))
        return (*alone.stages, self._partners(alone, left, terms), none, Unset(("_right",)))

    # -- UNNEST ---------------------------------------------------------------------------------------------------

    def _unnested(self, rows: Rows, item: UnnestRef, keep: bool) -> Rows:
        rows = rows.spread()
        scope = ServerScope({**self.visible, **rows.places})
        array = in_server(item.array, lambda: lower_value(item.array, scope))
        elements = op("$cond", op("$isArray", array.mongo), array.mongo, Array(()))
        element: Mql = Ref("$_element")
        if item.columns:
            counted = op("$add", Ref("$_position"), Const(1))
            element = document(dict(zip(item.columns, (element, counted), strict=False)))
        key = row_key(item.alias)
        return Rows(
            rows.collection,
            (
                *rows.stages,
                AddFields((("_element", elements),)),
                Unwind("$_element", keep, "_position"),
                AddFields(((key, element),)),
                Unset(("_element", "_position")),
            ),
            {**rows.places, item.alias: f"${key}"},
            rows.elements | (frozenset() if item.columns else {item.alias}),
        )


def _is_true(expr: Expr | None) -> bool:
    return expr is None or (isinstance(expr, Literal) and expr.value is True)
