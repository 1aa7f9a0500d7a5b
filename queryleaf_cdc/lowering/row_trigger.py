"""A bound trigger over the rows of a stream → its plan, beside the plan of the stream."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.plans.stream import FlowPlan
from queryleaf_cdc.plans.trigger import Requires, TriggerPlan


def over_rows(plan: TriggerPlan, flow: FlowPlan) -> TriggerPlan:
    """The trigger's plan with what the stream needs, too. Raises CompileError QL259."""
    read = {each.scan.collection for each in flow.sources}
    fed = sorted(read & plan.targets)
    if fed:
        text = f"{plan.name} writes into {fed[0]}, whose changes it reads"
        raise CompileError("QL259", text, plan.span, "write into another collection")
    return replace(plan, requires=_both(flow.requires, plan.requires, plan.collection))


def _both(flow: Requires, rows: Requires, own: str) -> Requires:
    """``own`` is what the trigger calls the stream: no collection."""
    privileges = (*flow.privileges, *(each for each in rows.privileges if each[0] != own))
    return Requires(
        images=flow.images,
        procedures=rows.procedures,
        functions=tuple(dict.fromkeys((*flow.functions, *rows.functions))),
        indexes=tuple(dict.fromkeys((*flow.indexes, *rows.indexes))),
        privileges=tuple(dict.fromkeys(privileges)),
    )
