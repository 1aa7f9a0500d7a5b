"""One-shot SELECT, INSERT, UPDATE, DELETE and CALL: templates whose holes are known when the statement starts."""

from __future__ import annotations

from queryleaf_cdc.logical.rules.subqueries import hoist_subqueries
from queryleaf_cdc.lowering.trigger import BodyLowering
from queryleaf_cdc.lowering.trigger_plan import write_requires
from queryleaf_cdc.lowering.writes import WriteLowering
from queryleaf_cdc.plans.actions import Actions, Computed, QueryTemplate
from queryleaf_cdc.plans.trigger import Requires
from queryleaf_cdc.syntax.expressions import Expr
from queryleaf_cdc.syntax.queries import Query
from queryleaf_cdc.syntax.statements import BodyStatement

STATEMENT = frozenset({"EVENT"})
"""Known when a one-shot statement starts: EVENT.now."""


def lower_one_shot_query(query: Query) -> QueryTemplate:
    """A bound query. CURRENT_TIMESTAMP is a hole: the statement's start."""

    def compute(expr: Expr) -> Computed:
        return Computed(expr, None, "known when the statement starts")

    return WriteLowering(STATEMENT, compute, in_transaction=False).query(query)


def lower_one_shot_write(node: BodyStatement, functions: tuple[str, ...]) -> tuple[Actions, Requires]:
    actions = _ClientLowering().actions(hoist_subqueries((node,)))
    return actions, write_requires(actions, functions)


class _ClientLowering(BodyLowering):
    """No server computes values before the statement runs: all come from the client."""

    computes_in_server = False
