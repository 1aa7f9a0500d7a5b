"""Subqueries in expressions → ``$lookup`` stages whose results the expression then reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from queryleaf_cdc.functions.mql import Const, Mql, Ref, op
from queryleaf_cdc.logical.columns import with_columns
from queryleaf_cdc.logical.walk import free_fields, has_aggregate, rebuild
from queryleaf_cdc.lowering.rows import LowerQuery, Outer, variable_names
from queryleaf_cdc.plans.stages import AddFields, Limit, Lookup, Stage
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal, Subquery
from queryleaf_cdc.syntax.queries import Query, Select, SelectItem

LOOKED_UP = "$subquery"
"""The source whose fields are the results of subqueries."""

_COLUMN = "value"


class SubqueryLookups:
    """Turns each ``Subquery`` of one SELECT into a stage; ``take`` gives the stages found since the last call.

    ``row_places`` tell where the sources lie in the rows on which the stages work."""

    def __init__(self, row_places: Mapping[str, str], outer: Outer, lower: LowerQuery) -> None:
        self.row_places = row_places
        self.outer = outer
        self.places: dict[str, str] = {LOOKED_UP: "$"}
        self._lower = lower
        self._count = 0
        self._stages: list[Stage] = []

    def take(self) -> list[Stage]:
        stages, self._stages = self._stages, []
        return stages

    def names(self) -> tuple[str, ...]:
        """The fields that the stages added to the rows."""
        return tuple(f"_sub{number}" for number in range(self._count))

    def extract(self, expr: Expr) -> Expr:
        """The expression with reads of results in place of its subqueries."""
        if not isinstance(expr, Subquery):
            return rebuild(expr, self.extract)
        operand = self.extract(expr.operand) if expr.operand is not None else None
        name = f"_sub{self._count}"
        self._count += 1
        result = Field(LOOKED_UP, (name,), expr.span)
        self._look_up(expr, name)
        if expr.form == "exists":
            value: Mql = op("$gt", op("$size", Ref(f"${name}")), Const(0))
        elif expr.form == "scalar":
            value = op("$first", Ref(f"${name}.{_COLUMN}"))
        else:
            value = Ref(f"${name}.{_COLUMN}")
        self._stages.append(AddFields(((name, value),)))
        return Call(f"{expr.operator} ANY", (operand, result), expr.span) if operand is not None else result

    def _look_up(self, node: Subquery, name: str) -> None:
        query = _any_row(node.query) if node.form == "exists" else with_columns(node.query, (_COLUMN,))
        used = {each.source for each in free_fields(query)}
        names = variable_names((alias for alias in self.row_places if alias in used), self.outer)
        inner = {**self.outer, **{alias: f"$${variable}" for alias, variable in names.items()}}
        plan = self._lower(query, inner)
        let = tuple((v, Ref(_whole(self.row_places[alias]))) for alias, v in names.items())
        stages = (*plan.pipeline, Limit(1)) if node.form in ("exists", "scalar") else plan.pipeline
        self._stages.append(Lookup(plan.collection, let, stages, name))


def _any_row(query: Query) -> Query:
    """EXISTS does not care what the rows hold, unless that decides how many there are."""
    if not isinstance(query, Select) or query.group_by or query.having is not None or query.distinct_on is not None:
        return query
    if any(map(has_aggregate, [*(i.expr for i in query.items), *(o.expr for o in query.order_by)])):
        return query
    one = SelectItem(Literal(1, query.span), _COLUMN, query.span)
    cut = query.limit is not None or query.offset is not None
    return replace(query, items=(one,), order_by=query.order_by if cut else ())


def _whole(place: str) -> str:
    return "$$ROOT" if place == "$" else place
