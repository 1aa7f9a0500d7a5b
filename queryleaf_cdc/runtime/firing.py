"""Fires the triggers of a run of events into a buffer. Talks to no server, unless a body reads."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from queryleaf_cdc.errors import RunError
from queryleaf_cdc.events import Event, MissingImage, Program, Trigger
from queryleaf_cdc.mongo.faults import ReadRefused, WorkerFault, WriteFailed
from queryleaf_cdc.mongo.write_buffer import WriteBuffer
from queryleaf_cdc.runtime.metrics import Metrics
from queryleaf_cdc.values import Document


class FiringFailed(Exception):
    """A trigger failed on one event of the run; ``index`` is the event's."""

    def __init__(self, index: int, trigger: Trigger, error: Exception) -> None:
        super().__init__(str(error))
        self.index = index
        self.trigger = trigger
        self.error = error


class ImageMissing(Exception):
    """The event at ``index`` lacks an image that these triggers need."""

    def __init__(self, index: int, missing: MissingImage) -> None:
        super().__init__(str(missing))
        self.index = index
        self.missing = missing


Verdicts = dict[tuple[str, str], Document]
"""(resume token, trigger) → the dead letter that stands in for this firing"""


@dataclass(slots=True)
class Firings:
    """Which firing caused which effect: three parallel lists, since this is paid per event."""

    events: list[int] = field(default_factory=list)
    triggers: list[Trigger] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)

    def of_effect(self, index: int) -> tuple[int, Trigger]:
        """(event, trigger) of the effect with this index in the buffer."""
        at = bisect_right(self.marks, index) - 1
        return self.events[at], self.triggers[at]

    def refused(self, fault: WriteFailed, buffer: WriteBuffer) -> FiringFailed:
        """Blames the firing whose write was refused; it may be an earlier one than that which made the buffer flush."""
        index, trigger = self.of_effect(fault.index)
        origin = buffer.ops[fault.index][3]
        error = RunError("QL602", f"write refused: {fault.message}", origin.span if origin else None)
        return FiringFailed(index, trigger, error)

    def count(self, metrics: Metrics) -> None:
        tally: dict[str, int] = {}
        for trigger in self.triggers:
            name = trigger.name
            tally[name] = tally.get(name, 0) + 1
        for name, times in tally.items():
            metrics.count(name, "events", times)


Decide = Callable[[int, Event, Trigger, Exception], Document]
"""called with the event's index in the run when a firing failed: its dead letter, or raises FiringFailed"""


class Restart(Exception):
    """A firing is given up, but the server has some of its writes: abort, and compute the run anew."""


def fire_all(
    program: Program, events: Sequence[Event], buffer: WriteBuffer, verdicts: Verdicts, decide: Decide
) -> Firings:
    """Runs every trigger for every event, in order. Raises FiringFailed, ImageMissing, Restart, or a WorkerFault."""
    firings = Firings()
    indexes, triggers, marks = firings.events, firings.triggers, firings.marks
    triggers_for, ops = program.triggers_for, buffer.ops
    for index, event in enumerate(events):
        try:
            concerned = triggers_for(event)
        except MissingImage as missing:
            raise ImageMissing(index, missing) from missing
        for trigger in concerned:
            indexes.append(index)
            triggers.append(trigger)
            marks.append(len(ops))
            if verdicts and _is_decided(event, trigger, buffer, verdicts):
                continue
            try:
                trigger.fire(event, buffer)
            except ReadRefused as refused:
                error = RunError("QL602", f"the server refused what the trigger reads: {refused}")
                raise FiringFailed(index, trigger, error) from refused
            except WriteFailed as fault:
                raise firings.refused(fault, buffer) from fault
            except WorkerFault:
                raise
            except Exception as error:
                letter = decide(index, event, trigger, error)
                verdicts[event["_id"]["_data"], trigger.name] = letter
                if buffer.flushed > marks[-1]:
                    raise Restart from error
                buffer.rollback(marks[-1])
                buffer.dead_letter(letter)
    return firings


def _is_decided(event: Event, trigger: Trigger, buffer: WriteBuffer, verdicts: Verdicts) -> bool:
    letter = verdicts.get((event["_id"]["_data"], trigger.name))
    if letter is None:
        return False
    buffer.dead_letter(letter)
    return True
