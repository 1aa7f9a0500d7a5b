"""Fires the triggers of a run of events into a buffer. Talks to no server, unless a body reads."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from queryleaf_cdc.errors import RunError
from queryleaf_cdc.events import Event, MissingImage, Program, Trigger
from queryleaf_cdc.mongo.faults import ReadRefused, WorkerFault, WriteFailed
from queryleaf_cdc.mongo.write_buffer import WriteBuffer
from queryleaf_cdc.runtime.metrics import Metrics
from queryleaf_cdc.values import Document


class FiringFailed(Exception):
    """A trigger failed on one event of the run; ``index`` is the event's. Or on a row of a stream: then ``row`` is the
    INSERT of that, and ``index`` says nothing."""

    def __init__(self, index: int, trigger: Trigger, error: Exception, row: Event | None = None) -> None:
        super().__init__(str(error))
        self.index = index
        self.trigger = trigger
        self.error = error
        self.row = row


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
    """Which firing caused which effect: three parallel lists, since this is paid per event. Those of rows come last:
    of these ``events`` has the place in ``rows``."""

    events: list[int] = field(default_factory=list)
    triggers: list[Trigger] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    rows: list[Event] = field(default_factory=list)

    def of_effect(self, index: int) -> tuple[int, Trigger]:
        """(event, trigger) of the effect with this index in the buffer, where that is none of a row's."""
        at = bisect_right(self.marks, index) - 1
        return self.events[at], self.triggers[at]

    def row_of_effect(self, index: int) -> Event | None:
        """The row that made this effect, if one did."""
        at = bisect_right(self.marks, index) - 1
        return self.rows[self.events[at]] if at >= len(self.events) - len(self.rows) else None

    def refused(self, fault: WriteFailed, buffer: WriteBuffer) -> FiringFailed:
        """Blames the firing whose write was refused; it may be an earlier one than that which made the buffer flush."""
        index, trigger = self.of_effect(fault.index)
        origin = buffer.ops[fault.index][3]
        error = RunError("QL602", f"write refused: {fault.message}", origin.span if origin else None)
        return FiringFailed(index, trigger, error, self.row_of_effect(fault.index))

    def count(self, metrics: Metrics) -> None:
        """What rows fire is counted as the stream's events."""
        tally: dict[str, int] = {}
        for trigger in self.triggers[: len(self.triggers) - len(self.rows)]:
            name = trigger.name
            tally[name] = tally.get(name, 0) + 1
        for name, times in tally.items():
            metrics.count(name, "events", times)


Decide = Callable[[int, Event, Trigger, Exception], Document]
"""called with the event's index in the run (ROW: a row of a stream) when a firing failed: its dead letter, or raises
FiringFailed"""
ROW = -1

Refuse = Callable[[Event, Trigger], Document | None]
"""the dead letter of a row that comes of too long a chain of triggers"""


class Restart(Exception):
    """A firing is given up, but the server has some of its writes: abort, and compute the run anew."""


def fire_all(
    program: Program, events: Sequence[Event], buffer: WriteBuffer, verdicts: Verdicts, decide: Decide
) -> Firings:
    """Runs every trigger for every event, in order. Raises FiringFailed, ImageMissing, Restart, or a WorkerFault."""
    firings = Firings()
    indexes, triggers, marks = firings.events, firings.triggers, firings.marks
    triggers_for, ops = program.triggers_for, buffer.ops
    firing = Firing(firings, buffer, verdicts, decide)
    for index, event in enumerate(events):
        try:
            concerned = triggers_for(event)
        except MissingImage as missing:
            raise ImageMissing(index, missing) from missing
        for trigger in concerned:
            indexes.append(index)
            triggers.append(trigger)
            marks.append(len(ops))
            firing.fire(index, event, trigger)
    return firings


@dataclass(slots=True)
class Firing:
    """One after the other, with what becomes of those that fail."""

    firings: Firings
    buffer: WriteBuffer
    verdicts: Verdicts
    decide: Decide
    refuse: Refuse = lambda row, trigger: None
    deepest: int = 0
    """of the rows so far"""

    def rows(self, trigger: Trigger, rows: Iterable[Event]) -> None:
        """Fires for the rows of a stream. Raises as ``fire_all``."""
        firings = self.firings
        for row in rows:
            firings.events.append(len(firings.rows))
            firings.rows.append(row)
            firings.triggers.append(trigger)
            firings.marks.append(len(self.buffer.ops))
            self.deepest = max(self.deepest, row["_depth"])
            refused = self.refuse(row, trigger)
            if refused is not None:
                self.verdicts.setdefault((row["_id"]["_data"], trigger.name), refused)
            self.fire(ROW, row, trigger)

    def fire(self, index: int, event: Event, trigger: Trigger) -> None:
        """The firing that was noted last."""
        buffer, verdicts = self.buffer, self.verdicts
        if verdicts and _is_decided(event, trigger, buffer, verdicts):
            return
        try:
            trigger.fire(event, buffer)
        except ReadRefused as refused:
            error = RunError("QL602", f"the server refused what the trigger reads: {refused}")
            raise FiringFailed(index, trigger, error, event if index == ROW else None) from refused
        except WriteFailed as fault:
            raise self.firings.refused(fault, buffer) from fault
        except WorkerFault:
            raise
        except Exception as error:
            letter = self.decide(index, event, trigger, error)
            verdicts[event["_id"]["_data"], trigger.name] = letter
            mark = self.firings.marks[-1]
            if buffer.flushed > mark:
                raise Restart from error
            buffer.rollback(mark)
            buffer.dead_letter(letter)


def _is_decided(event: Event, trigger: Trigger, buffer: WriteBuffer, verdicts: Verdicts) -> bool:
    letter = verdicts.get((event["_id"]["_data"], trigger.name))
    if letter is None:
        return False
    buffer.dead_letter(letter)
    return True
