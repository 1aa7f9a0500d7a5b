"""The streams of a tenure whose rows fire triggers: what they remember, and how time passes for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from queryleaf_cdc.events import Program
from queryleaf_cdc.mongo.active import ActiveEntry
from queryleaf_cdc.mongo.deployment import passed_at
from queryleaf_cdc.mongo.handles import Db
from queryleaf_cdc.mongo.view_state import collections_of_builds, drop_collections
from queryleaf_cdc.runtime.engine import Engine
from queryleaf_cdc.runtime.flows import CompiledFlow, RunningFlow, state_of
from queryleaf_cdc.runtime.lanes import MainLane
from queryleaf_cdc.runtime.limits import Limits


@dataclass(slots=True)
class FlowWork:
    """``active`` is the tenure's."""

    database: Db
    engine: Engine
    limits: Limits
    lane: MainLane
    active: Mapping[str, ActiveEntry]
    save_now: Callable[[], None]
    """raises Fenced when another worker has taken over"""
    running: dict[str, RunningFlow] = field(default_factory=dict)
    """by the names of their triggers"""
    _passed_at: float = 0.0

    def attach(self, program: Program) -> None:
        """Goes on in a new program. What is no longer in it is let go."""
        self.running = {name: self._attached(name, compiled) for name, compiled in program.flows.items()}

    def _attached(self, name: str, compiled: CompiledFlow) -> RunningFlow:
        known, state = self.running.get(name), state_of(self.active[name].entry)
        if known is None or known.state != state:
            return RunningFlow(compiled, self.database, state)
        known.compiled = compiled
        return known

    def states(self) -> set[str]:
        """The collections that triggers may keep something in."""
        return {state_of(each.entry) for each in self.active.values() if not each.is_view}

    def forget(self, entry: ActiveEntry) -> None:
        """What a trigger's stream remembers is of no use any more. May happen again after a crash: it comes before the
        position moves behind it."""
        self.running.pop(entry.name, None)
        state = state_of(entry.entry)
        if state in collections_of_builds(self.database):
            self.save_now()
            drop_collections(self.database, [state])

    def pass_time(self) -> None:
        """Rows come with the time alone, once the server tells that no change is under way any more."""
        views, mono = self.lane.views, self.engine.clock.monotonic()
        due = self.engine.patiently(lambda: views.closing(self.engine.clock.now()))
        if not due or mono - self._passed_at < self.limits.tick_seconds:
            return
        self._passed_at = mono
        position = self.lane.position.time
        moment = self.engine.patiently(lambda: passed_at(self.database, position))
        if moment is None:
            return
        views.pass_time(moment)
        due = self.engine.patiently(lambda: views.closing(moment))
        if due:
            self.engine.let_come(self.lane, tuple(each.uid for each in due))
