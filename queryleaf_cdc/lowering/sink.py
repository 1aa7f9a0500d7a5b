"""A bound sink → its plan: that of its trigger, and what the destination needs."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.lowering.replacing import replacing
from queryleaf_cdc.lowering.trigger_plan import lower_trigger
from queryleaf_cdc.plans.sink import Destination
from queryleaf_cdc.plans.trigger import TriggerOptions, TriggerPlan
from queryleaf_cdc.source import Source
from queryleaf_cdc.syntax.statements import CreateTrigger


def lower_sink(
    node: CreateTrigger,
    source: Source,
    options: TriggerOptions,
    functions: tuple[str, ...],
    destination: Destination,
) -> TriggerPlan:
    plan = lower_trigger(node, source, options, functions)
    requires = plan.requires
    match destination.kind:
        case "procedure":
            return replace(plan, requires=replace(requires, procedures=(destination.name.upper(),)))
        case "collection":
            privileges = (*requires.privileges, (destination.name, "update"))
            needed = replace(requires, privileges=privileges)
            return replace(plan, actions=replacing(plan.actions), requires=needed, replaces=True)
    return plan
