"""What the engine works on: a lane, and one run of its events after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from queryleaf_cdc.events import Event, Program
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.mongo.positions import Position
from queryleaf_cdc.mongo.write_buffer import WriteBuffer
from queryleaf_cdc.runtime.views import Views

_VIEW_FACTOR = 4
"""Where only views are at work, a transaction takes that many times the events: each is computed in a fraction of the
time, and the more changes of one row there are in a transaction, the fewer writes."""


class Lane(Protocol):
    """One sequence of events with a program and a committed position: the main one, or a trigger's catch-up."""

    program: Program
    position: Position
    sql: Mapping[str, str]
    """trigger name → its SQL, for excerpts"""
    views: Views

    @property
    def watched(self) -> frozenset[str]:
        """The collections whose changes somebody waits for."""

    def checkpoint_fields(self, position: Position, buffer: WriteBuffer) -> dict[str, Any]:
        """How the new position is saved: fields of the checkpoint document, or a write of the same transaction."""


@frozen
class Extra:
    """What a run without events does: ``feed`` gives rows to views, ``change`` adds writes of the worker's own.

    The builds ``first`` are computed even without any rows."""

    feed: Callable[[], None] = lambda: None
    change: Callable[[WriteBuffer], None] = lambda buffer: None
    first: tuple[str, ...] = ()


@frozen
class Run:
    """Consecutive events, and the position that is reached when they are done."""

    events: list[Event]
    position: Position
    extra: Extra = Extra()

    def cut(self, at: int) -> tuple[Run, Run]:
        head = self.events[:at]
        return Run(head, Position(head[-1]["_id"])), Run(self.events[at:], self.position)


def factor(lane: Lane) -> int:
    """How many times the events that a transaction is meant for it takes."""
    return 1 if lane.program.fires or not lane.views else _VIEW_FACTOR


def tracks_depth(lane: Lane) -> bool:
    """Whether a trigger's write may fire a trigger, or a body asks how deep it is."""
    program, watched = lane.program, lane.watched
    return program.uses_depth or any(not targets.isdisjoint(watched) for targets in program.targets.values())
