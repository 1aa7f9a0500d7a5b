"""Subqueries in expressions → ``$lookup`` stages whose results the expression then reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.functions.mql import Const, Mql, Named, Ref, op
from queryleaf_cdc.functions.paths import is_plain
from queryleaf_cdc.logical.bind_query import output_columns
from queryleaf_cdc.logical.walk import fields_in, query_expressions, rebuild
from queryleaf_cdc.lowering.server_face import Reader
from queryleaf_cdc.plans.stages import AddFields, Limit, Lookup, Stage
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Subquery
from queryleaf_cdc.syntax.queries import Query

if TYPE_CHECKING:
    from queryleaf_cdc.lowering.select import QueryPlan

LOOKED_UP = "$subquery"
"""The source whose fields are the results of subqueries."""


class SubqueryLookups:
    """Turns each ``Subquery`` of one SELECT into a stage; ``take`` gives the stages found since the last call."""

    def __init__(
        self,
        places: Mapping[str, str],
        outer: Mapping[str, str | Reader],
        lower: Callable[[Query, Mapping[str, str | Reader]], QueryPlan],
    ) -> None:
        self.row_places = places
        self.outer = outer
        self.places: dict[str, str] = {LOOKED_UP: "$"}
        self._lower = lower
        self._count = 0
        self._stages: list[Stage] = []

    def take(self) -> list[Stage]:
        stages, self._stages = self._stages, []
        return stages

    def extract(self, expr: Expr) -> Expr:
        if not isinstance(expr, Subquery):
            return rebuild(expr, self.extract)
        name = f"_sub{self._count}"
        self._count += 1
        result = Field(LOOKED_UP, (name,), expr.span)
        column = self._column(expr) if expr.form != "exists" else ""
        self._look_up(expr, name)
        if expr.form == "exists":
            value: Mql = op("$gt", op("$size", Ref(f"${name}")), Const(0))
        elif expr.form == "scalar":
            value = Named("$getField", (("field", Const(column)), ("input", op("$first", Ref(f"${name}")))))
        else:
            value = Ref(f"${name}.{column}")
        self._stages.append(AddFields(((name, value),)))
        if expr.form != "in":
            return result
        assert expr.operand is not None
        return Call("= ANY", (self.extract(expr.operand), result), expr.span)

    def _column(self, node: Subquery) -> str:
        columns = output_columns(node.query)
        if columns is None or len(columns) != 1:
            raise CompileError("QL219", "a subquery here must have exactly one column", node.span)
        if node.form == "in" and not is_plain(columns[0]):
            raise CompileError("QL219", f"give the column {columns[0]!r} a plain alias", node.span)
        return columns[0]

    def _look_up(self, node: Subquery, name: str) -> None:
        used = {each.source for expr in query_expressions(node.query) for each in fields_in(expr)}
        first = _free_number(self.outer)
        shared = {alias: f"outer_{first + number}" for number, alias in enumerate(self.row_places) if alias in used}
        inner = {**self.outer, **{alias: f"$${variable}" for alias, variable in shared.items()}}
        plan = self._lower(node.query, inner)
        let = tuple((v, Ref(_whole(self.row_places[alias]))) for alias, v in shared.items())
        stages = (*plan.pipeline, Limit(1)) if node.form in ("exists", "scalar") else plan.pipeline
        self._stages.append(Lookup(plan.collection, let, stages, name))


def _free_number(outer: Mapping[str, str | Reader]) -> int:
    """A subquery in a subquery must not hide what the outer one was given."""
    taken = [place for place in outer.values() if isinstance(place, str) and place.startswith("$$outer_")]
    return max((int(place.removeprefix("$$outer_")) for place in taken), default=-1) + 1


def _whole(place: str) -> str:
    return "$$ROOT" if place == "$" else place
