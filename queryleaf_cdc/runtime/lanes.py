"""The two kinds of event sequences: the main one, and the catch-up of one trigger that was held back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from queryleaf_cdc.events import Event, Program, Trigger
from queryleaf_cdc.mongo.positions import Position
from queryleaf_cdc.mongo.state import hold
from queryleaf_cdc.mongo.write_buffer import WriteBuffer
from queryleaf_cdc.runtime.views import Views


@dataclass(slots=True)
class MainLane:
    program: Program
    position: Position
    sql: Mapping[str, str]
    vitals: Callable[[], dict[str, Any]]
    """counters and lag, saved with every checkpoint"""
    views: Views = field(default_factory=Views)

    @property
    def watched(self) -> frozenset[str]:
        return self.program.watched

    def checkpoint_fields(self, position: Position, buffer: WriteBuffer) -> dict[str, Any]:
        return {"position": position.document(), **self.vitals()}


@dataclass(slots=True)
class CatchUpLane:
    """Has a position of its own, kept with the trigger; the main one stays."""

    name: str
    program: Program
    position: Position
    sql: Mapping[str, str]
    main: MainLane
    views: Views = field(default_factory=Views)
    """the trigger's stream, if it is over one: a view is always built in the main lane"""

    @property
    def watched(self) -> frozenset[str]:
        """Those who go on in the main lane wait for what is written here, too."""
        return self.program.watched | self.main.watched

    def checkpoint_fields(self, position: Position, buffer: WriteBuffer) -> dict[str, Any]:
        """The main position goes along: it moves in memory first when its events had no effects, and after a restart
        it must not lie behind a trigger that has been catching up with it."""
        hold(buffer, self.name, position)
        return self.main.checkpoint_fields(self.main.position, buffer)


class NoProgram:
    """No trigger is active: only the catalog is watched."""

    pipeline: list[dict[str, Any]] = [{"$match": {"operationType": "none"}}]  # noqa: RUF012
    images = ("default", "off")
    targets: dict[str, frozenset[str]] = {}  # noqa: RUF012
    watched: frozenset[str] = frozenset()
    uses_depth = False
    fires = False
    views: Mapping[str, Any] = {}
    flows: Mapping[str, Any] = {}

    def triggers_for(self, event: Event) -> tuple[Trigger, ...]:
        return ()
