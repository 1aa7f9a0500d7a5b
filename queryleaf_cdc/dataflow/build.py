"""A plan's nodes → operators, in the order in which a batch runs through them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from queryleaf_cdc.dataflow.along import AlongStream
from queryleaf_cdc.dataflow.at_once import AtOnce
from queryleaf_cdc.dataflow.closing import WindowGroups
from queryleaf_cdc.dataflow.combine import Combined
from queryleaf_cdc.dataflow.group import GroupBy
from queryleaf_cdc.dataflow.join import Joined
from queryleaf_cdc.dataflow.looked_up import LookedUp
from queryleaf_cdc.dataflow.meeting import Met
from queryleaf_cdc.dataflow.operator import Context, Operator
from queryleaf_cdc.dataflow.over import Windows
from queryleaf_cdc.dataflow.rows import Delta, consolidated
from queryleaf_cdc.dataflow.sessions import SessionGroups
from queryleaf_cdc.dataflow.state import NoStore, State
from queryleaf_cdc.dataflow.stateless import Concatenated, Mapped, Sorted, Unnested
from queryleaf_cdc.dataflow.timed import Timed
from queryleaf_cdc.dataflow.top import TopRows
from queryleaf_cdc.plans.dataflow import (
    Along,
    Closing,
    Combine,
    Concat,
    DataflowPlan,
    Group,
    Join,
    Lookup,
    Map,
    Meet,
    Node,
    Over,
    Scan,
    Sessions,
    Sort,
    Top,
    Unnest,
    While,
    inputs_of,
)

Waiting = Met | WindowGroups | SessionGroups
"""operators of streams that give out rows, or forget some, once nothing earlier can come"""


@dataclass
class Steps:
    """Operators after those whose output they take. A scan's place is taken by what arrives."""

    operators: list[tuple[Operator, tuple[int, ...]]] = field(default_factory=list)
    scans: list[tuple[int, int]] = field(default_factory=list)
    """(number, place of its delta)"""
    timed: list[Timed] = field(default_factory=list)
    """that do something when time passes"""
    waiting: list[Waiting] = field(default_factory=list)
    """that do something when the time of commits has passed"""
    size: int = 0

    @property
    def next_due(self) -> datetime | None:
        return _first(self.timed)

    @property
    def closes_at(self) -> datetime | None:
        return _first(self.waiting)

    @property
    def late(self) -> int:
        """How many rows came after their window of time had ended, and were left out."""
        return sum(each.late for each in self.waiting if isinstance(each, WindowGroups | SessionGroups))

    def run(self, deltas: Mapping[int, Delta], now: datetime, passed: datetime) -> Delta:
        """The root's delta. ``passed`` is a time that no later change was committed before; streams wait by it."""
        outputs: list[Delta] = []
        arriving = {place: deltas.get(number, []) for number, place in self.scans}
        operators = iter(self.operators)
        for place in range(self.size):
            if place in arriving:
                outputs.append(arriving[place])
            else:
                operator, sources = next(operators)
                clock = passed if isinstance(operator, Waiting) else now
                outputs.append(operator.step([outputs[source] for source in sources], clock))
        return outputs[-1]


def _first(operators: Sequence[Timed | Waiting]) -> datetime | None:
    return min((due for each in operators if (due := each.next_due) is not None), default=None)


def build(plan: DataflowPlan, context: Context) -> Steps:
    """The operators; the order of their construction, and so the names of their state, follows from the plan."""
    steps = Steps()
    _place(plan.root, context, steps, {})
    return steps


def _place(node: Node, context: Context, steps: Steps, known: dict[int, int]) -> int:
    """The place of the node's output; a node that is used twice has one."""
    if id(node) in known:
        return known[id(node)]
    inputs = (node.input,) if isinstance(node, Lookup) else inputs_of(node)
    sources = tuple(_place(each, context, steps, known) for each in inputs)
    if isinstance(node, Scan):
        steps.scans.append((node.number, steps.size))
    else:
        operator = _operator(node, context)
        if isinstance(operator, Timed):
            steps.timed.append(operator)
        elif isinstance(operator, Waiting):
            steps.waiting.append(operator)
        steps.operators.append((operator, sources))
    known[id(node)] = steps.size
    steps.size += 1
    return known[id(node)]


def _operator(node: Node, context: Context) -> Operator:
    match node:
        case Map():
            return Mapped(node, context)
        case Unnest():
            return Unnested(node, context)
        case Concat():
            return Concatenated(node, context)
        case Combine():
            return Combined(node, context)
        case Join():
            return Joined(node, context)
        case Group():
            return GroupBy(node, context)
        case Over():
            return Windows(node, context)
        case Top():
            return TopRows(node, context)
        case While():
            return Timed(node, context)
        case Along(at_once=True):
            return AtOnce(node, context)
        case Along():
            return AlongStream(node, context)
        case Lookup():
            return _looked_up(node, context)
        case Meet():
            return Met(node, context)
        case Closing():
            return WindowGroups(node, context)
        case Sessions():
            return SessionGroups(node, context)
        case Sort():
            return Sorted(node, context)
        case Scan():
            raise AssertionError("a scan has no operator")
        case _:
            assert_never(node)


def _looked_up(node: Lookup, context: Context) -> LookedUp:
    """What its table is computed by begins with nothing each time."""
    state = State(NoStore(is_empty=False), 0)
    steps = Steps()
    _place(node.table, replace(context, state=state), steps, {})
    ((scan, _),) = steps.scans

    def compute(rows: Delta, now: datetime) -> Delta:
        found = consolidated(steps.run({scan: rows}, now, now))
        state.rollback()
        state.commit()
        return found

    return LookedUp(node, scan, compute, context)
